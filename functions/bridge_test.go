package functions_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/internal/local/samtemplate"
	"example.com/coatcheck/internal/testing/dynamotest"
)

// hasBridge is the condition of template.yaml that holds if there is a bridge.
const hasBridge = "HasBridge"

// flaskKey signs the sessions of the monolith.
const flaskKey = "an example of a key of Flask"

// bridgeVariables are the parameters of the bridge, as the functions are told them.
var bridgeVariables = map[string]string{
	"LEGACY_COOKIES":  "session;Stateless",
	"LEGACY_SOURCES":  `[{"kind": "flask", "keys": ["` + flaskKey + `"]}]`,
	"BRIDGE_ENDS_AT":  "2199-01-01T00:00:00Z",
	"CONVERT_ENABLED": "true",
}

// newBridge prepares the functions of the template with a bridge, for a monolith in Flask.
func newBridge(t testing.TB, settings map[string]string) *stack {
	t.Helper()
	return newStackWith(t, settings, hasBridge)
}

// flask returns the cookie that Flask sets for a user who has signed in there, with the
// stamp of the middleware.
func flask(userID, stamp string, signedInAt time.Time) string {
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha1.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	encode := base64.RawURLEncoding.EncodeToString
	session := fmt.Sprintf(`{"_user_id":%q,"coatcheck_stamp":"%s.%d"}`, userID, stamp, signedInAt.Unix())
	signed := encode([]byte(session)) + "." + encode(big.NewInt(time.Now().Unix()).Bytes())
	return "session=" + signed + "." + encode(mac(mac([]byte(flaskKey), "cookie-session"), signed))
}

// legacy returns the cookie of alice at the monolith, where she has just signed in.
func (s *stack) legacy(n int) string {
	return flask(s.userID, fmt.Sprintf("AAAAAAAAAAAAAAAAAAAA%02d", n), time.Now())
}

// navigate returns a request that a browser makes for a window.
func navigate(path, cookie string) request {
	return request{method: "GET", path: path, cookie: cookie, accept: "text/html",
		headers: http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Sec-Fetch-Site": {"same-origin"}}}
}

// convertCost is the cost of a conversion, five round trips: the window, the seal and the
// name of the user ID; the account; the link; the session; and then, at the same time, the
// account, the seal and the link again, and the list for the limit of sessions. What the
// monolith's store costs is not in it.
var convertCost = budget{[]string{"GetItem GetItem GetItem", "GetItem", "PutItem", "PutItem", "GetItem GetItem GetItem Query", entry}, 8, 2}

// TestBridge takes a user from the monolith through the real binaries, and compares the cost
// of each step with the operation budget.
func TestBridge(t *testing.T) {
	s := newBridge(t, nil)
	s.startAll(t)
	legacy := s.legacy(1)

	r := s.wantCost(t, navigate("/profile", legacy), budget{})
	wantStatus(t, r, http.StatusSeeOther)
	if to := r.header.Get("Location"); to != "/convert?next=%2Fprofile" {
		t.Fatalf("a browser with the monolith's cookie is sent to %q", to)
	}
	r = s.wantCost(t, navigate("/convert?next=%2Fprofile", legacy), convertCost.ofTheDay())
	wantStatus(t, r, http.StatusOK)
	cleared := slices.ContainsFunc(r.header.Values("Set-Cookie"), func(line string) bool { return strings.HasPrefix(line, "session=; Path=/; Expires=") })
	if r.header.Get("Refresh") != "0; url=/profile" || r.cookie() == "" || !cleared {
		t.Errorf("converted: %v", r.header)
	}
	cookie := r.cookie()
	wantStatus(t, s.wantCost(t, profile(cookie), loadCost), http.StatusOK)

	// While the link is young, another request of the same browser waits.
	again := s.wantCost(t, navigate("/convert", legacy), budget{append(slices.Clone(convertCost.waves[:2]), "PutItem"), 4, 0})
	wantStatus(t, again, http.StatusOK)
	if got := again.header.Get("Refresh"); got != "1; url=/convert?next=%2Fprofile" {
		t.Errorf("Refresh %q", got)
	}
	// With a session of ours it is at its end.
	wantStatus(t, s.wantCost(t, navigate("/convert", cookie+"; "+legacy), loadCost), http.StatusSeeOther)

	// The link grows old: the cookie is spent, and says so.
	s.moveBackLinks(t, 11_000)
	spent := s.wantCost(t, navigate("/convert", legacy), budget{append(slices.Clone(convertCost.waves[:2]), "PutItem"), 4, 0})
	wantStatus(t, spent, http.StatusSeeOther)
	if to := spent.header.Get("Location"); to != "/login?why=moved&next=%2Fprofile" {
		t.Errorf("spent: to %q", to)
	}

	// A logout reads whose session it ends, and seals what has no other end.
	logout := request{method: "POST", path: "/logout", cookie: cookie}
	r = s.wantCost(t, logout, budget{[]string{"GetItem", "UpdateItem", "DeleteItem", entry}, 1, 2})
	wantStatus(t, r, http.StatusNoContent)
	wantStatus(t, s.do(t, profile(cookie)), http.StatusUnauthorized)
	refused := s.wantCost(t, request{method: "POST", path: "/convert", cookie: s.legacy(2)}, budget{convertCost.waves[:2], 4, 0})
	wantStatus(t, refused, http.StatusUnauthorized)
}

// moveBackLinks makes the links of the bridge older, by milliseconds.
func (s *stack) moveBackLinks(t *testing.T, by int64) {
	t.Helper()
	s.moveBackSome(t, "BridgeTable", "written_at", by, "link#")
}

// With a cookie of the monolith a logout goes on where that can be read. It ends both, and
// a copy of neither cookie opens anything.
func TestLogoutAtTheBridge(t *testing.T) {
	s := newBridge(t, nil)
	legacy := s.legacy(1)
	cookie := s.do(t, request{method: "POST", path: "/convert", cookie: legacy}).cookie()
	wantStatus(t, s.do(t, profile(cookie)), http.StatusOK)
	onward := s.wantCost(t, request{method: "POST", path: "/logout", cookie: legacy}, budget{})
	wantStatus(t, onward, http.StatusTemporaryRedirect)
	if to := onward.header.Get("Location"); to != "/convert/end" {
		t.Fatalf("a logout goes on at %q", to)
	}
	// The link is ended, and the session that it names.
	r := s.wantCost(t, request{method: "POST", path: "/convert/end", cookie: legacy}, budget{[]string{"UpdateItem", "DeleteItem", entry}, 0, 2})
	wantStatus(t, r, http.StatusNoContent)
	wantStatus(t, s.do(t, profile(cookie)), http.StatusUnauthorized)
	wantStatus(t, s.do(t, request{method: "POST", path: "/convert", cookie: legacy}), http.StatusUnauthorized)

	s.proxy.Fail("UpdateItem "+s.tables["BridgeTable"], dynamotest.Refuse, dynamotest.Refuse, dynamotest.Refuse)
	down := s.do(t, request{method: "POST", path: "/convert/end", cookie: legacy})
	wantStatus(t, down, http.StatusServiceUnavailable)
	if len(down.header.Values("Set-Cookie")) > 0 {
		t.Errorf("in an outage it sets %q", down.header.Values("Set-Cookie"))
	}
}

// What ends all other sessions of a user seals first: nothing of the monolith comes over
// that began before.
func TestSealCosts(t *testing.T) {
	s := newBridge(t, nil)
	cookie := s.signIn(t)
	revoked := request{method: "POST", path: "/sessions/revoke-others", cookie: cookie}
	wantStatus(t, s.wantCost(t, revoked, budget{[]string{"GetItem", "UpdateItem", "Query"}, 2, 1}), http.StatusNoContent)
	wantStatus(t, s.do(t, request{method: "POST", path: "/convert", cookie: s.legacy(1)}), http.StatusUnauthorized)
	r := s.do(t, changePassword(cookie, password, nextPassword))
	wantStatus(t, r, http.StatusNoContent)
	seals := 0
	for _, call := range r.calls {
		for _, use := range dynamotest.Uses([]dynamotest.Call{call}, s.tables) {
			if use == (samtemplate.Access{Action: "UpdateItem", Table: "BridgeTable"}) {
				seals++
			}
		}
	}
	if seals != 1 {
		t.Errorf("a change of the password writes %d seals: %v", seals, r.calls)
	}
	wantStatus(t, s.wantCost(t, request{method: "POST", path: "/sessions/revoke-all", cookie: r.cookie()}, budget{[]string{"GetItem", "UpdateItem", "Query", "DeleteItem", entry}, 2, 2}), http.StatusNoContent)
}

// In a pause no session comes over, nobody is stranded, and a logout ends both sessions.
func TestPauseOfTheBridge(t *testing.T) {
	s := newBridge(t, map[string]string{"CONVERT_ENABLED": "false"})
	legacy := s.legacy(1)
	r := s.wantCost(t, navigate("/convert", legacy), budget{})
	wantStatus(t, r, http.StatusSeeOther)
	if to := r.header.Get("Location"); to != "/login?why=again&next=%2Fprofile" || len(r.header.Values("Set-Cookie")) > 0 {
		t.Errorf("to %q, %v", to, r.header)
	}
	wantStatus(t, s.do(t, request{method: "POST", path: "/convert/end", cookie: legacy}), http.StatusNoContent)
	open := s.again(t, nil)
	refused := open.do(t, request{method: "POST", path: "/convert", cookie: legacy})
	wantStatus(t, refused, http.StatusUnauthorized)
}
