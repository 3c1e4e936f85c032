package storetest

import (
	"context"
	"errors"
	"time"

	"example.com/coatcheck/pkg/session"
)

// upsertingTouch creates a session if there is none.
type upsertingTouch struct{ *mapStore }

func (st upsertingTouch) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	err := st.mapStore.Touch(ctx, key, now, expires, ip, userAgent)
	if errors.Is(err, session.ErrNoSession) {
		st.leave(key, now, expires)
		return nil
	}
	return err
}

// upsertingErrorTouch also creates a session, but returns ErrNoSession.
type upsertingErrorTouch struct{ *mapStore }

func (st upsertingErrorTouch) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	err := st.mapStore.Touch(ctx, key, now, expires, ip, userAgent)
	if errors.Is(err, session.ErrNoSession) {
		st.leave(key, now, expires)
	}
	return err
}

// leave stores a session with only the fields that a Touch has.
func (st *mapStore) leave(key session.Key, now, expires time.Time) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.m[key] = &session.Session{ID: key.ID, LastSeenAt: now, ExpiresAt: expires}
}

// upsertingUpdate creates a session if there is none.
type upsertingUpdate struct{ *mapStore }

func (st upsertingUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	if _, err := st.Get(ctx, s.Key()); errors.Is(err, session.ErrNoSession) {
		st.put(updated(s, s, newVersion))
		return nil
	}
	return st.mapStore.Update(ctx, s, now, newVersion)
}

// revivingTouch only checks that the session exists, not that it is live.
type revivingTouch struct{ *mapStore }

func (st revivingTouch) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	return st.retime(ctx, key, time.Time{}, func(s *session.Session) { s.LastSeenAt, s.ExpiresAt = now, expires })
}

// carelessTouch returns the right error for a dead session, but still writes.
type carelessTouch struct{ *mapStore }

func (st carelessTouch) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	err := st.mapStore.Touch(ctx, key, now, expires, ip, userAgent)
	if err != nil {
		st.retime(ctx, key, time.Time{}, func(s *session.Session) { s.LastSeenAt, s.ExpiresAt = now, expires })
	}
	return err
}

// revivingUpdate only checks that the session exists and has the version.
type revivingUpdate struct{ *mapStore }

func (st revivingUpdate) Update(ctx context.Context, s *session.Session, _ time.Time, newVersion int64) error {
	return st.mapStore.Update(ctx, s, time.Time{}, newVersion)
}

// extendingDead writes to a dead session, but only if ExpiresAt is set.
type extendingDead struct{ *mapStore }

func (st extendingDead) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	if !s.ExpiresAt.IsZero() {
		now = time.Time{}
	}
	return st.mapStore.Update(ctx, s, now, newVersion)
}

// versionFirstUpdate compares versions before it checks whether the session is dead.
type versionFirstUpdate struct{ *mapStore }

func (st versionFirstUpdate) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	if old, err := st.Get(ctx, s.Key()); err == nil && old.Version != s.Version {
		return session.ErrConflict
	}
	return st.mapStore.Update(ctx, s, now, newVersion)
}

// shiftedClock subtracts by from the given time, in one method.
type shiftedClock struct {
	*mapStore
	method string
	by     time.Duration
}

func (st shiftedClock) at(method string, now time.Time) time.Time {
	if method == st.method {
		return now.Add(-st.by)
	}
	return now
}

func (st shiftedClock) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	return st.mapStore.Update(ctx, s, st.at("Update", now), newVersion)
}

func (st shiftedClock) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	if s, err := st.Get(ctx, key); err == nil && dead(s, st.at("Touch", now)) {
		return session.ErrNoSession
	}
	return st.retime(ctx, key, time.Time{}, func(s *session.Session) {
		if s.LastSeenAt.Before(now) && !s.ExpiresAt.After(expires) {
			s.LastSeenAt, s.ExpiresAt = now, expires
		}
	})
}

func (st shiftedClock) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (string, error) {
	return st.mapStore.Delete(ctx, key, secret, st.at("Delete", now))
}

// clockTouch reads the clock instead of using the given time.
type clockTouch struct{ *mapStore }

func (st clockTouch) Touch(ctx context.Context, key session.Key, _, expires time.Time, ip, userAgent string) error {
	return st.mapStore.Touch(ctx, key, time.Now(), expires, ip, userAgent)
}

// clockUpdate reads the clock instead of using the given time.
type clockUpdate struct{ *mapStore }

func (st clockUpdate) Update(ctx context.Context, s *session.Session, _ time.Time, newVersion int64) error {
	return st.mapStore.Update(ctx, s, time.Now(), newVersion)
}

// clockDelete reads the clock instead of using the given time.
type clockDelete struct{ *mapStore }

func (st clockDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, _ time.Time) (string, error) {
	return st.mapStore.Delete(ctx, key, secret, time.Now())
}

// forgetfulDelete does not accept the previous secret.
type forgetfulDelete struct{ *mapStore }

func (st forgetfulDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (string, error) {
	if s, err := st.Get(ctx, key); err == nil && secret != nil && *secret == s.PreviousSecret {
		return "", session.ErrNoSession
	}
	return st.mapStore.Delete(ctx, key, secret, now)
}

// anonymousDelete does not say whose session it removed.
type anonymousDelete struct{ *mapStore }

func (st anonymousDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (string, error) {
	_, err := st.mapStore.Delete(ctx, key, secret, now)
	return "", err
}

// keyDelete returns the owner instead of the user.
type keyDelete struct{ *mapStore }

func (st keyDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (string, error) {
	_, err := st.mapStore.Delete(ctx, key, secret, now)
	return key.Owner, err
}

// strictDelete always requires a secret.
type strictDelete struct{ *mapStore }

func (st strictDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (string, error) {
	if secret == nil {
		secret = new([32]byte)
	}
	return st.mapStore.Delete(ctx, key, secret, now)
}

// nilErrorDelete returns nil if there is nothing to delete.
type nilErrorDelete struct{ *mapStore }

func (st nilErrorDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (string, error) {
	if _, err := st.Get(ctx, key); errors.Is(err, session.ErrNoSession) {
		return "", nil
	}
	return st.mapStore.Delete(ctx, key, secret, now)
}

// ownerDelete deletes all sessions of the owner.
type ownerDelete struct{ *mapStore }

func (st ownerDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (string, error) {
	userID, err := st.mapStore.Delete(ctx, key, secret, now)
	all, _ := st.List(ctx, key.Owner)
	for _, s := range all {
		st.mapStore.Delete(ctx, s.Key(), nil, now)
	}
	return userID, err
}

// trustingDelete does not check the secret.
type trustingDelete struct{ *mapStore }

func (st trustingDelete) Delete(ctx context.Context, key session.Key, _ *[32]byte, now time.Time) (string, error) {
	return st.mapStore.Delete(ctx, key, nil, now)
}

// carelessDelete returns the right error for a wrong secret, but still deletes.
type carelessDelete struct{ *mapStore }

func (st carelessDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (string, error) {
	userID, err := st.mapStore.Delete(ctx, key, secret, now)
	st.mapStore.Delete(ctx, key, nil, now)
	return userID, err
}

// zeroDelete treats a zero secret like no secret.
type zeroDelete struct{ *mapStore }

func (st zeroDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (string, error) {
	if secret != nil && *secret == [32]byte{} {
		secret = nil
	}
	return st.mapStore.Delete(ctx, key, secret, now)
}

// deadWithoutSecretDelete deletes a dead session with any secret.
type deadWithoutSecretDelete struct{ *mapStore }

func (st deadWithoutSecretDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (string, error) {
	if s, err := st.Get(ctx, key); err == nil && dead(s, now) {
		secret = nil
	}
	return st.mapStore.Delete(ctx, key, secret, now)
}

// deadAsLiveDelete returns nil for a dead session.
type deadAsLiveDelete struct{ *mapStore }

func (st deadAsLiveDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, _ time.Time) (string, error) {
	return st.mapStore.Delete(ctx, key, secret, time.Time{})
}

// deadKeepingDelete does not delete a dead session.
type deadKeepingDelete struct{ *mapStore }

func (st deadKeepingDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (string, error) {
	if s, err := st.Get(ctx, key); err == nil && dead(s, now) {
		return "", session.ErrNoSession
	}
	return st.mapStore.Delete(ctx, key, secret, now)
}
