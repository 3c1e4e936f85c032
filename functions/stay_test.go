package functions_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestStaySignedIn: every function that reads sessions gives one whose user chose to stay
// signed in its own limits, and the other session of that user the usual ones.
func TestStaySignedIn(t *testing.T) {
	s := newStack(t, map[string]string{"SESSION_PERSISTENT_IDLE_TIMEOUT": "168h", "SESSION_PERSISTENT_LIFETIME": "720h"})
	stay := login(password)
	stay.body = strings.Replace(stay.body, "{", `{"stay_signed_in": true, `, 1)
	long, short := s.do(t, stay), s.do(t, login(password))
	wantStatus(t, long, http.StatusOK)
	wantStatus(t, short, http.StatusOK)
	for attribute, r := range map[string]reply{"; Max-Age=2592000;": long, "; Path=/; HttpOnly;": short} {
		if line := r.header.Values("Set-Cookie")[0]; !strings.Contains(line, attribute) {
			t.Errorf("Set-Cookie: %q, want %q in it", line, attribute)
		}
	}
	if page := s.do(t, request{method: "GET", path: "/login", accept: "text/html"}); !strings.Contains(page.body, `name="stay_signed_in"`) {
		t.Errorf("the login page offers no choice:\n%s", page.body)
	}
	s.moveBack(t, "SessionsTable", "authenticated_at", 2*24*3600)
	for path, refused := range map[string]int{"/profile": 401, "/sessions": 401, "/password": 401, "/reauthenticate": 401, "/caller": 403} {
		s.moveBack(t, "SessionsTable", "last_seen_at", 24*3600)
		wantStatus(t, s.do(t, request{method: "GET", path: path, cookie: long.cookie()}), http.StatusOK)
		wantStatus(t, s.do(t, request{method: "GET", path: path, cookie: short.cookie()}), refused)
	}
}
