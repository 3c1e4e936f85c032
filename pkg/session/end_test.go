package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
)

func TestDestroy(t *testing.T) {
	r := newFixture(t, session.Config{})
	s, token := r.login("u1")
	_, other := r.login("u1")
	r.store.count()
	r.log.reset()
	w := httptest.NewRecorder()
	want(t, r.Destroy(w, r.request(cookie(token))), nil)
	wantSetCookie(t, w, clearingCookie)
	if n := r.store.count("Delete"); n != 1 || r.store.count() != 0 {
		t.Errorf("%d deletes and more, want 1 and nothing else", n)
	}
	r.log.wantLines("INFO session_ended reason=logout session_id=" + s.ID + " user_id=u1" + byClient)
	if r.stored(s) != nil {
		t.Error("the session is still stored")
	}
	r.wantDead(token)
	r.wantAlive(other)
}

// A logout clears the cookie in the browser, whatever its value is. It ends no live
// session that the cookie does not prove.
func TestDestroyWithoutALiveSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		_, expired := r.login("u1")
		time.Sleep(idle)
		_, token := r.login("u1")
		_, gone := r.login("u1")
		want(t, r.Destroy(httptest.NewRecorder(), r.request(cookie(gone))), nil)
		for name, cookies := range map[string][]string{
			"absent":       nil,
			"gone":         {cookie(gone)},
			"expired":      {cookie(expired)},
			"malformed":    {cookie("x")},
			"unknown":      {cookie(strings.Repeat("A", 22) + "." + strings.Repeat("A", 22) + "." + strings.Repeat("A", 43))},
			"wrong secret": {cookie(token[:secretStart] + gone[secretStart:])},
		} {
			r.log.reset()
			w := httptest.NewRecorder()
			if err := r.Destroy(w, r.request(cookies...)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			wantSetCookie(t, w, clearingCookie)
			r.log.wantLines()
		}
		r.wantAlive(token)
	})
}

// A logout at the same time as a renewal still ends the session.
func TestDestroyWithThePreviousSecret(t *testing.T) {
	r := newFixture(t, session.Config{})
	s, oldToken := r.login("u1")
	w := httptest.NewRecorder()
	want(t, r.Renew(t.Context(), w, s), nil)
	want(t, r.Destroy(httptest.NewRecorder(), r.request(cookie(oldToken))), nil)
	r.wantDead(tokenIn(t, w))
	if r.stored(s) != nil {
		t.Error("the session is still stored")
	}
}

func TestDestroyInAnOutageKeepsTheCookie(t *testing.T) {
	for name, lost := range map[string]bool{"refused": false, "answer lost": true} {
		t.Run(name, func(t *testing.T) {
			r := newFixture(t, session.Config{})
			_, token := r.login("u1")
			if lost {
				r.store.after["Delete"] = fails
			} else {
				r.store.down()
			}
			w := httptest.NewRecorder()
			want(t, r.Destroy(w, r.request(cookie(token))), errOutage)
			wantNoCookie(t, w)

			r.store.up()
			w = httptest.NewRecorder()
			want(t, r.Destroy(w, r.request(cookie(token))), nil)
			wantSetCookie(t, w, clearingCookie)
			r.wantDead(token)
		})
	}
}

func ids(all []*session.Session) []string {
	var list []string
	for _, s := range all {
		list = append(list, s.ID)
	}
	return list
}

func TestList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{MaxSessions: -1})
		r.login("u1") // has been idle for too long when List runs
		stolen, _ := r.login("u1")
		time.Sleep(idle - time.Minute)
		var expected []string
		var same []string
		for range 5 {
			s, _ := r.login("u1")
			same = append(same, s.ID)
		}
		slices.Sort(same)
		expected = append(expected, same...)
		for range 5 {
			time.Sleep(time.Millisecond)
			s, _ := r.login("u1")
			expected = append(expected, s.ID)
		}
		r.login("u2")
		r.login("u") // a prefix of the other names
		want(t, r.Revoke(t.Context(), "u1", stolen.ID), nil)
		time.Sleep(time.Minute)

		all, err := r.List(t.Context(), "u1")
		want(t, err, nil)
		if got := ids(all); !slices.Equal(got, expected) {
			t.Errorf("listed:\n%v\nwant:\n%v", got, expected)
		}
		all, err = r.List(t.Context(), "nobody")
		if want(t, err, nil); len(all) != 0 {
			t.Errorf("%d sessions of nobody", len(all))
		}
		all, err = r.withConfig(session.Config{IdleTimeout: time.Minute}).List(t.Context(), "u1")
		if want(t, err, nil); len(all) != 0 {
			t.Errorf("%d sessions listed that are dead under today's limits", len(all))
		}
		all, err = r.withConfig(session.Config{NotBefore: time.Now()}).List(t.Context(), "u1")
		if want(t, err, nil); len(all) != 0 {
			t.Errorf("%d sessions listed from before NotBefore", len(all))
		}
	})
}

// A session made a moment ago is in the list, and a renewed one still is.
func TestListIncludesRecentWrites(t *testing.T) {
	r := newFixture(t, session.Config{})
	s, _ := r.login("u1")
	for range 3 {
		want(t, r.Renew(t.Context(), httptest.NewRecorder(), s), nil)
		all, err := r.List(t.Context(), "u1")
		want(t, err, nil)
		if got := ids(all); !slices.Equal(got, []string{s.ID}) {
			t.Errorf("listed %v, want %v", got, s.ID)
		}
	}
}

func TestRevoke(t *testing.T) {
	r := newFixture(t, session.Config{})
	s, token := r.login("u1")
	_, other := r.login("u1")
	r.log.reset()
	want(t, r.Revoke(t.Context(), "u1", s.ID), nil)
	r.log.wantLines("INFO session_ended reason=revoked session_id=" + s.ID + " user_id=u1")
	r.wantDead(token)
	r.wantAlive(other)
	want(t, r.Revoke(t.Context(), "u1", s.ID), session.ErrNoSession)
}

// TestRevokeKey: a program that knows no more than the key of a session ends it, and nobody is
// told before.
func TestRevokeKey(t *testing.T) {
	asked := 0
	r := newFixture(t, session.Config{BeforeEnding: func(context.Context, string, bool) error { asked++; return nil }})
	s, token := r.login("u1")
	_, other := r.login("u1")
	r.log.reset()
	want(t, r.RevokeKey(t.Context(), s.Key()), nil)
	r.log.wantLines("INFO session_ended reason=revoked session_id=" + s.ID + " user_id=u1")
	r.wantDead(token)
	r.wantAlive(other)
	want(t, r.RevokeKey(t.Context(), s.Key()), session.ErrNoSession)
	if asked > 0 {
		t.Error("BeforeEnding was called")
	}
}

func TestRevokeRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		expired, _ := r.login("u1")
		time.Sleep(idle)
		s, token := r.login("u1")
		others, othersToken := r.login("u2")
		for name, tt := range map[string]struct {
			id    string
			calls int
		}{
			"empty":           {"", 0},
			"short":           {s.ID[:21], 0},
			"long":            {s.ID + "A", 0},
			"second spelling": {nonCanonical(s.ID), 0},
			"newline":         {s.ID[:21] + "\n", 0},
			"other alphabet":  {s.ID[:20] + "+A", 0},
			"a token":         {token, 0},
			"unknown":         {strings.Repeat("A", 22), 1},
			"another user's":  {others.ID, 1},
			"expired":         {expired.ID, 1},
		} {
			r.store.count()
			r.log.reset()
			if err := r.Revoke(t.Context(), "u1", tt.id); !errors.Is(err, session.ErrNoSession) {
				t.Errorf("%s: error is %v, want ErrNoSession", name, err)
			}
			if n := r.store.count(); n != tt.calls {
				t.Errorf("%s: %d store calls, want %d", name, n, tt.calls)
			}
			r.log.wantLines()
		}
		r.wantAlive(token)
		r.wantAlive(othersToken)
	})
}

func TestRevokeAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{MaxSessions: -1})
		expired, _ := r.login("u1")
		time.Sleep(idle)
		var tokens []string
		var kept []string
		for i := range 25 { // more than are deleted at once, but too few for memstore to sweep
			s, token := r.login("u1")
			if i%10 == 7 {
				kept = append(kept, s.ID)
			} else {
				tokens = append(tokens, token)
			}
		}
		_, othersToken := r.login("u2")
		if r.stored(expired) == nil {
			t.Fatal("the store removed the dead session; this test needs one that does not")
		}

		r.store.count()
		want(t, r.RevokeAll(t.Context(), "u1", kept...), nil)
		if n := r.store.count("List"); n != 1 {
			t.Errorf("%d Lists, want 1", n)
		}
		for _, token := range tokens {
			r.wantDead(token)
		}
		all, err := r.store.Store.List(t.Context(), (&session.Session{UserID: "u1"}).Key().Owner)
		want(t, err, nil)
		if got := ids(all); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(kept))) {
			t.Errorf("left are %v, want the excepted %v: the dead go too", got, kept)
		}
		r.wantAlive(othersToken)

		want(t, r.RevokeAll(t.Context(), "u1"), nil)
		if n := r.sessionCount("u1"); n != 0 {
			t.Errorf("%d sessions left, want none", n)
		}
		want(t, r.RevokeAll(t.Context(), "u1"), nil) // it is not an error if there is nothing to do
	})
}

func TestRevokeAllLogsEachLiveSession(t *testing.T) {
	r := newFixture(t, session.Config{})
	s, _ := r.login("u1")
	r.log.reset()
	want(t, r.RevokeAll(t.Context(), "u1"), nil)
	r.log.wantLines("INFO session_ended reason=revoked session_id=" + s.ID + " user_id=u1")
}

// If one delete fails, that is an error, but the other sessions are still deleted.
func TestRevokeAllWithAFailingDelete(t *testing.T) {
	r := newFixture(t, session.Config{MaxSessions: -1})
	for range 20 {
		r.login("u1")
	}
	r.store.before["Delete"] = once(fails)
	want(t, r.RevokeAll(t.Context(), "u1"), errOutage)
	if n := r.sessionCount("u1"); n != 1 {
		t.Errorf("%d sessions left, want the one whose delete failed", n)
	}
	want(t, r.RevokeAll(t.Context(), "u1"), nil) // called again
	if n := r.sessionCount("u1"); n != 0 {
		t.Errorf("%d sessions left, want none", n)
	}
}

// A session that cannot be read does not stop the others from being ended.
func TestRevokeAllWithADamagedSession(t *testing.T) {
	r := newFixture(t, session.Config{})
	dir := t.TempDir()
	r.store.Store = &dirStore{dir: dir}
	damaged, damagedToken := r.login("u1")
	_, token := r.login("u1")
	want(t, os.WriteFile(filepath.Join(dir, file(damaged.Key())), []byte("damaged"), 0o600), nil)

	for name, err := range map[string]error{
		"RevokeAll": r.RevokeAll(t.Context(), "u1"),
		"Load":      func() error { _, err := r.load(damagedToken); return err }(),
		"List":      func() error { _, err := r.List(t.Context(), "u1"); return err }(),
	} {
		if err == nil || errors.Is(err, session.ErrNoSession) {
			t.Errorf("%s: error is %v, want one about the damage", name, err)
		}
	}
	r.wantDead(token)
}

// A session that ends meanwhile counts as deleted.
func TestRevokeAllDuringALogout(t *testing.T) {
	r := newFixture(t, session.Config{})
	_, token := r.login("u1")
	r.store.before["Delete"] = once(func(context.Context) error {
		return r.Destroy(httptest.NewRecorder(), r.request(cookie(token)))
	})
	want(t, r.RevokeAll(t.Context(), "u1"), nil)
}

func TestRevokeAllIsParallelButBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{MaxSessions: -1})
		for range 32 {
			r.login("u1")
		}
		r.store.before["Delete"] = func(context.Context) error { time.Sleep(time.Second); return nil }
		start := time.Now()
		want(t, r.RevokeAll(t.Context(), "u1"), nil)
		if took := time.Since(start); took != 2*time.Second { // 16 at once
			t.Errorf("32 deletes of a second each took %v, want 2s", took)
		}
	})
}

// No method reports an outage as any other result, whichever of its store calls
// fails.
func TestOutages(t *testing.T) {
	type step struct {
		call string // the store's method that fails
		do   func(r *fixture, s *session.Session, token string) error
	}
	w := httptest.NewRecorder()
	steps := map[string]step{
		"Load": {"Get", func(r *fixture, _ *session.Session, token string) error { _, err := r.load(token); return err }},
		"Create": {"Create", func(r *fixture, _ *session.Session, _ string) error {
			_, err := r.Create(w, r.request(), session.User{ID: "u1"})
			return err
		}},
		"Create, presented": {"Delete", func(r *fixture, _ *session.Session, token string) error {
			_, err := r.Create(w, r.request(cookie(token)), session.User{ID: "u1"})
			return err
		}},
		"Update": {"Update", func(r *fixture, s *session.Session, _ string) error {
			return r.Update(r.t.Context(), s, func(*session.Session) {})
		}},
		"Renew":          {"Update", func(r *fixture, s *session.Session, _ string) error { return r.Renew(r.t.Context(), w, s) }},
		"Reauthenticate": {"Update", func(r *fixture, s *session.Session, _ string) error { return r.Reauthenticate(r.t.Context(), w, s) }},
		"ReauthenticateAlone": {"Update", func(r *fixture, s *session.Session, _ string) error {
			return r.ReauthenticateAlone(r.t.Context(), w, s)
		}},
		"Destroy": {"Delete", func(r *fixture, _ *session.Session, token string) error {
			return r.Destroy(w, r.request(cookie(token)))
		}},
		"List": {"List", func(r *fixture, _ *session.Session, _ string) error {
			_, err := r.List(r.t.Context(), "u1")
			return err
		}},
		"Revoke":    {"Delete", func(r *fixture, s *session.Session, _ string) error { return r.Revoke(r.t.Context(), "u1", s.ID) }},
		"RevokeAll": {"List", func(r *fixture, _ *session.Session, _ string) error { return r.RevokeAll(r.t.Context(), "u1") }},
		"RevokeAll, delete": {"Delete", func(r *fixture, _ *session.Session, _ string) error {
			return r.RevokeAll(r.t.Context(), "u1")
		}},
	}
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			r := newFixture(t, session.Config{})
			s, token := r.login("u1")
			before := r.stored(s)
			r.store.down(step.call)
			want(t, step.do(r, s, token), errOutage)
			for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
				r.store.before[step.call] = func(context.Context) error { return fmt.Errorf("store: %w", cause) }
				if err := step.do(r, s, token); !errors.Is(err, cause) || errors.Is(err, session.ErrNoSession) {
					t.Errorf("error is %v, want %v", err, cause)
				}
			}
			wantNoCookie(t, w)
			r.store.up()
			r.wantAlive(token)
			if got := r.stored(s); got.Version != before.Version || got.Secret != before.Secret {
				t.Error("the outage changed the session")
			}
		})
	}
}
