package faults

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"example.com/coatcheck/pkg/session"
)

// allLost returns faults for all tries of a call. The server carries each try out, but
// no answer reaches the sender.
func (b *Fixture) allLost() []Fault { return slices.Repeat([]Fault{Lost}, b.Tries) }

// ManagerCreateLost tests a Create whose answer is lost. The Manager must delete the
// session of that Create and create another one. So the user still gets a token.
func ManagerCreateLost(t *testing.T, open Open) {
	t.Parallel()
	bench := open(t)
	create := bench.login()
	bench.Store = slowCleanUp{bench.Store}
	site := NewSite(bench, session.Config{})
	site.Inject(create, Lost)
	s, token := site.Login("u1")
	if site.Tries > 1 {
		site.Inject(Get, Lost)
	}
	if got := site.Alive(token); got.ID != s.ID {
		t.Errorf("the token is that of %s, want %s", got.ID, s.ID)
	}
	if live, err := site.List(t.Context(), "u1"); len(live) != 1 || err != nil {
		t.Errorf("%d sessions, %v; want one", len(live), err)
	}
	site.stores("u1", 1)

	site.Inject(create, Lost)
	site.Inject(Revoke, None) // the clean-up after the first Create
	site.Inject(create, Lost)
	w := httptest.NewRecorder()
	_, err := site.Create(w, site.Request(), session.User{ID: "u2"})
	Want(t, err, ErrOutage)
	NoCookie(t, w)
	site.stores("u2", 0)
}

// slowCleanUp is a Store whose Delete ignores the deadline of its caller. The Manager
// gives its clean-up half a second, and a busy machine can need longer.
type slowCleanUp struct{ session.Store }

// CreateAndList passes the call on, if the Store has it.
func (s slowCleanUp) CreateAndList(ctx context.Context, n *session.Session) ([]*session.Session, error) {
	if store, can := s.Store.(session.CreateLister); can {
		return store.CreateAndList(ctx, n)
	}
	return nil, s.Create(ctx, n)
}

func (s slowCleanUp) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (string, error) {
	return s.Store.Delete(context.WithoutCancel(ctx), key, secret, now)
}

// ManagerCreateLate tests a first try of Create that arrives after all sessions were
// revoked. It creates a session, but nobody has the token of that session.
func ManagerCreateLate(t *testing.T, open Open) {
	t.Parallel()
	site := NewSite(open(t), session.Config{})
	site.Inject(site.login(), Late)
	s, token := site.Login("u1")
	site.Alive(token)
	Want(t, site.RevokeAll(t.Context(), "u1"), nil)

	if got := site.Deliver(); got != nil && !slices.Equal(got, []bool{true}) {
		t.Fatalf("which late tries found something to change: %v, want one that did", got)
	}
	site.Dead(token)
	site.Gone(s)
	ghosts, err := site.List(t.Context(), "u1")
	Want(t, err, nil)
	if len(ghosts) != 1 || ghosts[0].ID == s.ID || ghosts[0].Secret == s.Secret {
		t.Errorf("stored is %+v; want one session, with another ID and another secret than the one handed out", ghosts)
	}
	Want(t, site.RevokeAll(t.Context(), "u1"), nil)
	site.stores("u1", 0)
}

// ManagerRenewLost tests a renewal whose answer is lost. If another try is answered,
// only the new token is valid. If no try is answered, the browser keeps its old token.
// The renewal was carried out, so the old token is no longer valid. But a logout with
// it still ends the session.
func ManagerRenewLost(t *testing.T, open Open) {
	t.Parallel()
	site := NewSite(open(t), session.Config{})
	s, current := site.Login("u1")
	if site.Tries > 1 {
		old := current
		site.Inject(Update, Lost)
		w := httptest.NewRecorder()
		Want(t, site.Renew(t.Context(), w, s), nil)
		current = site.Cookie(w).Value
		site.Alive(current)
		site.Dead(old)
	}
	site.Inject(Update, site.allLost()...)
	w := httptest.NewRecorder()
	Want(t, site.Renew(t.Context(), w, s), ErrOutage)
	NoCookie(t, w)
	site.Dead(current)
	Want(t, site.Destroy(httptest.NewRecorder(), site.Request(current)), nil)
	site.Gone(s)
}

// ManagerUpdateLost tests an update whose answer is lost. The change must be applied
// only once. If another request updates the session before the second try, the Manager
// cannot know whether the first try was applied. So it must not apply the change again.
func ManagerUpdateLost(t *testing.T, open Open) {
	t.Parallel()
	site := NewSite(open(t), session.Config{})
	created, token := site.Login("u1")
	update := func(target error, stored string, faults ...Fault) {
		t.Helper()
		s, runs := site.Alive(token), 0
		site.Inject(Update, faults...)
		Want(t, site.Update(t.Context(), s, func(s *session.Session) {
			runs++
			s.Values["count"] += "1" // "1", "11", "111": the length shows how often it was applied
		}), target)
		if got := site.Alive(token).Values["count"]; got != stored || runs != 1 {
			t.Errorf("the count is %q after %d runs, want %s after one", got, runs, stored)
		}
	}
	update(ErrOutage, "11", site.allLost()...)
	if site.Tries == 1 {
		return
	}
	update(nil, "111", site.allLost()[1:]...)

	written := site.between(func() error {
		other, err := site.Direct.Get(t.Context(), created.Key())
		if err != nil {
			return err
		}
		other.Values["other"] = "kept"
		return site.Direct.Update(t.Context(), other, time.Now(), 99)
	})
	update(ErrOutage, "1111", Lost)
	written()
	if got := site.Alive(token).Values["other"]; got != "kept" {
		t.Errorf("the other update left %q", got)
	}
}

// ManagerDestroyLost tests a logout whose answer is lost. If another try is answered,
// the logout succeeds. Otherwise the browser keeps its cookie, so that the user can try
// again.
func ManagerDestroyLost(t *testing.T, open Open) {
	t.Parallel()
	site := NewSite(open(t), session.Config{})
	s, token := site.Login("u1")
	site.Inject(Logout, site.allLost()...)
	w := httptest.NewRecorder()
	Want(t, site.Destroy(w, site.Request(token)), ErrOutage)
	NoCookie(t, w)

	site.logOut(token)
	site.Gone(s)

	if site.Tries > 1 {
		_, token = site.Login("u1")
		site.Inject(Logout, Lost)
		site.logOut(token)
		site.Dead(token)
	}
}

// ManagerRevokeAllLost tests RevokeAll while answers are lost. RevokeAll must succeed
// if every call has a try that is answered. Otherwise it returns an outage, and the
// next RevokeAll must succeed.
func ManagerRevokeAllLost(t *testing.T, open Open) {
	t.Parallel()
	site := NewSite(open(t), session.Config{})
	revokes := func(tokens []string) {
		t.Helper()
		Want(t, site.RevokeAll(t.Context(), "u1"), nil)
		for _, token := range tokens {
			site.Dead(token)
		}
	}
	logins := func() (tokens []string) {
		for range 3 {
			_, token := site.Login("u1")
			tokens = append(tokens, token)
		}
		return tokens
	}
	listed := slices.Repeat([]Fault{None}, site.Pages)

	tokens := logins()
	site.Inject(List, site.allLost()...)
	Want(t, site.RevokeAll(t.Context(), "u1"), ErrOutage)
	site.stores("u1", 3)
	if site.Tries > 1 {
		site.Inject(List, append([]Fault{Lost, Refused}, listed...)...)
		site.Inject(Revoke, Lost, Lost) // one fewer than Tries, because one delete may get all of them
	}
	revokes(tokens)

	tokens = logins()
	site.Inject(List, listed...)
	site.Inject(Revoke, slices.Repeat([]Fault{Refused}, 3*site.Tries)...)
	Want(t, site.RevokeAll(t.Context(), "u1"), ErrOutage)
	site.stores("u1", 3)
	revokes(tokens)
}

// ManagerOutage tests the Manager while the store is down. No error may say that the
// session has ended, and no response may have a cookie. When the store is back, the old
// cookie must work.
func ManagerOutage(t *testing.T, open Open) {
	t.Parallel()
	for _, fault := range []Fault{Refused, Hanging} {
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			site := NewSite(open(t), session.Config{})
			s, token := site.Login("u1")
			before := site.Alive(token)
			w := httptest.NewRecorder()
			site.InjectAll(fault)
			for method, request := range site.requests(w, s, token) {
				t.Run(method, func(t *testing.T) {
					if fault == Refused {
						Want(t, request(t.Context()), ErrOutage)
						return
					}
					err := site.timesOut(request)
					Want(t, err, ErrOutage)
					Want(t, err, context.DeadlineExceeded)
				})
			}
			if fault == Refused {
				site.unavailable(t.Context(), token)
			} else {
				site.timesOut(func(ctx context.Context) error { site.unavailable(ctx, token); return nil })
			}
			NoCookie(t, w)
			site.InjectAll(None)
			if after := site.Alive(token); after.Version != before.Version {
				t.Errorf("the outage changed the session: version %d, then %d", before.Version, after.Version)
			}
		})
	}
}

// requests returns a call of every method of the Manager, for the session current of
// the user u1.
func (s *Site) requests(w http.ResponseWriter, current *session.Session, token string) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Load":    func(ctx context.Context) error { _, err := s.Load(s.Request(token).WithContext(ctx)); return err },
		"Destroy": func(ctx context.Context) error { return s.Destroy(w, s.Request(token).WithContext(ctx)) },
		"Create": func(ctx context.Context) error {
			_, err := s.Create(w, s.Request(token).WithContext(ctx), session.User{ID: "u1"})
			return err
		},
		"Renew":          func(ctx context.Context) error { return s.Renew(ctx, w, current) },
		"Reauthenticate": func(ctx context.Context) error { return s.Reauthenticate(ctx, w, current) },
		"Update":         func(ctx context.Context) error { return s.Update(ctx, current, func(*session.Session) {}) },
		"List":           func(ctx context.Context) error { _, err := s.List(ctx, "u1"); return err },
		"Revoke":         func(ctx context.Context) error { return s.Revoke(ctx, "u1", current.ID) },
		"RevokeAll":      func(ctx context.Context) error { return s.RevokeAll(ctx, "u1") },
	}
}

// unavailable fails the test unless a page that needs a session answers 503 with
// Retry-After.
func (s *Site) unavailable(ctx context.Context, token string) {
	s.Helper()
	w := httptest.NewRecorder()
	s.Require(nil).ServeHTTP(w, s.Request(token).WithContext(ctx))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		s.Errorf("status %d, Retry-After %q; want 503 and a number", w.Code, w.Header().Get("Retry-After"))
	}
	NoCookie(s, w)
}
