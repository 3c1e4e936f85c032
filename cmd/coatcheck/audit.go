package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/deployed"
	"example.com/coatcheck/pkg/config/storeconfig"
	"example.com/coatcheck/pkg/events"
)

type readAudit struct {
	Name   string   `arg:"" optional:"" help:"Name of the user, or the user ID of one who signs in at an OpenID provider. Default: everybody."`
	UserID string   `name:"user-id" placeholder:"ID" help:"User ID, in place of the name: a user who was deleted has no name any more."`
	Event  []string `placeholder:"NAME" help:"Only events of this name, such as session_ended; repeat it for more."`
	Actor  string   `placeholder:"TEXT" help:"Only what an operator did whose name or ARN has this text in it."`
	Since  moment   `placeholder:"TIME" help:"Only what happened then or later: 2026-11-27, 2026-11-27T12:30:00Z, or 90d or 36h for how long ago."`
	Until  moment   `placeholder:"TIME" help:"Only what happened before then, written in the same way."`
	Limit  int      `default:"100" help:"How many entries at most, the newest."`
	output
}

// Help implements [kong.HelpProvider].
func (readAudit) Help() string {
	return `It reads what has happened to users and their sessions, newest first, also what operators did. One user is read by
one query or few. Without a user it reads the whole trail, whatever the filters are: in DynamoDB a scan, which costs as much
as the trail is large.

The trail is there unless AUDIT_DAYS is 0; in DynamoDB AUDIT_TABLE names it. With --json it is JSON Lines.`
}

// Validate is called by kong.
func (c *readAudit) Validate() error {
	switch {
	case c.Name != "" && c.UserID != "":
		return errors.New("give a name or --user-id, not both")
	case c.Limit < 1:
		return fmt.Errorf("--limit is %d; it must be a number from 1 on", c.Limit)
	case !c.Since.IsZero() && !c.Until.IsZero() && !c.Since.Before(c.Until.Time):
		return errors.New("--since is not before --until, so nothing can be between them")
	}
	for _, name := range c.Event {
		if kind, _ := events.Find(name); !kind.Kept {
			return fmt.Errorf("--event: the trail keeps no event of that name; it keeps %s", strings.Join(kept(), ", "))
		}
	}
	return nil
}

// kept returns the names of the events that the trail keeps.
func kept() (names []string) {
	for _, kind := range events.Kinds() {
		if kind.Kept {
			names = append(names, kind.Name)
		}
	}
	return names
}

// Run implements the command.
func (c *readAudit) Run(ctx context.Context, at address) error {
	b, err := c.open(ctx, at)
	if err != nil {
		return err
	}
	defer b.Close()
	trail, err := b.Audit()
	if err != nil {
		return err
	}
	if trail == nil {
		return noTrail(at)
	}
	if c.Name != "" {
		user, err := b.owner(ctx, c.Name)
		if err != nil {
			return fmt.Errorf("%w; one who was deleted is found by --user-id", err)
		}
		c.UserID = user.UserID
	}
	var failed error
	found := &newest{limit: c.Limit}
	for e, err := range c.entries(ctx, trail) {
		switch {
		case err != nil && failed != nil:
			printError(explain(failed))
			fallthrough
		case err != nil:
			failed = err // the command returns the last error
		case c.matches(e):
			found.add(e)
		}
		if c.UserID != "" && (found.full() || e.At.Before(c.Since.Time) && err == nil) {
			break // entries of one user come newest first
		}
	}
	for _, e := range found.sorted() {
		if err := c.printEntry(e); err != nil {
			return err
		}
	}
	return failed
}

// open opens the stores. Only a name needs the users.
func (c *readAudit) open(ctx context.Context, at address) (*backend, error) {
	if c.Name != "" {
		return openUsers(ctx, at)
	}
	opened, err := at.open(ctx)
	if err != nil {
		return nil, err
	}
	return &backend{Stores: opened}, nil
}

// noTrail says why there is no trail.
func noTrail(at address) error {
	if retention, err := config.AuditRetention(); at == storeconfig.DynamoDB && retention > 0 && err == nil {
		return fmt.Errorf("there is no audit trail here: %s, the name of its table, is not set", deployed.AuditTable)
	}
	return fmt.Errorf("there is no audit trail: %s is 0", config.AuditDays)
}

// pageEntries is how many entries of one user are read at once.
const pageEntries = 200

// entries returns the entries of the user, newest first, or all in no order.
func (c *readAudit) entries(ctx context.Context, trail audit.Store) iter.Seq2[audit.Entry, error] {
	if c.UserID == "" {
		return trail.All(ctx)
	}
	return func(yield func(audit.Entry, error) bool) {
		before := ""
		if c.Until.Year() < 9999 && !c.Until.IsZero() { // later there are no keys, and nothing has happened
			before = audit.Entry{At: c.Until.Add(time.Millisecond)}.Key() // less than the key of every entry of that time
		}
		for {
			page, err := trail.List(ctx, c.UserID, before, pageEntries)
			if err != nil {
				yield(audit.Entry{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
			}
			if len(page) < pageEntries {
				return
			}
			before = page[len(page)-1].Key()
		}
	}
}

func (c *readAudit) matches(e audit.Entry) bool {
	return (len(c.Event) == 0 || slices.Contains(c.Event, e.Event)) && strings.Contains(e.Actor, c.Actor) &&
		!e.At.Before(c.Since.Time) && (c.Until.IsZero() || e.At.Before(c.Until.Time))
}

// newest keeps the newest entries of those that are added.
type newest struct {
	limit   int
	entries []audit.Entry
}

func (n *newest) full() bool { return len(n.entries) >= n.limit }

// add adds an entry. It drops old ones each time twice as many are there as are kept.
func (n *newest) add(e audit.Entry) {
	if n.entries = append(n.entries, e); len(n.entries) >= 2*n.limit {
		n.entries = n.sorted()
	}
}

// sorted returns the newest entries, newest first.
func (n *newest) sorted() []audit.Entry {
	slices.SortFunc(n.entries, func(a, b audit.Entry) int { return strings.Compare(b.Key(), a.Key()) })
	return n.entries[:min(n.limit, len(n.entries))]
}

// entry is an entry of the trail in the JSON for scripts.
type entry struct {
	UserID    string            `json:"user_id"`
	At        time.Time         `json:"at"`
	ID        string            `json:"id"`
	Event     string            `json:"event"`
	SessionID string            `json:"session_id,omitempty"`
	IP        string            `json:"ip,omitempty"`
	UserAgent string            `json:"user_agent,omitempty"`
	Reason    string            `json:"reason,omitempty"`
	Actor     string            `json:"actor,omitempty"`
	Details   map[string]string `json:"details,omitempty"`
	ExpiresAt time.Time         `json:"expires_at"`
}

// printEntry prints an entry in one line. Stored text is quoted.
func (o output) printEntry(e audit.Entry) error {
	if o.JSON {
		return o.printJSON(entry(e))
	}
	who := strconv.Quote(e.UserID)
	if e.UserID == audit.Everybody {
		who = "everybody"
	}
	line := fmt.Sprintf("%s  %-30s  %s", e.At.Format("2006-01-02T15:04:05.000Z"), word(e.Event), who)
	for _, field := range []struct{ name, text string }{
		{"reason", e.Reason}, {"actor", e.Actor}, {"session_id", e.SessionID}, {"ip", e.IP}, {"user_agent", e.UserAgent},
	} {
		if field.text != "" {
			line += fmt.Sprintf(" %s=%q", field.name, field.text)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.Details)) {
		line += fmt.Sprintf(" %s=%q", word(name), e.Details[name])
	}
	_, err := fmt.Fprintln(os.Stdout, line)
	return err
}
