package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/session"
)

type endSessionsBefore struct {
	Time string `arg:"" help:"The cut-off, as 2026-11-27T14:00:00Z."`
	Yes  bool   `help:"End them. Without it they are only counted."`
}

// Help implements [kong.HelpProvider].
func (endSessionsBefore) Help() string {
	return `Those sessions are meant whose users last gave a password before the cut-off, and no others: the same ones that end at once, in
every function, when SESSIONS_NOT_BEFORE is set to it. This command removes them from the store besides, one after the other, while the product
runs. It goes through the whole table of sessions. If it is interrupted, run it again: it goes on with those that are left. While
sessions of another system come over, each of these users has to give the password there again too, before one comes over.`
}

// atOnce is how many sessions are ended at the same time.
const atOnce = 16

// Run implements the command.
func (c *endSessionsBefore) Run(ctx context.Context, at address) (err error) {
	before, err := config.ParseNotBefore("the cut-off", c.Time)
	if err != nil {
		return err
	}
	b, err := openSessions(ctx, at)
	if err != nil {
		return err
	}
	defer b.close(&err)
	if !c.Yes {
		return c.count(ctx, b, before)
	}
	if err := b.identify(ctx); err != nil {
		return err
	}
	seal, err := sealing(b)
	if err != nil {
		return err
	}
	e := ending{end: func(ctx context.Context, s *session.Session) error {
		if err := seal(ctx, s.UserID, true); err != nil {
			return err
		}
		return b.sessions.Revoke(ctx, s.UserID, s.ID)
	}}
	e.run(b.because(ctx, "not_before"), b, before)
	if n := e.ended.Load(); n > 0 {
		events.Log(context.WithoutCancel(ctx), b.log, "sessions_ended_before", "user_id", audit.Everybody, "actor", b.actor, "before", c.Time, "count", n)
	}
	return e.report(ctx, before)
}

// count says how many sessions would end.
func (c *endSessionsBefore) count(ctx context.Context, b *backend, before time.Time) error {
	n, now := 0, time.Now()
	for s, err := range b.AllSessions(ctx) {
		if err != nil {
			return fmt.Errorf("counting the sessions: %w", err)
		}
		if meant(s, before, now) {
			n++
		}
	}
	_, err := fmt.Printf("%d live sessions began before %s. None was ended: to end them, run it again with --yes.\n", n, c.Time)
	return err
}

// meant reports whether s is alive, and began before the cut-off.
func meant(s *session.Session, before, now time.Time) bool {
	return s.ExpiresAt.After(now) && s.BegunBefore(before)
}

// ending ends sessions, and counts.
type ending struct {
	end           func(context.Context, *session.Session) error
	ended, failed atomic.Int64

	mu    sync.Mutex
	first error // the first failure
}

// run ends every session that is meant. It holds as many as it ends at the same time.
func (e *ending) run(ctx context.Context, b *backend, before time.Time) {
	var group sync.WaitGroup
	defer group.Wait()
	slots := make(chan struct{}, atOnce)
	now := time.Now()
	for s, err := range b.AllSessions(ctx) {
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			e.fail(err)
			continue
		}
		if !meant(s, before, now) {
			continue
		}
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			e.one(ctx, s)
		})
	}
}

func (e *ending) one(ctx context.Context, s *session.Session) {
	switch err := e.end(ctx, s); {
	case err == nil:
		e.ended.Add(1)
	case !errors.Is(err, session.ErrNoSession): // it has ended meanwhile
		e.fail(fmt.Errorf("session %s: %w", word(s.ID), err))
	}
}

func (e *ending) fail(err error) {
	e.failed.Add(1)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.first == nil {
		e.first = err
	}
}

// report prints what was done, and returns an error if something is left.
func (e *ending) report(ctx context.Context, before time.Time) error {
	fmt.Printf("Ended %d sessions that began before %s.\n", e.ended.Load(), before.UTC().Format(time.RFC3339))
	switch failed := e.failed.Load(); {
	case ctx.Err() != nil:
		return errors.New("interrupted before the end: some sessions may be left, run it again")
	case failed > 0:
		return fmt.Errorf("%d could not be ended or read, run it again; the first: %w", failed, e.first)
	}
	return nil
}
