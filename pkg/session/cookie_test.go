package session_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
)

func TestCookieHeaders(t *testing.T) {
	r := newFixture(t, session.Config{})
	_, token := r.login("u1")
	_, token2 := r.login("u2")
	good, other := cookie(token), cookie(token2)
	junk := make([]string, 1000)
	for i := range junk {
		junk[i] = fmt.Sprintf("junk%d=%d", i, i)
	}
	const yes, no = true, false
	tests := []struct {
		name    string
		live    bool
		headers []string
	}{
		{"none", no, nil},
		{"alone", yes, []string{good}},
		{"first", yes, []string{good + "; a=b"}},
		{"last", yes, []string{"a=b; " + good}},
		{"no blank", yes, []string{"a=b;" + good + ";c=d"}},
		{"blanks and tabs", yes, []string{"a=b; \t" + good + " \t; c=d"}},
		{"in the second header", yes, []string{"a=b", good}},
		{"in the first header", yes, []string{good, "a=b"}},

		{"twice the same", yes, []string{good + "; " + good}},
		{"twice the same, two headers", yes, []string{good, good}},
		{"often the same", yes, slices.Repeat([]string{good + "; a=b; " + good}, 20)},
		{"two", no, []string{good + "; " + other}},
		{"two, other order", no, []string{other + "; " + good}},
		{"two, two headers", no, []string{good, other}},
		{"two, two headers, other order", no, []string{other, good}},
		{"two, far apart", no, []string{good + "; a=b", "c=d", "e=f; " + other}},
		{"three", no, []string{good + "; " + other + "; " + good}},
		{"one empty", no, []string{good + "; " + cookieName + "="}},
		{"one empty, other order", no, []string{cookieName + "=; " + good}},
		{"one planted", no, []string{good + "; " + cookieName + "=x"}},
		{"one that net/http drops", no, []string{good + "; " + cookieName + "=\x01"}},
		{"one that net/http drops, other order", no, []string{cookieName + "=\x01", good}},
		{"one that net/http unquotes", no, []string{good + "; " + cookieName + `="x"`}},

		{"quoted", no, []string{cookieName + `="` + token + `"`}},
		{"half quoted", no, []string{cookieName + `="` + token}},
		{"blank before the value", no, []string{cookieName + "= " + token}},
		{"empty", no, []string{cookieName + "="}},
		{"name only", no, []string{cookieName}},
		{"comma instead of semicolon", no, []string{"a=b, " + good}},

		{"broken neighbours", yes, []string{`=x; ` + "\u2000a=b; bad name=1; \x00=\x01; \xff=\xfe; a=\"open;;; =; ; " + good + `;" ;`}},
		{"junk", yes, []string{strings.Join(junk, "; ") + "; " + good}},
		{"junk after it", yes, []string{good + "; " + strings.Join(junk, "; ")}},
		{"junk in many headers", yes, append(slices.Clone(junk), good)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := r.forTest(t)
			r.store.count()
			_, err := r.Load(r.request(tt.headers...))
			if tt.live {
				want(t, err, nil)
				return
			}
			want(t, err, session.ErrNoSession)
			if n := r.store.count(); n != 0 {
				t.Errorf("%d store calls, want 0", n)
			}
		})
	}
	r.wantAlive(token)
	r.wantAlive(token2)
}

// Different cookies of our name are logged, so that their user can be helped. Equal ones
// are one cookie, and no line has a value.
func TestDifferentCookiesAreLogged(t *testing.T) {
	r := newFixture(t, session.Config{})
	_, token := r.login("u1")
	for name, tt := range map[string]struct {
		headers []string
		lines   []string
	}{
		"one":         {[]string{cookie(token)}, nil},
		"equal":       {[]string{cookie(token), cookie(token)}, nil},
		"different":   {[]string{cookie(token) + "; " + cookieName + "=x"}, []string{"WARN session_cookies_differ" + byClient}},
		"all foreign": {[]string{cookieName + "=x; " + cookieName + "=y"}, []string{"WARN session_cookies_differ" + byClient}},
	} {
		t.Run(name, func(t *testing.T) {
			r := r.forTest(t)
			r.log.reset()
			r.Load(r.request(tt.headers...))
			r.log.wantLines(tt.lines...)
		})
	}
}

// Servers that fold case or trim Unicode spaces take these names for that of the
// real cookie, although browsers let any site set them.
func TestSimilarCookieNamesAreIgnored(t *testing.T) {
	r := newFixture(t, session.Config{})
	_, token := r.login("u1")
	for _, lookalike := range []string{
		strings.ToLower(cookieName),
		strings.ToUpper(cookieName),
		"__Host-Sessionid",
		"\u2000" + cookieName,
		"\u00a0" + cookieName,
		"\u0085" + cookieName,
		"\v" + cookieName,
		"\r\n" + cookieName,
		cookieName + " ",
		cookieName + "\u00a0",
		"=" + cookieName,
		"=\t" + cookieName,
		`"` + cookieName + `"`,
		"$" + cookieName,
		cookieName + "2",
		"SESSIONID",
	} {
		t.Run(fmt.Sprintf("%q", lookalike), func(t *testing.T) {
			r := r.forTest(t)
			r.store.count()
			_, err := r.Load(r.request(lookalike + "=" + token))
			want(t, err, session.ErrNoSession)
			if n := r.store.count(); n != 0 {
				t.Errorf("%d store calls, want 0", n)
			}
			for _, headers := range [][]string{
				{cookie(token) + "; " + lookalike + "=x"},
				{lookalike + "=x; " + cookie(token)},
				{lookalike + "=x", cookie(token)},
			} {
				if _, err := r.Load(r.request(headers...)); err != nil {
					t.Errorf("beside the real one: %v", err)
				}
			}
		})
	}
}

// A token is accepted only from the cookie (ASVS 14.2.1).
func TestTokenOutsideTheCookieIsIgnored(t *testing.T) {
	r := newFixture(t, session.Config{})
	_, token := r.login("u1")
	req := httptest.NewRequest("POST", "https://app.example/?"+cookie(token), strings.NewReader(cookie(token)))
	for _, name := range []string{"Authorization", "X-Session", "X-" + cookieName, cookieName, "Cookie2"} {
		req.Header.Set(name, cookie(token))
	}
	_, err := r.Load(req)
	want(t, err, session.ErrNoSession)
}

// wantSetCookie checks that the response sets exactly this cookie and is kept out of
// caches.
func wantSetCookie(t *testing.T, w http.ResponseWriter, line string) {
	t.Helper()
	if got := w.Header()["Set-Cookie"]; !slices.Equal(got, []string{line}) {
		t.Errorf("Set-Cookie is %q, want one: %q", got, line)
	}
	if got := w.Header()["Cache-Control"]; !slices.Equal(got, []string{"no-store"}) {
		t.Errorf("Cache-Control is %q, want no-store", got)
	}
}

const clearingCookie = cookieName + "=; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; HttpOnly; Secure; SameSite=Lax"

func TestSetCookieLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		line := func(w http.ResponseWriter, maxAge int) string {
			return fmt.Sprintf("%s=%s; Path=/; Max-Age=%d; HttpOnly; Secure; SameSite=Lax", cookieName, tokenIn(t, w), maxAge)
		}
		time.Sleep(123 * time.Millisecond) // Max-Age counts from whole seconds

		w := httptest.NewRecorder()
		s, err := r.Create(w, r.request(), session.User{ID: "u1"})
		want(t, err, nil)
		wantSetCookie(t, w, line(w, 24*3600))

		time.Sleep(10 * time.Minute)
		w = httptest.NewRecorder()
		want(t, r.Renew(t.Context(), w, s), nil)
		wantSetCookie(t, w, line(w, 24*3600-600)) // the rest of the lifetime

		time.Sleep(10 * time.Minute)
		w = httptest.NewRecorder()
		want(t, r.Reauthenticate(t.Context(), w, s), nil)
		wantSetCookie(t, w, line(w, 24*3600)) // a new lifetime

		w = httptest.NewRecorder()
		want(t, r.Destroy(w, r.request()), nil)
		wantSetCookie(t, w, clearingCookie)
	})
}

func TestCookieFollowsConfig(t *testing.T) {
	r := newFixture(t, session.Config{CookieName: "__Host-shop.sid", Lifetime: time.Hour})
	w := httptest.NewRecorder()
	_, err := r.Create(w, r.request(), session.User{ID: "u1"})
	want(t, err, nil)
	token := tokenIn(t, w)
	wantSetCookie(t, w, "__Host-shop.sid="+token+"; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax")

	_, err = r.Load(r.request("__Host-shop.sid=" + token))
	want(t, err, nil)
	_, err = r.Load(r.request("__Host-shopXsid=" + token))
	want(t, err, session.ErrNoSession)
	r.wantDead(token) // under the default name
}

// A handler may create, renew and destroy in one response. Only the last cookie is
// sent, and cookies with other names stay.
func TestOneSetCookieLinePerResponse(t *testing.T) {
	r := newFixture(t, session.Config{})
	w := httptest.NewRecorder()
	foreign := []string{cookieName + "2=x", "theme=dark"}
	w.Header()["Set-Cookie"] = slices.Clone(foreign)

	s, err := r.Create(w, r.request(), session.User{ID: "u1"})
	want(t, err, nil)
	want(t, r.Renew(t.Context(), w, s), nil)
	lines := w.Header()["Set-Cookie"]
	if len(lines) != 3 || !slices.Equal(lines[:2], foreign) {
		t.Fatalf("%d Set-Cookie lines, want those of others and one of ours", len(lines))
	}
	c, err := http.ParseSetCookie(lines[2])
	want(t, err, nil)
	r.wantAlive(c.Value)

	want(t, r.Destroy(w, r.request()), nil)
	if got := w.Header()["Set-Cookie"]; !slices.Equal(got, append(foreign, clearingCookie)) {
		t.Errorf("Set-Cookie is %q, want those of others and the clearing one", got)
	}
}
