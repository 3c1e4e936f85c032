package session_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
)

// A logout ends whatever a secret in the request proves, and only that, also where a
// read would refuse the cookies.
func TestLogoutEndsWhatIsProved(t *testing.T) {
	signed := func(keys ...[]byte) session.Config { return session.Config{SigningKeys: keys} }
	type tokens [6]string // of six sessions of one user
	replaceSecret := func(a, b string) string { return a[:secretStart] + b[secretStart:secretEnd] + a[secretEnd:] }
	for name, tt := range map[string]struct {
		login, logout session.Config
		cookies       func(tokens) []string
		ended         int // the first sessions
		calls         int
		err           error
	}{
		"signed by a new key":  {signed(keyB, keyA), signed(keyA), func(t tokens) []string { return t[:1] }, 1, 1, nil},
		"signed by an old key": {signed(keyA), signed(keyB), func(t tokens) []string { return t[:1] }, 1, 1, nil},
		"not signed yet":       {signed(), signed(keyA), func(t tokens) []string { return t[:1] }, 1, 1, nil},
		"signed for others":    {signed(keyA), signed(), func(t tokens) []string { return t[:1] }, 1, 1, nil},
		"a forged MAC":         {signed(keyA), signed(keyA), func(t tokens) []string { return []string{t[0][:secretEnd+1] + strings.Repeat("A", 22)} }, 1, 1, nil},
		"a MAC in another spelling": {signed(keyA), signed(keyA), func(t tokens) []string {
			return []string{t[0][:secretEnd+1] + strings.Repeat("A", 21) + "B"}
		}, 0, 0, nil},
		"a wrong secret":     {signed(), signed(), func(t tokens) []string { return []string{replaceSecret(t[0], t[1])} }, 0, 1, nil},
		"none":               {signed(), signed(), func(tokens) []string { return nil }, 0, 0, nil},
		"malformed":          {signed(), signed(), func(tokens) []string { return []string{"x", "", "y"} }, 0, 0, nil},
		"the same twice":     {signed(), signed(), func(t tokens) []string { return []string{t[0], t[0]} }, 1, 1, nil},
		"the same ten times": {signed(), signed(), func(t tokens) []string { return strings.Fields(strings.Repeat(t[0]+" ", 10)) }, 1, 1, nil},
		"two":                {signed(), signed(), func(t tokens) []string { return t[:2] }, 2, 2, nil},
		"a planted one":      {signed(), signed(), func(t tokens) []string { return []string{"planted", t[0]} }, 1, 1, nil},
		"one of another key": {signed(keyA), signed(keyB), func(t tokens) []string { return t[:2] }, 2, 2, nil},
		"a wrong secret and a right one": {signed(), signed(), func(t tokens) []string {
			return []string{replaceSecret(t[3], t[4]), t[0]}
		}, 1, 2, nil},
		"four":                {signed(), signed(), func(t tokens) []string { return t[:4] }, 4, 4, nil},
		"four, each twice":    {signed(), signed(), func(t tokens) []string { return append(t[:4:4], t[:4]...) }, 4, 4, nil},
		"five":                {signed(), signed(), func(t tokens) []string { return t[:5] }, 0, 0, session.ErrTooManyCookies},
		"five with malformed": {signed(), signed(), func(t tokens) []string { return []string{"a", "b", "c", "d", t[0]} }, 0, 0, session.ErrTooManyCookies},
		"a thousand the same": {signed(), signed(), func(t tokens) []string { return strings.Split(strings.Repeat("x", 1000), "") }, 0, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFixture(t, tt.login)
			var all tokens
			for i := range all {
				_, all[i] = r.login("u1")
			}
			r.store.count()
			w := httptest.NewRecorder()
			var header string
			for _, value := range tt.cookies(all) {
				header += "; " + cookie(value)
			}
			want(t, r.withConfig(tt.logout).Destroy(w, r.request(header)), tt.err)
			if n := r.store.count("Delete"); n != tt.calls || r.store.count() != 0 {
				t.Errorf("%d Deletes, and perhaps more; want %d and nothing else", n, tt.calls)
			}
			if tt.err != nil {
				wantNoCookie(t, w)
			} else {
				wantSetCookie(t, w, clearingCookie)
			}
			r.wantAliveFrom(tt.ended, all[:])
		})
	}
}

// If one of several sessions could not be ended, that is an outage, and the cookie stays
// for another try.
func TestLogoutOfSeveralInAnOutage(t *testing.T) {
	r := newFixture(t, session.Config{})
	_, a := r.login("u1")
	_, b := r.login("u2")
	r.store.before["Delete"] = once(fails)
	req := r.request(cookie(a) + "; " + cookie(b))
	w := httptest.NewRecorder()
	want(t, r.Destroy(w, req), errOutage)
	wantNoCookie(t, w)
	if n := r.sessionCount("u1") + r.sessionCount("u2"); n != 1 {
		t.Errorf("%d sessions left, want the one whose Delete failed", n)
	}
	want(t, r.Destroy(w, req), nil)
	r.wantDead(a)
	r.wantDead(b)
}

// Several sessions end at the same time.
func TestLogoutOfSeveralTakesOneRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		var header string
		for range 4 {
			_, token := r.login("u1")
			header += cookie(token) + "; "
		}
		r.store.before["Delete"] = func(context.Context) error { time.Sleep(time.Second); return nil }
		start := time.Now()
		want(t, r.Destroy(httptest.NewRecorder(), r.request(header)), nil)
		if took := time.Since(start); took != time.Second {
			t.Errorf("four Deletes of a second each took %v, want 1s", took)
		}
	})
}
