package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	createTries = 2                      // each under a fresh key
	discardTime = 500 * time.Millisecond // for cleaning up when the request's own time may be over
	maxUserData = 4 << 10                // bytes of user ID, roles and values together
)

// User is what a login hands to [Manager.Create].
type User struct {
	ID     string            // required; any valid UTF-8
	Roles  []string          // for RequireRole and HasRole
	Values map[string]string // small data kept in the session: names, preferences

	// Confirm, if not nil, is called once the session is stored and before
	// anything else is ended or sent: the place to read the account again, so that a
	// password change or a disabled account that crossed this login is seen. An
	// error from it undoes the new session and is what Create returns.
	Confirm func(context.Context) error
}

// Create starts a session for u and sets its cookie on w. The caller has checked
// the credentials. A fresh ID and secret are made whatever the request came with,
// and the session it came with is ended (ASVS 7.2.4: no fixation). So are the
// user's oldest beyond [Config.MaxSessions], the new one counted; if that fails, a
// warning is logged and the next login mends it. ErrInvalid if a store could not
// keep u: no ID, empty keys or roles, invalid UTF-8, NUL, more than 4 KB in all. On
// any error no cookie is set.
func (m *Manager) Create(w http.ResponseWriter, r *http.Request, u User) (*Session, error) {
	if err := validate(u.ID, u.Roles, u.Values); err != nil {
		return nil, err
	}
	ctx := r.Context()
	s, token, err := m.insert(ctx, r, u)
	if err != nil {
		return nil, err
	}
	if err := m.settle(r, s, u.Confirm); err != nil {
		m.discard(ctx, s)
		return nil, err
	}
	m.setCookie(w, token, m.cfg.Lifetime)
	m.log(ctx, slog.LevelInfo, "session_created", s.ID, "user_id", s.UserID)
	return s, nil
}

// insert stores a new session. A write whose answer was lost is abandoned for a
// fresh key and never sent again: arriving late it can make a session, but none
// that anybody holds a token for.
func (m *Manager) insert(ctx context.Context, r *http.Request, u User) (*Session, string, error) {
	for try := 1; ; try++ {
		secret, hash := newSecret()
		s := m.newSession(r, u, hash)
		err := m.store.Create(ctx, s)
		if err == nil {
			return s, m.token(s.Key(), secret), nil
		}
		if !errors.Is(err, ErrConflict) {
			m.discard(ctx, s)
		}
		if try == createTries || ctx.Err() != nil {
			return nil, "", err
		}
	}
}

func (m *Manager) newSession(r *http.Request, u User, secret [32]byte) *Session {
	now := time.Now().UTC()
	second := now.Truncate(time.Second)
	return (&Session{
		ID:              randomText(16),
		UserID:          u.ID,
		Roles:           u.Roles,
		Values:          u.Values,
		CreatedAt:       now.Truncate(time.Millisecond),
		AuthenticatedAt: second,
		LastSeenAt:      second,
		ExpiresAt:       m.expiry(second, second),
		Version:         newVersion(),
		IP:              clientIP(r),
		UserAgent:       userAgent(r),
		Secret:          secret,
	}).Clone()
}

// settle runs the caller's check and then ends the session that the request came
// with: in this order, so that a login that is refused or meets an outage costs
// nobody the session they had. Keeping to the limit goes on beside both and adds
// no round trip.
func (m *Manager) settle(r *http.Request, s *Session, confirm func(context.Context) error) error {
	var limit sync.WaitGroup
	defer limit.Wait()
	confirmed := make(chan bool, 1)
	defer close(confirmed) // which says no, if nothing said yes before
	if m.cfg.MaxSessions > 0 {
		limit.Go(func() { m.keepLimit(r, s, confirmed) })
	}
	if confirm != nil {
		if err := confirm(r.Context()); err != nil {
			return err
		}
	}
	confirmed <- true
	return m.endPresented(r, "replaced")
}

// keepLimit ends the oldest of the user's live sessions beyond the limit. It lists
// them when the new one is stored, so that of many logins at once the last to store
// sees all. The session that the request came with ends anyway and does not count.
// The new one does, and goes too if it is not among the youngest: sparing it would
// leave one too many when logins overtake each other.
func (m *Manager) keepLimit(r *http.Request, s *Session, confirmed <-chan bool) {
	ctx := r.Context()
	all, unread := m.store.List(ctx, s.Key().Owner)
	if !<-confirmed {
		return
	}
	presented, _ := m.presented(r)
	live := slices.DeleteFunc(m.live(all), presented.ends)
	surplus := live[:max(0, len(live)-m.cfg.MaxSessions)]
	if err := errors.Join(m.endAll(ctx, surplus, "limit"), unread); err != nil {
		m.log(ctx, slog.LevelWarn, "session_limit_failed", s.ID, "user_id", s.UserID, "error", err)
	}
}

// discard removes, as well as it can, a session whose token nobody was given.
func (m *Manager) discard(ctx context.Context, s *Session) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTime)
	defer cancel()
	if err := m.store.Delete(ctx, s.Key(), nil, time.Now()); err != nil && !errors.Is(err, ErrNoSession) {
		m.log(ctx, slog.LevelWarn, "session_discard_failed", s.ID, "error", err)
	}
}

// newVersion is random so that a write that was sent twice recognises itself.
func newVersion() int64 { return 1 + rand.Int64N(math.MaxInt64) }

// validate refuses what a store could not keep. Messages name keys, never values.
func validate(userID string, roles []string, values map[string]string) error {
	size := 0
	names := append([]string{userID}, roles...)
	for k, v := range values {
		names = append(names, k)
		if size += len(v); !storable(v) {
			return fmt.Errorf("%w value of %q: it must be UTF-8 without NUL", ErrInvalid, k)
		}
	}
	for _, name := range names {
		if size += len(name); name == "" || !storable(name) {
			return fmt.Errorf("%w user ID, role or key %q: it must be UTF-8 without NUL, and not empty", ErrInvalid, name)
		}
	}
	if size > maxUserData {
		return fmt.Errorf("%w user: ID, roles and values have %d bytes together; at most %d are kept", ErrInvalid, size, maxUserData)
	}
	return nil
}

func storable(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }
