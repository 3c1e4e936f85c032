package session

import (
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"
)

// Manager applies the rules of login sessions on top of a [Store]. Make one when the
// program starts, and share it; it is safe for concurrent use.
type Manager struct {
	store Store
	cfg   Config
}

// touchTimeout is how much of a request's time a touch may take. A touch must not
// delay the request for long.
const touchTimeout = time.Second

// New returns a Manager on store. If it cannot accept the Config, its error names
// the field and the value.
func New(store Store, cfg Config) (*Manager, error) {
	if store == nil {
		return nil, errors.New("session: New needs a Store, got nil")
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Manager{store: store, cfg: cfg}, nil
}

// OffersPersistent reports whether [Config.PersistentIdleTimeout] and
// [Config.PersistentLifetime] are set, so that a login page can let the user choose to
// stay signed in: see [User.Persistent].
func (m *Manager) OffersPersistent() bool { return m.cfg.PersistentLifetime > 0 }

// limits returns the limits of a session that is persistent or not. Without limits of
// their own, persistent sessions have those of the others.
func (m *Manager) limits(persistent bool) (idle, lifetime time.Duration) {
	if persistent && m.OffersPersistent() {
		return m.cfg.PersistentIdleTimeout, m.cfg.PersistentLifetime
	}
	return m.cfg.IdleTimeout, m.cfg.Lifetime
}

// Load returns the live session that r's cookie proves, or ErrNoSession. It reads
// the store once. It does not read the store if the cookie is missing or malformed,
// or forged and there are signing keys, or if the request has several different
// cookies of our name. Load extends the idle timeout when a tenth of
// [Config.IdleTimeout] has passed, unless the session ends within a second. If only
// that fails, Load logs a warning and still returns the session.
//
// Behind [Manager.Require] and [Manager.Optional], Load returns a copy of what they
// have read, with what this request has changed since. It reads the store again only
// when a tenth of the idle timeout has passed, so that a handler that streams for
// hours sees that the session has ended.
func (m *Manager) Load(r *http.Request) (*Session, error) {
	q := innermost(r.Context()).find(m, r)
	if q == nil {
		c, _ := m.presented(r)
		return m.read(r, c)
	}
	var s *Session
	err := q.check(r, func(known *Session) error {
		if known == nil {
			return ErrNoSession
		}
		s = known.Clone()
		return nil
	})
	return s, err
}

// read returns the live session that c proves, or ErrNoSession. The zero credential
// proves none, and costs no call.
func (m *Manager) read(r *http.Request, c credential) (*Session, error) {
	if c == (credential{}) {
		return nil, ErrNoSession
	}
	ctx := r.Context()
	s, err := m.store.Get(ctx, c.key)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(s.Secret[:], c.secret[:]) == 0 {
		if subtle.ConstantTimeCompare(s.PreviousSecret[:], c.secret[:]) == 1 {
			m.log(ctx, slog.LevelWarn, "authn_token_reuse", s.ID, "user_id", s.UserID)
		}
		return nil, ErrNoSession
	}
	now := time.Now()
	if err := m.checkAlive(ctx, s, now); err != nil {
		return nil, err
	}
	if err := m.touch(ctx, s, now, clientIP(r), userAgent(r)); err != nil {
		return nil, err
	}
	return s, nil
}

// checkAlive returns ErrNoSession if s is dead at now, by the stored expiry or by the
// current limits.
func (m *Manager) checkAlive(ctx context.Context, s *Session, now time.Time) error {
	reason := m.endReason(s, now)
	if reason == "" {
		return nil
	}
	m.log(ctx, slog.LevelInfo, "session_expired", s.ID, "user_id", s.UserID, "reason", reason)
	return ErrNoSession
}

// endReason returns the reason why s is dead at now, or "" if s is alive.
func (m *Manager) endReason(s *Session, now time.Time) string {
	if reason := m.absoluteEndReason(s, now); reason != "" {
		return reason
	}
	idle, _ := m.limits(s.Persistent)
	switch {
	case !now.Before(s.LastSeenAt.Add(idle)):
		return "idle"
	case !now.Before(s.ExpiresAt):
		return "expired"
	}
	return ""
}

// absoluteEndReason is like endReason, but only for the limits that no touch moves.
// So its answer is also right for an old copy of a session that other requests have
// touched since.
func (m *Manager) absoluteEndReason(s *Session, now time.Time) string {
	_, lifetime := m.limits(s.Persistent)
	switch {
	case s.begunAt().Before(m.cfg.NotBefore):
		return "not_before"
	case !now.Before(s.begunAt().Add(lifetime)):
		return "lifetime"
	case !s.EndsAt.IsZero() && !now.Before(s.EndsAt):
		return "ends_at"
	}
	return ""
}

// expiry returns when a session expires that was last used at lastSeen and whose lifetime
// began at begun. EndsAt is [Session.EndsAt], or zero.
func (m *Manager) expiry(persistent bool, lastSeen, begun, endsAt time.Time) time.Time {
	idle, lifetime := m.limits(persistent)
	ends := []time.Time{lastSeen.Add(idle), begun.Add(lifetime)}
	if !endsAt.IsZero() {
		ends = append(ends, endsAt.UTC().Truncate(time.Second))
	}
	return slices.MinFunc(ends, time.Time.Compare)
}

// touchInterval is the time between two touches of a session that is in use.
func (m *Manager) touchInterval() time.Duration { return m.cfg.IdleTimeout / 10 }

// touch extends the idle timeout if that is due, and keeps the client's address and
// browser. A touch is due after a tenth of IdleTimeout, also for a persistent session.
// So a list of sessions tells the same of both, and a persistent session that is in use
// also lives in a process without the limits for it.
//
// touch never writes an earlier expiry than it has read. A store ignores a touch with an
// earlier expiry, because it looks like a late write. After the configured timeouts were
// shortened, LastSeenAt would then no longer change.
//
// A touch that comes after the session's end would bring the session back when other
// requests have been told already that it has ended. The store cannot notice that,
// because it reads no clock. So in the last second no touch is sent: one that is sent
// before has given up by the end.
func (m *Manager) touch(ctx context.Context, s *Session, now time.Time, ip, userAgent string) error {
	seen, deadline := now.UTC().Truncate(time.Second), now.Add(touchTimeout)
	if seen.Sub(s.LastSeenAt) < m.touchInterval() || m.endReason(s, deadline.Add(-1)) != "" {
		return nil
	}
	expires := slices.MaxFunc([]time.Time{s.ExpiresAt, m.expiry(s.Persistent, seen, s.begunAt(), s.EndsAt)}, time.Time.Compare)
	next := *s
	next.LastSeenAt, next.ExpiresAt = seen, expires
	next.setLastClient(ip, userAgent)
	touchCtx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	err := m.store.Touch(touchCtx, s.Key(), seen, expires, next.LastIP, next.LastUserAgent)
	switch {
	case errors.Is(err, ErrNoSession):
		return ErrNoSession
	case err != nil:
		m.warn(ctx, "session_touch_failed", s.ID, "error", err)
	default:
		m.logChangedClient(ctx, s, ip, userAgent)
		*s = next
	}
	return nil
}

// logChangedClient logs that the client has another address or browser than at the
// last touch of s.
func (m *Manager) logChangedClient(ctx context.Context, s *Session, ip, userAgent string) {
	if lastIP, lastUserAgent := s.LastClient(); ip != lastIP || userAgent != lastUserAgent {
		m.log(ctx, slog.LevelWarn, "session_client_changed", s.ID, "user_id", s.UserID, "ip", ip, "user_agent", userAgent)
	}
}

// warn logs that a part of a request failed, while the request itself may succeed. It
// logs nothing if the client has disconnected, because then no store is at fault.
func (m *Manager) warn(ctx context.Context, event, id string, args ...any) {
	if !errors.Is(ctx.Err(), context.Canceled) {
		m.log(ctx, slog.LevelWarn, event, id, args...)
	}
}

func (m *Manager) log(ctx context.Context, level slog.Level, event, id string, args ...any) {
	m.cfg.Logger.Log(ctx, level, event, append(args, "session_id", id)...)
}
