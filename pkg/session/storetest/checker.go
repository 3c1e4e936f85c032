package storetest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"example.com/coatcheck/pkg/session"
)

// parallelCalls is how many calls run at once in the rules about races.
const parallelCalls = 16

// checker runs the steps of one rule on a store. It keeps the first failure and
// skips all steps after it, so that a rule is a plain list of steps.
type checker struct {
	ctx   context.Context
	store session.Store
	err   error
}

func (p *checker) create(what string, s *session.Session, want error) {
	if p.err == nil {
		p.expect(what, p.store.Create(p.ctx, s), want)
	}
}

func (p *checker) update(what string, s *session.Session, now time.Time, newVersion int64, want error) {
	if p.err == nil {
		p.expect(what, p.store.Update(p.ctx, s, now, newVersion), want)
	}
}

func (p *checker) touch(what string, key session.Key, now, expires time.Time, want error) {
	p.touchBy(what, key, now, expires, lastIP, lastUserAgent, want)
}

func (p *checker) touchBy(what string, key session.Key, now, expires time.Time, ip, userAgent string, want error) {
	if p.err == nil {
		p.expect(what, p.store.Touch(p.ctx, key, now, expires, ip, userAgent), want)
	}
}

func (p *checker) delete(what string, key session.Key, secret *[32]byte, now time.Time, want error) {
	if p.err == nil {
		_, err := p.store.Delete(p.ctx, key, secret, now)
		p.expect(what, err, want)
	}
}

// created returns a new session that the store holds.
func (p *checker) created() *session.Session {
	s := newSession()
	p.create("Create", s.Clone(), nil)
	return s
}

// wantStored checks that Get and List both return the session exactly as it is in
// want.
func (p *checker) wantStored(when string, want *session.Session) {
	if p.err != nil {
		return
	}
	got, err := p.store.Get(p.ctx, want.Key())
	if p.expect(when+", Get", err, nil); p.err == nil {
		p.wantEqual(when+", Get", got, want)
	}
	var listed []*session.Session
	for _, s := range p.list(when, want.Key().Owner) {
		if s.ID == want.ID {
			listed = append(listed, s)
		}
	}
	if p.err == nil && len(listed) != 1 {
		p.failf("%s, List returned the session %d times instead of once", when, len(listed))
	}
	if p.err == nil {
		p.wantEqual(when+", List", listed[0], want)
	}
}

// wantGone checks that neither Get nor List finds a session under the key.
func (p *checker) wantGone(when string, key session.Key) {
	p.wantMissing(when, key)
	for _, s := range p.list(when, key.Owner) {
		if s.ID == key.ID {
			p.failf("%s, List still returned the session", when)
		}
	}
}

// wantMissing checks that Get finds no session under the key.
func (p *checker) wantMissing(when string, key session.Key) {
	if p.err == nil {
		_, err := p.store.Get(p.ctx, key)
		p.expect(when+", Get", err, session.ErrNoSession)
	}
}

// list returns what List returns, and checks that every session is the owner's.
func (p *checker) list(when, owner string) []*session.Session {
	if p.err != nil {
		return nil
	}
	all, err := p.store.List(p.ctx, owner)
	p.expect(when+", List", err, nil)
	for _, s := range all {
		if s == nil {
			p.failf("%s, List returned a nil among the sessions", when)
			return nil
		}
		if s.Key().Owner != owner {
			p.failf("%s, List of owner %q returned a session of owner %q", when, owner, s.Key().Owner)
			return nil
		}
	}
	return all
}

func (p *checker) expect(what string, got, want error) {
	names := map[error]string{nil: "no error", session.ErrNoSession: "ErrNoSession", session.ErrConflict: "ErrConflict"}
	switch {
	case errors.Is(got, want):
	case got == nil:
		p.failf("%s: want %s, got no error", what, names[want])
	default:
		p.failf("%s: want %s, got: %w", what, names[want], got)
	}
}

func (p *checker) wantEqual(what string, got, want *session.Session) {
	if d := differences(got, want); d != "" {
		p.failf("%s returned another session than expected: %s", what, d)
	}
}

func (p *checker) failf(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

// inParallel calls f(0) to f(n-1) at the same time and returns their errors.
func inParallel(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// wantOneWinner checks that one error is nil and the others are ErrConflict. It
// returns the index of the nil error.
func (p *checker) wantOneWinner(what string, errs []error) int {
	var winners []int
	for i, err := range errs {
		if err == nil {
			winners = append(winners, i)
		} else {
			p.expect(what+" that lost", err, session.ErrConflict)
		}
	}
	if len(winners) != 1 {
		p.failf("%d of %d succeeded instead of one: %s", len(winners), len(errs), what)
		return 0
	}
	return winners[0]
}

// differences says in which fields the sessions differ. It returns "" if they are
// equal.
func differences(got, want *session.Session) string {
	if got == nil {
		return "nil"
	}
	var list []string
	g, w := reflect.ValueOf(*got), reflect.ValueOf(*want)
	for i := range g.NumField() {
		if a, b := g.Field(i).Interface(), w.Field(i).Interface(); !equal(a, b) {
			x, y := excerpts(printable(a), printable(b))
			list = append(list, fmt.Sprintf("%s is %s instead of %s", g.Type().Field(i).Name, x, y))
		}
	}
	return strings.Join(list, "; ")
}

// equal compares two fields. Times are equal when they are the same instant and both
// in UTC. Slices and maps without elements are equal, whether they are nil or not.
func equal(got, want any) bool {
	if t, ok := got.(time.Time); ok {
		return t.Equal(want.(time.Time)) && t.Location() == time.UTC
	}
	if v := reflect.ValueOf(got); v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
		if v.Len() == 0 {
			return reflect.ValueOf(want).Len() == 0
		}
	}
	return reflect.DeepEqual(got, want)
}

func printable(field any) string {
	switch f := field.(type) {
	case time.Time:
		return f.Format(time.RFC3339Nano)
	case [32]byte:
		return hex.EncodeToString(f[:])
	}
	return fmt.Sprintf("%#v", field)
}

// excerpts cuts two long texts to the part where they begin to differ.
func excerpts(a, b string) (string, string) {
	const before, after = 20, 60
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	cut := func(s string) string {
		if start := i - before; start > 0 {
			s = "…" + s[start:]
		}
		if end := before + after; len(s) > end {
			s = s[:end] + "…"
		}
		return strings.ToValidUTF8(s, "")
	}
	return cut(a), cut(b)
}
