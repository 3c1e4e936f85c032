package session

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// updateTries bounds the races that one Update may lose. Each means that another
// write got through, so only a store that is never satisfied comes near it.
const updateTries = 32

// Update lets change alter the Roles and Values of s, and stores them; what else
// it alters is dropped. Values is never nil there. When another request got in
// between, change runs again on what that one stored, so nothing is lost; it must
// depend on its argument alone. On success s holds what was written. ErrNoSession
// if the session has ended, ErrConflict if it was renewed meanwhile, ErrInvalid as
// in Create.
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

// Renew gives s a new secret and sets the new cookie on w; the old token is dead
// at once. Call it before privileges grow, so that a token stolen earlier never has
// them. ID, data and lifetime stay. Errors as Update; on an error no cookie is set,
// and after an outage the old token may be dead all the same: only its answer was
// lost.
func (m *Manager) Renew(ctx context.Context, w http.ResponseWriter, s *Session) error {
	return m.renew(ctx, w, s, func(*Session) {})
}

// Reauthenticate is Renew for a user who has just proved again who they are: the
// lifetime starts anew too.
func (m *Manager) Reauthenticate(ctx context.Context, w http.ResponseWriter, s *Session) error {
	return m.renew(ctx, w, s, func(next *Session) {
		now := time.Now().UTC().Truncate(time.Second)
		next.AuthenticatedAt, next.ExpiresAt = now, m.expiry(now, now)
	})
}

func (m *Manager) renew(ctx context.Context, w http.ResponseWriter, s *Session, change func(*Session)) error {
	secret, hash := newSecret()
	err := m.modify(ctx, s, func(next *Session) error {
		next.PreviousSecret, next.Secret = next.Secret, hash
		change(next)
		return nil
	})
	if err != nil {
		return err
	}
	m.setCookie(w, m.token(s.Key(), secret), s.AuthenticatedAt.Add(m.cfg.Lifetime).Sub(time.Now().Truncate(time.Second)))
	m.log(ctx, slog.LevelInfo, "session_renewed", s.ID, "user_id", s.UserID)
	return nil
}

// modify applies change to s and stores it by compare-and-swap, again and again
// from what is stored when it loses a race. A session that was renewed meanwhile
// is not touched: the caller's request no longer proves it.
func (m *Manager) modify(ctx context.Context, s *Session, change func(*Session) error) error {
	if m.outlived(s, time.Now()) != "" {
		return ErrNoSession
	}
	base := s
	for range updateTries {
		next := base.Clone()
		if err := change(next); err != nil {
			return err
		}
		write := *next
		if next.AuthenticatedAt.Equal(base.AuthenticatedAt) {
			write.ExpiresAt = time.Time{} // leaves the stored one to Touch
		}
		next.Version = newVersion()
		err := m.store.Update(ctx, &write, time.Now(), next.Version)
		if err == nil {
			*s = *next
			return nil
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
		if base, err = m.store.Get(ctx, s.Key()); err != nil {
			return err
		}
		if err := m.judge(ctx, base); err != nil {
			return err
		}
		if base.Secret != s.Secret {
			return ErrConflict
		}
	}
	return ErrConflict
}
