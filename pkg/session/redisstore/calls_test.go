package redisstore_test

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"example.com/coatcheck/pkg/session"
)

// call is one method of the Store, called so that it succeeds.
type call struct {
	method string

	// do calls the method for s, which the store holds and which is alive at now.
	do func(ctx context.Context, store session.Store, s *session.Session) error

	// leaves returns what the store then holds of s; nil if nothing.
	leaves func(s *session.Session) *session.Session
}

var (
	get = call{"Get", func(ctx context.Context, store session.Store, s *session.Session) error {
		got, err := store.Get(ctx, s.Key())
		if err == nil && !reflect.DeepEqual(got, s) {
			return fmt.Errorf("Get returned %+v, want %+v", got, s)
		}
		return err
	}, unchanged}

	list = call{"List", func(ctx context.Context, store session.Store, s *session.Session) error {
		got, err := store.List(ctx, s.Key().Owner)
		if err == nil && !reflect.DeepEqual(got, []*session.Session{s}) {
			return fmt.Errorf("List returned %+v, want %+v alone", got, s)
		}
		return err
	}, unchanged}

	update = call{"Update", func(ctx context.Context, store session.Store, s *session.Session) error {
		return store.Update(ctx, write(updated(s), s.Version), now, 2)
	}, updated}

	touch = call{"Touch", func(ctx context.Context, store session.Store, s *session.Session) error {
		return store.Touch(ctx, s.Key(), now, now.Add(30*time.Minute))
	}, touched}

	logout = call{"Delete with a secret", func(ctx context.Context, store session.Store, s *session.Session) error {
		return store.Delete(ctx, s.Key(), &s.Secret, now)
	}, nothing}

	revoke = call{"Delete", func(ctx context.Context, store session.Store, s *session.Session) error {
		return store.Delete(ctx, s.Key(), nil, now)
	}, nothing}

	// create is for a session that the store does not hold yet.
	create = call{"Create", func(ctx context.Context, store session.Store, s *session.Session) error {
		return store.Create(ctx, s)
	}, unchanged}
)

// retried are the calls that may be sent more than once: all but create.
var retried = []call{get, list, update, touch, logout, revoke}

var all = append([]call{create}, retried...)

func unchanged(s *session.Session) *session.Session { return s }

func nothing(*session.Session) *session.Session { return nil }

func updated(s *session.Session) *session.Session {
	s = s.Clone()
	s.Roles, s.Values = []string{"admin"}, map[string]string{"count": "2"}
	s.PreviousSecret, s.Secret = s.Secret, [32]byte{3}
	s.Version = 2
	return s
}

func touched(s *session.Session) *session.Session {
	s = s.Clone()
	s.LastSeenAt, s.ExpiresAt = now, now.Add(30*time.Minute)
	return s
}

// write returns the argument of an Update that makes s of the given version.
func write(s *session.Session, version int64) *session.Session {
	s = s.Clone()
	s.Version, s.ExpiresAt = version, time.Time{}
	return s
}

// foreign is what another request makes of s.
func foreign(s *session.Session) *session.Session {
	s = s.Clone()
	s.Values = map[string]string{"count": "foreign"}
	s.Version = 99
	return s
}

// left demands that the store holds of s what the call leaves.
func (r *rig) left(c call, s *session.Session) {
	r.t.Helper()
	if after := c.leaves(s); after != nil {
		r.holds(after)
		return
	}
	r.gone(s)
}

// updateForeign makes foreign(s) of whatever version of s the store has.
func (r *rig) updateForeign(s *session.Session) {
	r.t.Helper()
	current, err := r.direct.Get(r.t.Context(), s.Key())
	if want(r.t, err, nil); err != nil {
		return
	}
	want(r.t, r.direct.Update(r.t.Context(), write(foreign(s), current.Version), now, foreign(s).Version), nil)
}

func (r *rig) touchLater(s *session.Session) {
	r.t.Helper()
	later := touchedLater(s)
	want(r.t, r.direct.Touch(r.t.Context(), s.Key(), later.LastSeenAt, later.ExpiresAt), nil)
}

func touchedLater(s *session.Session) *session.Session {
	s = s.Clone()
	s.LastSeenAt, s.ExpiresAt = now.Add(time.Minute), now.Add(31*time.Minute)
	return s
}
