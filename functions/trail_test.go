package functions_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/audit/dynamoaudit"
)

// entries returns what the trail has of a user, oldest first. Its calls do not go through
// the proxy.
func (s *stack) entries(t *testing.T, userID string) []audit.Entry {
	t.Helper()
	reader := dynamoaudit.NewReader(dynamotest.Client(t, dynamotest.Endpoint(t)), s.tables["AuditTable"])
	list, err := reader.List(t.Context(), userID, "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(list)
	return list
}

// wantEntries compares what the trail has got since the last time with what it should have:
// events with their reasons, in any order.
func (s *stack) wantEntries(t *testing.T, step string, seen map[string]int, userID string, want ...string) []audit.Entry {
	t.Helper()
	list := s.entries(t, userID)
	added := list[seen[userID]:]
	seen[userID] = len(list)
	var got []string
	for _, e := range added {
		got = append(got, strings.TrimSpace(e.Event+" "+e.Reason))
		if e.UserID != userID || e.IP == "" || e.UserAgent == "" || e.Actor != "" || len(e.ID) != 22 || e.At.After(time.Now()) || !e.ExpiresAt.After(time.Now().Add(399*24*time.Hour)) {
			t.Errorf("%s: an entry is not complete: %+v", step, e)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: the trail got %q, want %q", step, got, want)
	}
	return added
}

// TestTrail: whatever happens to a user in the real binaries is in the trail once the answer
// is there, once, and nothing else is.
func TestTrail(t *testing.T) {
	s, i := newProvider(t, nil, hasBridge)
	seen := map[string]int{}
	alice := func(step string, want ...string) []audit.Entry {
		t.Helper()
		return s.wantEntries(t, step, seen, s.userID, want...)
	}
	const success, ended = "authn_login_success", "session_ended "
	s.trailOfOthers(t, i, seen)
	wantStatus(t, s.do(t, login("wrong")), http.StatusUnauthorized)
	alice("a refusal")
	cookie, one, two := s.signIn(t), s.signIn(t), s.signIn(t)
	first := alice("three sign-ins", success, success, success)[0]
	if first.SessionID != idOf(cookie) || first.IP != "192.0.2.7" || first.Details["failures"] != "1" {
		t.Errorf("the first is %+v", first)
	}
	s.moveBack(t, "SessionsTable", "last_seen_at", 4*60)
	for _, path := range []string{"/profile", "/whoami", "/caller", "/sessions", "/nowhere"} {
		s.do(t, request{method: "GET", path: path, cookie: cookie})
	}
	s.do(t, request{method: "POST", path: "/preferences", cookie: cookie, contentType: "application/json", body: `{"theme":"dark"}`})
	alice("what is only used")
	again := login(password)
	again.cookie = one
	one = s.do(t, again).cookie()
	alice("a sign-in that replaces a session", success, ended+"replaced")
	r := s.do(t, request{method: "POST", path: "/reauthenticate", cookie: cookie, contentType: "application/json", body: `{"password":"` + password + `"}`})
	cookie = r.cookie()
	alice("a re-authentication", "authn_reauthentication_success")
	wantStatus(t, s.do(t, request{method: "POST", path: "/sessions/" + idOf(one) + "/revoke", cookie: cookie}), http.StatusNoContent)
	wantStatus(t, s.do(t, request{method: "POST", path: "/sessions/" + idOf(one) + "/revoke", cookie: cookie}), http.StatusNotFound)
	if got := alice("a session that another ended", ended+"revoked"); got[0].SessionID != idOf(one) || got[0].Details["by_session_id"] != idOf(cookie) {
		t.Errorf("revoked: %+v", got[0])
	}
	r = s.do(t, changePassword(cookie, password, nextPassword))
	cookie = r.cookie()
	changed := alice("a change of the password", ended+"password_changed", ended+"password_changed", "authn_password_change") // the converted one too
	if !slices.ContainsFunc(changed, func(e audit.Entry) bool { return e.SessionID == idOf(two) }) {
		t.Errorf("the change has not ended %s: %+v", idOf(two), changed)
	}
	s.signInWith(t, nextPassword)
	s.signInWith(t, nextPassword)
	wantStatus(t, s.do(t, request{method: "POST", path: "/sessions/revoke-all", cookie: cookie}), http.StatusNoContent)
	alice("the end of all", success, success, ended+"revoked", ended+"revoked", ended+"revoked")
	cookie = s.signInWith(t, nextPassword)
	for range 2 {
		wantStatus(t, s.do(t, request{method: "POST", path: "/logout", cookie: cookie}), http.StatusNoContent)
	}
	alice("a logout, twice", success, ended+"logout")
}

// trailOfOthers does the same for what comes from a monolith and from a provider.
func (s *stack) trailOfOthers(t *testing.T, i *issuer, seen map[string]int) {
	t.Helper()
	wantStatus(t, s.do(t, request{method: "POST", path: "/convert", cookie: s.legacy(1)}), http.StatusOK)
	s.wantEntries(t, "a conversion", seen, s.userID, "session_converted")

	otto := "openid:" + i.URL + "#otto"
	s.signInAt(t, i, "otto", "sid-1")
	s.signInAt(t, i, "otto", "sid-2")
	s.wantEntries(t, "two sign-ins at the provider", seen, otto, "authn_login_success", "authn_login_success")
	wantStatus(t, s.do(t, i.notice(t, map[string]any{"sid": "sid-1"})), http.StatusOK)
	s.wantEntries(t, "a notice about a session", seen, otto, "session_ended provider")
	wantStatus(t, s.do(t, i.notice(t, map[string]any{"sub": "otto"})), http.StatusOK)
	s.wantEntries(t, "a notice about a user", seen, otto, "session_ended provider", "authn_ended_by_provider")
}

// A name that is locked is in the trail of its user, and one that nobody has in nobody's.
func TestTrailOfALock(t *testing.T) {
	s := newStack(t, map[string]string{"ATTEMPTS_LADDER": "1,1s,1s,2"})
	for _, name := range []string{username, username, "nobody", "nobody"} {
		wantStatus(t, s.do(t, loginAs(name, "wrong")), http.StatusUnauthorized)
		s.moveBack(t, "AttemptsTable", "last_at", 1000)
	}
	s.wantEntries(t, "a lock", map[string]int{}, s.userID, "authn_login_lock")
	items := 0
	s.items(t, "AuditTable", func(_ *dynamodb.Client, _ *string, _ map[string]types.AttributeValue) error { items++; return nil })
	if items != 1 {
		t.Errorf("the trail has %d entries, want one", items)
	}
}

// While the trail cannot be written, every answer is what it would have been, also if a write
// hangs until the function's time is nearly over. The log tells what is lost.
func TestTrailOutage(t *testing.T) {
	s := newStack(t, nil)
	journey := func() (statuses []int) {
		do := func(in request) reply {
			r := s.do(t, in)
			statuses = append(statuses, r.status)
			return r
		}
		cookie := do(login(password)).cookie()
		cookie = do(request{method: "POST", path: "/reauthenticate", cookie: cookie, contentType: "application/json", body: `{"password":"` + password + `"}`}).cookie()
		cookie = do(changePassword(cookie, password, password+"!")).cookie()
		cookie = do(changePassword(cookie, password+"!", password)).cookie()
		other := do(login(password)).cookie()
		do(request{method: "POST", path: "/sessions/" + idOf(other) + "/revoke", cookie: cookie})
		do(request{method: "POST", path: "/logout", cookie: cookie})
		do(profile(cookie))
		return statuses
	}
	want := journey()
	if !slices.Equal(want, []int{200, 204, 204, 204, 200, 204, 204, 401}) {
		t.Fatalf("with the trail the answers are %v", want)
	}
	before := len(s.entries(t, s.userID))
	for name, fault := range map[string]dynamotest.Fault{"refused": dynamotest.Refuse, "hung": dynamotest.Hang} {
		s.proxy.Fail("PutItem "+s.tables["AuditTable"], slices.Repeat([]dynamotest.Fault{fault}, 100)...)
		if fault == dynamotest.Hang {
			s.setTimeout(2 * time.Second)
		}
		if got := journey(); !slices.Equal(got, want) {
			t.Errorf("%s: the answers are %v, want %v", name, got, want)
		}
		s.proxy.Forget()
		s.setTimeout(testTimeout)
	}
	if got := len(s.entries(t, s.userID)); got != before {
		t.Errorf("the outage wrote %d entries", got-before)
	}
	for id, lost := range map[string]int{"LoginFunction": 6, "PasswordFunction": 4, "SessionsFunction": 2, "LogoutFunction": 2} {
		log := s.functions[id].log.String()
		if got := strings.Count(log, `"level":"ERROR","message":"audit_failed"`); got != lost {
			t.Errorf("%s logs audit_failed %d times, want %d:\n%s", id, got, lost, log)
		}
	}
	s.signIn(t)
	if got := len(s.entries(t, s.userID)); got != before+1 {
		t.Errorf("after the outage %d entries were written, want one", got-before)
	}
}

// With AUDIT_DAYS=0 nothing is written, and no call is made for it: the budgets are those of
// the table without what the trail adds.
func TestWithoutATrail(t *testing.T) {
	s := newStack(t, map[string]string{"AUDIT_DAYS": "0"})
	again := login(password)
	again.cookie = s.signIn(t) // the first of the day, which costs more
	other := s.wantCost(t, login(password), signInCost).cookie()
	r := s.wantCost(t, again, endingSignInCost)
	wantStatus(t, s.wantCost(t, request{method: "POST", path: "/sessions/" + idOf(other) + "/revoke", cookie: r.cookie()}, loadCost.and(oneEnd)), http.StatusNoContent)
	r = s.wantCost(t, changePassword(r.cookie(), password, nextPassword),
		budget{[]string{"GetItem", "GetItem UpdateItem", "UpdateItem", "UpdateItem Query DeleteItem", "UpdateItem", entry}, 3, 5})
	wantStatus(t, r, http.StatusNoContent)
	wantStatus(t, s.wantCost(t, request{method: "POST", path: "/logout", cookie: r.cookie()}, oneEnd), http.StatusNoContent)
	s.items(t, "AuditTable", func(_ *dynamodb.Client, _ *string, k map[string]types.AttributeValue) error {
		t.Errorf("the trail has an entry: %v", k)
		return nil
	})
}
