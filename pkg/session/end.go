package session

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxParallelDeletes is how many deletes one call runs at the same time.
const maxParallelDeletes = 16

// Destroy ends the session that r came with, in the store and in the browser. It
// also succeeds if the cookie is missing or malformed, or if its session is dead. A
// token that a renewal has just replaced still ends its session.
//
// Destroy promises that nobody can use a token of this request any more. So it ends
// whatever a secret in the request proves: also by a token whose MAC it does not
// know, which another process may accept while keys are rotated, and by each of up to
// four different cookies of our name. If there are more, it returns ErrTooManyCookies
// and ends nothing. If the store cannot be reached, the error is an outage and the
// cookie stays, so that the logout can be tried again.
//
// If the answer has begun, the browser keeps a cookie that is worth nothing. This is no
// error, because the session has ended.
func (m *Manager) Destroy(w http.ResponseWriter, r *http.Request) error {
	presented, err := m.allPresented(r)
	if err != nil {
		return err
	}
	r, seen := m.enter(r)
	ctx := r.Context()
	presented = seen.withOwn(presented)
	if m.cfg.BeforeEnding != nil { // for all tokens before the first session ends
		if err := inParallel(len(presented), func(i int) error { return m.beforeLogout(ctx, presented[i]) }); err != nil {
			return err
		}
	}
	if err := inParallel(len(presented), func(i int) error { return m.endPresented(ctx, presented[i], ending{reason: "logout"}) }); err != nil {
		return err
	}
	seen.set(nil)
	m.ClearCookie(w)
	return nil
}

// beforeLogout calls [Config.BeforeEnding] for the session that c proves, if there is one.
// Without the proof, whoever knows a user's ID could have it called for that user. The
// previous secret is a proof too, because it ends the session too.
func (m *Manager) beforeLogout(ctx context.Context, c credential) error {
	s, err := m.store.Get(ctx, c.key)
	if errors.Is(err, ErrNoSession) {
		return nil
	}
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(s.Secret[:], c.secret[:])|subtle.ConstantTimeCompare(s.PreviousSecret[:], c.secret[:]) == 0 {
		return nil
	}
	return m.beforeEnding(ctx, s.UserID, false)
}

// beforeEnding calls [Config.BeforeEnding], if there is one.
func (m *Manager) beforeEnding(ctx context.Context, userID string, all bool) error {
	if m.cfg.BeforeEnding == nil {
		return nil
	}
	return m.cfg.BeforeEnding(ctx, userID, all)
}

// endPresented deletes the session that c proves, if there is one. An ID without its
// secret ends nothing.
func (m *Manager) endPresented(ctx context.Context, c credential, why ending) error {
	err := m.delete(ctx, c.key, &c.secret, why)
	if errors.Is(err, ErrNoSession) {
		return nil
	}
	return err
}

func (m *Manager) delete(ctx context.Context, key Key, secret *[32]byte, why ending) error {
	userID, err := m.store.Delete(ctx, key, secret, time.Now())
	if err == nil {
		m.in(ctx).ended(key)
		m.log(ctx, slog.LevelInfo, "session_ended", &Session{ID: key.ID, UserID: userID}, why.args()...)
	}
	return err
}

// List returns the user's live sessions, oldest first. It includes everything that
// was written before the call.
func (m *Manager) List(ctx context.Context, userID string) ([]*Session, error) {
	all, err := m.store.List(ctx, owner(userID))
	if err != nil {
		return nil, err
	}
	return m.live(all), nil
}

// live returns the live sessions among all, oldest first.
func (m *Manager) live(all []*Session) []*Session {
	now := time.Now()
	all = slices.DeleteFunc(all, func(s *Session) bool { return m.endReason(s, now) != "" })
	slices.SortFunc(all, func(a, b *Session) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID))
	})
	return all
}

// Revoke ends one session of the user. It returns ErrNoSession if id is malformed or
// unknown, if the session is another user's, or if the stored ExpiresAt has passed.
// The browser learns nothing until the session's next request fails.
func (m *Manager) Revoke(ctx context.Context, userID, id string) error {
	if !canonical(id, idLength) {
		return ErrNoSession
	}
	if err := m.beforeEnding(ctx, userID, false); err != nil {
		return err
	}
	return m.delete(ctx, Key{owner(userID), id}, nil, m.endingIn(ctx))
}

// RevokeKey ends the session with the key, whoever its user is. It returns ErrNoSession if
// there is none, or if the stored ExpiresAt has passed. It is for a program that has kept the
// key of a session ([User.Announce]), and does not call [Config.BeforeEnding].
func (m *Manager) RevokeKey(ctx context.Context, key Key) error {
	return m.delete(ctx, key, nil, m.endingIn(ctx))
}

// RevokeAll ends every session of the user that was made before the call, except
// those with the given IDs. After an error some may be left; call it again. A
// session that cannot be read does not stop RevokeAll from ending the others.
func (m *Manager) RevokeAll(ctx context.Context, userID string, exceptIDs ...string) error {
	if err := m.beforeEnding(ctx, userID, true); err != nil {
		return err
	}
	why := m.endingIn(ctx)
	all, listErr := m.store.List(ctx, owner(userID))
	return errors.Join(m.revoke(ctx, all, why, exceptIDs...), listErr)
}

// ReauthenticateAlone does the work of [Manager.Reauthenticate] for s and of
// [Manager.RevokeAll] for the user's other sessions, with one round trip less than
// the two. Use it when a password was changed: that must end every session that a
// thief holds. It misses a login whose session is stored after the call began; the
// Confirm function of that login must notice the change.
//
// If the reauthentication fails, ReauthenticateAlone returns its error and ends no
// session. Any other error is an outage, and some of the other sessions may be left.
// The new cookie is set even then: the old token is dead, and the browser must not
// keep it. Call ReauthenticateAlone again.
func (m *Manager) ReauthenticateAlone(ctx context.Context, w http.ResponseWriter, s *Session) error {
	if err := tooLate(w); err != nil {
		return err
	}
	if err := m.beforeEnding(ctx, s.UserID, true); err != nil {
		return err
	}
	key := s.Key()
	var all []*Session
	var listErr error
	var list sync.WaitGroup
	list.Go(func() { all, listErr = m.store.List(ctx, key.Owner) })
	err := m.Reauthenticate(ctx, w, s)
	list.Wait()
	if err != nil {
		return err
	}
	why := causeIn(ctx).ending("password_changed", key.ID)
	return errors.Join(m.revoke(ctx, all, why, key.ID), listErr)
}

func (m *Manager) revoke(ctx context.Context, all []*Session, why ending, exceptIDs ...string) error {
	all = slices.DeleteFunc(all, func(s *Session) bool { return slices.Contains(exceptIDs, s.ID) })
	return m.endAll(ctx, all, why)
}

// endAll deletes sessions without asking for their secrets. A session that has ended
// meanwhile counts as deleted.
func (m *Manager) endAll(ctx context.Context, all []*Session, why ending) error {
	return inParallel(len(all), func(i int) error {
		err := m.delete(ctx, all[i].Key(), nil, why)
		if errors.Is(err, ErrNoSession) {
			return nil
		}
		return err
	})
}

// inParallel calls f(0) to f(n-1), up to maxParallelDeletes at the same time, and
// returns their errors.
func inParallel(n int, f func(i int) error) error {
	errs := make([]error, n)
	slots := make(chan struct{}, maxParallelDeletes)
	var wg sync.WaitGroup
	for i := range errs {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = f(i)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
