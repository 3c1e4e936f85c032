package dynamostore_test

import (
	"context"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/session"
)

// A Create whose answer is lost is abandoned and cleaned up after; the user gets
// a token all the same.
func TestManagerCreateLost(t *testing.T) {
	t.Parallel()
	site := newSite(t, session.Config{})
	site.proxy.Fail("PutItem", lost)
	s, token := site.login("u1")
	site.spent("PutItem, 1 write", "DeleteItem, 1 write", "PutItem, 1 write", "Query, 1 read")
	if got := site.alive(token); got.ID != s.ID {
		t.Errorf("the token is that of %s, want %s", got.ID, s.ID)
	}
	if n := site.stored("u1"); n != 1 {
		t.Errorf("%d sessions are stored, want 1", n)
	}

	site.proxy.Fail("PutItem", lost, lost)
	w := httptest.NewRecorder()
	_, err := site.Create(w, site.request(), session.User{ID: "u2"})
	want(t, err, errOutage)
	noCookie(t, w)
	if n := site.stored("u2"); n != 0 {
		t.Errorf("%d sessions are stored after a failed login, want none", n)
	}
}

// A first try of Create that arrives after everything was revoked makes a session
// of which nobody has the token.
func TestManagerCreateLate(t *testing.T) {
	t.Parallel()
	site := newSite(t, session.Config{})
	site.proxy.Fail("PutItem", late)
	s, token := site.login("u1")
	site.alive(token)
	want(t, site.RevokeAll(t.Context(), "u1"), nil)

	if got := site.proxy.Deliver(); !slices.Equal(got, []int{200}) {
		t.Fatalf("the late try was answered with %v, want success", got)
	}
	site.dead(token)
	site.gone(s)
	ghosts, err := site.List(t.Context(), "u1")
	want(t, err, nil)
	if len(ghosts) != 1 || ghosts[0].ID == s.ID || ghosts[0].Secret == s.Secret {
		t.Errorf("stored is %+v; want one session, with another ID and another secret than the one handed out", ghosts)
	}
	want(t, site.RevokeAll(t.Context(), "u1"), nil)
	if n := site.stored("u1"); n != 0 {
		t.Errorf("%d sessions are stored after revoking again, want none", n)
	}
}

func TestManagerRenewLost(t *testing.T) {
	t.Parallel()
	site := newSite(t, session.Config{})
	s, old := site.login("u1")
	site.proxy.Fail("UpdateItem", lost)
	w := httptest.NewRecorder()
	want(t, site.Renew(t.Context(), w, s), nil)
	current := site.cookie(w).Value
	site.alive(current)
	site.dead(old)

	// With no answer at all the browser keeps the token it has. The renewal came
	// through, so that token is dead; but it still ends the session.
	site.proxy.Fail("UpdateItem", lost, lost, lost)
	w = httptest.NewRecorder()
	want(t, site.Renew(t.Context(), w, s), errOutage)
	noCookie(t, w)
	site.dead(current)
	want(t, site.Destroy(httptest.NewRecorder(), site.request(current)), nil)
	site.gone(s)
}

func TestManagerUpdateLost(t *testing.T) {
	t.Parallel()
	site := newSite(t, session.Config{})
	s, token := site.login("u1")
	runs := 0
	increment := func(s *session.Session) {
		runs++
		s.Values["count"] += "1" // "1", "11", "111": a count that shows in what is stored
	}
	site.proxy.Fail("UpdateItem", lost, lost)
	want(t, site.Update(t.Context(), s, increment), nil)
	if got := site.alive(token).Values["count"]; got != "11" || runs != 1 {
		t.Errorf("the count is %q after %d runs, want 11 after one", got, runs)
	}

	// The first try is applied, then another request's update: nobody can tell that
	// from an update that was not applied, so it is not applied again.
	site.proxy.Fail("UpdateItem", lost)
	site.between = func() {
		other, err := site.direct.Get(t.Context(), s.Key())
		want(t, err, nil)
		other.Values["other"] = "kept"
		want(t, site.direct.Update(t.Context(), other, time.Now(), 99), nil)
	}
	runs = 0
	want(t, site.Update(t.Context(), s, increment), errOutage)
	if got := site.alive(token).Values; got["count"] != "111" || got["other"] != "kept" || runs != 1 {
		t.Errorf("stored is %v after %d runs, want the count 111 after one, and the other update", got, runs)
	}
}

func TestManagerDestroyLost(t *testing.T) {
	t.Parallel()
	site := newSite(t, session.Config{})
	s, token := site.login("u1")
	site.proxy.Fail("DeleteItem", lost, lost, lost)
	w := httptest.NewRecorder()
	want(t, site.Destroy(w, site.request(token)), errOutage)
	noCookie(t, w)

	site.cleared(token)
	site.gone(s)

	_, token = site.login("u1")
	site.proxy.Fail("DeleteItem", lost)
	site.cleared(token)
	site.dead(token)
}

// cleared logs out and demands that the cookie is cleared.
func (s *site) cleared(token string) {
	s.t.Helper()
	w := httptest.NewRecorder()
	want(s.t, s.Destroy(w, s.request(token)), nil)
	if c := s.cookie(w); c.Name != cookieName || c.Value != "" || c.MaxAge >= 0 {
		s.t.Errorf("the response sets %v, want the cookie cleared", c)
	}
}

func TestManagerRevokeAllLost(t *testing.T) {
	t.Parallel()
	site := newSite(t, session.Config{})
	logins := func() (tokens []string) {
		for range 3 {
			_, token := site.login("u1")
			tokens = append(tokens, token)
		}
		return tokens
	}
	tokens := logins()
	site.proxy.Fail("Query", lost, refused)
	site.proxy.Fail("DeleteItem", lost, lost) // one fewer than tries: they may all meet the same delete
	want(t, site.RevokeAll(t.Context(), "u1"), nil)
	for _, token := range tokens {
		site.dead(token)
	}

	// Not every delete is answered: that is no success, and trying again is.
	tokens = logins()
	site.proxy.Fail("DeleteItem", slices.Repeat([]dynamotest.Fault{refused}, 3*tries)...)
	want(t, site.RevokeAll(t.Context(), "u1"), errOutage)
	if n := site.stored("u1"); n != 3 {
		t.Errorf("%d sessions are stored, want 3", n)
	}
	want(t, site.RevokeAll(t.Context(), "u1"), nil)
	for _, token := range tokens {
		site.dead(token)
	}
}

// With the store down no call is a verdict on the session, and no response has a
// cookie. The same cookie works when the store is back.
func TestManagerOutage(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]dynamotest.Fault{"refused": refused, "hanging": hanging} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := newSite(t, session.Config{})
			s, token := site.login("u1")
			before := site.alive(token)
			w := httptest.NewRecorder()
			requests := map[string]func(ctx context.Context) error{
				"Load":    func(ctx context.Context) error { _, err := site.Load(site.request(token).WithContext(ctx)); return err },
				"Destroy": func(ctx context.Context) error { return site.Destroy(w, site.request(token).WithContext(ctx)) },
				"Create": func(ctx context.Context) error {
					_, err := site.Create(w, site.request(token).WithContext(ctx), session.User{ID: "u1"})
					return err
				},
				"Renew":          func(ctx context.Context) error { return site.Renew(ctx, w, s) },
				"Reauthenticate": func(ctx context.Context) error { return site.Reauthenticate(ctx, w, s) },
				"Update":         func(ctx context.Context) error { return site.Update(ctx, s, func(*session.Session) {}) },
				"List":           func(ctx context.Context) error { _, err := site.List(ctx, "u1"); return err },
				"Revoke":         func(ctx context.Context) error { return site.Revoke(ctx, "u1", s.ID) },
				"RevokeAll":      func(ctx context.Context) error { return site.RevokeAll(ctx, "u1") },
			}
			site.proxy.FailAll(fault)
			for _, request := range requests {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				err := request(ctx)
				cancel()
				if want(t, err, errOutage); fault == hanging {
					want(t, err, context.DeadlineExceeded)
				}
			}
			noCookie(t, w)
			site.proxy.FailAll(none)
			if after := site.alive(token); after.Version != before.Version {
				t.Errorf("the outage changed the session: version %d, then %d", before.Version, after.Version)
			}
		})
	}
}
