package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/signinconfig"
	"example.com/coatcheck/pkg/config/storeconfig"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/site"
)

// openBridge returns the records of the bridge, or nil if there is none: if BRIDGE_TABLE
// is not set.
func openBridge(s storeconfig.Stores) (bridge.Store, error) {
	if os.Getenv(config.BridgeTable) == "" {
		return nil, nil
	}
	return s.Bridge()
}

// newSessions returns the sessions. While there is a bridge, whatever ends some of a user
// seals the user first.
func newSessions(s storeconfig.Stores, log *slog.Logger) (*session.Manager, error) {
	kept, err := s.Sessions()
	if err != nil {
		return nil, err
	}
	seal, err := sealing(s)
	if err != nil {
		return nil, err
	}
	return config.EndingSessions(kept, nil, seal, func(c *session.Config) { c.Logger = log })
}

// sealing returns what has to be called before sessions of a user end. Without a bridge it
// does nothing.
func sealing(s storeconfig.Stores) (func(ctx context.Context, userID string, all bool) error, error) {
	records, err := openBridge(s)
	if err != nil {
		return nil, err
	}
	if records == nil {
		return func(context.Context, string, bool) error { return nil }, nil
	}
	cookies, err := site.ParseLegacyCookies(os.Getenv(signinconfig.LegacyCookies))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", signinconfig.LegacyCookies, err)
	}
	stateless := (&site.Site{LegacyCookies: cookies}).HasStateless()
	return bridge.BeforeEnding(records, stateless), nil
}

type migrateStatus struct {
	output
}

// Help implements [kong.HelpProvider].
func (migrateStatus) Help() string {
	return `It says who came over from the other system, and what speaks against switching that one off. It reads all users, and if
BRIDGE_TABLE is set all records of the bridge: the sessions that came over, by source and day, in UTC. It knows nobody
whom neither an import nor a sign-in has brought: compare the number of users with the other system's.

An imported user was here if the password was given here since, or a session came over. Where the imported hash is one of
our own, a sign-in leaves it as it is, and does not show. With --json it is one document, with all names.`
}

// Run implements the command.
func (c *migrateStatus) Run(ctx context.Context, at address) error {
	opened, err := at.open(ctx)
	if err != nil {
		return err
	}
	defer opened.Close()
	records, err := openBridge(opened)
	if err != nil {
		return err
	}
	s := newMigration()
	if records != nil {
		if err := s.addBridge(ctx, records); err != nil {
			return fmt.Errorf("reading the bridge: %w", err)
		}
	}
	var failed error
	for user, err := range opened.AllUsers(ctx) {
		if err != nil {
			if failed != nil {
				printError(explain(failed))
			}
			failed = err // the command returns the last error
			continue
		}
		s.addUser(user)
	}
	s.judge(time.Now(), failed == nil)
	if err := c.printMigration(s); err != nil || failed == nil {
		return err
	}
	return fmt.Errorf("the numbers are not complete: %w", failed)
}

type closeMigration struct {
	Yes bool `help:"Do not ask."`
}

// Help implements [kong.HelpProvider].
func (closeMigration) Help() string {
	return `No session of the other system comes over any more, ever: a convert that starts on these records again refuses to. No
session ends, and those that came over stay. So pause first, and take convert and LEGACY_COOKIES away: a logout with a
cookie of the other system needs convert as long as they are there. It asks first; where standard input is no terminal it
needs --yes.`
}

// Run implements the command.
func (c *closeMigration) Run(ctx context.Context, at address) (err error) {
	opened, err := openUsers(ctx, at)
	if err != nil {
		return err
	}
	defer opened.close(&err)
	if _, err := config.Required(config.BridgeTable); err != nil {
		return err
	}
	records, err := opened.Bridge()
	if err != nil {
		return err
	}
	window, err := records.GetWindow(ctx)
	if errors.Is(err, bridge.ErrNotFound) {
		return errNoWindow
	}
	if err != nil {
		return err
	}
	if !window.Closed {
		if err := c.confirm(ctx, window); err != nil {
			return err
		}
		if err := opened.identify(ctx); err != nil {
			return err
		}
		if err := records.CloseWindow(ctx); err != nil {
			return fmt.Errorf("the bridge may be open still, run it again: %w", err)
		}
		opened.tell(ctx, "migration_closed", audit.Everybody, inJSON(map[string]string{"ends_at": window.EndsAt.Format(time.RFC3339)}), "")
	}
	_, err = fmt.Print("The bridge is closed for ever. No session has ended. Next, in this order:\n" +
		"1. Take away convert and LEGACY_COOKIES, unless that was done before, as it should be: from now on no new convert\n" +
		"   starts, and a logout that needs one fails. On AWS, deploy with LegacyCookies empty, which does all of 1 and 2.\n" +
		"2. Then take BRIDGE_TABLE away from what still has it, and from here.\n" +
		"3. Then delete the secret with LEGACY_SOURCES, whose keys forge logins at the other system, and the records of the\n" +
		"   bridge: the table, where it is one of its own.\n" +
		"4. When no import will be run again: coatcheck migrate forget.\n")
	return err
}

var errNoWindow = fmt.Errorf("no bridge was ever open on these records; check %s and the store", config.BridgeTable)

// confirm asks whether to close the bridge.
func (c *closeMigration) confirm(ctx context.Context, window bridge.Window) error {
	if c.Yes {
		return nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return errors.New("closing the bridge cannot be undone; give --yes to do it. Nothing was changed")
	}
	fmt.Fprintf(os.Stderr, "The bridge ends at %s. Closing it now cannot be undone: whoever has not come over since signs in by password. Take convert away before: it does not start again, and logouts with a cookie of the other system need it. Close it? [y/N] ",
		window.EndsAt.Format(time.RFC3339))
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		line <- text
	}()
	select {
	case text := <-line:
		if answer := strings.ToLower(strings.TrimSpace(text)); answer == "y" || answer == "yes" {
			return nil
		}
		return errors.New("nothing was changed")
	case <-ctx.Done():
		return errors.New("interrupted; nothing was changed")
	}
}

type forgetHashes struct {
	output
}

// Help implements [kong.HelpProvider].
func (forgetHashes) Help() string {
	return `The hash with which a user was imported is kept beside ours, for imports that are run again and for sessions that are
bound to the password. This removes it from users who have a hash of ours, so that a copy of the users holds none that is
weaker. From then on no import replaces the password of such a user, and none of their sessions that is bound to an
imported password comes over. It can be run again.`
}

// Run implements the command.
func (c *forgetHashes) Run(ctx context.Context, at address) (err error) {
	b, err := openUsers(ctx, at)
	if err != nil {
		return err
	}
	defer b.close(&err)
	if err := b.identify(ctx); err != nil {
		return err
	}
	users, forgotten := 0, 0
	for user, err := range b.AllUsers(ctx) {
		var done bool
		if err == nil {
			users++
			done, err = b.directory.ForgetImported(ctx, user)
		}
		if done {
			without := *user
			without.ImportedHash = ""
			b.updated(ctx, user, &without, "imported_hash")
		}
		if err != nil && !errors.Is(err, accounts.ErrNotFound) { // not found: deleted since
			return fmt.Errorf("%d hashes were forgotten, and some may be left; run it again: %w", forgotten, err)
		}
		if done {
			forgotten++
		}
	}
	if c.JSON {
		return c.printJSON(struct {
			Users     int `json:"users"`
			Forgotten int `json:"forgotten"`
		}{users, forgotten})
	}
	_, err = fmt.Printf("Users: %d. Imported hashes forgotten: %d.\n", users, forgotten)
	return err
}
