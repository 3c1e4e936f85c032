package authn_test

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

// TestSessionUser: the session has the user's names and preferences, the attributes, and what
// the program adds, which goes before an attribute.
func TestSessionUser(t *testing.T) {
	at := time.Now().Add(-time.Hour)
	u := authn.User{
		ID: "u1", Username: "Eve", DisplayName: "Eve Example", Roles: []string{"member"}, Preferences: map[string]string{"theme": "dark", "language": "", "newsletter": "yes"},
		Attributes: map[string]string{"tenant": "acme", "plan": "free"}, AuthenticatedAt: at,
	}
	r := httptest.NewRequest("POST", "/login", nil)
	base := map[string]string{"username": "Eve", "display_name": "Eve Example", "theme": "dark", "tenant": "acme", "plan": "free"}
	for name, tt := range map[string]struct {
		more       map[string]string
		noPassword bool
		want       map[string]string
	}{
		"nothing more":  {nil, false, nil},
		"a cart":        {map[string]string{"cart": "c1", "plan": "gold"}, false, map[string]string{"cart": "c1", "plan": "gold"}},
		"no password":   {nil, true, map[string]string{"no_password": "true"}},
		"an empty text": {map[string]string{"cart": ""}, false, map[string]string{"cart": ""}},
	} {
		u.NoPassword = tt.noPassword
		got, err := u.SessionUser(r, func(asked *http.Request, of authn.User) (map[string]string, error) {
			if asked != r || !reflect.DeepEqual(of, u) {
				t.Errorf("%s: asked about %+v", name, of)
			}
			return tt.more, nil
		})
		want := maps.Clone(base)
		maps.Copy(want, tt.want)
		if err != nil || !maps.Equal(got.Values, want) || got.ID != u.ID || !slices.Equal(got.Roles, u.Roles) || !got.AuthenticatedAt.Equal(at) {
			t.Errorf("%s: %+v, %v; want the values %q", name, got, err, want)
		}
	}
	if got, err := u.SessionUser(r, nil); err != nil || got.Values["tenant"] != "acme" {
		t.Errorf("without a function: %+v, %v", got, err)
	}
	if u.Attributes["cart"] != "" || len(u.Attributes) != 2 {
		t.Errorf("the user was changed: %q", u.Attributes)
	}
}

// TestSessionUserRefuses: nobody but package authn sets its keys, neither a program nor
// whoever knows the users; and an error of the program is returned as it is.
func TestSessionUserRefuses(t *testing.T) {
	r := httptest.NewRequest("POST", "/login", nil)
	for _, key := range []string{authn.ValueUsername, authn.ValueDisplayName, authn.ValueTheme, authn.ValueLanguage, authn.ValueNoPassword} {
		forged := map[string]string{key: "forged", "cart": "c1"}
		_, inAttributes := authn.User{ID: "u1", Attributes: forged}.SessionUser(r, nil)
		_, inMore := authn.User{ID: "u1"}.SessionUser(r, func(*http.Request, authn.User) (map[string]string, error) { return forged, nil })
		for where, err := range map[string]error{"attributes": inAttributes, "the program": inMore} {
			if !errors.Is(err, session.ErrInvalid) || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), where) {
				t.Errorf("%s in what is of %s: %v", key, where, err)
			}
		}
	}
	down := errors.New("connection refused")
	if got, err := (authn.User{ID: "u1"}).SessionUser(r, func(*http.Request, authn.User) (map[string]string, error) { return nil, down }); err != down || got.ID != "" {
		t.Errorf("%+v, %v", got, err)
	}
}
