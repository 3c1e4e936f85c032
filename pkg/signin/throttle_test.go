package signin

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/throttle"
)

const tooMany = "There were too many attempts to sign in. Try again in 30 seconds."

func credentials(name, pw string) string {
	return url.Values{"username": {name}, "password": {pw}}.Encode()
}

// TestThrottledAnswersAreIdentical: for a throttled name the answer is 429 and the
// same in every byte, whether or not the name exists, the account is disabled and the
// password is right. People get it with the form.
func TestThrottledAnswersAreIdentical(t *testing.T) {
	for _, page := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			r := newFixture(t)
			request := func(name, pw string) *http.Request {
				req := post("/login", asForm, credentials(name, pw))
				if page {
					fromBrowser(req)
				}
				return req
			}
			var answers []response
			for _, name := range []string{"alice", "dora", "nobody"} {
				r.limit(throttle.Config{Network: throttle.Window{Limit: 1000, Period: time.Hour}})
				for range 10 {
					if resp := r.do(request(name, wrongPhrase)); resp.status != 401 {
						t.Fatalf("%s: %d", name, resp.status)
					}
				}
				for _, pw := range []string{wrongPhrase, phrase} {
					resp := r.do(request(name, pw))
					resp.body = strings.Replace(resp.body, `value="`+name+`"`, `value="…"`, 1) // the form contains the name that was typed
					answers = append(answers, resp)
				}
			}
			for _, other := range answers[1:] {
				if !reflect.DeepEqual(other, answers[0]) {
					t.Errorf("page %v: differ:\n%v\n%v", page, answers[0], other)
				}
			}
			want := problemAnswer(429, tooMany)
			if page {
				want = pageAnswer(429, "Sign in", tooMany)
			}
			same(t, answers[0], want.with("Retry-After", "30"))
			time.Sleep(30 * time.Second)
			r.limit(throttle.Config{})
			if resp := r.do(request("alice", phrase)); resp.status >= 400 {
				t.Errorf("after the wait: %d", resp.status)
			}
		})
	}
}

// TestNetworkLimit: a network that tries many names is stopped, and other networks
// are not. What a client says about its own address has no effect (ASVS 4.1.3).
func TestNetworkLimit(t *testing.T) {
	r := newFixture(t)
	r.limit(throttle.Config{Network: throttle.Window{Limit: 5, Period: time.Hour}})
	attempt := func(i int, change func(*http.Request)) int {
		req := post("/login", asForm, credentials(fmt.Sprint("name", i), "wrong"))
		change(req)
		return r.do(req).status
	}
	var statuses []int
	for i, header := range []string{"X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "X-Forwarded-For", "Forwarded"} {
		statuses = append(statuses, attempt(i, func(req *http.Request) { req.Header.Set(header, fmt.Sprintf("for=203.0.113.%d", i)) }))
	}
	if want := []int{401, 401, 401, 401, 401, 429, 429}; !slices.Equal(statuses, want) {
		t.Errorf("answers %v, want %v", statuses, want)
	}
	if status := attempt(9, func(req *http.Request) { req.RemoteAddr = "198.51.100.7:1234" }); status != 401 {
		t.Errorf("another network: %d", status)
	}
}

// TestCrossSiteLoginIsNotCounted: a sign-in from another site is refused before it is
// counted or a password is hashed.
func TestCrossSiteLoginIsNotCounted(t *testing.T) {
	r := newFixture(t)
	for range 20 {
		req := post("/login", asForm, rightForm)
		crossSite(req)
		if resp := r.do(req); resp.status != 403 || r.recordedCalls()+r.recordedAttempts() != "" {
			t.Fatalf("%d with calls %q %q", resp.status, r.recordedCalls(), r.recordedAttempts())
		}
	}
	if resp := r.do(post("/login", asForm, rightForm)); resp.status != 200 {
		t.Errorf("the owner: %d", resp.status)
	}
}

// withDevices gives the fixture signing keys. Device cookies need them.
func (r *fixture) withDevices() {
	r.limit(throttle.Config{DeviceKeys: [][]byte{bytes.Repeat([]byte("k"), 32)}, Network: throttle.Window{Limit: 1000, Period: time.Hour}})
}

// deviceOf returns the device cookie that a response sets, as a browser sends it
// back.
func deviceOf(resp response) string {
	for _, line := range resp.cookies() {
		if pair, attributes, _ := strings.Cut(line, "; "); strings.HasPrefix(pair, "__Host-DEVICE=") &&
			attributes == "Path=/; Max-Age=34560000; HttpOnly; Secure; SameSite=Lax" {
			return pair
		}
	}
	return ""
}

// TestDeviceCookie: the owner of a name can sign in on a known device while others
// attack the name. A sign-in on a new device is logged. A known device gets no new
// cookie.
func TestDeviceCookie(t *testing.T) {
	r := newFixture(t)
	if resp := r.do(post("/login", asJSON, rightJSON)); len(resp.cookies()) != 1 {
		t.Errorf("without signing keys a sign-in sets %q", resp.cookies())
	}
	r.withDevices()
	r.takeLog()
	first := r.do(post("/login", asJSON, rightJSON))
	device := deviceOf(first)
	if device == "" || len(first.cookies()) != 2 {
		t.Fatalf("cookies %q", first.cookies())
	}
	if events := r.events(); !slices.Contains(events, "WARN authn_login_new_device ip=192.0.2.1 session_id=<id> user_id=alice-id") ||
		!slices.Contains(events, "INFO authn_login_success failures=0 ip=192.0.2.1 new_device=true session_id=<id> user_id=alice-id") {
		t.Errorf("events %q", events)
	}
	for range 10 {
		r.do(post("/login", asJSON, wrongJSON))
	}
	if resp := r.do(post("/login", asJSON, rightJSON)); resp.status != 429 {
		t.Errorf("a stranger with the right password: %d", resp.status)
	}
	r.takeLog()
	resp := r.do(with(post("/login", asJSON, rightJSON), "Cookie", device))
	if resp.status != 200 || len(resp.cookies()) != 1 {
		t.Errorf("the known device: %d with %q", resp.status, resp.cookies())
	}
	if events := strings.Join(r.events(), "\n"); strings.Contains(events, "authn_login_new_device") || !strings.Contains(events, " new_device=false ") || strings.Contains(events, device[14:]) {
		t.Errorf("events %s", events)
	}
	for _, cookies := range []string{device + "; " + device, device + "; " + device + "; " + device} {
		if resp := r.do(with(post("/login", asJSON, rightJSON), "Cookie", cookies)); resp.status != 200 {
			t.Errorf("equal copies of the cookie: %d, want 200", resp.status)
		}
	}
	for name, cookies := range map[string]string{"another first": device + "A; " + device, "another last": device + "; " + device + "A",
		"an empty one first": "__Host-DEVICE=; " + device, "another between": device + "; " + device + "A; " + device, "forged": device + "A", "empty": "__Host-DEVICE=", "another name": strings.ToLower(device)} {
		if resp := r.do(with(post("/login", asJSON, rightJSON), "Cookie", cookies)); resp.status != 429 {
			t.Errorf("%s: %d, want a stranger's 429", name, resp.status)
		}
	}
}

// TestDeviceCookieIsNoSession: a device cookie is not a session, and a failed sign-in
// sets none.
func TestDeviceCookieIsNoSession(t *testing.T) {
	r := newFixture(t)
	r.withDevices()
	device := deviceOf(r.do(post("/login", asJSON, rightJSON)))
	for _, cookie := range []string{device, strings.Replace(device, "DEVICE", "SESSIONID", 1)} {
		if status := r.profileStatus(cookie); status != 401 || r.recordedCalls() != "" {
			t.Errorf("the profile answers %d to %.30s", status, cookie)
		}
	}
	if resp := r.do(post("/login", asJSON, wrongJSON)); len(resp.cookies()) != 0 {
		t.Errorf("a failed sign-in sets %q", resp.cookies())
	}
	disableAfterCreate(r)
	if resp := r.do(post("/login", asJSON, rightJSON)); resp.status != 401 || len(resp.cookies()) != 0 {
		t.Errorf("a sign-in that fails its re-check: %d, sets %q", resp.status, resp.cookies())
	}
}

// TestSuccessAfterFailures: a successful sign-in after failed ones is logged as an
// event of its own.
func TestSuccessAfterFailures(t *testing.T) {
	r := newFixture(t)
	for range 3 {
		r.do(post("/login", asJSON, wrongJSON))
	}
	r.takeLog()
	r.do(post("/login", asJSON, rightJSON))
	want := "WARN authn_login_successafterfail failures=3 ip=192.0.2.1 session_id=<id> user_id=alice-id"
	if events := r.events(); !slices.Contains(events, want) {
		t.Errorf("events %q, want %q among them", events, want)
	}
}

// TestLockedNamesAreIdentical: a locked name is told so, with the form and to programs,
// and it is the same for a name that nobody has.
func TestLockedNamesAreIdentical(t *testing.T) {
	for _, page := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			r := newFixture(t)
			r.limit(throttle.Config{Name: throttle.Ladder{Free: 1, First: time.Second, Longest: time.Second, Lock: 2}})
			var answers []response
			for _, name := range []string{"alice", "dora", "nobody"} {
				for _, status := range []int{401, 401, 429} {
					req := post("/login", asForm, credentials(name, wrongPhrase))
					if page {
						fromBrowser(req)
					}
					resp := r.do(req)
					if resp.status != status {
						t.Fatalf("%s: %d, want %d", name, resp.status, status)
					}
					time.Sleep(time.Second)
					if status == 429 {
						resp.body = strings.Replace(resp.body, `value="`+name+`"`, `value="…"`, 1)
						answers = append(answers, resp)
					}
				}
			}
			for _, other := range answers[1:] {
				if !reflect.DeepEqual(other, answers[0]) {
					t.Errorf("page %v: differ:\n%v\n%v", page, answers[0], other)
				}
			}
			const locked = "There were too many failed attempts, so this name is locked until the operator unlocks it."
			want := problemAnswer(429, locked)
			if page {
				want = pageAnswer(429, "Sign in", locked)
			}
			same(t, answers[0], want.with("Retry-After", "1"))
		})
	}
}

// logIn signs in with the right password, on the device with that cookie, and returns
// the session's cookie.
func (r *fixture) logIn(device string) string {
	r.t.Helper()
	resp := r.do(with(post("/login", asJSON, rightJSON), "Cookie", device))
	if resp.status != 200 {
		r.t.Fatalf("signing in with the right password: %d", resp.status)
	}
	cookie, _, _ := strings.Cut(resp.cookies()[0], ";")
	return cookie
}

const userLocked = "There were too many wrong passwords in your sessions. Sign out and sign in again, or ask the operator to unlock your name."

// TestLockedUser: when the counter of the user's sessions is locked, the answer does not
// say that the name is. Signing in again, as it proposes, helps.
func TestLockedUser(t *testing.T) {
	headings := map[string]string{"/reauthenticate": "Confirm it is you", "/password": "Change password"}
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.limit(throttle.Config{Name: throttle.Ladder{Free: 1, First: time.Second, Longest: time.Second, Lock: 2}})
		cookie := r.signIn()
		for _, req := range passwordAgain("wrong") {
			if status := r.do(with(req, "Cookie", cookie)).status; status != 401 {
				t.Fatal(status)
			}
			time.Sleep(time.Second)
		}
		for i := range 2 {
			program, page := with(passwordAgain(phrase)[i], "Cookie", cookie), passwordAgain(phrase)[i]
			same(t, r.do(program), problemAnswer(429, userLocked).with("Retry-After", "1"))
			same(t, r.do(fromBrowser(with(page, "Cookie", cookie))), pageAnswer(429, headings[page.URL.Path], userLocked).with("Retry-After", "1"))
		}
		if status := r.do(with(passwordAgain(phrase)[1], "Cookie", r.logIn(""))).status; status != 204 {
			t.Errorf("after another sign-in: %d, want 204", status)
		}
	})
}

// passwordAgain are the requests in which a signed-in user gives the password.
func passwordAgain(current string) []*http.Request {
	return []*http.Request{
		post("/reauthenticate", asJSON, `{"password":"`+current+`"}`),
		post("/password", asJSON, `{"current_password":"`+current+`","new_password":"`+newPhrase+`"}`),
	}
}

// TestOneThrottleForAUser: re-authentication and the current password of a password
// change count together, over all sessions of the user. They count apart from sign-ins
// to the name, so strangers who attack the name do not stop the user.
func TestOneThrottleForAUser(t *testing.T) {
	r := newFixture(t)
	cookies := []string{r.signIn(), r.signIn(), r.signIn()}
	for range 10 {
		if resp := r.do(post("/login", asJSON, wrongJSON)); resp.status != 401 {
			t.Fatal(resp.status)
		}
	}
	for i := range 10 {
		req := passwordAgain("wrong")[i%2]
		if resp := r.do(with(req, "Cookie", cookies[i%3])); resp.status != 401 {
			t.Fatalf("%s: %d", req.URL, resp.status)
		}
	}
	for _, cookie := range cookies {
		for _, req := range passwordAgain(phrase) {
			if resp := r.do(with(req, "Cookie", cookie)); resp.status != 429 || resp.header.Get("Retry-After") == "" || len(resp.cookies()) != 0 {
				t.Errorf("%s with the right password: %d %v", req.URL, resp.status, resp.header)
			}
		}
		if status := r.profileStatus(cookie); status != 200 {
			t.Errorf("the session answers %d", status)
		}
	}
}

// TestOneAddressManyPeople: 100 wrong passwords from one address stop strangers there.
// Known devices and users who are signed in are not stopped.
func TestOneAddressManyPeople(t *testing.T) {
	r := newFixture(t)
	keys := [][]byte{bytes.Repeat([]byte("k"), 32)}
	r.limit(throttle.Config{DeviceKeys: keys, Network: throttle.Window{Limit: 10, Period: time.Hour}})
	first := r.do(post("/login", asJSON, rightJSON))
	device := deviceOf(first)
	cookie := r.signIn()
	for i := range 10 {
		r.do(post("/login", asForm, credentials(fmt.Sprint("name", i), "wrong")))
	}
	for name, test := range map[string]struct {
		req    *http.Request
		cookie string
		status int
	}{
		"a stranger":      {post("/login", asJSON, rightJSON), "", 429},
		"a known device":  {post("/login", asJSON, rightJSON), device, 200},
		"reauthenticated": {passwordAgain(phrase)[0], cookie, 204},
		"wrong again":     {passwordAgain("wrong")[1], r.signIn(), 401},
	} {
		if resp := r.do(with(test.req, "Cookie", test.cookie)); resp.status != test.status {
			t.Errorf("%s: %d, want %d", name, resp.status, test.status)
		}
	}
}

// TestPasswordChangeAndDevices: after a change of the password the other devices are
// strangers. The browser that changed it gets a fresh cookie.
func TestPasswordChangeAndDevices(t *testing.T) {
	r := newFixture(t)
	r.withDevices()
	other := deviceOf(r.do(post("/login", asJSON, rightJSON)))
	cookie := r.signIn()
	if resp := r.do(with(passwordAgain("wrong")[1], "Cookie", cookie)); len(resp.cookies()) != 0 {
		t.Errorf("a change that is refused sets %q", resp.cookies())
	}
	changed := r.do(with(passwordAgain(phrase)[1], "Cookie", cookie+"; "+other))
	own := deviceOf(changed)
	if changed.status != 204 || own == "" || own == other || len(changed.cookies()) != 2 {
		t.Fatalf("the change: %d with %q", changed.status, changed.cookies())
	}
	for range 10 {
		r.do(post("/login", asJSON, wrongJSON))
	}
	right := strings.Replace(rightJSON, phrase, newPhrase, 1)
	if resp := r.do(with(post("/login", asJSON, right), "Cookie", other)); resp.status != 429 {
		t.Errorf("another device after the change: %d, want a stranger's 429", resp.status)
	}
	if resp := r.do(with(post("/login", asJSON, right), "Cookie", own)); resp.status != 200 {
		t.Errorf("the device that changed the password: %d", resp.status)
	}
}

// TestManyDeviceCookies: 40 sign-ins, each of which gets a cookie, allow no more guesses
// than one.
func TestManyDeviceCookies(t *testing.T) {
	r := newFixture(t)
	r.withDevices()
	var devices []string
	for range 40 {
		devices = append(devices, deviceOf(r.do(post("/login", asJSON, rightJSON))))
	}
	for i, device := range devices {
		want := 401
		if i >= 5 {
			want = 429
		}
		if resp := r.do(with(post("/login", asJSON, wrongJSON), "Cookie", device)); resp.status != want {
			t.Fatalf("guess %d, each with another cookie: %d, want %d", i+1, resp.status, want)
		}
	}
}

// TestLoginCrossesAPasswordChange: a sign-in that began before or during a password
// change gets no session.
func TestLoginCrossesAPasswordChange(t *testing.T) {
	for name, edit := range map[string]func(*accounts.Account){
		"frozen":  func(a *accounts.Account) { a.FrozenUntil = time.Now().Add(time.Hour); a.Version++ },
		"changed": func(a *accounts.Account) { a.Version += 2 },
	} {
		r := newFixture(t)
		r.hooks["sessions.Create"] = func() error { r.accounts.edit = edit; return nil }
		if resp := r.do(post("/login", asJSON, rightJSON)); resp.status != 401 || len(resp.cookies()) != 0 || r.live() != 0 {
			t.Errorf("%s after the session was written: %d, %d sessions", name, resp.status, r.live())
		}
	}
	r := newFixture(t)
	r.accounts.edit = func(a *accounts.Account) { a.FrozenUntil = time.Now().Add(time.Hour) }
	same(t, r.do(post("/login", asJSON, rightJSON)), problemAnswer(503, busy).with("Retry-After", "5"))
	same(t, r.do(post("/login", asJSON, wrongJSON)), problemAnswer(401, refused)) // the same answer as for a wrong password
	if r.live() != 0 {
		t.Errorf("%d sessions are left", r.live())
	}
}

// TestThiefWhoWasThrownOut: wrong passwords in a stolen session do not keep the owner
// from changing the password, once the owner has signed in, as a stranger or on a known
// device. Whatever fails clears nothing.
func TestThiefWhoWasThrownOut(t *testing.T) {
	for name, known := range map[string]bool{"stranger": false, "known device": true} {
		t.Run(name, func(t *testing.T) {
			r := newFixture(t)
			r.withDevices()
			first := r.do(post("/login", asJSON, rightJSON))
			stolen, device := r.signIn(), ""
			if known {
				device = deviceOf(first)
			}
			guess := func(pw string) int { return r.do(with(passwordAgain(pw)[0], "Cookie", stolen)).status }
			for range 10 {
				guess("wrong")
			}
			r.do(with(post("/login", asJSON, wrongJSON), "Cookie", device))
			if status := guess(phrase); status != 429 {
				t.Fatalf("the thief after ten guesses and the owner's mistake: %d, want 429", status)
			}
			cookie := r.logIn(device)
			if status := r.do(with(post("/sessions/revoke-others", asJSON, ""), "Cookie", cookie)).status; status != 204 {
				t.Fatalf("ending the thief's session: %d", status)
			}
			if status := guess("wrong"); status != 401 {
				t.Errorf("the thief who was thrown out: %d", status)
			}
			if status := r.do(with(passwordAgain(phrase)[1], "Cookie", cookie)).status; status != 204 {
				t.Errorf("the owner changes the password: %d, want 204", status)
			}
		})
	}
}
