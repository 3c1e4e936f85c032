package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/site"
)

// TestFail: an unknown error is an outage, and never "no session".
func TestFail(t *testing.T) {
	r := newFixture(t)
	for _, tt := range []struct {
		err    error
		status int
		detail string
		event  string
	}{
		{session.ErrNoSession, 401, signInFirst, ""},
		{session.ErrForbidden, 403, "Your account may not do this.", "WARN authz_fail ip=192.0.2.1 method=GET path=/profile reason=role"},
		{authn.ErrRefused, 401, refused, "WARN authn_login_fail ip=192.0.2.1 method=GET path=/profile reason=refused"},
		{authn.ErrBusy, 503, "This account is being changed just now. Try again in a moment.", "INFO account_busy ip=192.0.2.1 method=GET path=/profile"},
		{session.ErrInvalid, 500, "Something went wrong on our side. Try again in a moment.", "ERROR sys_failure error=%s ip=192.0.2.1 method=GET path=/profile status=500"},
		{session.ErrTooLate, 500, "Something went wrong on our side. Try again in a moment.", "ERROR sys_failure error=%s ip=192.0.2.1 method=GET path=/profile status=500"},
		{session.ErrConflict, 409, conflict, ""},
		{session.ErrTooManyCookies, 400, tooManyCookies, "INFO input_validation_fail ip=192.0.2.1 method=GET path=/profile status=400"},
		{accounts.ErrNotFound, 503, outage, "ERROR sys_failure error=%s ip=192.0.2.1 method=GET path=/profile status=503"},
		{context.DeadlineExceeded, 503, outage, "ERROR sys_failure error=%s ip=192.0.2.1 method=GET path=/profile status=503"},
		{errors.New("table \"x\": access denied"), 503, outage, "ERROR sys_failure error=%s ip=192.0.2.1 method=GET path=/profile status=503"},
	} {
		for _, err := range []error{tt.err, fmt.Errorf("wrapped: %w", tt.err)} {
			w := httptest.NewRecorder()
			r.pages.Fail(w, get("/profile"), err)
			want := problemAnswer(tt.status, tt.detail)
			if tt.status == 503 {
				want = want.with("Retry-After", "5")
			}
			same(t, response{w.Code, w.Result().Header, w.Body.String()}, want)
			var events []string
			if tt.event != "" {
				events = []string{strings.Replace(tt.event, "%s", err.Error(), 1)}
			}
			if got := r.events(); !slices.Equal(got, events) {
				t.Errorf("logged %q, want %q", got, events)
			}
		}
	}
}

// TestTooManyAttempts: Retry-After is for programs. It is in whole seconds, rounded
// up. People get the wait in words.
func TestTooManyAttempts(t *testing.T) {
	r := newFixture(t)
	for _, tt := range []struct {
		wait           time.Duration
		seconds, words string
	}{
		{time.Millisecond, "1", "a second"},
		{30 * time.Second, "30", "30 seconds"},
		{30*time.Second + time.Nanosecond, "31", "31 seconds"},
		{90 * time.Second, "90", "90 seconds"},
		{91 * time.Second, "91", "2 minutes"},
		{time.Hour, "3600", "60 minutes"},
	} {
		w := httptest.NewRecorder()
		r.pages.Fail(w, get("/login"), fmt.Errorf("wrapped: %w", &authn.ThrottledError{By: "name", RetryAfter: tt.wait}))
		want := problemAnswer(429, "There were too many attempts to sign in. Try again in "+tt.words+".").with("Retry-After", tt.seconds)
		same(t, response{w.Code, w.Result().Header, w.Body.String()}, want)
		if events := r.events(); len(events) != 1 || !strings.HasPrefix(events[0], "WARN excess_rate_limit_exceeded ") || !strings.Contains(events[0], "ip=192.0.2.1") {
			t.Errorf("logged %q", events)
		}
	}
}

// TestLocked: no wait helps against a lock, so nobody is told to try again in a while.
// Programs still get a Retry-After.
func TestLocked(t *testing.T) {
	r := newFixture(t)
	for by, locked := range map[string]string{
		"name": "There were too many failed attempts, so this name is locked until the operator unlocks it.",
		"user": userLocked,
	} {
		w := httptest.NewRecorder()
		r.pages.Fail(w, get("/login"), fmt.Errorf("wrapped: %w", &authn.ThrottledError{By: by, RetryAfter: time.Hour, Locked: true}))
		same(t, response{w.Code, w.Result().Header, w.Body.String()}, problemAnswer(429, locked).with("Retry-After", "3600"))
		if events := r.events(); len(events) != 1 || !strings.HasPrefix(events[0], "WARN excess_rate_limit_exceeded ") || !strings.Contains(events[0], "locked") {
			t.Errorf("logged %q", events)
		}
	}
}

// TestSignInFirst: a write without a session cannot be repeated by following a link,
// so the page after the login is home. A page that was requested without a session is
// the page after the login.
func TestSignInFirst(t *testing.T) {
	pages := pagesFor(t, site.Site{})
	for method, next := range map[string]string{"GET": "%2Fsessions%3Fa%3Db", "HEAD": "%2Fsessions%3Fa%3Db", "POST": "%2Fprofile", "DELETE": "%2Fprofile"} {
		w := httptest.NewRecorder()
		pages.Fail(w, fromBrowser(httptest.NewRequest(method, "/sessions?a=b", nil)), session.ErrNoSession)
		if got, want := w.Header().Get("Location"), "/login?next="+next; w.Code != 303 || got != want {
			t.Errorf("%s: %d to %q, want %q", method, w.Code, got, want)
		}
	}
}

// TestProveAgain: what Fail answers to a user who has to prove again who they are leads a
// browser back to where it was, for routes of other programs too.
func TestProveAgain(t *testing.T) {
	pages := pagesFor(t, site.Site{})
	for request, next := range map[string]string{
		"GET /billing?a=b":           "%2Fbilling%3Fa%3Db",
		"POST /billing":              "%2Fprofile",
		"POST /sessions/x/revoke":    "%2Fsessions",
		"POST /sessions/revoke-all":  "%2Fsessions",
		"GET /sessions":              "%2Fsessions",
		"GET //evil.example/billing": "%2Fprofile",
	} {
		method, path, _ := strings.Cut(request, " ")
		w := httptest.NewRecorder()
		pages.Fail(w, fromBrowser(httptest.NewRequest(method, path, nil)), fmt.Errorf("wrapped: %w", session.ErrNotRecent))
		if got, want := w.Header().Get("Location"), "/reauthenticate?next="+next; w.Code != 303 || got != want {
			t.Errorf("%s: %d to %q, want %q", request, w.Code, got, want)
		}
		w = httptest.NewRecorder()
		pages.Fail(w, httptest.NewRequest(method, path, nil), session.ErrNotRecent)
		if w.Code != 403 || w.Body.String() != reauthenticateJSON+"\n" {
			t.Errorf("%s: %d %s", request, w.Code, w.Body)
		}
	}
}

// TestUsersInParallel: one process serves many users at the same time and never
// confuses them.
func TestUsersInParallel(t *testing.T) {
	r := newFixture(t)
	names := []string{"eve", "mallory", "trent"}
	cookies := map[string]string{"": ""}
	for _, name := range names {
		r.addAccount(&accounts.Account{Name: name, Username: name, UserID: name + "-id", DisplayName: strings.ToUpper(name)})
		cookies[name] = cookieOf(r.do(post("/login", asJSON, strings.Replace(rightJSON, "alice", name, 1))))
	}
	var wg sync.WaitGroup
	for i := range 200 {
		name := append(names, "")[i%4]
		wg.Go(func() {
			w := httptest.NewRecorder()
			r.handler.ServeHTTP(w, with(get("/profile"), "Cookie", cookies[name]))
			if name == "" && w.Code != 401 || name != "" && !strings.Contains(w.Body.String(), `"display_name":"`+strings.ToUpper(name)+`"`) {
				t.Errorf("%q: %d %s", name, w.Code, w.Body)
			}
		})
	}
	wg.Wait()
}
