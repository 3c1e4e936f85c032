package storetest

import (
	"context"
	"maps"
	"time"

	"example.com/coatcheck/pkg/session"
)

// overwritingCreate replaces a session that has the same key.
type overwritingCreate struct{ *mapStore }

func (st overwritingCreate) Create(ctx context.Context, s *session.Session) error {
	st.put(s.Clone())
	return ctx.Err()
}

// carelessCreate returns the right error if the key is taken, but still writes.
type carelessCreate struct{ *mapStore }

func (st carelessCreate) Create(ctx context.Context, s *session.Session) error {
	_, err := st.Get(ctx, s.Key())
	st.put(s.Clone())
	if err == nil {
		return session.ErrConflict
	}
	return ctx.Err()
}

// retriedCreate mistakes a stored session for the result of its own first try.
type retriedCreate struct{ *mapStore }

func (st retriedCreate) Create(ctx context.Context, s *session.Session) error {
	if old, err := st.Get(ctx, s.Key()); err == nil && old.Version == s.Version {
		return nil
	}
	return st.mapStore.Create(ctx, s)
}

// outageUpdate returns an error other than ErrNoSession if there is no session.
type outageUpdate struct{ *mapStore }

func (st outageUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	return disguise(st.mapStore.Update(ctx, s, now, newVersion))
}

// outageTouch returns an error other than ErrNoSession if there is no session.
type outageTouch struct{ *mapStore }

func (st outageTouch) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	return disguise(st.mapStore.Touch(ctx, key, now, expires, ip, userAgent))
}

// outageDelete returns an error other than ErrNoSession if there is no session.
type outageDelete struct{ *mapStore }

func (st outageDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (string, error) {
	userID, err := st.mapStore.Delete(ctx, key, secret, now)
	return userID, disguise(err)
}

// mergingUpdate adds to Values instead of replacing them.
type mergingUpdate struct{ *mapStore }

func (st mergingUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	return st.rewrite(ctx, s, now, newVersion, func(before, after *session.Session) {
		merged := maps.Clone(before.Values)
		maps.Copy(merged, after.Values)
		after.Values = merged
	})
}

// nilKeepsUpdate keeps the old value of a field that is nil.
type nilKeepsUpdate struct{ *mapStore }

func (st nilKeepsUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	return st.rewrite(ctx, s, now, newVersion, func(before, after *session.Session) {
		if s.Roles == nil {
			after.Roles = before.Roles
		}
	})
}

// previousSecretUpdate does not write PreviousSecret.
type previousSecretUpdate struct{ *mapStore }

func (st previousSecretUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	return st.rewrite(ctx, s, now, newVersion, func(before, after *session.Session) { after.PreviousSecret = before.PreviousSecret })
}

// lastSeenUpdate also writes LastSeenAt, and so undoes a Touch.
type lastSeenUpdate struct{ *mapStore }

func (st lastSeenUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	return st.rewrite(ctx, s, now, newVersion, func(_, after *session.Session) { after.LastSeenAt = s.LastSeenAt })
}

// spreadingUpdate writes to all sessions of the owner that have the version.
type spreadingUpdate struct{ *mapStore }

func (st spreadingUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	all, _ := st.List(ctx, s.Key().Owner)
	for _, other := range all {
		if other.ID != s.ID && other.Version == s.Version {
			st.put(updated(other, s, newVersion))
		}
	}
	return st.mapStore.Update(ctx, s, now, newVersion)
}

// lastClientUpdate also writes the last client, and so undoes a Touch.
type lastClientUpdate struct{ *mapStore }

func (st lastClientUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	return st.rewrite(ctx, s, now, newVersion, func(_, after *session.Session) {
		after.LastIP, after.LastUserAgent = s.LastIP, s.LastUserAgent
	})
}

// persistentUpdate also writes Persistent.
type persistentUpdate struct{ *mapStore }

func (st persistentUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	return st.rewrite(ctx, s, now, newVersion, func(_, after *session.Session) { after.Persistent = s.Persistent })
}

// authenticatedAtUpdate always writes AuthenticatedAt.
type authenticatedAtUpdate struct{ *mapStore }

func (st authenticatedAtUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	return st.rewrite(ctx, s, now, newVersion, func(_, after *session.Session) { after.AuthenticatedAt = s.AuthenticatedAt })
}

// endsAtUpdate always writes EndsAt, droppingUpdate drops it in every Update that has none.
type (
	endsAtUpdate   struct{ *mapStore }
	droppingUpdate struct{ *mapStore }
)

func (st endsAtUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	return st.rewrite(ctx, s, now, newVersion, func(_, after *session.Session) { after.EndsAt = s.EndsAt })
}

func (st droppingUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	return st.rewrite(ctx, s, now, newVersion, func(_, after *session.Session) {
		if s.EndsAt.IsZero() {
			after.EndsAt = time.Time{}
		}
	})
}

// keptEndUpdate never writes EndsAt, stickyEndUpdate never removes it, and
// forgetfulEndUpdate removes it instead of replacing it.
type (
	keptEndUpdate      struct{ *mapStore }
	stickyEndUpdate    struct{ *mapStore }
	forgetfulEndUpdate struct{ *mapStore }
)

func (st keptEndUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	return st.rewrite(ctx, s, now, newVersion, func(before, after *session.Session) { after.EndsAt = before.EndsAt })
}

func (st stickyEndUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	return st.rewrite(ctx, s, now, newVersion, func(before, after *session.Session) {
		if s.EndsAt.IsZero() {
			after.EndsAt = before.EndsAt
		}
	})
}

func (st forgetfulEndUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	return st.rewrite(ctx, s, now, newVersion, func(_, after *session.Session) {
		if !s.ExpiresAt.IsZero() {
			after.EndsAt = time.Time{}
		}
	})
}

// zeroExpiryUpdate writes ExpiresAt even if it is zero.
type zeroExpiryUpdate struct{ *mapStore }

func (st zeroExpiryUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	return st.rewrite(ctx, s, now, newVersion, func(_, after *session.Session) { after.ExpiresAt = s.ExpiresAt })
}

// noTimesUpdate never writes times.
type noTimesUpdate struct{ *mapStore }

func (st noTimesUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	return st.rewrite(ctx, s, now, newVersion, func(before, after *session.Session) {
		after.AuthenticatedAt, after.ExpiresAt = before.AuthenticatedAt, before.ExpiresAt
	})
}

// extendingUpdate never makes ExpiresAt earlier.
type extendingUpdate struct{ *mapStore }

func (st extendingUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	return st.rewrite(ctx, s, now, newVersion, func(before, after *session.Session) {
		if before.ExpiresAt.After(after.ExpiresAt) {
			after.ExpiresAt = before.ExpiresAt
		}
	})
}

// lastWriteWins does not compare versions.
type lastWriteWins struct{ *mapStore }

func (st lastWriteWins) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	return st.change(ctx, s.Key(), func(old *session.Session) (*session.Session, error) {
		if dead(old, now) {
			return old, session.ErrNoSession
		}
		return updated(old, s, newVersion), nil
	})
}

// carelessUpdate returns ErrConflict when it must, but still writes.
type carelessUpdate struct{ *mapStore }

func (st carelessUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	err := st.mapStore.Update(ctx, s, now, newVersion)
	if err == session.ErrConflict {
		lastWriteWins(st).Update(ctx, s, now, newVersion)
	}
	return err
}

// uncheckedTimesUpdate does not compare versions if ExpiresAt is set.
type uncheckedTimesUpdate struct{ *mapStore }

func (st uncheckedTimesUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	if s.ExpiresAt.IsZero() {
		return st.mapStore.Update(ctx, s, now, newVersion)
	}
	return lastWriteWins(st).Update(ctx, s, now, newVersion)
}

// shortSightedUpdate does not recognize its own first try after a Touch.
type shortSightedUpdate struct{ *mapStore }

func (st shortSightedUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	if old, err := st.Get(ctx, s.Key()); err == nil && old.Version == newVersion && !old.LastSeenAt.Equal(s.LastSeenAt) {
		return session.ErrConflict
	}
	return st.mapStore.Update(ctx, s, now, newVersion)
}

// repeatingUpdate recognizes its own first try, but writes everything again.
type repeatingUpdate struct{ *mapStore }

func (st repeatingUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	if old, err := st.Get(ctx, s.Key()); err == nil && old.Version == newVersion {
		again := written(old, s, newVersion)
		again.LastSeenAt = s.LastSeenAt
		st.put(again)
		return nil
	}
	return st.mapStore.Update(ctx, s, now, newVersion)
}

// forgetfulUpdate mistakes its own first try for another write.
type forgetfulUpdate struct{ *mapStore }

func (st forgetfulUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	if old, err := st.Get(ctx, s.Key()); err == nil && old.Version == newVersion {
		return session.ErrConflict
	}
	return st.mapStore.Update(ctx, s, now, newVersion)
}

// trustingUpdate treats every version that it ever wrote like the present version.
type trustingUpdate struct {
	*mapStore
	wrote map[int64]bool
}

func (st *trustingUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	if st.wrote[newVersion] {
		return nil
	}
	if st.wrote == nil {
		st.wrote = make(map[int64]bool)
	}
	st.wrote[newVersion] = true
	return st.mapStore.Update(ctx, s, now, newVersion)
}

// versionedTouch writes a new Version.
type versionedTouch struct{ *mapStore }

func (st versionedTouch) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	err := st.mapStore.Touch(ctx, key, now, expires, ip, userAgent)
	if err == nil {
		st.m[key].Version++
	}
	return err
}

// expiryOnlyTouch does nothing if ExpiresAt stays the same.
type expiryOnlyTouch struct{ *mapStore }

func (st expiryOnlyTouch) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	if s, err := st.Get(ctx, key); err == nil && s.ExpiresAt.Equal(expires) {
		return nil
	}
	return st.mapStore.Touch(ctx, key, now, expires, ip, userAgent)
}

// spreadingTouch touches all sessions of the owner.
type spreadingTouch struct{ *mapStore }

func (st spreadingTouch) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	all, _ := st.List(ctx, key.Owner)
	for _, s := range all {
		if err := st.mapStore.Touch(ctx, s.Key(), now, expires, ip, userAgent); err != nil {
			return err
		}
	}
	return st.mapStore.Touch(ctx, key, now, expires, ip, userAgent)
}

// clientlessTouch, keepingTouch and swappingTouch store another last client than they
// are told: none, the old one instead of an empty one, and the two texts swapped.
type (
	clientlessTouch struct{ *mapStore }
	keepingTouch    struct{ *mapStore }
	swappingTouch   struct{ *mapStore }
)

func (st clientlessTouch) Touch(ctx context.Context, key session.Key, now, expires time.Time, _, _ string) error {
	return st.mapStore.Touch(ctx, key, now, expires, lastIP, lastUserAgent)
}

func (st keepingTouch) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	if s, err := st.Get(ctx, key); err == nil && userAgent == "" {
		userAgent = s.LastUserAgent
	}
	return st.mapStore.Touch(ctx, key, now, expires, ip, userAgent)
}

func (st swappingTouch) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	return st.mapStore.Touch(ctx, key, now, expires, userAgent, ip)
}

// lateClientTouch stores the last client even if the times stay.
type lateClientTouch struct{ *mapStore }

func (st lateClientTouch) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	err := st.mapStore.Touch(ctx, key, now, expires, ip, userAgent)
	if err == nil {
		st.retime(ctx, key, now, func(s *session.Session) { s.LastIP, s.LastUserAgent = ip, userAgent })
	}
	return err
}

// backwardTouch writes the given times even if they are earlier than the stored ones.
type backwardTouch struct{ *mapStore }

func (st backwardTouch) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	return st.retime(ctx, key, now, func(s *session.Session) { s.LastSeenAt, s.ExpiresAt = now, expires })
}

// perTimeTouch compares LastSeenAt and ExpiresAt separately, and so may write only one.
type perTimeTouch struct{ *mapStore }

func (st perTimeTouch) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	return st.retime(ctx, key, now, func(s *session.Session) {
		if s.LastSeenAt.Before(now) {
			s.LastSeenAt = now
		}
		if s.ExpiresAt.Before(expires) {
			s.ExpiresAt = expires
		}
	})
}

// conflictingTouch returns an error if its time is earlier than the stored one.
type conflictingTouch struct{ *mapStore }

func (st conflictingTouch) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	if s, err := st.Get(ctx, key); err == nil && now.Before(s.LastSeenAt) {
		return session.ErrConflict
	}
	return st.mapStore.Touch(ctx, key, now, expires, ip, userAgent)
}

func (st *mapStore) put(s *session.Session) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.m[s.Key()] = s
}

// rewrite is a correct Update, after which f changes the stored session.
func (st *mapStore) rewrite(ctx context.Context, s *session.Session, now time.Time, newVersion int64, f func(before, after *session.Session)) error {
	return st.change(ctx, s.Key(), func(before *session.Session) (*session.Session, error) {
		aside := newMapStore()
		if before != nil {
			aside.put(before.Clone())
		}
		if err := aside.Update(ctx, s, now, newVersion); err != nil {
			return before, err
		}
		f(before, aside.m[s.Key()])
		return aside.m[s.Key()], nil
	})
}

// retime lets f set the times of a live session.
func (st *mapStore) retime(ctx context.Context, key session.Key, now time.Time, f func(*session.Session)) error {
	return st.change(ctx, key, func(s *session.Session) (*session.Session, error) {
		if dead(s, now) {
			return s, session.ErrNoSession
		}
		f(s)
		return s, nil
	})
}
