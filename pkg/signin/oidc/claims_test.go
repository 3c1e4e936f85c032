package oidc_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/oidc"
)

// TestUser: who somebody is stands in the ID token alone.
func TestUser(t *testing.T) {
	for name, tt := range map[string]struct {
		claims                map[string]any
		username, displayName string
	}{
		"nothing":          {nil, "user-1", "user-1"},
		"all":              {map[string]any{"preferred_username": "alice", "name": "Alice Liddell", "email": "alice@example.com", "email_verified": true}, "alice", "Alice Liddell"},
		"email":            {map[string]any{"email": "alice@example.com", "email_verified": true}, "alice@example.com", "alice@example.com"},
		"email of Cognito": {map[string]any{"email": "alice@example.com", "email_verified": "true"}, "alice@example.com", "alice@example.com"},
		"email unverified": {map[string]any{"email": "alice@example.com", "email_verified": false}, "user-1", "user-1"},
		"email unsaid":     {map[string]any{"email": "alice@example.com"}, "user-1", "user-1"},
		"parts":            {map[string]any{"given_name": "Alice", "family_name": "Liddell"}, "user-1", "Alice Liddell"},
		"one part":         {map[string]any{"family_name": "Liddell", "preferred_username": "alice"}, "alice", "Liddell"},
		"nickname":         {map[string]any{"nickname": "Ali", "preferred_username": "alice"}, "alice", "Ali"},
		"crooked":          {map[string]any{"name": "A\x00l\n\u202eice", "preferred_username": " \t "}, "user-1", "A l  ice"},
		"long":             {map[string]any{"name": strings.Repeat("é", 5000)}, "user-1", strings.Repeat("é", 200)},
		"other kinds":      {map[string]any{"name": 7, "preferred_username": []string{"alice"}, "email": nil, "email_verified": true}, "user-1", "user-1"},
		"other case":       {map[string]any{"Name": "Mallory", "PREFERRED_USERNAME": "root"}, "user-1", "user-1"},
	} {
		w := newWorld(t)
		maps.Copy(w.issuer.User, tt.claims)
		want := authn.User{
			ID: "openid:https://id.example.com#user-1", Username: tt.username, DisplayName: tt.displayName,
			NoPassword: true, AuthenticatedAt: time.Unix(0, 0),
		}
		if got := w.arrive(authn.Trip{}).User(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	w := newWorld(t)
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	w.issuer.User["auth_time"] = float64(at.Unix()) + 0.5
	if got := w.arrive(authn.Trip{}).User().AuthenticatedAt; !got.Equal(at) {
		t.Errorf("authenticated at %v, want %v", got, at)
	}
}

// TestRoles: a role comes of the table, and of nothing else that the provider says.
func TestRoles(t *testing.T) {
	table := map[string]string{"admins": "admin", "root": "admin", "staff": "support"}
	keycloak := func(roles any) map[string]any { return map[string]any{"realm_access": map[string]any{"roles": roles}} }
	for name, tt := range map[string]struct {
		claim  string
		claims map[string]any
		want   []string
	}{
		"none":             {"groups", nil, nil},
		"a text":           {"groups", map[string]any{"groups": "admins"}, []string{"admin"}},
		"a list":           {"groups", map[string]any{"groups": []string{"staff", "admins"}}, []string{"support", "admin"}},
		"twice":            {"groups", map[string]any{"groups": []string{"root", "admins", "root"}}, []string{"admin"}},
		"unknown":          {"groups", map[string]any{"groups": []string{"admin", "support", "ADMINS", "admins ", ""}}, nil},
		"other kinds":      {"groups", map[string]any{"groups": []any{7, true, nil, []string{"admins"}, map[string]any{"admins": true}}}, nil},
		"an object":        {"groups", map[string]any{"groups": map[string]any{"admins": true}}, nil},
		"a list in a text": {"groups", map[string]any{"groups": "staff admins"}, nil},
		"Cognito":          {"cognito:groups", map[string]any{"cognito:groups": []string{"staff"}}, []string{"support"}},
		"Keycloak":         {"realm_access.roles", keycloak([]string{"staff"}), []string{"support"}},
		"path to nothing":  {"realm_access.roles.x", keycloak([]string{"staff"}), nil},
		"path in a text":   {"realm_access.roles", map[string]any{"realm_access": "roles"}, nil},
		"dots in a name":   {"https://example.com/roles", map[string]any{"https://example.com/roles": []string{"staff"}}, []string{"support"}},
		"name before path": {"realm_access.roles", map[string]any{"realm_access.roles": "staff", "realm_access": map[string]any{"roles": "admins"}}, []string{"support"}},
		"other case":       {"groups", map[string]any{"Groups": "admins"}, nil},
	} {
		w := newWorld(t, func(c *oidc.Config) { c.RolesClaim, c.Roles = tt.claim, table })
		maps.Copy(w.issuer.User, tt.claims)
		if got := w.arrive(authn.Trip{}).User().Roles; !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	w := newWorld(t)
	w.issuer.User["roles"], w.issuer.User["groups"], w.issuer.User[""] = "admin", "admin", "admin"
	if got := w.arrive(authn.Trip{}).User().Roles; got != nil {
		t.Errorf("without a table: %q", got)
	}
}

// TestValues: claims become values of the session where the configuration says so.
func TestValues(t *testing.T) {
	w := newWorld(t, func(c *oidc.Config) {
		c.Values = map[string]string{"tenant_id": "tenant", "org.number": "number", "beta": "beta", "list": "list", "missing": "missing"}
	})
	maps.Copy(w.issuer.User, map[string]any{"tenant_id": "t-1", "org": map[string]any{"number": 12}, "beta": true, "list": []string{"a"}, "other": "x"})
	want := map[string]string{"tenant": "t-1", "number": "12", "beta": "true"}
	if got := w.arrive(authn.Trip{}).User().Attributes; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestClaimsThatDoNotFit: nothing is cut off a value, because it could then be another
// tenant's.
func TestClaimsThatDoNotFit(t *testing.T) {
	for name, tt := range map[string]struct {
		value any
		says  string
	}{
		"long": {strings.Repeat("x", 1025), "1025 bytes"},
		"NUL":  {"a\x00b", "NUL"},
	} {
		w := newWorld(t, func(c *oidc.Config) { c.Values = map[string]string{"tenant_id": "tenant"} })
		w.issuer.User["tenant_id"] = tt.value
		t.Log(name)
		wantError(t, w.tryIn(), authn.ErrUntrusted, tt.says)
	}
	w := newWorld(t, func(c *oidc.Config) { c.Values = map[string]string{"a": "a", "b": "b", "c": "c", "d": "d"} })
	for _, name := range []string{"a", "b", "c", "d"} {
		w.issuer.User[name] = strings.Repeat("x", 1024)
	}
	wantError(t, w.tryIn(), authn.ErrUntrusted, "bytes together")
}
