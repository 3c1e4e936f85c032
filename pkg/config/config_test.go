package config_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
)

const key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" // 32 zero bytes

func TestRequiredNamesTheVariable(t *testing.T) {
	t.Setenv("SESSIONS_TABLE", "")
	if _, err := config.Required("SESSIONS_TABLE"); err == nil || !strings.Contains(err.Error(), "SESSIONS_TABLE") {
		t.Fatalf("error %v does not name SESSIONS_TABLE", err)
	}
	t.Setenv("SESSIONS_TABLE", "coats")
	if got, err := config.Required("SESSIONS_TABLE"); got != "coats" || err != nil {
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
		{"a key of 31 bytes", "SESSION_KEYS", strings.Repeat("A", 40) + "AA==", false},
		{"bits after the last byte", "SESSION_KEYS", strings.Repeat("A", 42) + "B=", false},
		{"not base64", "SESSION_KEYS", strings.Repeat("!", 44), false},
		{"a trailing comma", "SESSION_KEYS", key + ",", false},
		{"idle timeout", "SESSION_IDLE_TIMEOUT", "20m", true},
		{"idle timeout without unit", "SESSION_IDLE_TIMEOUT", "20", false},
		{"negative idle timeout", "SESSION_IDLE_TIMEOUT", "-1m", false},
		{"lifetime", "SESSION_LIFETIME", "8h", true},
		{"lifetime zero", "SESSION_LIFETIME", "0s", false},
		{"persistent idle timeout", "SESSION_PERSISTENT_IDLE_TIMEOUT", "168h", true},
		{"persistent idle timeout in days", "SESSION_PERSISTENT_IDLE_TIMEOUT", "7d", false},
		{"persistent lifetime", "SESSION_PERSISTENT_LIFETIME", "720h", true},
		{"sessions of a user", "MAX_SESSIONS", "1", true},
		{"many sessions of a user", "MAX_SESSIONS", "1000", true},
		{"no session of a user", "MAX_SESSIONS", "0", false},
		{"any number of sessions", "MAX_SESSIONS", "-1", false},
		{"too many sessions", "MAX_SESSIONS", "1001", false},
		{"a number with a unit", "MAX_SESSIONS", "10 sessions", false},
		{"a cut-off", "SESSIONS_NOT_BEFORE", "2026-02-28T14:00:00Z", true},
		{"a cut-off with an offset and fractions", "SESSIONS_NOT_BEFORE", "2024-02-29T23:59:59.5+05:30", true},
		{"a cut-off without a zone", "SESSIONS_NOT_BEFORE", "2026-11-27T14:00:00", false},
		{"a day alone", "SESSIONS_NOT_BEFORE", "2026-11-27", false},
		{"a day that is none", "SESSIONS_NOT_BEFORE", "2026-02-29T00:00:00Z", false},
		{"a cut-off to come", "SESSIONS_NOT_BEFORE", "2999-01-01T00:00:00Z", false},
		{"negative persistent lifetime", "SESSION_PERSISTENT_LIFETIME", "-1h", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(tt.variable, tt.value)
			_, err := config.SessionConfig()
			if tt.ok != (err == nil) {
				t.Fatalf("%s=%q: error %v", tt.variable, tt.value, err)
			}
			if err != nil && !strings.Contains(err.Error(), tt.variable) {
				t.Fatalf("error %q does not name %s", err, tt.variable)
			}
			if err != nil && tt.variable != "SESSION_KEYS" && !strings.Contains(err.Error(), tt.value) {
				t.Fatalf("error %q does not say the value", err)
			}
			if err != nil && tt.variable == "SESSION_KEYS" && strings.Contains(err.Error(), tt.value) {
				t.Fatalf("error %q quotes the key", err)
			}
		})
	}
}

func TestReauthenticationWindow(t *testing.T) {
	for value, want := range map[string]time.Duration{"": 15 * time.Minute, "90s": 90 * time.Second, "0s": 0, "-1m": 0, "15": 0} {
		t.Setenv("REAUTHENTICATION_WINDOW", value)
		got, err := config.ReauthenticationWindow()
		if (err == nil) != (want > 0) || err == nil && got != want {
			t.Errorf("%q: %v, %v; want %v", value, got, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), "REAUTHENTICATION_WINDOW") {
			t.Errorf("%q: the error %v does not name the variable", value, err)
		}
	}
}

func TestSessionConfigValues(t *testing.T) {
	t.Setenv("SESSION_KEYS", key+","+key)
	t.Setenv("SESSION_IDLE_TIMEOUT", "20m")
	t.Setenv("SESSION_LIFETIME", "8h")
	cfg, err := config.SessionConfig()
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.SigningKeys) != 2 || len(cfg.SigningKeys[0]) != 32 || cfg.IdleTimeout != 20*time.Minute || cfg.Lifetime != 8*time.Hour {
		t.Fatalf("got %d keys, idle %v, lifetime %v", len(cfg.SigningKeys), cfg.IdleTimeout, cfg.Lifetime)
	}
}

// Every program ends the sessions from before the cut-off, and knows how many a user may
// have. A clock may be some minutes ahead.
func TestCutOffAndLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().UTC()
		t.Setenv("MAX_SESSIONS", "2")
		t.Setenv("SESSIONS_NOT_BEFORE", now.Add(5*time.Minute).Format(time.RFC3339))
		cfg, err := config.SessionConfig()
		if err != nil || cfg.MaxSessions != 2 || !cfg.NotBefore.Equal(now.Add(5*time.Minute)) {
			t.Errorf("%d sessions, not before %v: %v", cfg.MaxSessions, cfg.NotBefore, err)
		}
		t.Setenv("SESSIONS_NOT_BEFORE", now.Add(5*time.Minute+time.Second).Format(time.RFC3339))
		if _, err := config.SessionConfig(); err == nil || !strings.Contains(err.Error(), "must not be a time to come") {
			t.Errorf("a time to come: %v", err)
		}
		for _, name := range []string{"MAX_SESSIONS", "SESSIONS_NOT_BEFORE"} {
			t.Setenv(name, "")
		}
		if cfg, err = config.SessionConfig(); err != nil || cfg.MaxSessions != 0 || !cfg.NotBefore.IsZero() {
			t.Errorf("without the variables: %d sessions, not before %v: %v", cfg.MaxSessions, cfg.NotBefore, err)
		}
	})
}

// An idle timeout that is longer than the lifetime counts as the lifetime, and no other
// setting of one stops a program because of the other.
func TestIdleTimeoutBeyondTheLifetime(t *testing.T) {
	for _, tt := range []struct {
		idle, lifetime string
		want           time.Duration
	}{
		{"30m", "15m", 15 * time.Minute}, {"", "15m", 0}, {"48h", "", 24 * time.Hour}, {"15m", "15m", 15 * time.Minute}, {"10m", "15m", 10 * time.Minute},
	} {
		t.Setenv("SESSION_IDLE_TIMEOUT", tt.idle)
		t.Setenv("SESSION_LIFETIME", tt.lifetime)
		cfg, err := config.SessionConfig()
		if err != nil || cfg.IdleTimeout != tt.want {
			t.Errorf("%q, %q: %v, %v; want %v", tt.idle, tt.lifetime, cfg.IdleTimeout, err, tt.want)
		}
		if _, err := config.Sessions(memstore.New(), nil); err != nil {
			t.Errorf("%q, %q: %v", tt.idle, tt.lifetime, err)
		}
	}
}

// The limits of persistent sessions are set together, and each is at least as long as the
// one it replaces, whatever the variables say.
func TestPersistentLimits(t *testing.T) {
	for _, tt := range []struct {
		idle, lifetime, persistentIdle, persistentLifetime string
		wantIdle, wantLifetime                             time.Duration
	}{
		{"", "", "", "", 0, 0},
		{"", "", "168h", "720h", 168 * time.Hour, 720 * time.Hour},
		{"", "", "", "720h", 720 * time.Hour, 720 * time.Hour},
		{"", "", "168h", "", 168 * time.Hour, 168 * time.Hour},
		{"", "", "48h", "36h", 36 * time.Hour, 36 * time.Hour},
		{"", "", "10s", "10s", 30 * time.Minute, 24 * time.Hour},
		{"", "15m", "10s", "", 15 * time.Minute, 15 * time.Minute},
		{"2h", "48h", "1h", "1h", 2 * time.Hour, 48 * time.Hour},
		{"9600h", "9600h", "1h", "9600h", 9600 * time.Hour, 9600 * time.Hour},
	} {
		t.Setenv("SESSION_IDLE_TIMEOUT", tt.idle)
		t.Setenv("SESSION_LIFETIME", tt.lifetime)
		t.Setenv("SESSION_PERSISTENT_IDLE_TIMEOUT", tt.persistentIdle)
		t.Setenv("SESSION_PERSISTENT_LIFETIME", tt.persistentLifetime)
		cfg, err := config.SessionConfig()
		if err != nil || cfg.PersistentIdleTimeout != tt.wantIdle || cfg.PersistentLifetime != tt.wantLifetime {
			t.Errorf("%+v: %v, %v, %v", tt, cfg.PersistentIdleTimeout, cfg.PersistentLifetime, err)
		}
		sessions, err := config.Sessions(memstore.New(), nil)
		if err != nil || sessions.OffersPersistent() != (tt.wantLifetime > 0) {
			t.Errorf("%+v: %v, %v", tt, sessions, err)
		}
	}
}

// TestSessionsFail: fail answers what Require refuses.
func TestSessionsFail(t *testing.T) {
	var got error
	sessions, err := config.Sessions(memstore.New(), func(_ http.ResponseWriter, _ *http.Request, err error) { got = err })
	if err != nil {
		t.Fatal(err)
	}
	sessions.Require(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	if got != session.ErrNoSession {
		t.Errorf("fail got %v", got)
	}
}

// TestSessionsNamesTheVariables: an error of session.New names the variables that the
// operator must correct.
func TestSessionsNamesTheVariables(t *testing.T) {
	t.Setenv("SESSION_IDLE_TIMEOUT", "5s")
	_, err := config.Sessions(memstore.New(), nil)
	if err == nil || !strings.Contains(err.Error(), "SESSION_IDLE_TIMEOUT") || !strings.Contains(err.Error(), "5s") {
		t.Errorf("error %v does not name SESSION_IDLE_TIMEOUT and its value", err)
	}
}

// TestExit: a program that cannot start says why, and ends with the code 1.
func TestExit(t *testing.T) {
	if os.Getenv("CONFIG_EXIT") != "" {
		config.Exit(errors.New("there is no table"))
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestExit$")
	cmd.Env = append(os.Environ(), "CONFIG_EXIT=1")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "there is no table") {
		t.Errorf("%v: %s", err, out)
	}
}
