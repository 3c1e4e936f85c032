package main

import (
	"context"
	"errors"
	"fmt"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

type renameUser struct {
	Name    string `arg:"" help:"Name of the user."`
	NewName string `arg:"" help:"Name to sign in with from now on, such as another e-mail address."`
	output
}

// Help implements [kong.HelpProvider].
func (renameUser) Help() string {
	return `The user ID, the password, roles, preferences and known devices stay; so does the display name, unless it is the old
name. The sessions go on, and show the new name. The failures of the old name count for the new one, so that a locked user stays
locked. The old name is free afterwards.

The user cannot sign in meanwhile. An interruption leaves that so for 15 seconds, and the user with one of the two names; then
run the command again. If somebody has the new name, nothing is changed.`
}

// Run implements the command.
func (c *renameUser) Run(ctx context.Context, at address) (err error) {
	if _, err := accounts.Normalize(c.NewName); err != nil {
		return fmt.Errorf("the new name: %w", err)
	}
	b, err := openSessions(ctx, at)
	if err != nil {
		return err
	}
	defer b.close(&err)
	limiter, err := openLimiter(b)
	if err != nil {
		return err
	}
	before, err := b.findForRename(ctx, c.Name, c.NewName)
	if err != nil {
		return err
	}
	if err := b.identify(ctx); err != nil {
		return err
	}
	user, err := b.directory.Rename(ctx, before, c.NewName, b.along(limiter))
	switch {
	case errors.Is(err, accounts.ErrUnchecked):
		return err
	case errors.Is(err, accounts.ErrExists):
		return fmt.Errorf("%w, so nothing is changed; choose another name", err)
	case errors.Is(err, authn.ErrBusy):
		return fmt.Errorf("user %q is being changed by somebody else, or by a change that was interrupted, so nothing is changed; run it again in 15 seconds", before.Name)
	case err != nil:
		return fmt.Errorf("user %q has one of the two names; run it again in 15 seconds: %w", before.Name, err)
	}
	b.tell(ctx, "user_renamed", user.UserID, "", "") // without the names, which the trail would keep longer than the user
	return c.printResult(user, "Renamed the user with the ID %s: %q signs in as %q.", user.UserID, before.Name, user.Username)
}

// findForRename returns the user of the old name, or, if an earlier run was interrupted when
// the user had the new name already, that of the new one.
func (b *backend) findForRename(ctx context.Context, name, next string) (*accounts.Account, error) {
	user, err := b.directory.Find(ctx, name)
	if !errors.Is(err, accounts.ErrNotFound) {
		return user, err
	}
	if user, again := b.directory.FindRenamed(ctx, name, next); !errors.Is(again, accounts.ErrNotFound) {
		return user, again
	}
	return b.find(ctx, name) // for its error
}

// along is what goes along with a user who gets another name: failures and sessions. The
// failures are carried over before the user has the new name, and again afterwards, with
// those that were counted in between.
func (b *backend) along(limiter *throttle.Limiter) accounts.Along {
	carry := func(ctx context.Context, from, to *accounts.Account) error {
		if err := limiter.Carry(ctx, from.Subject(), to.Subject()); err != nil {
			return fmt.Errorf("carrying failed attempts over: %w", err)
		}
		return nil
	}
	return accounts.Along{Before: carry, After: func(ctx context.Context, from, to *accounts.Account) error {
		if err := carry(ctx, from, to); err != nil {
			return err
		}
		if err := limiter.Forget(ctx, from.Subject(), to.Subject()); err != nil {
			return fmt.Errorf("forgetting failed attempts of the old name: %w", err)
		}
		return b.renameSessions(ctx, to)
	}}
}

// renewals is how often renameSessions reads the sessions again, because one of them was
// renewed at the same moment.
const renewals = 10

// renameSessions gives the sessions of the user the user's name as it is now.
func (b *backend) renameSessions(ctx context.Context, user *accounts.Account) error {
	for try := 1; ; try++ {
		err := b.renameLive(ctx, user)
		if err == nil || !errors.Is(err, session.ErrConflict) || try == renewals {
			return err
		}
	}
}

func (b *backend) renameLive(ctx context.Context, user *accounts.Account) error {
	live, err := b.sessions.List(ctx, user.UserID)
	for _, s := range live {
		if err == nil && s.Values[authn.ValueUsername] != user.Username {
			err = b.sessions.Update(ctx, s, func(s *session.Session) { rename(s.Values, user.Username) })
		}
		if errors.Is(err, session.ErrNoSession) { // it has ended meanwhile
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("some sessions may show the old name: %w", err)
	}
	return nil
}

// rename gives what a session shows of its user another name: the display name too if that is
// the name.
func rename(values map[string]string, username string) {
	if values[authn.ValueDisplayName] == values[authn.ValueUsername] {
		values[authn.ValueDisplayName] = username
	}
	values[authn.ValueUsername] = username
}
