package oidc_test

import (
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/signin/authn"
)

// TestClocks: the provider's clock may be a minute before or behind ours. A token from the
// future, and one that has expired, is refused.
func TestClocks(t *testing.T) {
	for name, tt := range map[string]struct {
		claim string
		shift time.Duration
		says  string // "" is good
	}{
		"iat a little ahead":       {"iat", 59 * time.Second, ""},
		"iat ahead":                {"iat", 62 * time.Second, "iat is 1m"},
		"iat far ahead":            {"iat", 48 * time.Hour, "in the future"},
		"iat behind":               {"iat", -time.Hour, ""}, // the nonce says that it is new
		"expired a little":         {"exp", -59 * time.Second, ""},
		"expired":                  {"exp", -62 * time.Second, "expired"},
		"not before, ahead":        {"nbf", time.Hour, "nbf"},
		"auth_time a little ahead": {"auth_time", 59 * time.Second, ""},
		"auth_time ahead":          {"auth_time", 62 * time.Second, "auth_time is 1m"},
		"auth_time long ago":       {"auth_time", -time.Hour, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.issuer.Bad.Claims = func(_, c map[string]any) { c[tt.claim] = time.Now().Add(tt.shift).Unix() }
				switch err := w.tryIn(); {
				case tt.says != "":
					wantError(t, err, authn.ErrUntrusted, tt.says)
				case err != nil:
					t.Error(err)
				}
			})
		})
	}
}

// TestSlowUser: the user has ten minutes at the provider.
func TestSlowUser(t *testing.T) {
	for wait, ok := range map[time.Duration]bool{10*time.Minute - time.Second: true, 10 * time.Minute: false, 24 * time.Hour: false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			page := w.begin(authn.Trip{})
			time.Sleep(wait)
			switch _, _, err := w.finish(w.issuer.Visit(page)); {
			case !ok:
				wantError(t, err, authn.ErrStale, "it began")
			case err != nil:
				t.Errorf("after %v: %v", wait, err)
			}
		})
	}
}

// TestOtherProcess: the process to which the browser comes back may have another clock.
func TestOtherProcess(t *testing.T) {
	for ahead, ok := range map[time.Duration]bool{30 * time.Second: true, time.Hour: false} {
		var back, value string
		synctest.Test(t, func(t *testing.T) { // its clock is decades behind
			here := newWorld(t)
			time.Sleep(ahead)
			back = here.begin(authn.Trip{})
			value = here.browser[cookieOf(back)]
		})
		synctest.Test(t, func(t *testing.T) {
			there := newWorld(t)
			there.browser[cookieOf(back)] = value
			_, _, err := there.finish(with(callback, "state", queryOf(back).Get("state")))
			if ok {
				wantError(t, err, authn.ErrUntrusted, "names no issuer") // it went on
			} else {
				wantError(t, err, authn.ErrStale, "it began")
			}
		})
	}
}
