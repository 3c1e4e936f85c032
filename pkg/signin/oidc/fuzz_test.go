package oidc_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/oidc"
)

// FuzzCookie: whatever a browser sends as a cookie and a query, nobody comes back who has not
// left, and no code is sent for them.
func FuzzCookie(f *testing.F) {
	f.Fuzz(func(t *testing.T, query, value string) {
		w := newWorld(t)
		r := httptest.NewRequest("GET", callback, nil)
		r.URL.RawQuery = query
		values, _ := url.ParseQuery(query)
		r.Header.Set("Cookie", "__Host-SSO-"+values.Get("state")+"="+value)
		trip, arrival, err := w.provider.Finish(httptest.NewRecorder(), r)
		if !errors.Is(err, authn.ErrStale) || arrival != nil || trip != (authn.Trip{}) {
			t.Errorf("%v, %v, %v", trip, arrival, err)
		}
		// Nor does it disturb those who begin.
		r.Header.Add("Cookie", "__Host-SSO-x="+value)
		if _, err := w.provider.Begin(httptest.NewRecorder(), r, authn.Trip{}); err != nil {
			t.Error(err)
		}
		if w.issuer.Calls("/token") != 0 {
			t.Error("a code was sent")
		}
	})
}

// FuzzClaims: whatever claims a provider signs, the user is one of its own, has only roles of
// the table, and fits into a session; or is nobody.
func FuzzClaims(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		claims := map[string]any{}
		if json.Unmarshal([]byte(text), &claims) != nil {
			return
		}
		w := newWorld(t, func(c *oidc.Config) {
			c.RolesClaim, c.Roles = "groups", map[string]string{"staff": "support"}
			c.Values = map[string]string{"tenant_id": "tenant", "realm.roles": "more"}
		})
		maps.Copy(w.issuer.User, claims)
		_, arrival, err := w.finish(w.leave(authn.Trip{}))
		if err != nil {
			if !errors.Is(err, authn.ErrUntrusted) {
				t.Error(err)
			}
			return
		}
		u := arrival.User()
		sub, _ := w.issuer.User["sub"].(string)
		if u.ID != oidc.UserID(w.issuer.URL, sub) || strings.Join(u.Roles, " ") != "" && strings.Join(u.Roles, " ") != "support" {
			t.Errorf("%+v", u)
		}
		kept, err := u.SessionUser(nil, nil)
		if err := cmp.Or(err, kept.Validate()); err != nil {
			t.Error(err)
		}
		if err := arrival.Announce(t.Context(), key(1)); err != nil {
			t.Error(err)
		}
	})
}

// FuzzNotice: whatever somebody sends as a notice, without a key of the provider nothing ends.
func FuzzNotice(f *testing.F) {
	f.Fuzz(func(t *testing.T, raw string) {
		w := newWorld(t)
		w.issuer.Bad.Token = func(string) string { return raw }
		ended, err := w.ended(nil)
		if !errors.Is(err, authn.ErrUntrusted) || ended != (authn.Ended{}) || len(w.store.calls) != 0 {
			t.Errorf("%v, %v", ended, err)
		}
	})
}
