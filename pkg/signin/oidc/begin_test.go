package oidc_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/oidc"
)

// TestBegin: the page of the provider is asked for what a sign-in needs, and the cookie is of
// this host alone.
func TestBegin(t *testing.T) {
	w := newWorld(t)
	answer := httptest.NewRecorder()
	page, err := w.provider.Begin(answer, w.browser.request(home+"/sso"), authn.Trip{Next: "/cart"})
	if err != nil {
		t.Fatal(err)
	}
	query := queryOf(page)
	for name, want := range map[string]string{
		"response_type": "code", "client_id": "shop", "redirect_uri": callback, "scope": "openid profile email", "code_challenge_method": "S256",
	} {
		if got := query[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for name, length := range map[string]int{"state": 22, "nonce": 22, "code_challenge": 43} {
		if got := query.Get(name); len(got) != length {
			t.Errorf("%s is %q, want %d characters", name, got, length)
		}
	}
	for _, name := range []string{"prompt", "max_age", "login_hint", "response_mode"} {
		if query.Has(name) {
			t.Errorf("%s is %q, want none", name, query.Get(name))
		}
	}
	value := answer.Result().Cookies()[0].Value
	want := cookieOf(page) + "=" + value + "; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax"
	if got := answer.Header()["Set-Cookie"]; !slices.Equal(got, []string{want}) {
		t.Errorf("the cookie is %q, want %q", got, want)
	}
	if raw, _ := base64.RawURLEncoding.DecodeString(value); strings.Contains(string(raw), "/cart") {
		t.Error("the cookie can be read")
	}
	if second := queryOf(w.begin(authn.Trip{})); second.Get("state") == query.Get("state") || second.Get("nonce") == query.Get("nonce") || second.Get("code_challenge") == query.Get("code_challenge") {
		t.Error("two sign-ins have something in common")
	}
}

// TestBeginAgain: a user who has to prove it again is asked, also one who is signed in there,
// and need not type the name.
func TestBeginAgain(t *testing.T) {
	w := newWorld(t)
	userID := oidc.UserID(w.issuer.URL, "user-1")
	begin := func(r *http.Request) string {
		page, err := w.provider.Begin(httptest.NewRecorder(), r, authn.Trip{UserID: userID})
		if err != nil {
			t.Fatal(err)
		}
		if query := queryOf(page); query.Get("prompt") != "login" || query.Get("max_age") != "0" {
			t.Errorf("the page is %s", page)
		}
		return queryOf(page).Get("login_hint")
	}
	r := w.browser.request(home + "/sso/again")
	if hint := begin(r); hint != "" {
		t.Errorf("the hint is %q without a session", hint)
	}
	for id, want := range map[string]string{userID: "alice", "another": ""} {
		s := &session.Session{UserID: id, Values: map[string]string{authn.ValueUsername: "alice"}}
		if hint := begin(r.WithContext(session.NewContext(r.Context(), s))); hint != want {
			t.Errorf("the hint is %q in the session of %s", hint, id)
		}
	}
	s := &session.Session{UserID: userID, Values: map[string]string{authn.ValueUsername: "user-1"}}
	if hint := begin(r.WithContext(session.NewContext(r.Context(), s))); hint != "" {
		t.Errorf("the hint is %q, the subject", hint)
	}
	_, err := w.provider.Begin(httptest.NewRecorder(), r, authn.Trip{UserID: strings.Repeat("x", 600)})
	wantError(t, err, nil, "600 bytes")
}

// TestTabs: sign-ins in several tabs do not disturb each other, in whatever order they end.
func TestTabs(t *testing.T) {
	for _, order := range [][]int{{0, 1}, {1, 0}} {
		w := newWorld(t)
		backs := []string{w.leave(authn.Trip{Next: "/0"}), w.leave(authn.Trip{Next: "/1"})}
		for _, i := range order {
			trip, _, err := w.finish(backs[i])
			if err != nil || trip.Next != fmt.Sprint("/", i) {
				t.Errorf("tab %d of %v: %v, %v", i, order, trip, err)
			}
		}
		if len(w.browser) != 0 {
			t.Errorf("the browser still has %v", w.browser)
		}
	}
}

// TestManyTabs: a browser has at most four such cookies, the youngest, and at most 4 KB of them.
// What is over, or not ours, is cleared.
func TestManyTabs(t *testing.T) {
	for name, tt := range map[string]struct{ next, left int }{"short": {10, 4}, "long": {1000, 2}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.browser["__Host-SSO-x"], w.browser["__Host-SESSIONID"] = "garbage", "stays"
				var backs []string
				for range 7 {
					time.Sleep(time.Second)
					backs = append(backs, w.leave(authn.Trip{Next: "/" + strings.Repeat("&", tt.next)}))
					size := 0
					for name, value := range w.browser {
						size += len(name) + len(value)
					}
					if size > 4096+len("__Host-SESSIONIDstays") {
						t.Errorf("the cookies have %d bytes", size)
					}
				}
				for i, back := range backs {
					if _, kept := w.browser[cookieOf(back)]; kept != (i >= len(backs)-tt.left) {
						t.Errorf("cookie %d of %d: there is %v", i, len(backs), kept)
					}
				}
				if len(w.browser) != tt.left+1 || w.browser["__Host-SESSIONID"] != "stays" {
					t.Errorf("the browser has %d cookies", len(w.browser))
				}
				time.Sleep(10 * time.Minute)
				last := w.leave(authn.Trip{})
				if len(w.browser) != 2 || w.browser[cookieOf(last)] == "" {
					t.Errorf("after 10 minutes the browser has %d cookies", len(w.browser))
				}
			})
		})
	}
}

// TestNextIsBounded: a long path is forgotten, so that no header is too long for a gateway.
func TestNextIsBounded(t *testing.T) {
	w := newWorld(t)
	for length, kept := range map[int]bool{1024: true, 1025: false} {
		next := "/" + strings.Repeat("&", length-1)
		trip, _, err := w.finish(w.leave(authn.Trip{Next: next, Stay: true}))
		if err != nil || (trip.Next == next) != kept || !trip.Stay {
			t.Errorf("%d bytes: %d came back, %v", length, len(trip.Next), err)
		}
	}
	longest := authn.Trip{Next: "/" + strings.Repeat("&", 1023), UserID: oidc.UserID(w.issuer.URL, strings.Repeat("x", 255))}
	if size := len(w.browser[cookieOf(w.begin(longest))]); size == 0 || size > 3000 {
		t.Errorf("the longest cookie has %d bytes", size)
	}
}

// TestKeysRotate: all keys read a cookie, and the first makes it.
func TestKeysRotate(t *testing.T) {
	for name, tt := range map[string]struct {
		before, after [][]byte
		ok            bool
	}{
		"new at the end":    {[][]byte{oneKey}, [][]byte{oneKey, anotherKey}, true},
		"new in front":      {[][]byte{oneKey}, [][]byte{anotherKey, oneKey}, true},
		"the first makes":   {[][]byte{oneKey, anotherKey}, [][]byte{oneKey}, true},
		"the second not":    {[][]byte{oneKey, anotherKey}, [][]byte{anotherKey}, false},
		"one after another": {[][]byte{oneKey}, [][]byte{anotherKey}, false},
	} {
		w := newWorld(t, func(c *oidc.Config) { c.Keys = tt.before })
		back := w.leave(authn.Trip{})
		w.config.Keys = tt.after
		w.restart()
		if _, _, err := w.finish(back); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestKeyServesNoOtherPurpose: what is encrypted by the configured key itself, for another
// purpose, is no cookie.
func TestKeyServesNoOtherPurpose(t *testing.T) {
	w := newWorld(t)
	back := w.leave(authn.Trip{})
	sum := sha256.Sum256(oneKey)
	for name, key := range map[string][]byte{"the key": oneKey, "its hash": sum[:]} {
		block, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Appendf(nil, `{"n":"x","v":"x","t":%d}`, time.Now().Unix())
		w.browser[cookieOf(back)] = base64.RawURLEncoding.EncodeToString(aead.Seal(nil, nil, text, []byte(cookieOf(back))))
		t.Log(name)
		_, _, err = w.finish(back)
		wantError(t, err, authn.ErrStale, "not made here")
	}
}
