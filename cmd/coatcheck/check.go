package main

import (
	"context"
	"fmt"
	"iter"

	"example.com/coatcheck/pkg/accounts"
)

type checkUsers struct {
	output
}

// Help implements [kong.HelpProvider].
func (checkUsers) Help() string {
	return `Run it once after an update from a release without it, when no program of that release runs any more: until it has finished
no user is added. It can be run at any time, and again.

Two names are one if they differ only in upper and lower case as Unicode folds it ("straße" and "STRASSE"), in characters
that cannot be seen, or in spellings of one character. Each user claims that name and the user ID, so that nobody else gets
them. Users from before this rule who share a name are listed as pairs: both go on signing in as they did, by the spellings that
each had then. With --json it prints JSON Lines: each pair, and the summary last.`
}

// Run implements the command.
func (c *checkUsers) Run(ctx context.Context, at address) error {
	b, err := openUsers(ctx, at)
	if err != nil {
		return err
	}
	defer b.Close()
	var users, pairs int
	var failed error
	for pair, err := range b.directory.CheckNames(ctx, counting(&users, b.AllUsers(ctx))) {
		if err != nil {
			if failed != nil {
				printError(explain(failed))
			}
			failed = err // the command returns the last error
			continue
		}
		pairs++
		if err := c.printPair(pair); err != nil {
			return err
		}
	}
	if err := c.printChecked(users, pairs, failed == nil); err != nil || failed == nil {
		return err
	}
	return fmt.Errorf("the check is not complete, and users may not be added yet; run it again: %w", failed)
}

// counting returns the same sequence, and counts the users in it.
func counting(n *int, all iter.Seq2[*accounts.Account, error]) iter.Seq2[*accounts.Account, error] {
	return func(yield func(*accounts.Account, error) bool) {
		for account, err := range all {
			if err == nil {
				*n++
			}
			if !yield(account, err) {
				return
			}
		}
	}
}
