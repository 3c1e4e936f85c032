package oidctest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/oidc"
)

// parallelCalls is how many calls run at once in the rules about races.
const parallelCalls = 16

var (
	// anHour is when something ended, by the clock of a provider. It may be long ago.
	anHour = time.Date(2026, 11, 26, 12, 30, 45, 0, time.UTC)

	// past and future are when something has expired, and when it will expire, by the clock
	// of the store. No test runs that long.
	past   = time.Date(1999, 2, 3, 4, 5, 6, 0, time.UTC)
	future = time.Date(2199, 12, 31, 23, 59, 58, 0, time.UTC)
)

// checker runs the steps of one rule on a store. It keeps the first failure and skips all
// steps after it, so that a rule is a plain list of steps.
type checker struct {
	ctx   context.Context
	store oidc.Store
	err   error
}

// newLink returns a link that does not expire.
func newLink() oidc.Link { return anotherOf(newID()) }

// anotherOf returns a link with the ID and another session.
func anotherOf(id string) oidc.Link {
	return oidc.Link{ID: id, Session: (&session.Session{UserID: rand.Text(), ID: rand.Text()[:22]}).Key(), ExpiresAt: future}
}

func newID() string {
	sum := sha256.Sum256([]byte(rand.Text()))
	return hex.EncodeToString(sum[:])
}

// linked stores a new link and returns it.
func (p *checker) linked() oidc.Link {
	l := newLink()
	p.link("Link", l, oidc.Link{}, nil)
	return l
}

func (p *checker) link(what string, l, wantBefore oidc.Link, want error) {
	if p.err == nil {
		before, err := p.store.Link(p.ctx, l)
		p.expect(what, err, want)
		p.wantEqual(what, before, wantBefore)
	}
}

func (p *checker) end(what, id string, at, expiresAt time.Time, want oidc.Link) {
	if p.err == nil {
		l, err := p.store.End(p.ctx, id, at, expiresAt)
		p.expect(what, err, nil)
		p.wantEqual(what, l, want)
	}
}

func (p *checker) wantEnded(what, id string, want time.Time) {
	if p.err == nil {
		_, at, err := p.store.Ended(p.ctx, id)
		p.expect("Ended "+what, err, nil)
		if at != want {
			p.failf("Ended %s is %v, want %v", what, at, want)
		}
	}
}

func (p *checker) wantLink(what, id string, want oidc.Link) {
	if p.err == nil {
		l, _, err := p.store.Ended(p.ctx, id)
		p.expect("Ended "+what, err, nil)
		p.wantEqual("Ended "+what, l, want)
	}
}

// wantEqual compares with ==, so that also the zone of a time counts.
func (p *checker) wantEqual(what string, got, want oidc.Link) {
	if got != want {
		p.failf("%s returned %+v, want %+v", what, got, want)
	}
}

// expect checks an error. Of those that are named it must be the very one.
func (p *checker) expect(what string, got, want error) {
	if !errors.Is(got, want) {
		p.failf("%s returned the error %v, want %v", what, got, want)
	}
}

func (p *checker) failf(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

// inParallel calls f n times at once: all wait at a barrier until each is ready.
func inParallel(n int, f func(i int)) {
	start := make(chan struct{})
	var ready, done sync.WaitGroup
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			<-start
			f(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
}
