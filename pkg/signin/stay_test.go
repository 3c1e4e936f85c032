package signin

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
)

const (
	longIdle     = 7 * 24 * time.Hour
	longLifetime = 30 * 24 * time.Hour

	checkbox      = `<input name="stay_signed_in" type="checkbox" value="true">`
	chosenAlready = `<input name="stay_signed_in" type="checkbox" value="true" checked>`
)

// offerStay lets users choose to stay signed in.
func (r *fixture) offerStay() {
	r.t.Helper()
	var err error
	r.sessions, err = session.New(sessionStore{r.stores.sessions, &r.callRecorder}, session.Config{
		ErrorHandler: r.fail, MaxSessions: -1, PersistentIdleTimeout: longIdle, PersistentLifetime: longLifetime,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.serveAt("")
}

// TestStaySignedIn: what the user chooses decides about the limits of the session and
// about the cookie. It has no effect where it is not offered.
func TestStaySignedIn(t *testing.T) {
	const short, day, long = "Path=/; HttpOnly; Secure; SameSite=Lax", "Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Lax", "Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax"
	json := func(chosen string) string { return strings.Replace(rightJSON, "{", `{"stay_signed_in":`+chosen+`,`, 1) }
	for name, tt := range map[string]struct {
		offered    bool
		kind, body string
		cookie     string
	}{
		"form, chosen":                {true, asForm, rightForm + "&stay_signed_in=true", long},
		"form, not chosen":            {true, asForm, rightForm, short},
		"JSON, chosen":                {true, asJSON, json("true"), long},
		"JSON, not chosen":            {true, asJSON, json("false"), short},
		"JSON, without a word":        {true, asJSON, rightJSON, short},
		"not offered, form, chosen":   {false, asForm, rightForm + "&stay_signed_in=on", day},
		"not offered, JSON, chosen":   {false, asJSON, json("true"), day},
		"not offered, without a word": {false, asJSON, rightJSON, day},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t)
				if tt.offered {
					r.offerStay()
				}
				resp := r.do(post("/login", tt.kind, tt.body))
				if resp.status != 200 {
					t.Fatalf("%d %s", resp.status, resp.body)
				}
				if _, attributes, _ := strings.Cut(resp.cookies()[0], "; "); attributes != tt.cookie {
					t.Errorf("the cookie has %q, want %q", attributes, tt.cookie)
				}
				cookie, lives := cookieOf(resp), 30*time.Minute
				if tt.cookie == long {
					lives = longIdle
				}
				if left := time.Until(r.profileEnd(cookie)); left != lives.Truncate(time.Second) {
					t.Errorf("the profile says that the session ends in %v, want %v", left, lives)
				}
				time.Sleep(lives - time.Second)
				if status := r.profileStatus(cookie); status != 200 {
					t.Errorf("a second before the end: %d", status)
				}
				time.Sleep(lives)
				if status := r.profileStatus(cookie); status != 401 {
					t.Errorf("after the end: %d", status)
				}
			})
		})
	}
}

// profileEnd returns when the session ends, as the profile says it.
func (r *fixture) profileEnd(cookie string) time.Time {
	r.t.Helper()
	var p profile
	if err := json.Unmarshal([]byte(r.do(with(get("/profile"), "Cookie", cookie)).body), &p); err != nil {
		r.t.Fatal(err)
	}
	return p.ExpiresAt
}

// TestStayCheckbox: the login page has the checkbox where the choice is offered, and
// remembers the choice when a password was wrong.
func TestStayCheckbox(t *testing.T) {
	r := newFixture(t)
	show := func() string { return r.do(fromBrowser(get("/login"))).body }
	try := func(body string) string { return r.do(fromBrowser(post("/login", asForm, body))).body }
	for _, page := range []string{show(), try(wrongForm + "&stay_signed_in=true")} {
		if strings.Contains(page, "stay_signed_in") {
			t.Errorf("the choice is on the page, but not offered:\n%s", page)
		}
	}
	r.offerStay()
	for _, page := range []string{show(), try(wrongForm), try(wrongForm + "&stay_signed_in=false")} {
		if !strings.Contains(page, checkbox) {
			t.Errorf("want %s on the page:\n%s", checkbox, page)
		}
	}
	if page := try(wrongForm + "&stay_signed_in=true"); !strings.Contains(page, chosenAlready) {
		t.Errorf("want %s on the page:\n%s", chosenAlready, page)
	}
}

// TestStayIsRenewed: giving the password again keeps a session as the user chose it.
func TestStayIsRenewed(t *testing.T) {
	for body, attributes := range map[string]string{
		rightForm:                          "Path=/; HttpOnly; Secure; SameSite=Lax",
		rightForm + "&stay_signed_in=true": "Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax",
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newFixture(t)
			r.offerStay()
			cookie := cookieOf(r.do(post("/login", asForm, body)))
			time.Sleep(20 * time.Minute)
			resp := r.do(with(post("/reauthenticate", asForm, "password=correct+horse+battery+staple"), "Cookie", cookie))
			if resp.status != 204 {
				t.Fatalf("%d %s", resp.status, resp.body)
			}
			if _, got, _ := strings.Cut(resp.cookies()[0], "; "); got != attributes {
				t.Errorf("%s: the new cookie has %q, want %q", body, got, attributes)
			}
		})
	}
}
