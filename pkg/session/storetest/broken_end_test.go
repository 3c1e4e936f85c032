package storetest

import (
	"context"
	"errors"
	"time"

	"example.com/coatcheck/pkg/session"
)

// upsertingTouch makes a session of what it is told about one that is gone.
type upsertingTouch struct{ *mapStore }

func (st upsertingTouch) Touch(ctx context.Context, key session.Key, now, expires time.Time) error {
	err := st.mapStore.Touch(ctx, key, now, expires)
	if errors.Is(err, session.ErrNoSession) {
		st.leave(key, now, expires)
		return nil
	}
	return err
}

// upsertingErrorTouch does so too, but says ErrNoSession.
type upsertingErrorTouch struct{ *mapStore }

func (st upsertingErrorTouch) Touch(ctx context.Context, key session.Key, now, expires time.Time) error {
	err := st.mapStore.Touch(ctx, key, now, expires)
	if errors.Is(err, session.ErrNoSession) {
		st.leave(key, now, expires)
	}
	return err
}

// leave stores what a Touch knows of a session.
func (st *mapStore) leave(key session.Key, now, expires time.Time) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.m[key] = &session.Session{ID: key.ID, LastSeenAt: now, ExpiresAt: expires}
}

// upsertingUpdate stores what it is given, there or not.
type upsertingUpdate struct{ *mapStore }

func (st upsertingUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	if _, err := st.Get(ctx, s.Key()); errors.Is(err, session.ErrNoSession) {
		st.put(updated(s, s, newVersion))
		return nil
	}
	return st.mapStore.Update(ctx, s, now, newVersion)
}

// revivingTouch looks at presence only.
type revivingTouch struct{ *mapStore }

func (st revivingTouch) Touch(ctx context.Context, key session.Key, now, expires time.Time) error {
	return st.retime(ctx, key, time.Time{}, func(s *session.Session) { s.LastSeenAt, s.ExpiresAt = now, expires })
}

// carelessTouch reports a dead session as such, and writes.
type carelessTouch struct{ *mapStore }

func (st carelessTouch) Touch(ctx context.Context, key session.Key, now, expires time.Time) error {
	err := st.mapStore.Touch(ctx, key, now, expires)
	if err != nil {
		st.retime(ctx, key, time.Time{}, func(s *session.Session) { s.LastSeenAt, s.ExpiresAt = now, expires })
	}
	return err
}

// revivingUpdate looks at presence and version only.
type revivingUpdate struct{ *mapStore }

func (st revivingUpdate) Update(ctx context.Context, s *session.Session, _ time.Time, newVersion int64) error {
	return st.mapStore.Update(ctx, s, time.Time{}, newVersion)
}

// extendingDead revives only with an ExpiresAt.
type extendingDead struct{ *mapStore }

func (st extendingDead) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	if !s.ExpiresAt.IsZero() {
		now = time.Time{}
	}
	return st.mapStore.Update(ctx, s, now, newVersion)
}

// versionFirstUpdate compares versions before it looks whether the session is dead.
type versionFirstUpdate struct{ *mapStore }

func (st versionFirstUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	if old, err := st.Get(ctx, s.Key()); err == nil && old.Version != s.Version {
		return session.ErrConflict
	}
	return st.mapStore.Update(ctx, s, now, newVersion)
}

// slowClock judges in one method by a time somewhat before the one it is told.
type slowClock struct {
	*mapStore
	method string
	by     time.Duration
}

func (st slowClock) at(method string, now time.Time) time.Time {
	if method == st.method {
		return now.Add(-st.by)
	}
	return now
}

func (st slowClock) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	return st.mapStore.Update(ctx, s, st.at("Update", now), newVersion)
}

func (st slowClock) Touch(ctx context.Context, key session.Key, now, expires time.Time) error {
	if s, err := st.Get(ctx, key); err == nil && dead(s, st.at("Touch", now)) {
		return session.ErrNoSession
	}
	return st.retime(ctx, key, time.Time{}, func(s *session.Session) {
		if s.LastSeenAt.Before(now) && !s.ExpiresAt.After(expires) {
			s.LastSeenAt, s.ExpiresAt = now, expires
		}
	})
}

func (st slowClock) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) error {
	return st.mapStore.Delete(ctx, key, secret, st.at("Delete", now))
}

// clockTouch looks at the time itself.
type clockTouch struct{ *mapStore }

func (st clockTouch) Touch(ctx context.Context, key session.Key, _, expires time.Time) error {
	return st.mapStore.Touch(ctx, key, time.Now(), expires)
}

// clockUpdate looks at the time itself.
type clockUpdate struct{ *mapStore }

func (st clockUpdate) Update(ctx context.Context, s *session.Session, _ time.Time, newVersion int64) error {
	return st.mapStore.Update(ctx, s, time.Now(), newVersion)
}

// clockDelete looks at the time itself.
type clockDelete struct{ *mapStore }

func (st clockDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, _ time.Time) error {
	return st.mapStore.Delete(ctx, key, secret, time.Now())
}

// forgetfulDelete does not know the previous secret.
type forgetfulDelete struct{ *mapStore }

func (st forgetfulDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) error {
	if s, err := st.Get(ctx, key); err == nil && secret != nil && *secret == s.PreviousSecret {
		return session.ErrNoSession
	}
	return st.mapStore.Delete(ctx, key, secret, now)
}

// strictDelete always wants a secret.
type strictDelete struct{ *mapStore }

func (st strictDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) error {
	if secret == nil {
		secret = new([32]byte)
	}
	return st.mapStore.Delete(ctx, key, secret, now)
}

// nilErrorDelete is content when there is nothing to delete.
type nilErrorDelete struct{ *mapStore }

func (st nilErrorDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) error {
	if _, err := st.Get(ctx, key); errors.Is(err, session.ErrNoSession) {
		return nil
	}
	return st.mapStore.Delete(ctx, key, secret, now)
}

// ownerDelete deletes all sessions of the owner.
type ownerDelete struct{ *mapStore }

func (st ownerDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) error {
	err := st.mapStore.Delete(ctx, key, secret, now)
	all, _ := st.List(ctx, key.Owner)
	for _, s := range all {
		st.mapStore.Delete(ctx, s.Key(), nil, now)
	}
	return err
}

// trustingDelete looks at no secret.
type trustingDelete struct{ *mapStore }

func (st trustingDelete) Delete(ctx context.Context, key session.Key, _ *[32]byte, now time.Time) error {
	return st.mapStore.Delete(ctx, key, nil, now)
}

// carelessDelete reports a wrong secret, and removes.
type carelessDelete struct{ *mapStore }

func (st carelessDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) error {
	err := st.mapStore.Delete(ctx, key, secret, now)
	st.mapStore.Delete(ctx, key, nil, now)
	return err
}

// zeroDelete takes the zero secret for none.
type zeroDelete struct{ *mapStore }

func (st zeroDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) error {
	if secret != nil && *secret == [32]byte{} {
		secret = nil
	}
	return st.mapStore.Delete(ctx, key, secret, now)
}

// deadWithoutSecretDelete removes a dead session whatever the secret.
type deadWithoutSecretDelete struct{ *mapStore }

func (st deadWithoutSecretDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) error {
	if s, err := st.Get(ctx, key); err == nil && dead(s, now) {
		secret = nil
	}
	return st.mapStore.Delete(ctx, key, secret, now)
}

// deadAsLiveDelete reports a dead session as removed.
type deadAsLiveDelete struct{ *mapStore }

func (st deadAsLiveDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, _ time.Time) error {
	return st.mapStore.Delete(ctx, key, secret, time.Time{})
}

// deadKeepingDelete leaves a dead session where it is.
type deadKeepingDelete struct{ *mapStore }

func (st deadKeepingDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) error {
	if s, err := st.Get(ctx, key); err == nil && dead(s, now) {
		return session.ErrNoSession
	}
	return st.mapStore.Delete(ctx, key, secret, now)
}
