package oidcconfig_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/config/oidcconfig"
	"example.com/coatcheck/pkg/signin/oidc/memlinks"
)

const (
	key    = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" // 32 zero bytes
	other  = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=" // 32 bytes of 1
	secret = "an-invented-client-secret"
	origin = "https://shop.example.com"
)

// set sets the variables of a provider, and then others: pairs of a name and a value.
func set(t *testing.T, more ...string) {
	t.Helper()
	for _, name := range []string{"OIDC_SCOPES", "OIDC_ROLES_CLAIM", "OIDC_ROLES", "OIDC_TABLE", "SESSION_LIFETIME", "SESSION_PERSISTENT_LIFETIME", "SESSION_KEYS"} {
		t.Setenv(name, "")
	}
	variables := append([]string{
		"OIDC_NAME", "Example ID", "OIDC_ISSUER", "https://id.example.com", "OIDC_CLIENT_ID", "shop", "OIDC_CLIENT_SECRET", secret, "OIDC_KEYS", key,
	}, more...)
	for i := 0; i < len(variables); i += 2 {
		t.Setenv(variables[i], variables[i+1])
	}
}

func TestProvider(t *testing.T) {
	for name, more := range map[string][]string{
		"all defaults":       nil,
		"a public client":    {"OIDC_CLIENT_SECRET", ""},
		"two keys":           {"OIDC_KEYS", key + ", " + other},
		"scopes":             {"OIDC_SCOPES", "openid  offline_access"},
		"roles":              {"OIDC_ROLES_CLAIM", "groups", "OIDC_ROLES", "admins=admin, /shop/staff = support ,a=b=c"},
		"long sessions":      {"SESSION_PERSISTENT_LIFETIME", "720h"},
		"keys for sessions":  {"SESSION_KEYS", other},
		"this machine alone": {"OIDC_ISSUER", "http://localhost:8090"},
	} {
		t.Run(name, func(t *testing.T) {
			set(t, more...)
			p, err := oidcconfig.Provider(memlinks.New(), origin, slog.Default())
			if err != nil || p == nil {
				t.Errorf("%v, %v", p, err)
			}
		})
	}
}

// Each error names the variable that is wrong, and quotes no secret.
func TestProviderNamesTheVariable(t *testing.T) {
	for _, test := range []struct {
		name string
		more []string
		says string
	}{
		{"no issuer", []string{"OIDC_ISSUER", ""}, "OIDC_ISSUER"},
		{"an issuer that is no URL", []string{"OIDC_ISSUER", "id.example.com"}, "OIDC_ISSUER"},
		{"an issuer over http", []string{"OIDC_ISSUER", "http://id.example.com"}, "OIDC_ISSUER"},
		{"no client", []string{"OIDC_CLIENT_ID", ""}, "OIDC_CLIENT_ID"},
		{"no key", []string{"OIDC_KEYS", ""}, "OIDC_KEYS"},
		{"a short key", []string{"OIDC_KEYS", "c2hvcnQtc2VjcmV0"}, "OIDC_KEYS"},
		{"keys of the sessions", []string{"SESSION_KEYS", key}, "OIDC_KEYS"},
		{"scopes without openid", []string{"OIDC_SCOPES", "profile"}, "OIDC_SCOPES"},
		{"roles without a claim", []string{"OIDC_ROLES", "a=b"}, "OIDC_ROLES_CLAIM"},
		{"a claim without roles", []string{"OIDC_ROLES_CLAIM", "groups"}, "OIDC_ROLES"},
		{"a role without a value", []string{"OIDC_ROLES_CLAIM", "groups", "OIDC_ROLES", "a=b,=c"}, `OIDC_ROLES has the part "=c"`},
		{"a value without a role", []string{"OIDC_ROLES_CLAIM", "groups", "OIDC_ROLES", "a=b,c="}, `OIDC_ROLES has the part "c="`},
		{"no table", []string{"OIDC_ROLES_CLAIM", "groups", "OIDC_ROLES", "admin"}, `OIDC_ROLES has the part "admin"`},
		{"a value twice", []string{"OIDC_ROLES_CLAIM", "groups", "OIDC_ROLES", "a=b,a=c"}, `OIDC_ROLES has the value "a" twice`},
		{"a lifetime that is none", []string{"SESSION_LIFETIME", "soon"}, "SESSION_LIFETIME"},
	} {
		t.Run(test.name, func(t *testing.T) {
			set(t, test.more...)
			_, err := oidcconfig.Provider(memlinks.New(), origin, slog.Default())
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want an error that names %s", err, test.says)
			}
			for _, hidden := range []string{secret, key, "c2hvcnQtc2VjcmV0"} {
				if err != nil && strings.Contains(err.Error(), hidden) {
					t.Errorf("the error quotes a secret: %v", err)
				}
			}
		})
	}
	set(t)
	if _, err := oidcconfig.Provider(memlinks.New(), "", slog.Default()); err == nil || !strings.Contains(err.Error(), "PUBLIC_ORIGIN") {
		t.Errorf("without an origin: %v", err)
	}
}

// Links are kept as long as the longest session.
func TestLifetimeOfLinks(t *testing.T) {
	for _, test := range []struct {
		more []string
		want time.Duration
	}{
		{nil, 0}, // the longest that there may be
		{[]string{"SESSION_LIFETIME", "12h"}, 12 * time.Hour},
		{[]string{"SESSION_LIFETIME", "12h", "SESSION_PERSISTENT_LIFETIME", "720h"}, 720 * time.Hour},
	} {
		set(t, test.more...)
		if c, err := oidcconfig.Config(memlinks.New(), origin, slog.Default()); err != nil || c.Lifetime != test.want {
			t.Errorf("%q: %v, %v; want %v", test.more, c.Lifetime, err, test.want)
		}
	}
}

// A program has all variables of a provider, or none.
func TestEnabled(t *testing.T) {
	none := []string{"OIDC_NAME", "", "OIDC_ISSUER", "", "OIDC_CLIENT_ID", "", "OIDC_CLIENT_SECRET", "", "OIDC_KEYS", ""}
	set(t, none...)
	if on, err := oidcconfig.Enabled(); on || err != nil {
		t.Errorf("without variables: %v, %v", on, err)
	}
	for _, name := range []string{"OIDC_NAME", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_KEYS", "OIDC_SCOPES", "OIDC_ROLES_CLAIM", "OIDC_ROLES", "OIDC_TABLE"} {
		set(t, append(none, name, "c4nary")...)
		if _, err := oidcconfig.Enabled(); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "OIDC_ISSUER") || strings.Contains(err.Error(), "c4nary") {
			t.Errorf("%s alone: %v", name, err)
		}
	}
	set(t)
	if on, err := oidcconfig.Enabled(); !on || err != nil {
		t.Errorf("with all: %v, %v", on, err)
	}
	set(t, "OIDC_NAME", "")
	if _, err := oidcconfig.Enabled(); err == nil || !strings.Contains(err.Error(), "OIDC_NAME") {
		t.Errorf("without a name: %v", err)
	}
}
