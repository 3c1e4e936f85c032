package storetest

import (
	"context"
	"sync"
	"time"

	"example.com/coatcheck/pkg/session"
)

// mapStore is a correct Store, as short as possible. The broken stores are built on it.
type mapStore struct {
	mu sync.Mutex
	m  map[session.Key]*session.Session
}

func newMapStore() *mapStore { return &mapStore{m: make(map[session.Key]*session.Session)} }

func (st *mapStore) Create(ctx context.Context, s *session.Session) error {
	return st.change(ctx, s.Key(), func(old *session.Session) (*session.Session, error) {
		if old != nil {
			return old, session.ErrConflict
		}
		return s, nil
	})
}

func (st *mapStore) Get(ctx context.Context, key session.Key) (got *session.Session, err error) {
	err = st.change(ctx, key, func(s *session.Session) (*session.Session, error) {
		if s == nil {
			return nil, session.ErrNoSession
		}
		got = s.Clone()
		return s, nil
	})
	return got, err
}

func (st *mapStore) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	return st.change(ctx, s.Key(), func(old *session.Session) (*session.Session, error) {
		switch {
		case dead(old, now):
			return old, session.ErrNoSession
		case old.Version == newVersion:
			return old, nil
		case old.Version != s.Version:
			return old, session.ErrConflict
		}
		return updated(old, s, newVersion), nil
	})
}

func (st *mapStore) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	return st.change(ctx, key, func(s *session.Session) (*session.Session, error) {
		if dead(s, now) {
			return s, session.ErrNoSession
		}
		if s.LastSeenAt.Before(now) && !s.ExpiresAt.After(expires) {
			s.LastSeenAt, s.ExpiresAt = now, expires
			s.LastIP, s.LastUserAgent = ip, userAgent
		}
		return s, nil
	})
}

func (st *mapStore) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (userID string, err error) {
	err = st.change(ctx, key, func(s *session.Session) (*session.Session, error) {
		switch {
		case s == nil, secret != nil && *secret != s.Secret && *secret != s.PreviousSecret:
			return s, session.ErrNoSession
		case dead(s, now):
			return nil, session.ErrNoSession
		}
		userID = s.UserID
		return nil, nil
	})
	return userID, err
}

func (st *mapStore) List(ctx context.Context, owner string) (list []*session.Session, err error) {
	return st.filter(ctx, func(key session.Key, _ *session.Session) bool { return key.Owner == owner })
}

// change calls f with a copy of the session that is stored under the key, or nil if there
// is none. It stores what f returns instead.
func (st *mapStore) change(ctx context.Context, key session.Key, f func(*session.Session) (*session.Session, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	old := st.m[key]
	if old != nil {
		old = old.Clone()
	}
	s, err := f(old)
	if delete(st.m, key); s != nil {
		st.m[key] = s.Clone()
	}
	return err
}

func (st *mapStore) filter(ctx context.Context, keep func(session.Key, *session.Session) bool) (list []*session.Session, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for key, s := range st.m {
		if keep(key, s) {
			list = append(list, s.Clone())
		}
	}
	return list, ctx.Err()
}

func dead(s *session.Session, now time.Time) bool { return s == nil || !s.ExpiresAt.After(now) }

// updated returns what is stored after an Update of old with s.
func updated(old, s *session.Session, newVersion int64) *session.Session {
	u := written(old, s, newVersion)
	if !s.ExpiresAt.IsZero() {
		u.AuthenticatedAt, u.EndsAt, u.ExpiresAt = s.AuthenticatedAt, s.EndsAt, s.ExpiresAt
	}
	return u
}
