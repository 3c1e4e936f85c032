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
// lock. Sessions for callers are made of copies of the records, without the lock.
type shard struct {
	mu       sync.Mutex
	sessions map[session.Key]*record
	owners   map[string]*record // by Key.Owner; the youngest of the owner's
	sweepAt  int                // how many sessions there are when Create sweeps
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
	key := s.Key()
	r := newRecord(key, s)
	sh := m.lock(key.Owner)
	defer sh.mu.Unlock()
	if sh.sessions[key] != nil {
		return session.ErrConflict
	}
	if len(sh.sessions) >= sh.sweepAt {
		sh.sweep(s.CreatedAt)
	}
	sh.add(r)
	return nil
}

// Get implements [session.Store].
func (m *Store) Get(ctx context.Context, key session.Key) (*session.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sh := m.lock(key.Owner)
	found := sh.sessions[key]
	if found == nil {
		sh.mu.Unlock()
		return nil, session.ErrNoSession
	}
	r := *found
	sh.mu.Unlock()
	return r.session(), nil
}

// Update implements [session.Store].
func (m *Store) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	key, userData := s.Key(), packUserData(s.Roles, s.Values)
	sh := m.lock(key.Owner)
	defer sh.mu.Unlock()
	r := sh.alive(key, now)
	switch {
	case r == nil:
		return session.ErrNoSession
	case r.version == newVersion:
		return nil
	case r.version != s.Version:
		return session.ErrConflict
	}
	r.setUserData(userData)
	r.secret, r.previousSecret = s.Secret, s.PreviousSecret
	r.version = newVersion
	if !s.ExpiresAt.IsZero() {
		r.authenticated, r.ends, r.expires = s.AuthenticatedAt.UnixMilli(), s.EndsAt.UnixMilli(), s.ExpiresAt.UnixMilli()
	}
	return nil
}

// Touch implements [session.Store].
func (m *Store) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := m.lock(key.Owner)
	defer sh.mu.Unlock()
	r := sh.alive(key, now)
	if r == nil {
		return session.ErrNoSession
	}
	if seen, ends := now.UnixMilli(), expires.UnixMilli(); r.lastSeen < seen && r.expires <= ends {
		r.lastSeen, r.expires = seen, ends
		r.setLastClient(ip, userAgent)
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
	r := sh.sessions[key]
	if r == nil || secret != nil && *secret != r.secret && *secret != r.previousSecret {
		return "", session.ErrNoSession
	}
	sh.remove(r)
	if r.deadAt(now) {
		return "", session.ErrNoSession
	}
	return r.userID(), nil
}

// List implements [session.Store].
func (m *Store) List(ctx context.Context, owner string) ([]*session.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	records := m.of(owner)
	all := make([]*session.Session, len(records))
	for i := range records {
		all[i] = records[i].session()
	}
	return all, nil
}

// of returns copies of the owner's records.
func (m *Store) of(owner string) []record {
	sh := m.lock(owner)
	defer sh.mu.Unlock()
	n := 0
	for r := sh.owners[owner]; r != nil; r = r.next {
		n++
	}
	records := make([]record, 0, n)
	for r := sh.owners[owner]; r != nil; r = r.next {
		records = append(records, *r)
	}
	return records
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
			for _, r := range m.shards[i].all() {
				if !yield(r.session(), nil) {
					return
				}
			}
		}
	}
}

func (sh *shard) all() []record {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	all := make([]record, 0, len(sh.sessions))
	for _, r := range sh.sessions {
		all = append(all, *r)
	}
	return all
}

// lock returns the owner's shard, locked.
func (m *Store) lock(owner string) *shard {
	sh := &m.shards[maphash.String(m.seed, owner)%shardCount]
	sh.mu.Lock()
	return sh
}

// alive returns the session if it is there and not dead at now, for a write to change.
func (sh *shard) alive(key session.Key, now time.Time) *record {
	r := sh.sessions[key]
	if r == nil || r.deadAt(now) {
		return nil
	}
	return r
}

// add puts r in front of the other sessions of its owner.
func (sh *shard) add(r *record) {
	key := r.key()
	r.prev, r.next = nil, sh.owners[key.Owner]
	if r.next != nil {
		r.next.prev = r
	}
	sh.owners[key.Owner], sh.sessions[key] = r, r
}

func (sh *shard) remove(r *record) {
	key := r.key()
	delete(sh.sessions, key)
	if r.next != nil {
		r.next.prev = r.prev
	}
	switch {
	case r.prev != nil:
		r.prev.next = r.next
	case r.next != nil:
		sh.owners[key.Owner] = r.next
	default:
		delete(sh.owners, key.Owner)
	}
}

// sweep removes what is dead at now. It moves the live sessions to new maps, because
// a map does not shrink when entries are deleted and stays slow to iterate over.
func (sh *shard) sweep(now time.Time) {
	old := sh.sessions
	sh.reset()
	for _, r := range old {
		if !r.deadAt(now) {
			sh.add(r)
		}
	}
	sh.sweepAt = max(minSweep, 2*len(sh.sessions))
}

func (sh *shard) reset() {
	sh.sessions, sh.owners = make(map[session.Key]*record), make(map[string]*record)
	sh.sweepAt = minSweep
}
