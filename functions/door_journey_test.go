package functions_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/accounts"
)

// browser returns the headers of a browser that shows a page of the site. The client has
// written hops into X-Forwarded-For that no proxy has seen.
func browser() http.Header {
	return http.Header{
		"Host": {host}, "X-Forwarded-For": {"198.51.100.66, 10.0.0.1"}, "X-Forwarded-Host": {"evil.example"}, "X-Forwarded-Proto": {"http"},
		"Forwarded": {"for=198.51.100.66"}, "X-Real-Ip": {"198.51.100.66"}, "X-Proxy-Client": {"198.51.100.66"},
		"Accept-Language": {"en"}, "User-Agent": {"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"},
	}
}

// step is one request of a journey and what came back, without what is new each time.
type step struct {
	name string
	reply
}

// journey is a user's way through the functions behind one door.
type journey struct {
	t     *testing.T
	s     *stack
	door  door
	steps []step
	names []string // what is random in the replies, and a name for it, in turn
}

// take sends a request, which has to cost what it costs on every door.
func (j *journey) take(name string, in request, cost budget, status int) reply {
	j.t.Helper()
	in.headers = maps.Clone(in.headers)
	if in.headers == nil {
		in.headers = http.Header{}
	}
	for header, values := range browser() {
		if _, ok := in.headers[header]; !ok {
			in.headers[header] = values
		}
	}
	r := j.s.wantCost(j.t, in, cost)
	if r.status != status {
		j.t.Fatalf("%s: status %d, want %d; body %s", name, r.status, status, r.body)
	}
	j.learn(r)
	j.steps = append(j.steps, step{name, r})
	return r
}

// learn notes the values of the cookies, which are new each time.
func (j *journey) learn(r reply) {
	for _, line := range r.header.Values("Set-Cookie") {
		cookie, err := http.ParseSetCookie(line)
		if err != nil {
			j.t.Errorf("Set-Cookie %q: %v", line, err)
			continue
		}
		if cookie.Value == "" {
			continue
		}
		j.names = append(j.names, cookie.Value, "<"+cookie.Name+">")
		if parts := strings.Split(cookie.Value, "."); cookie.Name == "__Host-SESSIONID" {
			j.names = append(j.names, parts[1], "<session>")
		}
	}
}

// random matches what is new each time and no cookie's value: the proof in the address
// after a sign-in, the rest of a session's life, and times, for programs and for people.
var random = regexp.MustCompile(`kept=[\w.-]+|Max-Age=\d{5}\b|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z|\d{1,2}\.? [A-Z][a-z]+ \d{4}, \d\d:\d\d`)

// plain returns the text with a name in place of everything that is new each time.
func (j *journey) plain(text string) string {
	text = random.ReplaceAllString(text, "<new>")
	text = strings.NewReplacer(j.names...).Replace(text)
	return strings.ReplaceAll(text, j.door.client, "<client>")
}

// compare reports every answer that differs from that of another door in its status, a
// header or its body. A REST API gives one header another name.
func (j *journey) compare(first *journey) {
	j.t.Helper()
	if len(j.steps) != len(first.steps) {
		j.t.Fatalf("%d steps, and %d on %s", len(j.steps), len(first.steps), first.door.name)
	}
	for i, got := range j.steps {
		want := first.steps[i]
		if got.name != want.name || got.status != want.status {
			j.t.Errorf("%s: %d; on %s %s: %d", got.name, got.status, first.door.name, want.name, want.status)
		}
		for _, name := range slices.Sorted(maps.Keys(joinedKeys(got.header, want.header))) {
			g, w := j.plain(fmt.Sprint(got.values(name))), first.plain(fmt.Sprint(want.values(name)))
			if g != w {
				j.t.Errorf("%s: %s is %s; on %s %s", got.name, name, g, first.door.name, w)
			}
		}
		if g, w := firstDifference(j.plain(got.body), first.plain(want.body)); g != w {
			j.t.Errorf("%s: a line of the body is\n%s\non %s\n%s", got.name, g, first.door.name, w)
		}
	}
}

// firstDifference returns the first lines that differ.
func firstDifference(a, b string) (string, string) {
	x, y := strings.SplitAfter(a, "\n"), strings.SplitAfter(b, "\n")
	for len(x) > 0 && len(y) > 0 && x[0] == y[0] {
		x, y = x[1:], y[1:]
	}
	return strings.Join(x[:min(1, len(x))], ""), strings.Join(y[:min(1, len(y))], "")
}

// values returns the values of a header under its own name. The server of the tests, not
// the function, has written the date and the length.
func (r reply) values(name string) []string {
	switch name {
	case "Date", "Content-Length":
		return nil
	case "Www-Authenticate":
		return append(r.header["X-Amzn-Remapped-Www-Authenticate"], r.header[name]...)
	case "X-Amzn-Remapped-Www-Authenticate":
		return nil
	case "Set-Cookie":
		return slices.Sorted(slices.Values(r.header[name]))
	}
	return r.header[name]
}

func joinedKeys(a, b http.Header) http.Header {
	all := a.Clone()
	maps.Copy(all, b)
	return all
}

// TestEveryDoor takes a user through one set of processes behind each door in turn. The
// answers and their costs are those on an HTTP API.
func TestEveryDoor(t *testing.T) {
	s := newStack(t, map[string]string{
		"SESSION_KEYS":  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", // so that a sign-in sets two cookies
		"PUBLIC_ORIGIN": "https://" + host,                              // function URLs do not see the viewer's host
	})
	account, err := s.users(t).Get(t.Context(), username)
	if err != nil {
		t.Fatal(err)
	}
	walks := map[string]func(*journey){"account": (*journey).walk, "edges": (*journey).edges, "outage": (*journey).outage}
	first := map[string]*journey{}
	for _, d := range doors {
		t.Run(d.name, func(t *testing.T) {
			for _, name := range slices.Sorted(maps.Keys(walks)) {
				t.Run(name, func(t *testing.T) {
					j := &journey{t: t, s: s.behind(t, d), door: d}
					s.reset(t, account)
					walks[name](j)
					if first[name] == nil {
						first[name] = j
					}
					j.compare(first[name])
				})
			}
			t.Run("caller", func(t *testing.T) {
				s.reset(t, account)
				testCaller(t, s.behind(t, d), d)
			})
		})
	}
}

// reset takes back what an earlier journey has changed.
func (s *stack) reset(t *testing.T, account *accounts.Account) {
	t.Helper()
	s.proxy.FailAll(dynamotest.None)
	s.proxy.Take()
	s.empty(t, "SessionsTable")
	s.empty(t, "AttemptsTable")
	s.empty(t, "AuditTable")
	users := s.users(t)
	now, err := users.Get(t.Context(), username)
	if err != nil {
		t.Fatal(err)
	}
	now.PasswordHash, now.Preferences = account.PasswordHash, nil
	if err := users.Update(t.Context(), now, "reset "+now.Revision); err != nil {
		t.Fatal(err)
	}
	if err := users.SetLastUsed(t.Context(), username, account.UserID, time.Now()); err != nil { // so that every journey costs the same
		t.Fatal(err)
	}
}

// walk does everything that a user can do.
func (j *journey) walk() {
	t := j.t
	page := "text/html"
	j.take("nobody", profile(""), budget{}, http.StatusUnauthorized)
	j.take("nobody's page", request{method: "GET", path: "/profile", accept: page}, budget{}, http.StatusSeeOther)
	form := j.take("login page", request{method: "GET", path: "/login?next=%2Fprofile%3Fa%3Db%2526c&other=1&other=2", accept: page}, budget{}, http.StatusOK)
	if !strings.Contains(form.body, `value="/profile?a=b%26c"`) {
		t.Errorf("the form has not kept next:\n%s", form.body)
	}
	j.take("wrong password", login("not the password, surely"), refusalCost, http.StatusUnauthorized)

	r := j.take("sign-in", login(password), afterFailureCost, http.StatusOK)
	cookie := r.cookie()
	if len(r.header.Values("Set-Cookie")) != 2 || cookie == "" || r.device() == "" {
		t.Errorf("Set-Cookie %q, want a session and a device", r.header.Values("Set-Cookie"))
	}
	j.take("profile", profile(cookie), loadCost, http.StatusOK)
	r = j.take("profile's page", request{method: "GET", path: "/profile", cookie: "theme=dark; " + cookie, accept: page}, loadCost, http.StatusOK)
	if !strings.Contains(r.body, "Welcome to your profile, Alice!") || !strings.Contains(r.body, "from "+j.door.client) {
		t.Errorf("the page does not greet Alice or name her address %s:\n%s", j.door.client, r.body)
	}
	j.take("who", whoami(cookie), loadCost, http.StatusOK)
	j.take("who is nobody", whoami(""), budget{}, http.StatusUnauthorized)
	j.take("activity", request{method: "GET", path: "/activity", cookie: cookie}, activityCost, http.StatusOK)
	other := j.form()
	j.sessions(cookie, other)

	j.take("preferences", request{method: "POST", path: "/preferences", cookie: cookie, contentType: "application/json", body: `{"theme":"dark","language":"de"}`},
		budget{[]string{"GetItem", "GetItem", "UpdateItem", "UpdateItem"}, 2, 2}, http.StatusNoContent)
	j.take("profile's page in German", request{method: "GET", path: "/profile", cookie: cookie, accept: page}, loadCost, http.StatusOK)
	cookie, device := j.passwords(cookie)

	j.take("logout", request{method: "POST", path: "/logout", cookie: cookie}, oneEnd, http.StatusNoContent)
	j.take("after the logout", profile(cookie), loadCost, http.StatusUnauthorized)
	known := login(nextPassword)
	known.cookie = device
	r = j.take("sign-in on the known device", known, knownSignInCost, http.StatusOK)
	r = j.take("logout of a browser", request{method: "POST", path: "/logout", cookie: r.cookie(), accept: page}, oneEnd, http.StatusSeeOther)
	if got := r.header.Values("Set-Cookie"); len(got) != 1 || got[0] != clearCookie {
		t.Errorf("Set-Cookie: %q, want %q", got, clearCookie)
	}
}

// form signs in as a browser does, and returns the session's cookie.
func (j *journey) form() string {
	r := j.take("form", request{method: "POST", path: "/login", accept: "text/html", contentType: "application/x-www-form-urlencoded",
		body: "username=ALICE&password=an+example+of+a+long+password&next=%2Fprofile%3Fa%3Db%2526", headers: http.Header{"Sec-Fetch-Site": {"same-origin"}}},
		afterFailureCost, http.StatusOK)
	to, _ := strings.CutPrefix(r.header.Get("Refresh"), "0; url=")
	kept := j.take("after the form", request{method: "GET", path: to, cookie: r.cookie(), accept: "text/html"}, budget{}, http.StatusSeeOther)
	if to, err := url.Parse(kept.header.Get("Location")); err != nil || to.String() != "/profile?a=b%26" {
		j.t.Errorf("Location %q", kept.header.Get("Location"))
	}
	return r.cookie()
}

// sessions lists both sessions, and ends the other one.
func (j *journey) sessions(cookie, other string) {
	r := j.take("sessions", request{method: "GET", path: "/sessions", cookie: cookie}, budget{[]string{"GetItem", "Query"}, 2, 0}, http.StatusOK)
	var list struct{ Sessions []struct{ ID, IP string } }
	if err := json.Unmarshal([]byte(r.body), &list); err != nil || len(list.Sessions) != 2 || list.Sessions[1].ID != idOf(other) || list.Sessions[1].IP != j.door.client {
		j.t.Errorf("sessions: %s, %v", r.body, err)
	}
	j.take("revoke", request{method: "POST", path: "/sessions/" + idOf(other) + "/revoke", cookie: cookie}, loadCost.and(oneEnd), http.StatusNoContent)
	// DynamoDB Local does not say what a Delete costs whose condition fails; AWS counts one unit.
	j.take("revoke again", request{method: "POST", path: "/sessions/" + idOf(other) + "/revoke", cookie: cookie}, budget{[]string{"GetItem", "DeleteItem"}, 1, 0}, http.StatusNotFound)
	j.take("revoked", profile(other), loadCost, http.StatusUnauthorized)
}

// passwords proves the password again and changes it, and returns the new cookies.
func (j *journey) passwords(cookie string) (session, device string) {
	r := j.take("reauthenticate", request{method: "POST", path: "/reauthenticate", cookie: cookie, contentType: "application/json", body: `{"password":"` + password + `"}`},
		loadCost.and(againCost).and(budget{[]string{"UpdateItem DeleteItem", entry}, 0, 2}), http.StatusNoContent)
	j.take("the cookie before", profile(cookie), loadCost, http.StatusUnauthorized)
	r = j.take("password", changePassword(r.cookie(), password, nextPassword),
		budget{[]string{"GetItem", "GetItem UpdateItem", "UpdateItem", "UpdateItem Query DeleteItem", "UpdateItem", entry}, 3, 5}, http.StatusNoContent)
	if r.cookie() == "" || r.device() == "" {
		j.t.Errorf("Set-Cookie %q, want a session and a device", r.header.Values("Set-Cookie"))
	}
	return r.cookie(), r.device()
}
