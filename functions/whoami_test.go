package functions_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// whoami is the question of another server. It accepts a page too, and never gets one.
func whoami(cookie string) request {
	return request{method: "GET", path: "/whoami", cookie: cookie, accept: "text/html", headers: http.Header{"User-Agent": {"monolith/1.0"}}}
}

// askWho asks who is signed in, as another server does, and what that costs.
func (s *stack) askWho(t *testing.T, cookie string) {
	t.Helper()
	r := s.wantCost(t, whoami(""), budget{})
	if wantStatus(t, r, http.StatusUnauthorized); r.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("nobody is told as %s: %s", r.header.Get("Content-Type"), r.body)
	}
	for _, cost := range []budget{loadCost, touchedCost} {
		r := s.wantCost(t, whoami(cookie), cost)
		wantStatus(t, r, http.StatusOK)
		var who struct {
			UserID    string `json:"user_id"`
			SessionID string `json:"session_id"`
			Username  string
		}
		if err := json.Unmarshal([]byte(r.body), &who); err != nil || who.UserID != s.userID || who.Username != username || who.SessionID != idOf(cookie) {
			t.Errorf("%s, %v", r.body, err)
		}
		s.moveBack(t, "SessionsTable", "last_seen_at", 4*60)
	}
	if log := s.functions["WhoamiFunction"].log.String(); strings.Contains(log, "session_client_changed") {
		t.Errorf("the other server is taken for the user:\n%s", log)
	}
	s.do(t, profile(cookie)) // a touch is due no more
}
