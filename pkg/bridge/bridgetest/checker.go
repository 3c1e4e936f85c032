package bridgetest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/session"
)

// parallelCalls is how many calls run at once in the rules about races.
const parallelCalls = 16

// anHour is a time with milliseconds.
var anHour = time.Date(2026, 11, 26, 12, 30, 45, 123e6, time.UTC)

// checker runs the steps of one rule on a store. It keeps the first failure and skips all
// steps after it, so that a rule is a plain list of steps.
type checker struct {
	ctx   context.Context
	store bridge.Store
	err   error
}

// newLink returns a link that has a value in every field but Ended.
func newLink() bridge.Link {
	sum := sha256.Sum256([]byte(rand.Text()))
	return bridge.Link{
		ID: hex.EncodeToString(sum[:]), Nonce: rand.Text(), Source: "Grüße, 😀 '\"%_",
		Session: (&session.Session{UserID: rand.Text(), ID: rand.Text()[:22]}).Key(),
		At:      anHour,
	}
}

// endOf returns what ends the link l.
func endOf(l bridge.Link) bridge.Link {
	return bridge.Link{ID: l.ID, Nonce: rand.Text(), Source: "another", At: anHour.Add(time.Minute)}
}

// ended returns what is stored after EndLink with end, if before was stored.
func ended(before, end bridge.Link) bridge.Link {
	end.Session, end.Ended = before.Session, true
	return end
}

func (p *checker) put(what string, l bridge.Link, wantStored bridge.Link, want error) {
	if p.err == nil {
		stored, err := p.store.PutLink(p.ctx, l)
		p.expect(what, err, want)
		p.wantEqual(what, stored, wantStored)
	}
}

func (p *checker) delete(what string, id, nonce string) {
	if p.err == nil {
		p.expect(what, p.store.DeleteLink(p.ctx, id, nonce), nil)
	}
}

func (p *checker) end(what string, l, wantBefore bridge.Link) {
	if p.err == nil {
		before, err := p.store.EndLink(p.ctx, l)
		p.expect(what, err, nil)
		p.wantEqual(what, before, wantBefore)
	}
}

// created returns a new link that the store holds.
func (p *checker) created() bridge.Link {
	l := newLink()
	p.put("PutLink", l, l, nil)
	return l
}

func (p *checker) wantLink(when string, want bridge.Link) {
	if p.err == nil {
		got, err := p.store.GetLink(p.ctx, want.ID)
		p.expect(when+", GetLink", err, nil)
		p.wantEqual(when+", GetLink", got, want)
	}
}

func (p *checker) wantNoLink(when, id string) {
	if p.err == nil {
		_, err := p.store.GetLink(p.ctx, id)
		p.expect(when+", GetLink", err, bridge.ErrNotFound)
	}
}

func (p *checker) seal(what, owner string, at time.Time) {
	if p.err == nil {
		p.expect(what, p.store.PutSeal(p.ctx, owner, at), nil)
	}
}

func (p *checker) wantSeal(when, owner string, want time.Time) {
	if p.err == nil {
		got, err := p.store.GetSeal(p.ctx, owner)
		if p.expect(when+", GetSeal", err, nil); !got.Equal(want) || got.Location() != time.UTC {
			p.failf("%s, GetSeal returned %v instead of %v", when, got, want)
		}
	}
}

func (p *checker) open(what string, endsAt time.Time, want bridge.Window) {
	if p.err == nil {
		got, err := p.store.OpenWindow(p.ctx, endsAt)
		p.expect(what, err, nil)
		p.wantWindow(what, got, want)
	}
}

func (p *checker) wantStoredWindow(when string, want bridge.Window) {
	if p.err == nil {
		got, err := p.store.GetWindow(p.ctx)
		p.expect(when+", GetWindow", err, nil)
		p.wantWindow(when+", GetWindow", got, want)
	}
}

func (p *checker) wantWindow(what string, got, want bridge.Window) {
	if !got.EndsAt.Equal(want.EndsAt) || got.EndsAt.Location() != time.UTC || got.Closed != want.Closed {
		p.failf("%s returned the window %+v instead of %+v", what, got, want)
	}
}

func (p *checker) wantEqual(what string, got, want bridge.Link) {
	sameTime := got.At.Equal(want.At) && got.At.Location() == time.UTC
	if got.At = want.At; got != want || !sameTime {
		p.failf("%s returned another link than expected: %+v instead of %+v", what, got, want)
	}
}

func (p *checker) expect(what string, got, want error) {
	names := map[error]string{nil: "no error", bridge.ErrExists: "ErrExists", bridge.ErrNotFound: "ErrNotFound"}
	switch {
	case errors.Is(got, want):
	case got == nil:
		p.failf("%s: want %s, got no error", what, names[want])
	default:
		p.failf("%s: want %s, got: %w", what, names[want], got)
	}
}

func (p *checker) failf(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

// inParallel calls f(0) to f(n-1) at the same time.
func inParallel(n int, f func(i int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}
