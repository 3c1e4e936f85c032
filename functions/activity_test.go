package functions_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/internal/testing/dynamotest"
)

// activityCost is the cost of showing what has happened: the session is read, then the trail,
// whose user stands in the session.
var activityCost = budget{[]string{"GetItem", "Query"}, 2, 0}

// Users see what has happened with their account: what other functions have appended to the
// trail. If it cannot be read, nobody takes that for an empty trail.
func TestActivity(t *testing.T) {
	s := newStack(t, nil)
	wantStatus(t, s.wantCost(t, request{method: "GET", path: "/activity"}, budget{}), http.StatusUnauthorized)
	first := s.signIn(t)
	wantStatus(t, s.do(t, request{method: "POST", path: "/logout", cookie: first}), http.StatusNoContent)
	cookie := s.signIn(t)
	show := request{method: "GET", path: "/activity", cookie: cookie}
	r := s.wantCost(t, show, activityCost)
	wantStatus(t, r, http.StatusOK)
	type entry struct {
		Event     string
		SessionID string `json:"session_id"`
		Current   bool
		IP        string
		Reason    string
	}
	var told struct {
		Activity []entry
		Older    *string
	}
	if err := json.Unmarshal([]byte(r.body), &told); err != nil {
		t.Fatal(err)
	}
	want := []entry{
		{"authn_login_success", idOf(cookie), true, client, ""},
		{"session_ended", idOf(first), false, client, "logout"},
		{"authn_login_success", idOf(first), false, client, ""},
	}
	if len(told.Activity) != len(want) || told.Older != nil {
		t.Fatalf("%s", r.body)
	}
	for i, e := range told.Activity {
		if e != want[i] {
			t.Errorf("entry %d is %+v, want %+v", i, e, want[i])
		}
	}
	show.accept = "text/html"
	page := s.do(t, show)
	if !strings.Contains(page.body, "Signed in from") || !strings.Contains(page.body, "kept for 400 days") {
		t.Errorf("the page is %s", page.body)
	}
	s.proxy.Fail("Query "+s.tables["AuditTable"], slices.Repeat([]dynamotest.Fault{dynamotest.Refuse}, 5)...)
	wantStatus(t, s.do(t, show), http.StatusServiceUnavailable)
}

// Without a trail /activity is an unknown path, and no menu leads there.
func TestNoActivity(t *testing.T) {
	with := newStack(t, nil)
	cookie := with.signIn(t)
	for _, path := range []string{"/profile", "/sessions", "/password", "/activity"} {
		r := with.do(t, request{method: "GET", path: path, cookie: cookie, accept: "text/html"})
		if wantStatus(t, r, http.StatusOK); !strings.Contains(r.body, `href="/activity"`) {
			t.Errorf("no menu of %s leads to /activity", path)
		}
	}
	without := with.again(t, map[string]string{"AUDIT_TABLE": ""})
	wantStatus(t, without.do(t, request{method: "GET", path: "/activity", cookie: cookie, accept: "text/html"}), http.StatusNotFound)
	for _, path := range []string{"/profile", "/sessions", "/password", "/activity"} {
		if r := without.do(t, request{method: "GET", path: path, cookie: cookie, accept: "text/html"}); strings.Contains(r.body, `href="/activity"`) {
			t.Errorf("a menu of %s leads to /activity", path)
		}
	}
}
