package storetest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.com/coatcheck/pkg/session"
)

// silentGet returns neither a session nor an error if there is no session.
type silentGet struct{ *mapStore }

func (st silentGet) Get(ctx context.Context, key session.Key) (*session.Session, error) {
	s, _ := st.mapStore.Get(ctx, key)
	return s, ctx.Err()
}

// outageGet returns an error other than ErrNoSession if there is no session.
type outageGet struct{ *mapStore }

func (st outageGet) Get(ctx context.Context, key session.Key) (*session.Session, error) {
	s, err := st.mapStore.Get(ctx, key)
	return s, disguise(err)
}

// outageList returns an error for an owner without sessions.
type outageList struct{ *mapStore }

func (st outageList) List(ctx context.Context, owner string) ([]*session.Session, error) {
	all, err := st.mapStore.List(ctx, owner)
	if len(all) == 0 {
		return nil, session.ErrNoSession
	}
	return all, err
}

// confused mistakes one key for another in one method.
type confused struct {
	*mapStore
	method string
	alike  func(a, b session.Key) bool
}

func inAnyCase(a, b session.Key) bool {
	return strings.EqualFold(a.Owner, b.Owner) && strings.EqualFold(a.ID, b.ID)
}
func byID(a, b session.Key) bool     { return a.ID == b.ID }
func byPrefix(a, b session.Key) bool { return a.Owner == b.Owner && strings.HasPrefix(a.ID, b.ID) }
func joined(a, b session.Key) bool   { return a.Owner+a.ID == b.Owner+b.ID }
func swapped(a, b session.Key) bool  { return a.Owner == b.ID && a.ID == b.Owner }

// resolve returns the key that the method uses instead of key.
func (st confused) resolve(method string, key session.Key) session.Key {
	st.mu.Lock()
	defer st.mu.Unlock()
	if method == st.method && st.m[key] == nil {
		for stored := range st.m {
			if st.alike(stored, key) {
				return stored
			}
		}
	}
	return key
}

func (st confused) Create(ctx context.Context, s *session.Session) error {
	if st.resolve("Create", s.Key()) != s.Key() {
		return session.ErrConflict
	}
	return st.mapStore.Create(ctx, s)
}

func (st confused) Get(ctx context.Context, key session.Key) (*session.Session, error) {
	return st.mapStore.Get(ctx, st.resolve("Get", key))
}

func (st confused) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	return st.mapStore.Touch(ctx, st.resolve("Touch", key), now, expires, ip, userAgent)
}

func (st confused) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (string, error) {
	return st.mapStore.Delete(ctx, st.resolve("Delete", key), secret, now)
}

// prefixList lists the sessions of all owners that begin with owner.
type prefixList struct{ *mapStore }

func (st prefixList) List(ctx context.Context, owner string) ([]*session.Session, error) {
	return st.filter(ctx, func(k session.Key, _ *session.Session) bool { return strings.HasPrefix(k.Owner, owner) })
}

// wildcardList lets an underscore at the end match any character, like LIKE in SQL.
type wildcardList struct{ *mapStore }

func (st wildcardList) List(ctx context.Context, owner string) ([]*session.Session, error) {
	stem, any := strings.CutSuffix(owner, "_")
	return st.filter(ctx, func(k session.Key, _ *session.Session) bool {
		return k.Owner == owner || any && len(k.Owner) == len(owner) && strings.HasPrefix(k.Owner, stem)
	})
}

// leakyList lists the sessions of all owners.
type leakyList struct{ *mapStore }

func (st leakyList) List(ctx context.Context, _ string) ([]*session.Session, error) {
	return st.filter(ctx, func(session.Key, *session.Session) bool { return true })
}

// pagedList reads the first page only.
type pagedList struct{ *mapStore }

func (st pagedList) List(ctx context.Context, owner string) ([]*session.Session, error) {
	all, err := st.mapStore.List(ctx, owner)
	return all[:min(len(all), 100)], err
}

// staleList lists sessions as they were created, even after an Update or a Delete.
type staleList struct {
	*mapStore
	created []*session.Session
}

func (st *staleList) Create(ctx context.Context, s *session.Session) error {
	st.created = append(st.created, s.Clone())
	return st.mapStore.Create(ctx, s)
}

func (st *staleList) List(_ context.Context, owner string) (list []*session.Session, err error) {
	for _, s := range st.created {
		if s.Key().Owner == owner {
			list = append(list, s.Clone())
		}
	}
	return list, nil
}

// laggingList does not list sessions that were created recently, like an index that is
// updated later than its table. It counts the calls of List instead of measuring time:
// only the hundredth List after a Create has the session. No rule calls List so often.
type laggingList struct {
	*mapStore
	lists atomic.Int64
	seen  sync.Map // ID to the number of the first list that has it
}

func (st *laggingList) Create(ctx context.Context, s *session.Session) error {
	st.seen.Store(s.ID, st.lists.Load()+100)
	return st.mapStore.Create(ctx, s)
}

func (st *laggingList) List(ctx context.Context, owner string) ([]*session.Session, error) {
	now := st.lists.Add(1)
	all, err := st.mapStore.List(ctx, owner)
	return slices.DeleteFunc(all, func(s *session.Session) bool {
		from, _ := st.seen.Load(s.ID)
		return from.(int64) > now
	}), err
}

// expiryCheckingGet returns ErrNoSession for a dead session.
type expiryCheckingGet struct{ *mapStore }

func (st expiryCheckingGet) Get(ctx context.Context, key session.Key) (*session.Session, error) {
	s, err := st.mapStore.Get(ctx, key)
	if err == nil && dead(s, time.Now()) {
		return nil, session.ErrNoSession
	}
	return s, err
}

// expiryCheckingList does not list dead sessions.
type expiryCheckingList struct{ *mapStore }

func (st expiryCheckingList) List(ctx context.Context, owner string) ([]*session.Session, error) {
	return st.filter(ctx, func(k session.Key, s *session.Session) bool { return k.Owner == owner && !dead(s, time.Now()) })
}

// sharingCreate stores the caller's session instead of a copy.
type sharingCreate struct{ *mapStore }

func (st sharingCreate) Create(ctx context.Context, s *session.Session) error {
	st.put(s)
	return ctx.Err()
}

// sharingUpdate stores the caller's Values instead of a copy.
type sharingUpdate struct{ *mapStore }

func (st sharingUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	err := st.mapStore.Update(ctx, s, now, newVersion)
	st.m[s.Key()].Values = s.Values
	return err
}

// sharingGet returns the stored session instead of a copy.
type sharingGet struct{ *mapStore }

func (st sharingGet) Get(ctx context.Context, key session.Key) (*session.Session, error) {
	return st.m[key], ctx.Err()
}

// sharingList returns the stored Roles instead of a copy.
type sharingList struct{ *mapStore }

func (st sharingList) List(ctx context.Context, owner string) ([]*session.Session, error) {
	all, err := st.mapStore.List(ctx, owner)
	for _, s := range all {
		s.Roles = st.m[s.Key()].Roles
	}
	return all, err
}
