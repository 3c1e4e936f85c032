package environ_test

import (
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/internal/environ"
)

const key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" // 32 zero bytes

func TestRequiredNamesTheVariable(t *testing.T) {
	t.Setenv("SESSIONS_TABLE", "")
	if _, err := environ.Required("SESSIONS_TABLE"); err == nil || !strings.Contains(err.Error(), "SESSIONS_TABLE") {
		t.Fatalf("error %v does not name SESSIONS_TABLE", err)
	}
	t.Setenv("SESSIONS_TABLE", "coats")
	if got, err := environ.Required("SESSIONS_TABLE"); got != "coats" || err != nil {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestSessionConfig(t *testing.T) {
	for _, tt := range []struct {
		name, variable, value string
		ok                    bool
	}{
		{"nothing set", "SESSION_KEYS", "", true},
		{"one key", "SESSION_KEYS", key, true},
		{"two keys, with a blank", "SESSION_KEYS", key + ", " + key, true},
		{"short key", "SESSION_KEYS", "c2hvcnQtc2VjcmV0", false},
		{"not base64", "SESSION_KEYS", strings.Repeat("!", 44), false},
		{"a trailing comma", "SESSION_KEYS", key + ",", false},
		{"idle timeout", "SESSION_IDLE_TIMEOUT", "20m", true},
		{"idle timeout without unit", "SESSION_IDLE_TIMEOUT", "20", false},
		{"negative idle timeout", "SESSION_IDLE_TIMEOUT", "-1m", false},
		{"lifetime", "SESSION_LIFETIME", "8h", true},
		{"lifetime zero", "SESSION_LIFETIME", "0s", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(tt.variable, tt.value)
			_, err := environ.SessionConfig()
			if tt.ok != (err == nil) {
				t.Fatalf("%s=%q: error %v", tt.variable, tt.value, err)
			}
			if err != nil && !strings.Contains(err.Error(), tt.variable) {
				t.Fatalf("error %q does not name %s", err, tt.variable)
			}
			if err != nil && tt.variable == "SESSION_KEYS" && strings.Contains(err.Error(), tt.value) {
				t.Fatalf("error %q quotes the key", err)
			}
		})
	}
}

func TestSessionConfigValues(t *testing.T) {
	t.Setenv("SESSION_KEYS", key+","+key)
	t.Setenv("SESSION_IDLE_TIMEOUT", "20m")
	t.Setenv("SESSION_LIFETIME", "8h")
	cfg, err := environ.SessionConfig()
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.SigningKeys) != 2 || len(cfg.SigningKeys[0]) != 32 || cfg.IdleTimeout != 20*time.Minute || cfg.Lifetime != 8*time.Hour {
		t.Fatalf("got %d keys, idle %v, lifetime %v", len(cfg.SigningKeys), cfg.IdleTimeout, cfg.Lifetime)
	}
}

func TestOrigin(t *testing.T) {
	for value, ok := range map[string]bool{
		"":                         true,
		"https://example.org":      true,
		"http://localhost:8080":    true,
		"https://example.org/":     false,
		"https://example.org/path": false,
		"example.org":              false,
		"ftp://example.org":        false,
		"https://u:p@example.org":  false,
	} {
		t.Setenv("PUBLIC_ORIGIN", value)
		got, err := environ.Origin()
		if ok != (err == nil) || ok && got != value {
			t.Errorf("PUBLIC_ORIGIN=%q: %q, %v", value, got, err)
		}
		if err != nil && !strings.Contains(err.Error(), "PUBLIC_ORIGIN") {
			t.Errorf("error %q does not name PUBLIC_ORIGIN", err)
		}
	}
}

func TestDynamoDBNeedsARegion(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	if _, err := environ.DynamoDB(t.Context()); err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Fatalf("error %v does not name AWS_REGION", err)
	}
}
