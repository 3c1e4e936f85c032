package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"
)

// How many races one Update may lose, and how long it pauses after each. Without a
// pause, 32 writers of one session read and write in step, and some lose all their
// races. The pauses are random, and each may be twice as long as the one before, so
// that the writers spread out until most of them are alone.
const (
	updateTries  = 32
	firstPause   = 2 * time.Millisecond // at most
	longestPause = time.Second
)

// Update calls change to alter the Roles and Values of s, and stores them. It
// ignores all other alterations. Values is never nil in change. If another request
// wrote in between, change runs again on what that request stored, so nothing is
// lost; change must depend only on its argument. On success s holds what was
// written. Update returns ErrNoSession if the session has ended, and ErrInvalid as
// Create does. It returns ErrConflict if the session was renewed meanwhile, or if
// other writes came first 32 times or until ctx ended. With the context of the request,
// [FromContext] and [Manager.Load] show there what was written, or that the session has
// ended.
func (m *Manager) Update(ctx context.Context, s *Session, change func(*Session)) error {
	return m.modify(ctx, s, func(next *Session) error {
		changed := next.Clone()
		if changed.Values == nil {
			changed.Values = map[string]string{}
		}
		change(changed)
		next.Roles, next.Values = changed.Roles, changed.Values
		return validate(next.UserID, next.Roles, next.Values)
	})
}

// Renew gives s a new secret and sets the new cookie on w; the old token is dead at
// once. Call it before the user gets more privileges, so that a token stolen earlier
// never has them. ID, data and lifetime stay, and a persistent session stays one. The
// errors are those of Update. On an error no cookie is set. After an outage the old
// token may be dead too, if the write was applied and only its answer was lost.
//
// Call Renew before anything of the answer is written. As far as w tells that it is too
// late, Renew returns ErrTooLate and the token stays: see [Manager.Create].
func (m *Manager) Renew(ctx context.Context, w http.ResponseWriter, s *Session) error {
	return m.renew(ctx, w, s, func(*Session) {})
}

// Reauthenticate is Renew for a user who has just proved again who they are. It also
// starts a new lifetime, and drops EndsAt: the session no longer continues another.
func (m *Manager) Reauthenticate(ctx context.Context, w http.ResponseWriter, s *Session) error {
	return m.ReauthenticateAt(ctx, w, s, time.Now())
}

// ReauthenticateAt is Reauthenticate for a user who has proved it at another system, at that
// time, from which the new lifetime counts. The zero time means now, and so does a time in the
// future. One before [Session.AuthenticatedAt] proves nothing new, and leaves that as it is.
func (m *Manager) ReauthenticateAt(ctx context.Context, w http.ResponseWriter, s *Session, at time.Time) error {
	return m.renew(ctx, w, s, func(next *Session) {
		now := time.Now().UTC().Truncate(time.Second)
		proved := at.UTC().Truncate(time.Second)
		if at.IsZero() {
			proved = now
		}
		if proved.Before(next.AuthenticatedAt) {
			proved = next.AuthenticatedAt
		}
		next.AuthenticatedAt, next.EndsAt = earlier(proved, now), time.Time{}
		next.ExpiresAt = m.expiry(next, now)
	})
}

func (m *Manager) renew(ctx context.Context, w http.ResponseWriter, s *Session, change func(*Session)) error {
	if err := tooLate(w); err != nil {
		return err
	}
	secret, hash := newSecret()
	err := m.modify(ctx, s, func(next *Session) error {
		next.PreviousSecret, next.Secret = next.Secret, hash
		change(next)
		return nil
	})
	if err != nil {
		return err
	}
	m.setCookie(w, s, m.token(s.Key(), secret), time.Now().Truncate(time.Second))
	m.log(ctx, slog.LevelInfo, "session_renewed", s)
	return nil
}

// modify applies change to s and stores it. The request that ctx belongs to sees the
// result too.
func (m *Manager) modify(ctx context.Context, s *Session, change func(*Session) error) error {
	q := m.in(ctx)
	err := m.swap(ctx, q, s, change)
	if errors.Is(err, ErrNoSession) {
		q.ended(s.Key())
	}
	return err
}

// swap applies change to s and stores it by compare-and-swap, for the request q. When it
// loses a race, it starts again from what is stored. It does not change a session that
// was renewed meanwhile, because the caller's request no longer proves that session.
func (m *Manager) swap(ctx context.Context, q *request, s *Session, change func(*Session) error) error {
	if m.absoluteEndReason(s, time.Now()) != "" {
		return ErrNoSession
	}
	base := s
	for try := 1; ; try++ {
		next := base.Clone()
		if err := change(next); err != nil {
			return err
		}
		write := *next
		if next.AuthenticatedAt.Equal(base.AuthenticatedAt) && next.EndsAt.Equal(base.EndsAt) {
			write.ExpiresAt = time.Time{} // keeps the stored value, which a Touch may have moved
		}
		next.Version = newVersion()
		err := q.store(ctx, s, next, func() error { return m.store.Update(ctx, &write, time.Now(), next.Version) })
		if err == nil || !errors.Is(err, ErrConflict) || try == updateTries {
			return err
		}
		if !pause(ctx, try) {
			return fmt.Errorf("%w, until the request was over: %w", ErrConflict, ctx.Err())
		}
		if base, err = m.store.Get(ctx, s.Key()); err != nil {
			return err
		}
		if reason := m.endReason(base, time.Now()); reason != "" {
			return m.expired(ctx, base, reason)
		}
		if base.Secret != s.Secret {
			return ErrConflict
		}
	}
}

// pause waits after a lost race, the longer the more races were lost. It returns false
// if ctx ended before.
func pause(ctx context.Context, lost int) bool {
	timer := time.NewTimer(rand.N(min(longestPause, firstPause<<(lost-1))))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
