package audittest

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/coatcheck/pkg/audit"
)

// parallelCalls is how many calls run at once in the rules about races.
const parallelCalls = 16

var (
	// anHour is when something happened.
	anHour = time.Date(2026, 11, 26, 12, 30, 45, 678e6, time.UTC)

	// past and future are when something has expired, and when it will expire, by the clock
	// of the store. No test runs that long.
	past   = time.Date(1999, 2, 3, 4, 5, 6, 0, time.UTC)
	future = time.Date(2199, 12, 31, 23, 59, 58, 0, time.UTC)
)

// checker runs the steps of one rule on a store. It keeps the first failure and skips all
// steps after it, so that a rule is a plain list of steps.
type checker struct {
	ctx   context.Context
	store audit.Store
	err   error
}

// newEntry returns an entry that does not expire.
func newEntry(userID string, at time.Time) audit.Entry {
	return audit.Entry{
		UserID: userID, At: at, ID: newID(), Event: "session_ended", SessionID: newID(),
		IP: "2001:db8::1", UserAgent: "Mozilla/5.0 (X11; Linux x86_64)", Reason: "revoked", Actor: "root@host",
		Details: map[string]string{"before": "a", "after": "b"}, ExpiresAt: future,
	}
}

func newID() string {
	var id [16]byte
	rand.Read(id[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// history returns n entries of a user, newest first, a minute apart.
func history(userID string, n int) (all []audit.Entry) {
	for i := range n {
		all = append(all, newEntry(userID, anHour.Add(-time.Duration(i)*time.Minute)))
	}
	return all
}

func (p *checker) append(entries ...audit.Entry) {
	for _, e := range entries {
		if p.err == nil {
			p.expect("Append", p.store.Append(p.ctx, e))
		}
	}
}

func (p *checker) list(userID, before string, limit int) (list []audit.Entry) {
	if p.err == nil {
		var err error
		list, err = p.store.List(p.ctx, userID, before, limit)
		p.expect("List", err)
	}
	return list
}

// wantList checks a List of the user without before and with the limit.
func (p *checker) wantList(what, userID string, limit int, want ...audit.Entry) {
	p.wantEqual("List "+what, p.list(userID, "", limit), want)
}

// wantAll checks what All returns, in any order.
func (p *checker) wantAll(what string, want ...audit.Entry) {
	var all []audit.Entry
	if p.err == nil {
		for e, err := range p.store.All(p.ctx) {
			p.expect("All "+what, err)
			all = append(all, e)
		}
	}
	byKey := func(a, b audit.Entry) int {
		return cmp.Or(strings.Compare(a.UserID, b.UserID), strings.Compare(a.Key(), b.Key()))
	}
	p.wantEqual("All "+what, slices.SortedFunc(slices.Values(all), byKey), slices.SortedFunc(slices.Values(want), byKey))
}

func (p *checker) wantEqual(what string, got, want []audit.Entry) {
	if len(got) != len(want) {
		p.failf("%s returned %d entries, want %d: %s", what, len(got), len(want), keys(got))
		return
	}
	for i := range want {
		if g, w := got[i], want[i]; !equal(g, w) {
			p.failf("%s returned as number %d of %d %s, want %s", what, i+1, len(want), printable(g), printable(w))
		}
	}
}

// equal compares times with ==, so that also the zone of a time counts. No details are
// the same as an empty map.
func equal(a, b audit.Entry) bool {
	same := a.At == b.At && a.ExpiresAt == b.ExpiresAt && maps.Equal(a.Details, b.Details)
	return same && a.UserID == b.UserID && a.ID == b.ID && a.Event == b.Event && a.SessionID == b.SessionID &&
		a.IP == b.IP && a.UserAgent == b.UserAgent && a.Reason == b.Reason && a.Actor == b.Actor
}

func printable(e audit.Entry) string {
	const limit = 1000
	text := fmt.Sprintf("%+q", fmt.Sprintf("%+v", e))
	if len(text) > limit {
		text = text[:limit] + "…"
	}
	return text
}

func keys(entries []audit.Entry) string {
	var all []string
	for _, e := range entries {
		all = append(all, fmt.Sprintf("%+q", e.UserID+" "+e.Key()))
	}
	return strings.Join(all, ", ")
}

func (p *checker) expect(what string, err error) {
	if err != nil {
		p.failf("%s returned the error %v", what, err)
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
