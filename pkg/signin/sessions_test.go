package signin

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/texts"
)

// otherUsersID returns the ID of a live session of another user.
func (r *fixture) otherUsersID() string {
	r.t.Helper()
	s, err := r.sessions.Create(httptest.NewRecorder(), get("/login"), session.User{ID: "dora-id"})
	if err != nil {
		r.t.Fatal(err)
	}
	return s.ID
}

// signInWith returns the Cookie header and the ID of a new session of alice, on a
// device.
func (r *fixture) signInWith(userAgent, address string) (cookie, id string) {
	r.t.Helper()
	w, req := httptest.NewRecorder(), with(get("/login"), "User-Agent", userAgent)
	req.RemoteAddr = address
	s, err := r.sessions.Create(w, req, session.User{ID: "alice-id"})
	if err != nil {
		r.t.Fatal(err)
	}
	resp := response{header: w.Result().Header}
	r.remember(resp.cookies())
	return cookieOf(resp), s.ID
}

const (
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
	phone   = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1"
)

// listed returns the list of sessions that a program gets.
func (r *fixture) listed(cookie string) (all []map[string]any) {
	r.t.Helper()
	resp := r.do(with(get("/sessions"), "Cookie", cookie))
	var body struct{ Sessions []map[string]any }
	if err := json.Unmarshal([]byte(resp.body), &body); err != nil || resp.status != 200 {
		r.t.Fatalf("%d, %v: %s", resp.status, err, resp.body)
	}
	return body.Sessions
}

// TestSessionsAreOrdered: the current session is first, then the others follow, the
// last active one first. Ended sessions and other users' sessions are not in the
// list.
func TestSessionsAreOrdered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.signInWith(firefox, "192.0.2.1:1") // expires
		time.Sleep(20 * time.Minute)
		_, oldest := r.signInWith(firefox, "192.0.2.2:1")
		time.Sleep(time.Minute)
		cookie, current := r.signInWith(firefox, "192.0.2.3:1")
		time.Sleep(time.Minute)
		active, activeID := r.signInWith(phone, "[2001:db8::1]:1")
		_, newest := r.signInWith(phone, "192.0.2.5:1")
		r.otherUsersID()
		time.Sleep(9 * time.Minute)
		r.do(with(get("/profile"), "Cookie", active))

		var got []string
		for i, s := range r.listed(cookie) {
			got = append(got, s["id"].(string))
			if s["current"] != (i == 0) {
				t.Errorf("session %d is current: %v", i, s["current"])
			}
			var names []string
			for name := range s {
				names = append(names, name)
			}
			slices.Sort(names)
			if want := []string{"created_at", "current", "id", "ip", "last_ip", "last_seen_at", "last_user_agent", "user_agent"}; !slices.Equal(names, want) {
				t.Errorf("of a session is told %v, want %v", names, want)
			}
		}
		if want := []string{current, activeID, newest, oldest}; !slices.Equal(got, want) {
			t.Errorf("order %v, want %v", got, want)
		}
	})
}

// A session that is used by another client than at login shows both: the client of the
// login, and the one of the last touch.
func TestMovedSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		cookie, _ := r.signInWith(firefox, "192.0.2.1:1")
		time.Sleep(5 * time.Minute)
		seen := func(userAgent, address string) (told [4]any, page string) {
			req := with(get("/sessions"), "Cookie", cookie)
			req.Header.Set("User-Agent", userAgent)
			req.RemoteAddr = address
			page = r.do(fromBrowser(req)).body
			s := r.listed(cookie)[0]
			return [4]any{s["ip"], s["user_agent"], s["last_ip"], s["last_user_agent"]}, page
		}
		const moved = "Last used by Safari on iPhone at 2001:db8::1<"
		if told, page := seen(firefox, "192.0.2.1:2"); told != [4]any{"192.0.2.1", firefox, "192.0.2.1", firefox} || strings.Contains(page, "Last used by") {
			t.Errorf("a session that has not moved is told as %q, on the page:\n%s", told, page)
		}
		time.Sleep(5 * time.Minute)
		if told, page := seen(phone, "[2001:db8::1]:1"); told != [4]any{"192.0.2.1", firefox, "2001:db8::1", phone} || !strings.Contains(page, moved) {
			t.Errorf("a session that has moved is told as %q, on the page:\n%s", told, page)
		}
	})
}

func TestDevicesPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		_, other := r.signInWith(phone, "[2001:db8::1]:1")
		time.Sleep(2 * time.Minute)
		_, stranger := r.signInWith(`<script>alert(1)</script>"`, "192.0.2.9:1")
		cookie, current := r.signInWith(firefox, "192.0.2.1:1")
		time.Sleep(5 * time.Minute)

		page := r.do(fromBrowser(with(get("/sessions"), "Cookie", cookie))).body
		tree := parsePage(t, page)
		var headings []string
		for _, h := range tree.all("h2") {
			headings = append(headings, strings.TrimSpace(h.text))
		}
		if want := []string{"Firefox on Linux", "Unknown device", "Safari on iPhone"}; !slices.Equal(headings, want) {
			t.Errorf("devices %q, want %q", headings, want)
		}
		if tag := tree.one(t, "span", "class", "tag"); tag.text != "This device" {
			t.Errorf("the tag says %q", tag.text)
		}
		text := strings.ReplaceAll(html.UnescapeString(page), "\u00a0", " ")
		for _, part := range []string{
			"Active now", "Address 192.0.2.1<", "Address 2001:db8::1<",
			`Last active 7 minutes ago, <time datetime="2000-01-01T00:00:00Z">1 January 2000, 00:00 UTC</time>`,
			`Signed in 5 minutes ago, <time datetime="2000-01-01T00:02:00Z">1 January 2000, 00:02 UTC</time>`,
			">Log out other devices</button>", ">Log out everywhere</button>",
			`Log out<span class="unseen"> Safari on iPhone, 2001:db8::1</span></button>`,
			"Ends all sessions but this one.", "Ends all sessions, this one too.",
		} {
			if !strings.Contains(text, part) {
				t.Errorf("no %q on the page", part)
			}
		}
		for _, id := range []string{current, other, stranger} {
			tree.one(t, "form", "action", "/sessions/"+id+"/revoke")
		}
		tree.one(t, "form", "action", "/sessions/revoke-others")
		tree.one(t, "form", "action", "/sessions/revoke-all")
		if len(tree.all("script")) > 0 || strings.Contains(page, "alert(1)") {
			t.Error("the page repeats what a client called itself")
		}
		if tokenShape.MatchString(page) {
			t.Error("a token is on the page")
		}

		alone := parsePage(t, r.do(fromBrowser(with(get("/sessions"), "Cookie", r.endOthers(t, cookie)))).body)
		for _, form := range alone.all("form") {
			if form.attr["action"] == "/sessions/revoke-others" {
				t.Error("with one session there is a button for the others")
			}
		}
	})
}

// endOthers ends all sessions of alice except that of the cookie. It returns the cookie.
func (r *fixture) endOthers(t *testing.T, cookie string) string {
	t.Helper()
	if resp := r.do(with(post("/sessions/revoke-others", "", ""), "Cookie", cookie)); resp.status != 204 || r.live() != 1 {
		t.Fatalf("%d, %d sessions left", resp.status, r.live())
	}
	return cookie
}

// TestRevoking: the next request of an ended session is not signed in. Other sessions
// are still signed in.
func TestRevoking(t *testing.T) {
	for route, alive := range map[string][3]int{ // statuses on this device, on a second one and on a third one
		"/sessions/%s/revoke":     {200, 401, 200},
		"/sessions/revoke-others": {200, 401, 401},
		"/sessions/revoke-all":    {401, 401, 401},
	} {
		r := newFixture(t)
		var cookies, ids [3]string
		for i := range cookies {
			cookies[i], ids[i] = r.signInWith(firefox, "192.0.2.1:1")
		}
		strangers := r.otherUsersID()
		if strings.Contains(route, "%s") {
			route = fmt.Sprintf(route, ids[1])
		}
		resp := r.do(with(post(route, "", ""), "Cookie", cookies[0]))
		if resp.status != 204 || (len(resp.cookies()) == 1) != (alive[0] == 401) {
			t.Errorf("%s: %d, cookies %q", route, resp.status, resp.cookies())
		}
		for i, want := range alive {
			if got := r.profileStatus(cookies[i]); got != want {
				t.Errorf("%s: device %d answers %d, want %d", route, i, got, want)
			}
		}
		if left := r.newest("dora-id").ID; left != strangers {
			t.Errorf("%s: another user's session is gone", route)
		}
	}
}

// TestRevokeTellsNothing: the answer is the same for every ID that is not a live
// session of the user.
func TestRevokeTellsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		_, dead := r.signInWith(firefox, "192.0.2.1:1")
		time.Sleep(30 * time.Minute)
		strangers := r.otherUsersID()
		cookie := r.signIn()
		want := r.do(with(post("/sessions/"+unknownID+"/revoke", "", ""), "Cookie", cookie))
		if want.status != 404 {
			t.Fatalf("status %d", want.status)
		}
		for _, id := range []string{dead, strangers, strangers[:21], strangers + "A", "x", "x%2fy", "%00", "%ff", "alice-id", strings.Repeat("x", 4000)} {
			got := r.do(with(post("/sessions/"+id+"/revoke", "", ""), "Cookie", cookie))
			if got.answer().String() != want.answer().String() {
				t.Errorf("%q: %s, want %s", id, got.answer(), want.answer())
			}
		}
		if r.newest("dora-id").ID != strangers {
			t.Error("another user's session is gone")
		}
	})
}

// TestMenu: the menu is on the pages for signed-in users, and marks the current page.
func TestMenu(t *testing.T) {
	r := newFixture(t)
	cookie := r.signIn()
	for _, l := range ownMenu(true) {
		tree := parsePage(t, r.do(fromBrowser(with(get(l.Path), "Cookie", cookie))).body)
		for _, other := range ownMenu(true) {
			item := tree.one(t, "a", "href", other.Path)
			if current, here := item.attr["aria-current"]; item.text != texts.Default.English().Text(other.Text) || here != (l == other) || here && current != "page" {
				t.Errorf("on %s the item is %v, %q", l.Path, item.attr, item.text)
			}
		}
	}
	if page := r.do(fromBrowser(get("/login"))).body; strings.Contains(page, "<nav") {
		t.Error("the login page has a menu")
	}
}
