package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/password"
	"example.com/coatcheck/pkg/config/storeconfig"
)

type addUser struct {
	Name        string   `arg:"" help:"Name to sign in with; upper and lower case are the same."`
	DisplayName string   `placeholder:"TEXT" help:"How pages address the user. Default: the name."`
	Role        []string `sep:"none" help:"A role that the user has; repeat it for more, or put semicolons between them."`
	output
}

// Help implements [kong.HelpProvider].
func (addUser) Help() string {
	return fmt.Sprintf(`The password is asked for twice, without showing it. When standard input is not a terminal,
its first line is the password. It has at least %d characters and at most %d bytes, and is taken as it is. Common
passwords, the user's name, the product's (BRAND_NAME), one piece repeated and runs of the keyboard are refused. It is UTF-8
without a byte order mark.`,
		password.MinCharacters, password.MaxBytes)
}

// Run implements the command.
func (c *addUser) Run(ctx context.Context, at address) (err error) {
	b, err := openForNewUsers(ctx, at)
	if err != nil {
		return err
	}
	defer b.close(&err)
	pw, err := readPassword(ctx)
	if err != nil {
		return err
	}
	if err := b.identify(ctx); err != nil {
		return err
	}
	account, err := b.directory.Register(ctx, c.Name, c.DisplayName, flagRoles(c.Role), pw)
	if errors.Is(err, accounts.ErrExists) {
		return fmt.Errorf("%w; choose another name", err)
	}
	if err != nil {
		return err
	}
	b.tell(ctx, "user_created", account.UserID, "", facts(account, "roles"))
	return c.printResult(account, "Added user %q with the user ID %s.", account.Name, account.UserID)
}

type listUsers struct {
	UnusedSince moment `placeholder:"TIME" help:"Only users who were not here since then: 2026-01-31, or how long ago, as 90d."`
	Unknown     bool   `help:"With --unused-since: also users from before sign-ins were noted, who have not signed in since."`
	output
}

// Help implements [kong.HelpProvider].
func (listUsers) Help() string {
	return `It reads the whole table, in no order, and prints users as they come. It says who is locked or has to wait after
failed attempts to sign in. With --json it is JSON Lines: a document in each line, as users show has it.

--unused-since leaves out who has signed in or given the password again since then, who came later, and who has a session that
was used since then; for that it reads the sessions of all others. Of the last day on which somebody signed in only the day is
known, in UTC, and it counts as a whole. Of users from before sign-ins were noted nobody knows when they were here: without
--unknown they are left out, and counted on standard error. Users of an OpenID provider are not in the list.`
}

// Run implements the command.
func (c *listUsers) Run(ctx context.Context, at address) error {
	opened, err := at.open(ctx)
	if err != nil {
		return err
	}
	defer opened.Close()
	limiter, err := openLimiter(opened)
	if err != nil {
		return err
	}
	choose, err := c.filter(opened)
	if err != nil {
		return err
	}
	first := true
	print := func(users []*accounts.Account) error {
		users, err := choose.filter(ctx, users)
		if err != nil {
			return err
		}
		limited, err := addStops(ctx, limiter, users)
		for _, user := range limited {
			if err := c.printRow(user, first); err != nil {
				return err
			}
			first = false
		}
		return err
	}
	var failed error
	var users []*accounts.Account
	for account, err := range opened.AllUsers(ctx) {
		if err != nil {
			if failed != nil {
				printError(explain(failed))
			}
			failed = err // the command returns the last error
			continue
		}
		if users = append(users, account); len(users) == usersAtOnce {
			if err := print(users); err != nil {
				return err
			}
			users = users[:0]
		}
	}
	if err := print(users); err != nil {
		return err
	}
	choose.note()
	return failed
}

// filter returns what chooses the users of the list. Without a time it lets all pass.
func (c *listUsers) filter(opened storeconfig.Stores) (choose *unused, err error) {
	choose = &unused{since: c.UnusedSince.Time, unknown: c.Unknown}
	if !choose.since.IsZero() {
		choose.sessions, err = newSessions(opened, slog.Default())
	}
	return choose, err
}

// usersAtOnce is how many users are printed at once. Their counters of failed attempts,
// three for each user, are read by one call.
const usersAtOnce = 33

type showUser struct {
	Name string `arg:"" help:"Name of the user."`
	output
}

// Run implements the command.
func (c *showUser) Run(ctx context.Context, at address) error {
	b, err := openUsers(ctx, at)
	if err != nil {
		return err
	}
	defer b.Close()
	limiter, err := openLimiter(b)
	if err != nil {
		return err
	}
	account, err := b.find(ctx, c.Name)
	if err != nil {
		return err
	}
	limited, err := addStops(ctx, limiter, []*accounts.Account{account})
	if err != nil {
		return err
	}
	return c.printUser(limited[0])
}
