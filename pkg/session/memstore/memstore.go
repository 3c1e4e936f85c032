// Package memstore keeps sessions in the memory of one process.
//
// It is for development, for tests, and for a program that runs as one process
// and may sign everybody out when it restarts. It is not for Lambda, nor for
// anything else that runs as several processes: each would have sessions of its
// own, and a logout would reach only one of them.
package memstore

import (
	"context"
	"hash/maphash"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"example.com/coatcheck/pkg/session"
)

const (
	shardCount = 64
	minSweep   = 32 // sessions in a shard; with fewer, sweeping is not worth it
)

// Store is a [session.Store] in memory; make one with [New]. It is safe for
// concurrent use, starts no goroutine and sets no limit on live sessions. Create
// also frees dead sessions: it sweeps a shard of the store when the shard holds
// twice as many sessions as survived its last sweep. So memory use depends on the
// largest number of sessions alive at one time, not on how many there ever were.
type Store struct {
	seed   maphash.Seed // secret, so that an attacker cannot put all owners into one shard
	shards [shardCount]shard
}

// shard holds all sessions of some owners, so that List is exact and takes only one
// lock. A stored session never changes: a write replaces it. So the lock protects
// only pointers, and copies for callers are made without it.
type shard struct {
	mu      sync.Mutex
	owners  map[string]map[string]*session.Session // by Key.Owner, then Key.ID
	size    int                                    // sessions in owners
	sweepAt int                                    // size at which Create sweeps
}

// New returns an empty Store.
func New() *Store {
	m := &Store{seed: maphash.MakeSeed()}
	for i := range m.shards {
		m.shards[i].reset()
	}
	return m
}

// Create implements [session.Store].
func (m *Store) Create(ctx context.Context, s *session.Session) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	key, s := s.Key(), s.Clone()
	sh := m.lock(key.Owner)
	defer sh.mu.Unlock()
	if sh.owners[key.Owner][key.ID] != nil {
		return session.ErrConflict
	}
	if sh.size >= sh.sweepAt {
		sh.sweep(s.CreatedAt)
	}
	sh.add(key, s)
	return nil
}

// Get implements [session.Store].
func (m *Store) Get(ctx context.Context, key session.Key) (*session.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sh := m.lock(key.Owner)
	s := sh.owners[key.Owner][key.ID]
	sh.mu.Unlock()
	if s == nil {
		return nil, session.ErrNoSession
	}
	return s.Clone(), nil
}

// Update implements [session.Store].
func (m *Store) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	key, roles, values := s.Key(), slices.Clone(s.Roles), maps.Clone(s.Values)
	sh := m.lock(key.Owner)
	defer sh.mu.Unlock()
	next, ok := sh.alive(key, now)
	switch {
	case !ok:
		return session.ErrNoSession
	case next.Version == newVersion:
		return nil
	case next.Version != s.Version:
		return session.ErrConflict
	}
	next.Roles, next.Values = roles, values
	next.Secret, next.PreviousSecret = s.Secret, s.PreviousSecret
	next.Version = newVersion
	if !s.ExpiresAt.IsZero() {
		next.AuthenticatedAt, next.EndsAt, next.ExpiresAt = s.AuthenticatedAt, s.EndsAt, s.ExpiresAt
	}
	sh.owners[key.Owner][key.ID] = &next
	return nil
}

// Touch implements [session.Store].
func (m *Store) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := m.lock(key.Owner)
	defer sh.mu.Unlock()
	next, ok := sh.alive(key, now)
	if !ok {
		return session.ErrNoSession
	}
	if next.LastSeenAt.Before(now) && !next.ExpiresAt.After(expires) {
		next.LastSeenAt, next.ExpiresAt = now, expires
		next.LastIP, next.LastUserAgent = ip, userAgent
		sh.owners[key.Owner][key.ID] = &next
	}
	return nil
}

// Delete implements [session.Store].
func (m *Store) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (userID string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	sh := m.lock(key.Owner)
	defer sh.mu.Unlock()
	s := sh.owners[key.Owner][key.ID]
	if s == nil || secret != nil && *secret != s.Secret && *secret != s.PreviousSecret {
		return "", session.ErrNoSession
	}
	sh.remove(key)
	if !s.ExpiresAt.After(now) {
		return "", session.ErrNoSession
	}
	return s.UserID, nil
}

// List implements [session.Store].
func (m *Store) List(ctx context.Context, owner string) ([]*session.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sh := m.lock(owner)
	all := slices.Collect(maps.Values(sh.owners[owner]))
	sh.mu.Unlock()
	for i, s := range all {
		all[i] = s.Clone()
	}
	return all, nil
}

// All returns every session, dead ones too, in no order, as copies. It includes those that are
// there from the beginning of the iteration to its end. It holds the sessions of one part of
// the store at a time.
func (m *Store) All(ctx context.Context) iter.Seq2[*session.Session, error] {
	return func(yield func(*session.Session, error) bool) {
		for i := range m.shards {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			for _, s := range m.shards[i].all() {
				if !yield(s.Clone(), nil) {
					return
				}
			}
		}
	}
}

func (sh *shard) all() (all []*session.Session) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, byID := range sh.owners {
		all = slices.AppendSeq(all, maps.Values(byID))
	}
	return all
}

// lock returns the owner's shard, locked.
func (m *Store) lock(owner string) *shard {
	sh := &m.shards[maphash.String(m.seed, owner)%shardCount]
	sh.mu.Lock()
	return sh
}

// alive returns a copy of the session, which the caller changes and stores in its
// place. The copy shares Roles and Values with the stored session.
func (sh *shard) alive(key session.Key, now time.Time) (session.Session, bool) {
	s := sh.owners[key.Owner][key.ID]
	if s == nil || !s.ExpiresAt.After(now) {
		return session.Session{}, false
	}
	return *s, true
}

func (sh *shard) add(key session.Key, s *session.Session) {
	if sh.owners[key.Owner] == nil {
		sh.owners[key.Owner] = make(map[string]*session.Session)
	}
	sh.owners[key.Owner][key.ID] = s
	sh.size++
}

func (sh *shard) remove(key session.Key) {
	delete(sh.owners[key.Owner], key.ID)
	if len(sh.owners[key.Owner]) == 0 {
		delete(sh.owners, key.Owner)
	}
	sh.size--
}

// sweep removes what is dead at now. It moves the live sessions to new maps, because
// a map does not shrink when entries are deleted and stays slow to iterate over.
func (sh *shard) sweep(now time.Time) {
	old := sh.owners
	sh.reset()
	for owner, byID := range old {
		for id, s := range byID {
			if s.ExpiresAt.After(now) {
				sh.add(session.Key{Owner: owner, ID: id}, s)
			}
		}
	}
	sh.sweepAt = max(minSweep, 2*sh.size)
}

func (sh *shard) reset() {
	sh.owners = make(map[string]map[string]*session.Session)
	sh.size, sh.sweepAt = 0, minSweep
}
