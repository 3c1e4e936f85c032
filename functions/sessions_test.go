package functions_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// idOf returns the session ID in a Cookie header.
func idOf(cookie string) string { return strings.Split(cookie, ".")[1] }

// TestSessionsBudget tests what users can do with their sessions, and its cost.
func TestSessionsBudget(t *testing.T) {
	s := newStack(t, nil)
	cookies := []string{s.signIn(t), s.signIn(t), s.signIn(t), s.signIn(t), s.signIn(t)}
	get := func(cookie string, b budget) reply {
		return s.wantCost(t, request{method: "GET", path: "/sessions", cookie: cookie}, b)
	}
	post := func(path, cookie string, b budget) reply {
		return s.wantCost(t, request{method: "POST", path: path, cookie: cookie}, b)
	}
	wantDead := func(cookies ...string) {
		t.Helper()
		for _, cookie := range cookies {
			wantStatus(t, s.do(t, request{method: "GET", path: "/profile", cookie: cookie}), http.StatusUnauthorized)
		}
	}

	r := get(cookies[0], budget{[]string{"GetItem", "Query"}, 2, 0})
	wantStatus(t, r, http.StatusOK)
	var body struct {
		Sessions []struct {
			ID      string
			IP      string
			Current bool
		}
	}
	if err := json.Unmarshal([]byte(r.body), &body); err != nil || len(body.Sessions) != 5 ||
		body.Sessions[0].ID != idOf(cookies[0]) || !body.Sessions[0].Current || body.Sessions[0].IP != "192.0.2.7" {
		t.Errorf("sessions: %s, %v", r.body, err)
	}

	r = post("/sessions/"+idOf(cookies[1])+"/revoke", cookies[0], loadCost.and(oneEnd))
	wantStatus(t, r, http.StatusNoContent)
	wantDead(cookies[1])
	r = s.do(t, request{method: "POST", path: "/sessions/" + idOf(cookies[1]) + "/revoke", cookie: cookies[0]})
	wantStatus(t, r, http.StatusNotFound)

	r = post("/sessions/revoke-others", cookies[0], budget{[]string{"GetItem", "Query", "DeleteItem DeleteItem DeleteItem", entry + " " + entry + " " + entry}, 2, 3})
	wantStatus(t, r, http.StatusNoContent)
	wantDead(cookies[2:]...)

	other := s.signIn(t)
	r = post("/sessions/revoke-all", cookies[0], budget{[]string{"GetItem", "Query", "DeleteItem DeleteItem", entry + " " + entry}, 2, 2})
	wantStatus(t, r, http.StatusNoContent)
	if got := r.header.Values("Set-Cookie"); len(got) != 1 || got[0] != clearCookie {
		t.Errorf("Set-Cookie: %q, want %q", got, clearCookie)
	}
	wantDead(cookies[0], other)
}

// After the reauthentication window no session can be ended. The list is still shown.
func TestReauthenticationWindow(t *testing.T) {
	s := newStack(t, map[string]string{"REAUTHENTICATION_WINDOW": "10m"})
	cookie := s.signIn(t)
	s.moveBack(t, "SessionsTable", "authenticated_at", 10*60)
	r := s.wantCost(t, request{method: "POST", path: "/sessions/revoke-all", cookie: cookie}, loadCost)
	wantStatus(t, r, http.StatusForbidden)
	if !strings.Contains(r.body, `"type":"reauthentication-required"`) {
		t.Errorf("body %s", r.body)
	}
	r = s.do(t, request{method: "POST", path: "/sessions/revoke-all", cookie: cookie, accept: "text/html"})
	if to := r.header.Get("Location"); r.status != http.StatusSeeOther || to != "/reauthenticate?next=%2Fsessions" {
		t.Errorf("%d, Location %q", r.status, to)
	}
	wantStatus(t, s.do(t, request{method: "GET", path: "/sessions", cookie: cookie}), http.StatusOK)
}

// The eleventh login ends the first session, at the cost of one more call.
func TestLimitOfSessions(t *testing.T) {
	s := newStack(t, nil)
	var cookies []string
	for range 10 {
		cookies = append(cookies, s.signIn(t))
	}
	again := login(password)
	again.cookie = cookies[9]
	oneMore := endingSignInCost
	r := s.wantCost(t, again, oneMore) // replaces the tenth: no other session is ended
	wantStatus(t, r, http.StatusOK)
	wantStatus(t, s.do(t, request{method: "GET", path: "/profile", cookie: cookies[0]}), http.StatusOK)
	wantStatus(t, s.wantCost(t, login(password), oneMore), http.StatusOK)
	wantStatus(t, s.do(t, request{method: "GET", path: "/profile", cookie: cookies[0]}), http.StatusUnauthorized)
	wantStatus(t, s.do(t, request{method: "GET", path: "/profile", cookie: cookies[1]}), http.StatusOK)
}
