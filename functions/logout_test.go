package functions_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// While keys are rotated, the logout function may not know the key that signed a token.
// A logout still ends the session, as do those with the cookie sent twice, and with
// another one beside it. More than four cookies end nothing.
func TestLogoutEndsWhateverIsPresented(t *testing.T) {
	const oldKey, newKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "HxITFBUWFxgZGhscHR4AAQIDBAUGBwgJCgsMDQ4PEBE="
	s := newStack(t, map[string]string{"SESSION_KEYS": newKey + "," + oldKey})
	logout := "LogoutFunction"
	old := s.prepare(t, s.template.Functions[logout], map[string]string{"SESSION_KEYS": oldKey})
	old.waitUntilReady(t)
	s.replace(logout, old)
	oneWave := func(n int) budget {
		return budget{[]string{strings.Repeat("DeleteItem ", n), strings.Repeat(entry+" ", n)}, 0, float64(n)}
	}
	for name, tt := range map[string]struct {
		cookies func(own, other string) []string
		status  int
		cost    budget
	}{
		"signed by a new key":     {func(own, _ string) []string { return []string{own} }, http.StatusNoContent, oneWave(1)},
		"twice the same":          {func(own, _ string) []string { return []string{own, own} }, http.StatusNoContent, oneWave(1)},
		"beside another session":  {func(own, other string) []string { return []string{own, other} }, http.StatusNoContent, oneWave(2)},
		"beside three planted":    {func(own, _ string) []string { return append(planted(3), own) }, http.StatusNoContent, oneWave(1)},
		"beside four planted":     {func(own, _ string) []string { return append(planted(4), own) }, http.StatusBadRequest, budget{}},
		"beside a worthless one":  {func(own, _ string) []string { return []string{own, "__Host-SESSIONID="} }, http.StatusNoContent, oneWave(1)},
		"beside another's secret": {func(own, other string) []string { return []string{own, wrongSecret(other, own)} }, http.StatusNoContent, budget{[]string{"DeleteItem DeleteItem", entry}, 0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			own, other := s.signIn(t), s.signIn(t)
			cookies := tt.cookies(own, other)
			r := s.wantCost(t, request{method: "POST", path: "/logout", cookie: strings.Join(cookies, "; ")}, tt.cost)
			wantStatus(t, r, tt.status)
			for _, cookie := range []string{own, other} {
				want := http.StatusOK
				if tt.status == http.StatusNoContent && slices.Contains(cookies, cookie) {
					want = http.StatusUnauthorized
				}
				wantStatus(t, s.do(t, profile(cookie)), want)
			}
			if cleared := len(r.header.Values("Set-Cookie")) == 1; cleared != (tt.status == http.StatusNoContent) {
				t.Errorf("status %d sets the cookies %q", r.status, r.header.Values("Set-Cookie"))
			}
		})
	}
}

// wrongSecret returns the cookie with the secret and the MAC of another one. DynamoDB
// Local does not say what a Delete costs whose condition fails; AWS counts one unit.
func wrongSecret(cookie, another string) string {
	const secretAndMAC = 43 + 1 + 22
	return cookie[:len(cookie)-secretAndMAC] + another[len(another)-secretAndMAC:]
}

// planted returns n different cookies of our name that no session has.
func planted(n int) (cookies []string) {
	for i := range n {
		cookies = append(cookies, "__Host-SESSIONID=planted"+strings.Repeat("x", i))
	}
	return cookies
}
