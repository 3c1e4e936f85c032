// Package membridge keeps the records of a bridge in the memory of one process. It is for
// tests, and for trying the product.
//
// This package may still change in ways that break programs.
package membridge

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"example.com/coatcheck/pkg/bridge"
)

// Store is a [bridge.Store]; make one with [New]. It is safe for concurrent use.
type Store struct {
	mu     sync.Mutex
	links  map[string]bridge.Link
	seals  map[string]time.Time
	window *bridge.Window // nil if none was opened
}

var _ bridge.Store = (*Store)(nil)

// New returns an empty Store.
func New() *Store {
	return &Store{links: map[string]bridge.Link{}, seals: map[string]time.Time{}}
}

// enter locks the store, unless ctx has ended.
func (m *Store) enter(ctx context.Context) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	return m.mu.Unlock, nil
}

// PutLink implements [bridge.Store].
func (m *Store) PutLink(ctx context.Context, l bridge.Link) (bridge.Link, error) {
	leave, err := m.enter(ctx)
	if err != nil {
		return bridge.Link{}, err
	}
	defer leave()
	stored, taken := m.links[l.ID]
	if taken && stored.Nonce != l.Nonce {
		return stored, bridge.ErrExists
	}
	if !taken {
		m.put(l)
	}
	return m.links[l.ID], nil
}

// put stores l, whose time it cuts as every store does.
func (m *Store) put(l bridge.Link) {
	l.At = l.At.UTC().Truncate(time.Millisecond)
	m.links[l.ID] = l
}

// GetLink implements [bridge.Store].
func (m *Store) GetLink(ctx context.Context, id string) (bridge.Link, error) {
	leave, err := m.enter(ctx)
	if err != nil {
		return bridge.Link{}, err
	}
	defer leave()
	l, ok := m.links[id]
	if !ok {
		return bridge.Link{}, bridge.ErrNotFound
	}
	return l, nil
}

// DeleteLink implements [bridge.Store].
func (m *Store) DeleteLink(ctx context.Context, id, nonce string) error {
	leave, err := m.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if m.links[id].Nonce == nonce {
		delete(m.links, id)
	}
	return nil
}

// EndLink implements [bridge.Store].
func (m *Store) EndLink(ctx context.Context, l bridge.Link) (before bridge.Link, err error) {
	leave, err := m.enter(ctx)
	if err != nil {
		return bridge.Link{}, err
	}
	defer leave()
	before = m.links[l.ID]
	l.Session, l.Ended = before.Session, true
	m.put(l)
	return before, nil
}

// PutSeal implements [bridge.Store].
func (m *Store) PutSeal(ctx context.Context, owner string, at time.Time) error {
	leave, err := m.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if at = at.UTC().Truncate(time.Millisecond); at.After(m.seals[owner]) {
		m.seals[owner] = at
	}
	return nil
}

// GetSeal implements [bridge.Store].
func (m *Store) GetSeal(ctx context.Context, owner string) (time.Time, error) {
	leave, err := m.enter(ctx)
	if err != nil {
		return time.Time{}, err
	}
	defer leave()
	return m.seals[owner], nil
}

// OpenWindow implements [bridge.Store].
func (m *Store) OpenWindow(ctx context.Context, endsAt time.Time) (bridge.Window, error) {
	leave, err := m.enter(ctx)
	if err != nil {
		return bridge.Window{}, err
	}
	defer leave()
	if m.window == nil {
		m.window = &bridge.Window{EndsAt: endsAt.UTC().Truncate(time.Second)}
	}
	return *m.window, nil
}

// GetWindow implements [bridge.Store].
func (m *Store) GetWindow(ctx context.Context) (bridge.Window, error) {
	leave, err := m.enter(ctx)
	if err != nil {
		return bridge.Window{}, err
	}
	defer leave()
	if m.window == nil {
		return bridge.Window{}, bridge.ErrNotFound
	}
	return *m.window, nil
}

// CloseWindow implements [bridge.Store].
func (m *Store) CloseWindow(ctx context.Context) error {
	leave, err := m.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if m.window == nil {
		return bridge.ErrNotFound
	}
	m.window.Closed = true
	return nil
}

// Links implements [bridge.Store]. It returns the links that were there at the call of the
// iterator.
func (m *Store) Links(ctx context.Context) iter.Seq2[bridge.Link, error] {
	return func(yield func(bridge.Link, error) bool) {
		leave, err := m.enter(ctx)
		if err != nil {
			yield(bridge.Link{}, err)
			return
		}
		all := slices.Collect(maps.Values(m.links))
		leave()
		for _, l := range all {
			if !yield(l, nil) {
				return
			}
		}
	}
}
