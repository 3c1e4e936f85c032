package main

import (
	"context"
	"errors"
	"fmt"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/signin/authn"
)

type setUser struct {
	Name        string   `arg:"" help:"Name of the user."`
	DisplayName *string  `placeholder:"TEXT" help:"How pages address the user."`
	Role        []string `sep:"none" xor:"roles" help:"A role that the user has from now on, in place of all others; repeat it for more, or put semicolons between them."`
	NoRoles     bool     `xor:"roles" help:"Take all roles from the user."`
	output
}

// Help implements [kong.HelpProvider].
func (setUser) Help() string {
	return `A session has the roles that its user had at sign-in, so a change of roles ends every session of the user. A
new display name alone ends none, and is seen from the next sign-in on.`
}

// Validate is called by kong.
func (c *setUser) Validate() error {
	if c.DisplayName == nil && !c.changesRoles() {
		return errors.New("nothing to set: give --display-name, --role or --no-roles")
	}
	return nil
}

func (c *setUser) changesRoles() bool { return c.NoRoles || c.Role != nil }

// Run implements the command. It ends the sessions even if the user already has these
// roles, because an earlier run may have failed to end them.
func (c *setUser) Run(ctx context.Context, at address) (err error) {
	open, roles, sets := openUsers, (*[]string)(nil), []string{"display_name"}
	if c.changesRoles() {
		open, roles, sets = openSessions, new(flagRoles(c.Role)), []string{"roles"}
	}
	if c.DisplayName != nil && roles != nil {
		sets = append(sets, "display_name")
	}
	b, err := open(ctx, at)
	if err != nil {
		return err
	}
	defer b.close(&err)
	user, err := b.find(ctx, c.Name)
	if err != nil {
		return err
	}
	if err := b.identify(ctx); err != nil {
		return err
	}
	before := user
	if user, err = b.directory.SetProfile(ctx, user, c.DisplayName, roles); err != nil {
		return fmt.Errorf("changing user %q: %w", c.Name, err)
	}
	b.updated(ctx, before, user, sets...)
	if roles == nil {
		return c.printResult(user, "Changed user %q.", user.Name)
	}
	if err := b.endSessions(ctx, user, "roles_changed"); err != nil {
		return fmt.Errorf("user %q is changed: %w", user.Name, err)
	}
	return c.printResult(user, "Changed user %q and ended all sessions.", user.Name)
}

type changePassword struct {
	Name string `arg:"" help:"Name of the user."`
	output
}

// Help implements [kong.HelpProvider].
func (changePassword) Help() string {
	return addUser{}.Help() + `

It ends every session of the user. Nobody can sign in as the user meanwhile, which an interruption leaves so for 15
seconds; then the old password is valid still, and the command can be run again. A disabled user stays disabled, and a
locked name locked: see users enable and users unlock.`
}

// Run implements the command.
func (c *changePassword) Run(ctx context.Context, at address) (err error) {
	b, err := openSessions(ctx, at)
	if err != nil {
		return err
	}
	defer b.close(&err)
	user, err := b.find(ctx, c.Name)
	if err != nil {
		return err
	}
	pw, err := readPassword(ctx)
	if err != nil {
		return err
	}
	if err := b.directory.CheckNew(pw, user.Name); err != nil {
		return err
	}
	if err := b.identify(ctx); err != nil {
		return err
	}
	changed, err := b.directory.ChangePassword(ctx, user, pw, func(ctx context.Context) error { return b.endSessions(ctx, user, "password_changed") })
	if errors.Is(err, authn.ErrBusy) {
		return fmt.Errorf("user %q is being changed by somebody else, or by a change that was interrupted; run it again in 15 seconds", user.Name)
	}
	if err != nil {
		return fmt.Errorf("the password of user %q may still be the old one; run it again in 15 seconds: %w", user.Name, err)
	}
	b.tell(ctx, "password_set", changed.UserID, "", "")
	return c.printResult(changed, "Changed the password of user %q and ended all sessions.", changed.Name)
}

type disableUser struct {
	Name string `arg:"" help:"Name of the user."`
	output
}

// Help implements [kong.HelpProvider].
func (disableUser) Help() string {
	return `The user cannot sign in any more, and every session ends. To run it again ends the sessions again.`
}

// Run implements the command.
func (c *disableUser) Run(ctx context.Context, at address) (err error) {
	b, err := openSessions(ctx, at)
	if err != nil {
		return err
	}
	defer b.close(&err)
	user, err := b.disable(ctx, c.Name, "disabled")
	if err != nil {
		return err
	}
	return c.printResult(user, "Disabled user %q and ended all sessions.", user.Name)
}

// disable makes sign-ins of the user fail and then ends the sessions. In the other
// order, a sign-in between the two steps would keep its session. The sessions end for the
// reason.
func (b *backend) disable(ctx context.Context, name, reason string) (*accounts.Account, error) {
	user, err := b.find(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := b.identify(ctx); err != nil {
		return nil, err
	}
	before := user
	if user, err = b.directory.SetDisabled(ctx, user, true); err != nil {
		return nil, fmt.Errorf("disabling user %q, run it again: %w", name, err)
	}
	b.updated(ctx, before, user, "disabled")
	if err := b.endSessions(ctx, user, reason); err != nil {
		return nil, fmt.Errorf("user %q is disabled: %w", user.Name, err)
	}
	return user, nil
}

type enableUser struct {
	Name string `arg:"" help:"Name of the user."`
	output
}

// Run implements the command.
func (c *enableUser) Run(ctx context.Context, at address) (err error) {
	b, err := openUsers(ctx, at)
	if err != nil {
		return err
	}
	defer b.close(&err)
	user, err := b.find(ctx, c.Name)
	if err != nil {
		return err
	}
	if err := b.identify(ctx); err != nil {
		return err
	}
	before := user
	if user, err = b.directory.SetDisabled(ctx, user, false); err != nil {
		return err
	}
	b.updated(ctx, before, user, "disabled")
	return c.printResult(user, "Enabled user %q.", user.Name)
}

type deleteUser struct {
	Name string `arg:"" help:"Name of the user."`
	output
}

// Help implements [kong.HelpProvider].
func (deleteUser) Help() string {
	return `The user is disabled, every session ends, then the user is deleted. Where it is interrupted the user stays, but
cannot sign in; run it again. With --json it prints the user as it was. A new user of the same name is another user.

In the store nothing stays of the user but a hash of the user ID, so that nobody else gets the same one; the audit trail, until
its entries expire; and what names a session of the user by random IDs: links at a provider until they expire, and the records
of a bridge until its table is deleted.`
}

// Run implements the command.
func (c *deleteUser) Run(ctx context.Context, at address) (err error) {
	b, err := openSessions(ctx, at)
	if err != nil {
		return err
	}
	defer b.close(&err)
	limiter, err := openLimiter(b)
	if err != nil {
		return err
	}
	user, err := b.disable(ctx, c.Name, "deleted")
	if err != nil {
		return err
	}
	if err := limiter.Erase(ctx, user.Subject()); err != nil {
		return fmt.Errorf("user %q is disabled and signed out; forgetting failed attempts, run it again: %w", user.Name, err)
	}
	if err := b.directory.Delete(ctx, user); err != nil {
		return fmt.Errorf("user %q is disabled and signed out, but may not be deleted; run it again: %w", user.Name, err)
	}
	b.tell(ctx, "user_deleted", user.UserID, facts(user, "roles"), "")
	return c.printResult(user, "Deleted user %q and ended all sessions.", user.Name)
}

type unlockName struct {
	Name string `arg:"" help:"Name to sign in with; nobody needs to have it."`
	output
}

// Help implements [kong.HelpProvider].
func (unlockName) Help() string {
	return `The failed attempts to sign in to the name are forgotten, so that it is neither locked nor has to wait: those on
any device, and those in sessions of the user. The limits of networks stay.`
}

// Run implements the command.
func (c *unlockName) Run(ctx context.Context, at address) (err error) {
	b, err := openUsers(ctx, at)
	if err != nil {
		return err
	}
	defer b.close(&err)
	limiter, err := openLimiter(b)
	if err != nil {
		return err
	}
	user, err := b.directory.Find(ctx, c.Name)
	exists := err == nil
	if errors.Is(err, accounts.ErrNotFound) {
		user, err = &accounts.Account{Name: c.Name}, nil
	}
	if err != nil {
		return err
	}
	if err := b.identify(ctx); err != nil {
		return err
	}
	subject := user.Subject()
	if err := limiter.Unlock(ctx, subject); err != nil {
		return fmt.Errorf("name %s may be locked still, run it again: %w", named(subject.Name), err)
	}
	if exists {
		b.tell(ctx, "user_unlocked", user.UserID, "", "")
	}
	return c.printUnlocked(subject.Name, exists)
}

func (o output) printUnlocked(name string, exists bool) error {
	if o.JSON {
		return o.printJSON(struct {
			Name   string `json:"name"`
			Exists bool   `json:"exists"`
		}{name, exists})
	}
	fmt.Printf("Unlocked the name %s.\n", named(name))
	if !exists {
		fmt.Printf("There is no user of that name; %s.\n", checkTheName)
	}
	return nil
}
