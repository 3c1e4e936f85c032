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
	store   Store
	cfg     Config
	signers []*signer // one for each of Config.SigningKeys
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
	m := &Manager{store: store, cfg: cfg}
	for _, key := range cfg.SigningKeys {
		m.signers = append(m.signers, newSigner(key))
	}
	return m, nil
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
		return m.read(visit{request: r}, m.presented(r))
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

// LoadForwarded is [Manager.Load] for a request that another server makes for its own
// client, with that client's cookie: it asks who the user is. The address and the browser
// of such a request say nothing about the user. So LoadForwarded compares neither with the
// session's, and a touch leaves both as they are. It reads the store at each call.
func (m *Manager) LoadForwarded(r *http.Request) (*Session, error) {
	return m.read(visit{request: r, forwarded: true}, m.presented(r))
}

// visit is a request that uses a session.
type visit struct {
	request   *http.Request
	forwarded bool // by a server, which asks for a client of its own
}

// client returns the address and the browser of the client that uses s.
func (v visit) client(s *Session) (ip, userAgent string) {
	if v.forwarded {
		return s.LastClient()
	}
	return clientOf(v.request)
}

// context returns the context for what few visits do: log an event, and touch.
func (v visit) context() context.Context {
	if v.forwarded {
		return v.request.Context()
	}
	return WithClient(v.request.Context(), v.request)
}

// read returns the live session that c proves, or ErrNoSession, and touches it if that is
// due. The zero credential proves none, and costs no call.
func (m *Manager) read(v visit, c credential) (*Session, error) {
	if c == (credential{}) {
		return nil, ErrNoSession
	}
	s, err := m.store.Get(v.request.Context(), c.key)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(s.Secret[:], c.secret[:]) == 0 {
		if subtle.ConstantTimeCompare(s.PreviousSecret[:], c.secret[:]) == 1 {
			m.log(v.context(), slog.LevelWarn, "authn_token_reuse", s)
		}
		return nil, ErrNoSession
	}
	now := time.Now()
	if reason := m.endReason(s, now); reason != "" {
		return nil, m.expired(v.context(), s, reason)
	}
	if m.touchDue(s, now) {
		if err := m.touch(v, s, now); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// expired logs why s is dead, and returns ErrNoSession.
func (m *Manager) expired(ctx context.Context, s *Session, reason string) error {
	m.log(ctx, slog.LevelInfo, "session_expired", s, "reason", reason)
	return ErrNoSession
}

// endReason returns the reason why s is dead at now, by the stored expiry or by the current
// limits, or "" if s is alive.
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
	end := m.absoluteEnd(s)
	switch {
	case s.BegunBefore(m.cfg.NotBefore):
		return "not_before"
	case now.Before(end):
		return ""
	case end.Equal(s.EndsAt):
		return "ends_at"
	}
	return "lifetime"
}

// absoluteEnd returns when s ends however much it is used.
func (m *Manager) absoluteEnd(s *Session) time.Time {
	_, lifetime := m.limits(s.Persistent)
	end := s.begunAt().Add(lifetime)
	if s.EndsAt.IsZero() {
		return end
	}
	return earlier(end, s.EndsAt)
}

// expiry returns when s expires if it is used at lastSeen for the last time.
func (m *Manager) expiry(s *Session, lastSeen time.Time) time.Time {
	idle, _ := m.limits(s.Persistent)
	return earlier(lastSeen.Add(idle), m.absoluteEnd(s))
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// touchInterval is the time between two touches of a session that is in use.
func (m *Manager) touchInterval() time.Duration { return m.cfg.IdleTimeout / 10 }

// touchDue reports whether a use of s at now extends its idle timeout. That is due after a
// tenth of IdleTimeout, also for a persistent session. So a list of sessions tells the same
// of both, and a persistent session that is in use also lives in a process without the
// limits for it.
//
// A touch that comes after the session's end would bring the session back when other
// requests have been told already that it has ended. The store cannot notice that,
// because it reads no clock. So in the last second no touch is sent: one that is sent
// before has given up by the end.
func (m *Manager) touchDue(s *Session, now time.Time) bool {
	return now.Truncate(time.Second).Sub(s.LastSeenAt) >= m.touchInterval() && m.endReason(s, now.Add(touchTimeout-1)) == ""
}

// touch extends the idle timeout, and keeps the client's address and browser.
//
// touch never writes an earlier expiry than it has read. A store ignores a touch with an
// earlier expiry, because it looks like a late write. After the configured timeouts were
// shortened, LastSeenAt would then no longer change.
func (m *Manager) touch(v visit, s *Session, now time.Time) error {
	ctx, seen := v.context(), now.UTC().Truncate(time.Second)
	ip, userAgent := v.client(s)
	expires := slices.MaxFunc([]time.Time{s.ExpiresAt, m.expiry(s, seen)}, time.Time.Compare)
	next := *s
	next.LastSeenAt, next.ExpiresAt = seen, expires
	next.setLastClient(ip, userAgent)
	touchCtx, cancel := context.WithDeadline(ctx, now.Add(touchTimeout))
	defer cancel()
	err := m.store.Touch(touchCtx, s.Key(), seen, expires, next.LastIP, next.LastUserAgent)
	switch {
	case errors.Is(err, ErrNoSession):
		return ErrNoSession
	case err != nil:
		m.warn(ctx, "session_touch_failed", s, "error", err)
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
		m.log(ctx, slog.LevelWarn, "session_client_changed", s)
	}
}

// warn logs that a part of a request failed, while the request itself may succeed. It
// logs nothing if the client has disconnected, because then no store is at fault.
func (m *Manager) warn(ctx context.Context, event string, s *Session, args ...any) {
	if !errors.Is(ctx.Err(), context.Canceled) {
		m.log(ctx, slog.LevelWarn, event, s, args...)
	}
}

// log logs an event of s, of which only the user and the ID are needed, with the client of
// the context.
func (m *Manager) log(ctx context.Context, level slog.Level, event string, s *Session, args ...any) {
	args = append([]any{"user_id", s.UserID, "session_id", s.ID}, args...)
	m.cfg.Logger.Log(ctx, level, event, append(args, clientArgs(clientIn(ctx))...)...)
}
