package deployed_test

import (
	"strings"
	"testing"

	"example.com/coatcheck/pkg/config/deployed"
)

const key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" // 32 zero bytes

// complete sets every variable of a function to a valid value.
func complete(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"SESSIONS_TABLE": "sessions", "USERS_TABLE": "users", "ATTEMPTS_TABLE": "attempts", "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "",
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"SESSION_KEYS": key, "SESSION_IDLE_TIMEOUT": "20m", "SESSION_LIFETIME": "8h",
		"SESSION_PERSISTENT_IDLE_TIMEOUT": "168h", "SESSION_PERSISTENT_LIFETIME": "720h", "PUBLIC_ORIGIN": "https://shop.example",
	} {
		t.Setenv(name, value)
	}
}

func TestOpen(t *testing.T) {
	complete(t)
	d, err := deployed.Open(t.Context())
	if err != nil || d.Client == nil || d.Store == nil || d.Sessions == nil || d.Site.Origin != "https://shop.example" {
		t.Fatalf("%+v, %v", d, err)
	}
	if authenticator, users, err := d.Authenticator(); err != nil || authenticator == nil || users == nil {
		t.Fatalf("%v, %v, %v", authenticator, users, err)
	}
}

// TestOpenWithoutOptionalVariables: Open needs neither the optional variables
// nor the names of tables that it does not use.
func TestOpenWithoutOptionalVariables(t *testing.T) {
	complete(t)
	for _, name := range []string{
		"USERS_TABLE", "ATTEMPTS_TABLE", "SESSION_KEYS", "SESSION_IDLE_TIMEOUT", "SESSION_LIFETIME",
		"SESSION_PERSISTENT_IDLE_TIMEOUT", "SESSION_PERSISTENT_LIFETIME", "PUBLIC_ORIGIN",
	} {
		t.Setenv(name, "")
	}
	if d, err := deployed.Open(t.Context()); err != nil || d.Site.Origin != "" {
		t.Fatalf("%+v, %v", d, err)
	}
}

// TestOpenNamesTheVariable: an error names the variable that is missing or
// malformed, and no other.
func TestOpenNamesTheVariable(t *testing.T) {
	variables := []string{
		"SESSIONS_TABLE", "USERS_TABLE", "ATTEMPTS_TABLE", "ATTEMPTS_LADDER", "ATTEMPTS_PER_NETWORK", "PASSWORD_PEPPERS", "AWS_REGION", "SESSION_KEYS",
		"SESSION_IDLE_TIMEOUT", "SESSION_LIFETIME", "SESSION_PERSISTENT_IDLE_TIMEOUT", "SESSION_PERSISTENT_LIFETIME", "PUBLIC_ORIGIN", "AUDIT_DAYS",
	}
	for _, tt := range []struct{ name, value string }{
		{"SESSIONS_TABLE", ""},
		{"USERS_TABLE", ""},
		{"ATTEMPTS_TABLE", ""},
		{"ATTEMPTS_LADDER", "10"},
		{"ATTEMPTS_LADDER", "ten,30s,1h,100"},
		{"ATTEMPTS_LADDER", "10,30,1h,100"},
		{"ATTEMPTS_LADDER", "10,30s,1h,100,200"},
		{"ATTEMPTS_PER_NETWORK", "100"},
		{"ATTEMPTS_PER_NETWORK", "100,"},
		{"ATTEMPTS_PER_NETWORK", "many,10m"},
		{"PASSWORD_PEPPERS", "2025"},
		{"AWS_REGION", ""},
		{"SESSION_KEYS", "c2hvcnQ="},
		{"SESSION_KEYS", ","},
		{"SESSION_KEYS", strings.TrimRight(key, "=")},
		{"SESSION_IDLE_TIMEOUT", "20"},
		{"SESSION_IDLE_TIMEOUT", "0s"},
		{"SESSION_LIFETIME", "a day"},
		{"SESSION_LIFETIME", "-8h"},
		{"SESSION_PERSISTENT_IDLE_TIMEOUT", "a week"},
		{"SESSION_PERSISTENT_LIFETIME", "30d"},
		{"PUBLIC_ORIGIN", "shop.example"},
		{"PUBLIC_ORIGIN", "https://shop.example/"},
		{"PUBLIC_ORIGIN", "null"},
		{"AUDIT_DAYS", "-1"},
	} {
		t.Run(tt.name+"="+tt.value, func(t *testing.T) {
			complete(t)
			t.Setenv(tt.name, tt.value)
			d, err := deployed.OpenEnding(t.Context(), nil)
			if err == nil {
				_, _, err = d.Authenticator()
			}
			for _, variable := range variables {
				if named := err != nil && strings.Contains(err.Error(), variable); named != (variable == tt.name) {
					t.Errorf("%s named: %v, in %v", variable, named, err)
				}
			}
			if err != nil && tt.name == "SESSION_KEYS" && tt.value != "," && strings.Contains(err.Error(), tt.value) {
				t.Errorf("the key is quoted: %v", err)
			}
		})
	}
}
