package session_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
)

// forwarded returns the request of another server, which forwards a user's cookie.
func (r *fixture) forwarded(token string) *http.Request {
	req := r.request(cookie(token))
	req.RemoteAddr = "203.0.113.99:4711"
	req.Header.Set("User-Agent", "monolith/1.0")
	return req
}

// A request of another server extends the session like one of its user. But the address and
// the browser stay those of the user, whether they are as at the login or have changed
// since, and no change is logged.
func TestLoadForwarded(t *testing.T) {
	for _, moved := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newFixture(t, session.Config{})
			s, token := r.login("u1")
			if moved {
				time.Sleep(touchDue)
				req := r.request(cookie(token))
				req.RemoteAddr = "198.51.100.7:1"
				_, err := r.Load(req)
				want(t, err, nil)
			}
			before := r.stored(s)
			r.log.reset()
			time.Sleep(touchDue - time.Second)
			r.store.count()
			got, err := r.LoadForwarded(r.forwarded(token))
			want(t, err, nil)
			if calls := r.takeCalls(); got.ID != s.ID || calls != "1 Get" {
				t.Errorf("session %s by %s, want %s by one Get", got.ID, calls, s.ID)
			}
			time.Sleep(time.Second)
			_, err = r.LoadForwarded(r.forwarded(token))
			want(t, err, nil)
			if calls := r.takeCalls(); calls != "1 Get, 1 Touch" {
				t.Errorf("a touch is due: calls %s", calls)
			}
			r.log.wantLines()
			after := r.stored(s)
			if after.LastIP != before.LastIP || after.LastUserAgent != before.LastUserAgent {
				t.Errorf("the last client is %q, %q; want %q, %q", after.LastIP, after.LastUserAgent, before.LastIP, before.LastUserAgent)
			}
			if now := time.Now().UTC().Truncate(time.Second); after.LastSeenAt != now || after.ExpiresAt != now.Add(idle) {
				t.Errorf("last seen at %v, expires at %v; want now, and %v later", after.LastSeenAt, after.ExpiresAt, idle)
			}
		})
	}
}

// It refuses what Load refuses, and what was read for another handler of the request
// counts for nothing.
func TestLoadForwardedRefuses(t *testing.T) {
	r := newFixture(t, session.Config{})
	s, token := r.login("u1")
	_, other := r.login("u1")
	for name, req := range map[string]*http.Request{
		"no cookie":    r.request(),
		"malformed":    r.forwarded("x"),
		"wrong secret": r.forwarded(token[:secretStart] + other[secretStart:]),
		"two":          r.request(cookie(token) + "; " + cookie(other)),
	} {
		if _, err := r.LoadForwarded(req); err != session.ErrNoSession {
			t.Errorf("%s: %v, want ErrNoSession", name, err)
		}
	}
	r.inside(token, func(_ http.ResponseWriter, req *http.Request) {
		_, err := r.store.Store.Delete(t.Context(), s.Key(), nil, time.Now())
		want(t, err, nil)
		_, err = r.LoadForwarded(req)
		want(t, err, session.ErrNoSession)
	}, r.Require)
	r.store.down("Get")
	_, err := r.LoadForwarded(r.forwarded(other))
	want(t, err, errOutage)
}
