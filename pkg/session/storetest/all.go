package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/coatcheck/pkg/session"
)

// RunAll tests what many stores offer operators beside the contract: to go through all
// sessions. newStore returns a store, and what goes through it. As with [Run], others may have
// sessions there.
func RunAll(t *testing.T, newStore func(t *testing.T) (session.Store, func(context.Context) iter.Seq2[*session.Session, error])) {
	store, all := newStore(t)
	if err := checkAll(t.Context(), store, all); err != nil {
		t.Error(err)
	}
}

// checkAll makes more sessions than fit a page of any store, some of one user and some dead,
// and looks for each of them.
func checkAll(ctx context.Context, store session.Store, all func(context.Context) iter.Seq2[*session.Session, error]) error {
	const total, atATime = 600, 32
	p := &checker{ctx: ctx, store: store}
	made := map[string]*session.Session{}
	var one *session.Session
	var group sync.WaitGroup
	var failed atomic.Pointer[error]
	slots := make(chan struct{}, atATime)
	for i := range total {
		s := newSession()
		if one != nil && i%2 == 0 {
			s = sibling(one)
		}
		if one = s; i%5 == 0 {
			s.ExpiresAt = s.CreatedAt.Truncate(time.Second) // dead
		}
		made[s.ID] = s
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err := store.Create(ctx, s.Clone()); err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		})
	}
	group.Wait()
	if err := failed.Load(); err != nil {
		return fmt.Errorf("after Create: %w", *err)
	}
	for s, err := range all(ctx) {
		p.expect("an iteration", err, nil)
		if p.err != nil {
			return p.err
		}
		if want := made[s.ID]; want != nil {
			p.wantEqual("an iteration", s, want)
			delete(made, s.ID)
		}
	}
	if len(made) > 0 {
		p.failf("%d of %d sessions were not among all", len(made), total)
	}
	for range all(ctx) {
		break // whoever has enough may stop
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	var err error
	for _, err = range all(cancelled) {
	}
	if p.err == nil && (err == nil || errors.Is(err, session.ErrNoSession)) {
		return fmt.Errorf("an iteration with a cancelled context ended with the error %v", err)
	}
	return p.err
}
