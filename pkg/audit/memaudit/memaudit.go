// Package memaudit keeps the audit trail in the memory of one process. It is for tests, and
// for trying the product.
//
// This package may still change in ways that break programs.
package memaudit

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/coatcheck/pkg/audit"
)

// Store is an [audit.Store]; make one with [New]. It is safe for concurrent use.
type Store struct {
	mu      sync.Mutex
	entries map[string][]audit.Entry // by user ID, in the order of their keys
}

var _ audit.Store = (*Store)(nil)

// New returns an empty Store.
func New() *Store { return &Store{entries: map[string][]audit.Entry{}} }

// Append implements [audit.Writer]. It drops what has expired of the same user.
func (s *Store) Append(ctx context.Context, e audit.Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := alive(s.entries[e.UserID])
	if i, found := slices.BinarySearchFunc(kept, e.Key(), compare); !found {
		kept = slices.Insert(kept, i, clone(e))
	}
	s.entries[e.UserID] = kept
	return nil
}

// List implements [audit.Reader].
func (s *Store) List(ctx context.Context, userID, before string, limit int) (list []audit.Entry, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range slices.Backward(alive(s.entries[userID])) {
		if len(list) < limit && (before == "" || e.Key() < before) {
			list = append(list, clone(e))
		}
	}
	return list, nil
}

// All implements [audit.Store].
func (s *Store) All(ctx context.Context) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(audit.Entry{}, err)
			return
		}
		s.mu.Lock()
		var all []audit.Entry
		for _, entries := range s.entries {
			all = append(all, alive(entries)...)
		}
		s.mu.Unlock()
		for _, e := range all {
			if !yield(clone(e), nil) {
				return
			}
		}
	}
}

// alive returns the entries that have not expired, in a slice of its own.
func alive(entries []audit.Entry) (kept []audit.Entry) {
	now := time.Now()
	for _, e := range entries {
		if e.ExpiresAt.After(now) {
			kept = append(kept, e)
		}
	}
	return kept
}

func compare(e audit.Entry, key string) int { return strings.Compare(e.Key(), key) }

// clone returns the entry with a map of its own.
func clone(e audit.Entry) audit.Entry {
	e.Details = maps.Clone(e.Details)
	return e
}
