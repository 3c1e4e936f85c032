package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"example.com/coatcheck/pkg/session"
)

type listSessions struct {
	Name string `arg:"" help:"Name of the user, or the user ID of one who signs in at an OpenID provider: openid:https://id.example.com#123."`
}

// Run implements the command.
func (c *listSessions) Run(ctx context.Context, at address) error {
	b, err := openSessions(ctx, at)
	if err != nil {
		return err
	}
	defer b.Close()
	user, err := b.owner(ctx, c.Name)
	if err != nil {
		return err
	}
	live, err := b.sessions.List(ctx, user.UserID)
	if err != nil {
		return err
	}
	if len(live) == 0 {
		fmt.Printf("User %q is not signed in.\n", user.Name)
		return nil
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tSIGNED IN\tLAST SEEN\tENDS\tADDRESS\tUSER AGENT")
	for _, s := range live {
		// Stored text is quoted. It could contain control sequences for the terminal.
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%q\t%q\n", word(s.ID),
			s.AuthenticatedAt.Format(time.RFC3339), s.LastSeenAt.Format(time.RFC3339), s.ExpiresAt.Format(time.RFC3339), s.IP, s.UserAgent)
	}
	return table.Flush()
}

type revokeSessions struct {
	Name string `arg:"" help:"Name of the user, or the user ID of one who signs in at an OpenID provider: openid:https://id.example.com#123."`
	ID   string `arg:"" optional:"" help:"ID of the session, as sessions list shows it; put -- before one that begins with -. Default: all sessions."`
}

// idLength is the length of a session's ID. A token is longer.
const idLength = 22

// Run implements the command.
func (c *revokeSessions) Run(ctx context.Context, at address) (err error) {
	b, err := openSessions(ctx, at)
	if err != nil {
		return err
	}
	defer b.close(&err)
	user, err := b.owner(ctx, c.Name)
	if err != nil {
		return err
	}
	if err := b.identify(ctx); err != nil {
		return err
	}
	if c.ID == "" {
		if err := b.endSessions(ctx, user, "revoked"); err != nil {
			return err
		}
		fmt.Printf("Ended all sessions of user %q.\n", user.Name)
		return nil
	}
	err = b.sessions.Revoke(b.because(ctx, "revoked"), user.UserID, c.ID)
	if errors.Is(err, session.ErrNoSession) {
		id := strconv.Quote(c.ID)
		if len(c.ID) > idLength {
			id = notShown // it may be a token
		}
		return fmt.Errorf("user %q has no live session %s; see: coatcheck sessions list %s", user.Name, id, argument(user.Name))
	}
	if err != nil {
		return err
	}
	fmt.Printf("Ended session %s of user %q.\n", word(c.ID), user.Name)
	return nil
}
