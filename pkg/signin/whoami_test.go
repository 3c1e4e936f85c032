package signin

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
)

const whoamiJSON = `{"user_id":"alice-id","username":"Alice","display_name":"Alice Liddell","roles":["member"],` +
	`"session_id":"<id>","authenticated_at":"2000-01-01T00:00:00Z","expires_at":"2000-01-01T00:30:00Z"}`

// The answer is JSON to every reader, and never leads to the login page.
func whoamiRows() []row {
	const route = "GET /whoami"
	nobody, unknown := problemAnswer(401, signInFirst), problemAnswer(503, outage).with("Retry-After", "5")
	alice := jsonAnswer(whoamiJSON)
	later := jsonAnswer(strings.Replace(whoamiJSON, "00:30:00", "00:33:00", 1))
	return []row{
		{route: route, outcome: "no session", page: nobody, program: nobody},
		{route: route, outcome: "signed in", page: alice, program: alice, calls: "sessions.Get"},
		{route: route, outcome: "dead session", page: nobody, program: nobody, calls: "sessions.Get"},
		{route: route, outcome: "different cookies", page: nobody, program: nobody},
		{route: route, outcome: "one cookie twice", given: cookieTwice, page: alice, program: alice, calls: "sessions.Get"},
		{route: route, outcome: "malformed cookie", page: nobody, program: nobody},
		{route: route, outcome: "session store down", page: unknown, program: unknown, calls: "sessions.Get"},
		{route: route, outcome: "account store down", page: alice, program: alice, calls: "sessions.Get"},
		{route: route, outcome: "logged out", given: func(r *fixture) string {
			cookie := r.signIn()
			r.do(with(post("/logout", "", ""), "Cookie", cookie))
			return cookie
		}, page: nobody, program: nobody, calls: "sessions.Get"},
		{route: route, outcome: "idle for a tenth", given: func(r *fixture) string {
			cookie := r.signIn()
			r.advance(3 * time.Minute)
			return cookie
		}, page: later, program: later, calls: "sessions.Get sessions.Touch"},
		{route: route, outcome: "idle for 3 minutes, and the touch fails", given: func(r *fixture) string {
			cookie := r.signIn()
			r.advance(3 * time.Minute)
			r.hooks["sessions.Touch"] = down
			return cookie
		}, page: alice, program: alice, calls: "sessions.Get sessions.Touch"},
	}
}

// TestWhoamiIsNotTheUser: what the other server asks with is its own. The list of devices
// goes on showing the user's browser and address, and no change is logged.
func TestWhoamiIsNotTheUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		cookie := r.signIn()
		before := r.devices()
		r.advance(3 * time.Minute)
		ask := with(get("/whoami"), "Cookie", cookie)
		ask.RemoteAddr, ask.Header["User-Agent"] = "203.0.113.99:4711", []string{"monolith/1.0"}
		if got := r.do(ask); got.status != http.StatusOK {
			t.Fatalf("status %d: %s", got.status, got.body)
		}
		if calls := r.recordedCalls(); calls != "sessions.Get sessions.Touch" {
			t.Errorf("calls %s", calls)
		}
		after := r.devices()
		if len(before) != 1 || len(after) != 1 {
			t.Fatalf("%d and %d sessions, want one", len(before), len(after))
		}
		ip, browser := before[0].LastClient()
		if nextIP, nextBrowser := after[0].LastClient(); ip != nextIP || browser != nextBrowser {
			t.Errorf("the client was %s, %s, and is %s, %s", ip, browser, nextIP, nextBrowser)
		}
		if !after[0].LastSeenAt.After(before[0].LastSeenAt) {
			t.Error("it was not touched")
		}
		if strings.Contains(r.log.String(), "session_client_changed") {
			t.Error("a change of the client is logged")
		}
	})
}

// devices returns alice's sessions.
func (r *fixture) devices() []*session.Session {
	r.t.Helper()
	all, err := r.sessions.List(r.t.Context(), "alice-id")
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

// TestWhoamiOfTheUnknown: roles are an array and never null, and a sign-in whose time
// nobody knows has none.
func TestWhoamiOfTheUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		w := httptest.NewRecorder()
		s, err := r.sessions.Create(w, get("/"), session.User{ID: "u1", AuthenticatedAt: time.Unix(0, 0), EndsAt: time.Now().Add(time.Minute)})
		if err != nil {
			t.Fatal(err)
		}
		cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
		got := r.do(with(get("/whoami"), "Cookie", cookie))
		want := `{"user_id":"u1","username":"","display_name":"","roles":[],"session_id":"` + s.ID + `","authenticated_at":null,"expires_at":"2000-01-01T00:01:00Z"}` + "\n"
		if got.status != http.StatusOK || got.body != want {
			t.Errorf("%d %s\nwant %s", got.status, got.body, want)
		}
	})
}
