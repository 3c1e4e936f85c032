// Package memlinks keeps the links of OpenID sessions in the memory of one process. It is
// for tests, and for trying the product.
//
// This package may still change in ways that break programs.
package memlinks

import (
	"context"
	"maps"
	"sync"
	"time"

	"example.com/coatcheck/pkg/signin/oidc"
)

// Store is an [oidc.Store]; make one with [New]. It is safe for concurrent use.
type Store struct {
	mu      sync.Mutex
	records map[string]record
	sweepAt int // the number of records at which expired ones are removed
}

// record is what the store has of one ID.
type record struct {
	link, before oidc.Link // the link, and the one that it has replaced
	endedAt      time.Time // zero if it has not ended
	endedUntil   time.Time // until when endedAt is kept
}

var _ oidc.Store = (*Store)(nil)

// New returns an empty Store.
func New() *Store { return &Store{records: map[string]record{}, sweepAt: sweepSize} }

// Link implements [oidc.Store].
func (m *Store) Link(ctx context.Context, l oidc.Link) (before oidc.Link, err error) {
	if err := ctx.Err(); err != nil {
		return oidc.Link{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	r := m.records[l.ID].at(now)
	l.ExpiresAt = whole(l.ExpiresAt)
	switch {
	case !r.endedAt.IsZero():
		return oidc.Link{}, oidc.ErrEnded
	case r.link.ID != "" && r.link.Session == l.Session && !l.ExpiresAt.After(r.link.ExpiresAt):
		return r.before, nil
	}
	m.put(l.ID, record{link: l, before: r.link}, now)
	return r.link, nil
}

// End implements [oidc.Store].
func (m *Store) End(ctx context.Context, id string, at, expiresAt time.Time) (oidc.Link, error) {
	if err := ctx.Err(); err != nil {
		return oidc.Link{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	r := m.records[id].at(now)
	r.endedAt, r.endedUntil = later(r.endedAt, whole(at)), later(r.endedUntil, whole(expiresAt))
	m.put(id, r, now)
	return r.link, nil
}

// Ended implements [oidc.Store].
func (m *Store) Ended(ctx context.Context, id string) (oidc.Link, time.Time, error) {
	if err := ctx.Err(); err != nil {
		return oidc.Link{}, time.Time{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.records[id].at(time.Now())
	return r.link, r.endedAt, nil
}

// at returns what of r has not expired.
func (r record) at(now time.Time) record {
	if !r.link.ExpiresAt.After(now) {
		r.link = oidc.Link{}
	}
	if !r.before.ExpiresAt.After(now) {
		r.before = oidc.Link{}
	}
	if !r.endedUntil.After(now) {
		r.endedAt, r.endedUntil = time.Time{}, time.Time{}
	}
	return r
}

// sweepSize is the number of records from which on expired ones are removed.
const sweepSize = 1024

// put stores the record, and removes expired ones each time their number has doubled.
func (m *Store) put(id string, r record, now time.Time) {
	m.records[id] = r
	if len(m.records) >= m.sweepAt {
		maps.DeleteFunc(m.records, func(_ string, r record) bool { return r.at(now) == record{} })
		m.sweepAt = max(sweepSize, 2*len(m.records))
	}
}

func whole(t time.Time) time.Time { return time.Unix(t.Unix(), 0).UTC() }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
