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

// zombieTouch does so too, but says ErrNoSession.
type zombieTouch struct{ *mapStore }

func (st zombieTouch) Touch(ctx context.Context, key session.Key, now, expires time.Time) error {
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

// lateJudge compares versions before it looks whether the session is dead.
type lateJudge struct{ *mapStore }

func (st lateJudge) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	if old, err := st.Get(ctx, s.Key()); err == nil && old.Version != s.Version {
		return session.ErrConflict
	}
	return st.mapStore.Update(ctx, s, now, newVersion)
}

// late judges in one method by a time somewhat before the one it is told.
type late struct {
	*mapStore
	method string
	by     time.Duration
}

func (st late) at(method string, now time.Time) time.Time {
	if method == st.method {
		return now.Add(-st.by)
	}
	return now
}

func (st late) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	return st.mapStore.Update(ctx, s, st.at("Update", now), newVersion)
}

func (st late) Touch(ctx context.Context, key session.Key, now, expires time.Time) error {
	if s, err := st.Get(ctx, key); err == nil && dead(s, st.at("Touch", now)) {
		return session.ErrNoSession
	}
	return st.retime(ctx, key, time.Time{}, func(s *session.Session) {
		if s.LastSeenAt.Before(now) && !s.ExpiresAt.After(expires) {
			s.LastSeenAt, s.ExpiresAt = now, expires
		}
	})
}

func (st late) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) error {
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

// quietDelete is content when there is nothing to delete.
type quietDelete struct{ *mapStore }

func (st quietDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) error {
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

// tidyDelete removes a dead session whatever the secret.
type tidyDelete struct{ *mapStore }

func (st tidyDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) error {
	if s, err := st.Get(ctx, key); err == nil && dead(s, now) {
		secret = nil
	}
	return st.mapStore.Delete(ctx, key, secret, now)
}

// cheerfulDelete reports a dead session as removed.
type cheerfulDelete struct{ *mapStore }

func (st cheerfulDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, _ time.Time) error {
	return st.mapStore.Delete(ctx, key, secret, time.Time{})
}

// lazyDelete leaves a dead session where it is.
type lazyDelete struct{ *mapStore }

func (st lazyDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) error {
	if s, err := st.Get(ctx, key); err == nil && dead(s, now) {
		return session.ErrNoSession
	}
	return st.mapStore.Delete(ctx, key, secret, now)
}
