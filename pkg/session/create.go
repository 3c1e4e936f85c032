package session

import (
	"cmp"
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
	createTries    = 2                      // each with a new key
	discardTimeout = 500 * time.Millisecond // for the clean-up, because the request's own deadline may have passed
	limitTimeout   = 2 * time.Second        // for the list, because a login does not fail when its limit cannot be checked
	maxUserData    = 4 << 10                // bytes; user ID, roles and values together
)

// User is what a login passes to [Manager.Create].
type User struct {
	ID     string            // required; any valid UTF-8
	Roles  []string          // for RequireRole and HasRole
	Values map[string]string // small data kept in the session: names, preferences

	// Persistent gives the session the limits [Config.PersistentIdleTimeout] and
	// [Config.PersistentLifetime], for a user who has chosen to stay signed in. It has
	// no effect if they are not set: see [Manager.OffersPersistent].
	Persistent bool

	// AuthenticatedAt says when the user proved who they are, if that was not just now but
	// at another system, whose session this one continues. The zero time, which is usual,
	// means now, and so does a time in the future. If nobody knows when it was, pass
	// time.Unix(0, 0): then it is long ago for [Manager.RequireRecent]. The lifetime and
	// [Config.NotBefore] count from now in any case.
	AuthenticatedAt time.Time

	// EndsAt, if not zero, ends the session at this time at the latest, however much it is
	// used, until its user signs in again by [Manager.Reauthenticate]. Use it for the rest
	// of the life of the session that this one continues. Fractions of a second are cut
	// off. Create returns ErrNoSession if that time has come already.
	//
	// Programs from before this field do not know it: one of them that touches such a
	// session moves its ExpiresAt past EndsAt, and would accept it until then. So deploy
	// every program that reads the sessions before the first one that sets EndsAt.
	EndsAt time.Time

	// Announce, if not nil, is called with the key of the new session before the store is
	// called. If it returns an error, nothing is stored and Create returns that error. With
	// Announce, Create makes only one try, because a second would have another key: if the
	// answer of the store is lost, Create returns an outage.
	Announce func(context.Context, Key) error

	// Confirm, if not nil, is called after the new session is stored, and before any
	// other session is ended or the cookie is set. Read the account again here: the
	// login then sees a password change or a disabled account that came at the same
	// time. If Confirm returns an error, Create deletes the new session and returns
	// that error.
	Confirm func(context.Context) error
}

// Validate returns [ErrInvalid], as [Manager.Create] does, if a store could not keep u. The
// wrapping error says what is wrong, and names no value.
func (u User) Validate() error { return validate(u.ID, u.Roles, u.Values) }

// Create starts a session for u and sets its cookie on w. The caller must have
// checked the credentials. The session always gets a new ID and a new secret, and
// Create ends the session that the request has: the one that it came with, however often
// this request has renewed it, or one that this request has made before (ASVS 7.2.4: no
// fixation). It also ends the user's oldest sessions beyond [Config.MaxSessions], where the new
// session counts. If that fails, Create logs a warning, and the next login tries
// again. Create returns ErrInvalid if a store could not keep u: no ID, empty keys or
// roles, invalid UTF-8, NUL, or more than 4 KB in all. It returns ErrNoSession if the time
// in u.EndsAt is over. On any error no cookie is set and no other session was ended, unless
// the answer to ending one was lost.
//
// Call Create before anything of the answer is written: later the browser does not get
// the cookie. Create returns ErrTooLate if w tells that it is too late, itself or by
// what its Unwrap method returns: the writers of package lambdahttp, gin and negroni do
// once there is a status, that of chi once there is a body. The writers of net/http do
// not tell. With these a late Create stores a session that nobody can use.
//
// If the answer leads the browser to another page, let it be no redirect, but a 200 with
// the header "Refresh: 0; url=/profile" and a link to the page. Chromium keeps pages that
// were left in memory. If an answer on the way to a page changed a cookie, Chromium does
// not notice the next change. So after a redirect with the cookie, the back button shows
// that page when the user has logged out. The same holds for Renew and Reauthenticate.
func (m *Manager) Create(w http.ResponseWriter, r *http.Request, u User) (*Session, error) {
	if err := cmp.Or(tooLate(w), u.Validate()); err != nil {
		return nil, err
	}
	r, seen := m.enter(r)
	ctx := r.Context()
	made, err := m.insert(ctx, r, u)
	if err != nil {
		return nil, err
	}
	s := made.Session
	if err := m.confirmAndReplace(ctx, made, seen.replaced(r), u.Confirm); err != nil {
		m.discard(ctx, s)
		return nil, err
	}
	m.setCookie(w, s, made.token, s.LastSeenAt)
	seen.set(s.Clone())
	m.log(ctx, slog.LevelInfo, "session_created", s)
	return s, nil
}

// inserted is a session that was just stored, and what the store has said about the others of
// its owner: nothing if it has no sessions. The error is that of the list alone.
type inserted struct {
	*Session
	token   string
	all     []*Session
	listErr error
}

// insert stores a new session. If the answer to a write is lost, insert does not
// send that write again but tries a new key. The lost write may arrive late and make
// a session, but nobody holds a token for that session.
func (m *Manager) insert(ctx context.Context, r *http.Request, u User) (inserted, error) {
	for try := 1; ; try++ {
		secret, hash := newSecret()
		s := m.newSession(r, u, hash)
		if !s.ExpiresAt.After(s.CreatedAt) { // only EndsAt can be that early
			return inserted{}, fmt.Errorf("%w: what it would continue ended at %v", ErrNoSession, s.EndsAt)
		}
		if u.Announce != nil {
			if err := u.Announce(ctx, s.Key()); err != nil {
				return inserted{}, err
			}
		}
		all, err := m.create(ctx, s)
		if err == nil || len(all) > 0 {
			return inserted{s, m.token(s.Key(), secret), all, err}, nil
		}
		if !errors.Is(err, ErrConflict) {
			m.discard(ctx, s)
		}
		if try == createTries || u.Announce != nil || ctx.Err() != nil {
			return inserted{}, err
		}
	}
}

// create stores s by the results of [CreateLister.CreateAndList]. It lists only if that is
// needed for the limit, and adds no call.
func (m *Manager) create(ctx context.Context, s *Session) ([]*Session, error) {
	if store, can := m.store.(CreateLister); can && m.cfg.MaxSessions > 0 {
		return store.CreateAndList(ctx, s)
	}
	return nil, m.store.Create(ctx, s)
}

func (m *Manager) newSession(r *http.Request, u User, secret [32]byte) *Session {
	now := time.Now().UTC()
	second := now.Truncate(time.Second)
	authenticated := second
	if !u.AuthenticatedAt.IsZero() && u.AuthenticatedAt.Before(now) {
		authenticated = u.AuthenticatedAt.UTC().Truncate(time.Second)
	}
	s := (&Session{
		ID:              randomText(16),
		UserID:          u.ID,
		Roles:           u.Roles,
		Values:          u.Values,
		CreatedAt:       now.Truncate(time.Millisecond),
		AuthenticatedAt: authenticated,
		LastSeenAt:      second,
		EndsAt:          u.EndsAt.UTC().Truncate(time.Second),
		Persistent:      u.Persistent && m.OffersPersistent(), // limits that are set later do not change this session
		Version:         newVersion(),
		IP:              clientIP(r),
		UserAgent:       userAgent(r),
		Secret:          secret,
	}).Clone()
	s.ExpiresAt = m.expiry(s, second)
	return s
}

// confirmAndReplace calls confirm and ends the sessions that give way to s: the one
// that the request came with, and then, when nothing can fail any more, the oldest
// beyond the limit. In this order a login that is refused, or that fails in an outage,
// ends no earlier session. If the list for the limit did not come with s, it is read while
// confirm runs.
func (m *Manager) confirmAndReplace(ctx context.Context, made inserted, presented credential, confirm func(context.Context) error) error {
	s, all, listErr := made.Session, made.all, made.listErr
	var list sync.WaitGroup
	if m.cfg.MaxSessions > 0 && len(all) == 0 {
		list.Go(func() { all, listErr = m.listForLimit(ctx, s.Key().Owner) })
	}
	var err error
	if confirm != nil {
		err = confirm(ctx)
	}
	list.Wait()
	if err != nil {
		return err
	}
	surplus, err := m.surplus(slices.DeleteFunc(all, presented.ends), s)
	if err != nil {
		return err
	}
	if presented != (credential{}) {
		if err := m.endPresented(ctx, presented, ending{reason: "replaced", by: s.ID}); err != nil {
			return err
		}
	}
	if err := errors.Join(m.endAll(ctx, surplus, ending{reason: "limit", by: s.ID}), listErr); err != nil {
		m.warn(ctx, "session_limit_failed", s, "error", err)
	}
	return nil
}

func (m *Manager) listForLimit(ctx context.Context, owner string) ([]*Session, error) {
	ctx, cancel := context.WithTimeout(ctx, limitTimeout)
	defer cancel()
	return m.store.List(ctx, owner)
}

// surplus returns the oldest of the user's live sessions beyond the limit. They were
// listed when s was stored or later, so that of many logins at once, the last to store sees
// all sessions. The session that the request came with ends anyway and is not among
// them. The new session s counts, and is ended too if it is not among the youngest:
// otherwise one session too many would be left when logins overtake each other.
//
// If the clock was put back, s is older than sessions that were made before it. Then
// it would end before its user can use it, so the login must fail. Logins that
// overtake each other are told from that by their times, which are not in the future.
func (m *Manager) surplus(all []*Session, s *Session) ([]*Session, error) {
	live := m.live(all)
	if m.cfg.MaxSessions < 0 || len(live) <= m.cfg.MaxSessions {
		return nil, nil
	}
	surplus, youngest := live[:len(live)-m.cfg.MaxSessions], live[len(live)-1]
	isNew := func(old *Session) bool { return old.ID == s.ID }
	if slices.ContainsFunc(surplus, isNew) && youngest.CreatedAt.After(time.Now()) {
		return nil, fmt.Errorf("session: the clock was put back: the user's youngest session, %s, was made at %v, in the future; "+
			"set the clock right, or end the sessions from the future", youngest.ID, youngest.CreatedAt)
	}
	return surplus, nil
}

// discard tries to delete a session whose token was given to nobody. It proves it by its secret,
// because nobody knows what is under the key if the answer to the write was lost.
func (m *Manager) discard(ctx context.Context, s *Session) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTimeout)
	defer cancel()
	if _, err := m.store.Delete(ctx, s.Key(), &s.Secret, time.Now()); err != nil && !errors.Is(err, ErrNoSession) {
		m.log(ctx, slog.LevelWarn, "session_discard_failed", s, "error", err)
	}
}

// newVersion returns a random number, so that a write that was sent twice recognises
// its own first try.
func newVersion() int64 { return 1 + rand.Int64N(math.MaxInt64) }

// validate refuses what a store could not keep. Its errors name keys, never values.
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
