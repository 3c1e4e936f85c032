package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"example.com/coatcheck/pkg/session"
)

func TestCreateFillsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		time.Sleep(1234567 * time.Microsecond)
		now := time.Now().UTC()
		req := r.request()
		req.RemoteAddr = "[2001:db8::1]:4711"
		req.Header.Set("X-Forwarded-For", "203.0.113.9")
		req.Header.Set("Forwarded", "for=203.0.113.9")
		user := session.User{ID: "u1", Roles: []string{"a", "b"}, Values: map[string]string{"k": "v", "empty": ""}}
		s, err := r.Create(httptest.NewRecorder(), req, user)
		want(t, err, nil)

		second := now.Truncate(time.Second)
		expected := &session.Session{
			ID: s.ID, UserID: "u1",
			Roles:           []string{"a", "b"},
			Values:          map[string]string{"k": "v", "empty": ""},
			CreatedAt:       now.Truncate(time.Millisecond),
			AuthenticatedAt: second,
			LastSeenAt:      second,
			ExpiresAt:       second.Add(idle),
			Version:         s.Version,
			IP:              "2001:db8::1",
			UserAgent:       "test/1.0",
			Secret:          s.Secret,
		}
		if s.Version <= 0 {
			t.Errorf("version is %d, want a positive number", s.Version)
		}
		for name, got := range map[string]*session.Session{"returned": s, "stored": r.stored(s)} {
			if !reflect.DeepEqual(got, expected) {
				t.Errorf("%s:\n%+v\nwant:\n%+v", name, got, expected)
			}
		}

		user.Roles[0], user.Values["k"] = "changed", "changed"
		if !s.HasRole("a") || s.Values["k"] != "v" {
			t.Error("the session shares roles or values with the User")
		}
	})
}

func TestVersionsAreRandom(t *testing.T) {
	r := newFixture(t, session.Config{})
	seen := map[int64]bool{}
	for range 1000 {
		s, _ := r.login("u1")
		if seen[s.Version] || s.Version <= 0 {
			t.Fatalf("version %d came twice, or is not positive", s.Version)
		}
		seen[s.Version] = true
	}
}

func TestClientAddress(t *testing.T) {
	r := newFixture(t, session.Config{})
	for addr, ip := range map[string]string{
		"192.0.2.1:1234":     "192.0.2.1",
		"[2001:db8::1]:1234": "2001:db8::1",
		"192.0.2.1":          "192.0.2.1", // as some servers set it
		"2001:db8::1":        "2001:db8::1",
		"@":                  "@", // a Unix socket
		"":                   "",
	} {
		req := r.request()
		req.RemoteAddr = addr
		s, err := r.Create(httptest.NewRecorder(), req, session.User{ID: "u1"})
		want(t, err, nil)
		if s.IP != ip {
			t.Errorf("IP of RemoteAddr %q is %q, want %q", addr, s.IP, ip)
		}
	}
}

func TestUserAgentIsCut(t *testing.T) {
	r := newFixture(t, session.Config{})
	x := func(n int) string { return strings.Repeat(".x", 2048)[:n] } // a run of letters would look like a secret
	tests := []struct{ name, sent, kept string }{
		{"none", "", ""},
		{"256 bytes", x(256), x(256)},
		{"257 bytes", x(257), x(256)},
		{"4 KB", x(4096), x(256)},
		{"two-byte rune at the cut", x(255) + "ü", x(255)},
		{"four-byte rune at the cut", x(253) + "🧥", x(253)},
		{"four-byte rune before it", x(252) + "🧥!", x(252) + "🧥"},
		{"bad UTF-8", "a\xffb", "ab"},
		{"control characters", "a\x00b\tc\x1b[2Jd\x7fe", "abc[2Jde"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := r.request()
			req.Header.Set("User-Agent", tt.sent)
			s, err := r.Create(httptest.NewRecorder(), req, session.User{ID: "u1"})
			want(t, err, nil)
			if s.UserAgent != tt.kept || !utf8.ValidString(s.UserAgent) {
				t.Errorf("kept %q, want %q", s.UserAgent, tt.kept)
			}
		})
	}
}

func TestInvalidUsersAreRefused(t *testing.T) {
	tests := []struct {
		name string
		user session.User
		says string
	}{
		{"no ID", session.User{}, `""`},
		{"NUL in ID", session.User{ID: "u\x001"}, `"u\x001"`},
		{"bad UTF-8 in ID", session.User{ID: "u\xff"}, `"u\xff"`},
		{"empty role", session.User{ID: "u1", Roles: []string{"a", ""}}, `""`},
		{"NUL in role", session.User{ID: "u1", Roles: []string{"a\x00"}}, `"a\x00"`},
		{"bad UTF-8 in role", session.User{ID: "u1", Roles: []string{"\xc3"}}, `"\xc3"`},
		{"empty key", session.User{ID: "u1", Values: map[string]string{"": canary}}, `""`},
		{"NUL in key", session.User{ID: "u1", Values: map[string]string{"k\x00": canary}}, `"k\x00"`},
		{"bad UTF-8 in key", session.User{ID: "u1", Values: map[string]string{"k\xfe": canary}}, `"k\xfe"`},
		{"NUL in value", session.User{ID: "u1", Values: map[string]string{"name": canary + "\x00"}}, `"name"`},
		{"bad UTF-8 in value", session.User{ID: "u1", Values: map[string]string{"name": canary + "\xed\xa0\x80"}}, `"name"`},
		{"4,097 bytes in a value", session.User{ID: "u1", Values: map[string]string{"k": strings.Repeat("x", 4094)}}, "4097 bytes"},
		{"4,097 bytes in all", session.User{
			ID:     "u1",
			Roles:  []string{strings.Repeat("r", 1000), strings.Repeat("s", 1046)},
			Values: map[string]string{strings.Repeat("k", 1024): strings.Repeat("v", 1025)},
		}, "4097 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newFixture(t, session.Config{})
			s, token := r.login("u1")
			r.store.count()
			w := httptest.NewRecorder()
			_, err := r.Create(w, r.request(cookie(token)), tt.user)
			want(t, err, session.ErrInvalid)
			if !strings.Contains(err.Error(), tt.says) {
				t.Errorf("the error %q does not say %s", err, tt.says)
			}
			wantNoCookie(t, w)
			if n := r.store.count(); n != 0 {
				t.Errorf("%d store calls, want 0", n)
			}

			if tt.user.ID != s.UserID {
				return // Update cannot change the ID
			}
			err = r.Update(t.Context(), s, func(s *session.Session) {
				s.Roles, s.Values = tt.user.Roles, tt.user.Values
			})
			want(t, err, session.ErrInvalid)
			if n := r.store.count(); n != 0 || !s.HasRole("reader") || s.Values["theme"] != "dark" {
				t.Errorf("Update: %d store calls, roles %v, values %v; want nothing done", n, s.Roles, s.Values)
			}
		})
	}
}

func TestFourKilobytesAreKept(t *testing.T) {
	r := newFixture(t, session.Config{})
	_, err := r.Create(httptest.NewRecorder(), r.request(), session.User{
		ID: "u1", Roles: []string{"ünï"}, Values: map[string]string{"k": strings.Repeat("x", 4096-2-5-1)},
	})
	want(t, err, nil)
}

// A login ends the session that the request came with, whichever user it belongs to
// (ASVS 7.2.4).
func TestCreateEndsThePresentedSession(t *testing.T) {
	for _, user := range []string{"u1", "u2"} {
		r := newFixture(t, session.Config{})
		old, oldToken := r.login("u1")
		other, otherToken := r.login("u1")
		r.log.reset()
		s, token := r.login(user, cookie(oldToken))
		r.wantDead(oldToken)
		if r.stored(old) != nil {
			t.Error("the presented session is still stored")
		}
		r.wantAlive(token)
		r.wantAlive(otherToken)
		if s.ID == old.ID || token[secretStart:] == oldToken[secretStart:] || other.ID == s.ID {
			t.Error("the new session shares ID or secret with the old one")
		}
		r.log.wantLines(
			"INFO session_ended by_session_id="+s.ID+" reason=replaced session_id="+old.ID+" user_id=u1"+byClient,
			"INFO session_created session_id="+s.ID+" user_id="+user+byClient,
		)
	}
}

// Session fixation: a token that an attacker planted never becomes the user's.
func TestCreateNeverAdoptsAPlantedToken(t *testing.T) {
	r := newFixture(t, session.Config{})
	planted := (&session.Session{UserID: "u1"}).Key().Owner + "." + strings.Repeat("A", 22) + "." + strings.Repeat("A", 43)
	s, token := r.login("u1", cookie(planted))
	if s.ID == planted[ownerEnd+1:idEnd] || token[secretStart:] == planted[secretStart:] {
		t.Error("the login adopted the planted ID or secret")
	}
	r.wantDead(planted)
	if n := r.sessionCount("u1"); n != 1 {
		t.Errorf("%d sessions, want 1", n)
	}
}

func TestCreateFailsIfThePresentedSessionStays(t *testing.T) {
	r := newFixture(t, session.Config{})
	_, oldToken := r.login("u1")
	r.store.before["Delete"] = once(fails)
	w := httptest.NewRecorder()
	_, err := r.Create(w, r.request(cookie(oldToken)), session.User{ID: "u1"})
	want(t, err, errOutage)
	wantNoCookie(t, w)
	if n := r.sessionCount("u1"); n != 1 {
		t.Errorf("%d sessions, want the presented one alone", n)
	}
	r.wantAlive(oldToken)
}

// If Confirm refuses a login or fails in an outage, the session that the request
// came with stays.
func TestFailedConfirmKeepsThePresentedSession(t *testing.T) {
	for name, failure := range map[string]error{"refuses": errors.New("account disabled"), "outage": errOutage} {
		t.Run(name, func(t *testing.T) {
			r := newFixture(t, session.Config{})
			_, oldToken := r.login("u1")
			w := httptest.NewRecorder()
			_, err := r.Create(w, r.request(cookie(oldToken)), session.User{ID: "u1", Confirm: func(context.Context) error { return failure }})
			want(t, err, failure)
			wantNoCookie(t, w)
			r.wantAlive(oldToken)
			if n := r.sessionCount("u1"); n != 1 {
				t.Errorf("%d sessions, want the presented one alone", n)
			}
		})
	}
}

func TestConfirm(t *testing.T) {
	refusal := errors.New("account disabled")
	for name, refusal := range map[string]error{"agrees": nil, "refuses": refusal, "outage": errOutage} {
		t.Run(name, func(t *testing.T) {
			r := newFixture(t, session.Config{})
			w := httptest.NewRecorder()
			calls := 0
			s, err := r.Create(w, r.request(), session.User{ID: "u1", Confirm: func(ctx context.Context) error {
				calls++
				wantNoCookie(t, w)
				if n := r.sessionCount("u1"); n != 1 {
					t.Errorf("%d sessions stored when Confirm was called, want 1", n)
				}
				want(t, ctx.Err(), nil)
				return refusal
			}})
			if err != refusal {
				t.Fatalf("error is %v, want %v as Confirm returned it", err, refusal)
			}
			if calls != 1 {
				t.Errorf("Confirm was called %d times", calls)
			}
			if refusal == nil {
				r.wantAlive(tokenIn(t, w))
				return
			}
			wantNoCookie(t, w)
			if n := r.sessionCount("u1"); n != 0 || s != nil {
				t.Errorf("%d sessions stored and %v returned, want none", n, s)
			}
			r.log.wantLines()
		})
	}
}

// The request's deadline may have passed when Create has to delete the session
// again, and the store may hang.
func TestDiscardHasItsOwnTimeout(t *testing.T) {
	for name, hook := range map[string]hook{"answers": nil, "hangs": hangs, "down": fails} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, session.Config{})
				ctx, cancel := context.WithCancel(t.Context())
				var id string
				confirm := func(context.Context) error {
					cancel()
					all, err := r.List(t.Context(), "u1")
					want(t, err, nil)
					id = all[0].ID
					return errOutage
				}
				r.store.before["Delete"] = hook
				start := time.Now()
				_, err := r.Create(httptest.NewRecorder(), r.request().WithContext(ctx), session.User{ID: "u1", Confirm: confirm})
				want(t, err, errOutage)
				if hook == nil {
					if n := r.sessionCount("u1"); n != 0 {
						t.Errorf("%d sessions, want none", n)
					}
					return
				}
				if took := time.Since(start); took > 500*time.Millisecond {
					t.Errorf("removing took %v, want 500ms at most", took)
				}
				cause := map[string]string{"hangs": "context deadline exceeded", "down": "connection refused"}[name]
				r.log.wantLines("WARN session_discard_failed error=" + cause + " session_id=" + id + " user_id=u1" + byClient)
			})
		})
	}
}

// lateStore loses the answer of the first Create. The write itself is applied when
// the test calls arrive.
type lateStore struct {
	session.Store
	sent []*session.Session
}

func (l *lateStore) Create(ctx context.Context, s *session.Session) error {
	l.sent = append(l.sent, s.Clone())
	if len(l.sent) == 1 {
		return errOutage
	}
	return l.Store.Create(ctx, s)
}

func (l *lateStore) arrive(t *testing.T) {
	t.Helper()
	want(t, l.Store.Create(t.Context(), l.sent[0]), nil)
}

func TestLateCreateMakesNoValidToken(t *testing.T) {
	r := newFixture(t, session.Config{})
	late := &lateStore{Store: r.store.Store}
	r.store.Store = late

	_, token := r.login("u1")
	first, second := late.sent[0], late.sent[1]
	if first.ID == second.ID || first.Secret == second.Secret {
		t.Error("the second try used the first one's ID or secret")
	}
	r.wantAlive(token)

	want(t, r.RevokeAll(t.Context(), "u1"), nil)
	late.arrive(t)
	r.wantDead(token)
	r.wantDead(token[:ownerEnd+1] + first.ID + token[idEnd:])
}

func TestCreateAbandonsALostTry(t *testing.T) {
	r := newFixture(t, session.Config{})
	r.store.after["Create"] = once(fails)
	_, token := r.login("u1")
	r.wantAlive(token)
	if n := r.store.count("Create"); n != 2 {
		t.Errorf("%d tries, want 2", n)
	}
	if n := r.sessionCount("u1"); n != 1 {
		t.Errorf("%d sessions, want 1: the abandoned one is removed", n)
	}
}

func TestCreateGivesUp(t *testing.T) {
	t.Run("after two tries", func(t *testing.T) {
		r := newFixture(t, session.Config{})
		r.store.after["Create"] = fails
		w := httptest.NewRecorder()
		_, err := r.Create(w, r.request(), session.User{ID: "u1"})
		want(t, err, errOutage)
		wantNoCookie(t, w)
		if n := r.store.count("Create"); n != 2 || r.sessionCount("u1") != 0 {
			t.Errorf("%d tries, %d sessions, want 2 and 0", n, r.sessionCount("u1"))
		}
	})
	t.Run("when the request is over", func(t *testing.T) {
		r := newFixture(t, session.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		r.store.after["Create"] = func(context.Context) error { cancel(); return errOutage }
		w := httptest.NewRecorder()
		_, err := r.Create(w, r.request().WithContext(ctx), session.User{ID: "u1"})
		want(t, err, errOutage)
		wantNoCookie(t, w)
		if n := r.store.count("Create"); n != 1 || r.sessionCount("u1") != 0 {
			t.Errorf("%d tries, %d sessions, want 1 and 0", n, r.sessionCount("u1"))
		}
	})
}

// If the answer to Create is lost, nobody knows whose session is under the key.
func TestDiscardTakesBackItsOwn(t *testing.T) {
	r := newFixture(t, session.Config{})
	other, _ := r.login("u1")
	announce := func(ctx context.Context, key session.Key) error { // another login draws the same ID
		other = other.Clone()
		other.ID = key.ID
		return r.store.Store.Create(ctx, other)
	}
	r.store.before["Create"] = fails
	_, err := r.Create(httptest.NewRecorder(), r.request(), session.User{ID: "u1", Announce: announce})
	want(t, err, errOutage)
	if r.stored(other) == nil {
		t.Error("the session of another login is gone")
	}
}

// A key that is taken belongs to another session, so Create must not delete it.
func TestCreateLeavesATakenKeyAlone(t *testing.T) {
	r := newFixture(t, session.Config{})
	r.store.before["Create"] = once(func(context.Context) error { return fmt.Errorf("put: %w", session.ErrConflict) })
	_, token := r.login("u1")
	r.wantAlive(token)
	if n := r.store.count("Delete"); n != 0 {
		t.Errorf("%d deletes, want 0", n)
	}
}

func TestCreateAcceptsDoubledCookies(t *testing.T) {
	r := newFixture(t, session.Config{})
	_, a := r.login("u1")
	_, b := r.login("u2")
	_, token := r.login("u3", cookie(a)+"; "+cookie(b))
	r.wantAlive(token)
	r.wantAlive(a) // nobody knows which of the two was meant
	r.wantAlive(b)
}
