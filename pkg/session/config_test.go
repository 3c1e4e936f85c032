package session_test

import (
	"bytes"
	"go/build"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
)

func TestNewRefusesABadConfig(t *testing.T) {
	good := bytes.Repeat([]byte("k"), 32)
	tests := []struct {
		cfg   session.Config
		names []string // what the error says
	}{
		{session.Config{CookieName: "SESSIONID"}, []string{"CookieName", `"SESSIONID"`}},
		{session.Config{CookieName: "__Host-"}, []string{"CookieName", `"__Host-"`}},
		{session.Config{CookieName: "__host-id"}, []string{"CookieName", `"__host-id"`}},
		{session.Config{CookieName: "__Secure-id"}, []string{"CookieName", `"__Secure-id"`}},
		{session.Config{CookieName: " __Host-id"}, []string{"CookieName", `" __Host-id"`}},
		{session.Config{CookieName: "__Host-a b"}, []string{"CookieName", `"__Host-a b"`}},
		{session.Config{CookieName: "__Host-a;b"}, []string{"CookieName", `"__Host-a;b"`}},
		{session.Config{CookieName: "__Host-a=b"}, []string{"CookieName", `"__Host-a=b"`}},
		{session.Config{CookieName: "__Host-a\n"}, []string{"CookieName", `"__Host-a\n"`}},
		{session.Config{CookieName: "__Host-ä"}, []string{"CookieName", `"__Host-ä"`}},

		{session.Config{IdleTimeout: -time.Minute}, []string{"IdleTimeout", "-1m0s"}},
		{session.Config{IdleTimeout: time.Nanosecond}, []string{"IdleTimeout", "1ns"}},
		{session.Config{IdleTimeout: 999 * time.Millisecond}, []string{"IdleTimeout", "999ms"}},
		{session.Config{IdleTimeout: 1500 * time.Millisecond}, []string{"IdleTimeout", "1.5s"}},
		{session.Config{IdleTimeout: 9 * time.Second}, []string{"IdleTimeout", "9s"}},
		{session.Config{IdleTimeout: 401 * day, Lifetime: 400 * day}, []string{"IdleTimeout", "9624h0m0s"}},
		{session.Config{IdleTimeout: 25 * time.Hour}, []string{"IdleTimeout", "25h0m0s", "Lifetime", "24h0m0s"}},
		{session.Config{IdleTimeout: 61 * time.Second, Lifetime: time.Minute}, []string{"IdleTimeout", "1m1s", "Lifetime", "1m0s"}},
		{session.Config{Lifetime: -time.Hour}, []string{"Lifetime", "-1h0m0s"}},
		{session.Config{Lifetime: time.Millisecond}, []string{"Lifetime", "1ms"}},
		{session.Config{Lifetime: time.Hour + time.Millisecond}, []string{"Lifetime", "1h0m0.001s"}},
		{session.Config{Lifetime: 400*day + time.Second}, []string{"Lifetime", "9600h0m1s"}},

		{session.Config{PersistentIdleTimeout: 7 * day}, []string{"PersistentIdleTimeout", "PersistentLifetime", "168h0m0s", "0s", "both or neither"}},
		{session.Config{PersistentLifetime: 30 * day}, []string{"PersistentIdleTimeout", "PersistentLifetime", "720h0m0s", "0s", "both or neither"}},
		{session.Config{PersistentIdleTimeout: -day, PersistentLifetime: 30 * day}, []string{"PersistentIdleTimeout", "-24h0m0s"}},
		{session.Config{PersistentIdleTimeout: day, PersistentLifetime: -30 * day}, []string{"PersistentLifetime", "-720h0m0s"}},
		{session.Config{PersistentIdleTimeout: day + time.Millisecond, PersistentLifetime: 30 * day}, []string{"PersistentIdleTimeout", "24h0m0.001s"}},
		{session.Config{PersistentIdleTimeout: day, PersistentLifetime: 401 * day}, []string{"PersistentLifetime", "9624h0m0s"}},
		{session.Config{PersistentIdleTimeout: 31 * day, PersistentLifetime: 30 * day}, []string{"PersistentIdleTimeout", "744h0m0s", "longer", "PersistentLifetime", "720h0m0s"}},
		{session.Config{PersistentIdleTimeout: 29 * time.Minute, PersistentLifetime: 30 * day}, []string{"PersistentIdleTimeout", "29m0s", "shorter", "IdleTimeout", "30m0s"}},
		{session.Config{PersistentIdleTimeout: time.Hour, PersistentLifetime: 23 * time.Hour}, []string{"PersistentLifetime", "23h0m0s", "shorter", "Lifetime", "24h0m0s"}},

		{session.Config{SigningKeys: [][]byte{nil}}, []string{"SigningKeys[0]", "0 bytes", "32"}},
		{session.Config{SigningKeys: [][]byte{[]byte("canary-canary-canary-canary-cana")[:31]}}, []string{"SigningKeys[0]", "31 bytes", "32"}},
		{session.Config{SigningKeys: [][]byte{good, []byte("short")}}, []string{"SigningKeys[1]", "5 bytes", "32"}},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.names[:2], " "), func(t *testing.T) {
			m, err := session.New(memstore.New(), tt.cfg)
			if err == nil || m != nil {
				t.Fatalf("New returned %v and the error %v, want an error alone", m, err)
			}
			noSecret(t, err.Error())
			for _, part := range tt.names {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error %q does not say %s", err, part)
				}
			}
		})
	}
}

func TestNewAcceptsTheLimits(t *testing.T) {
	for _, cfg := range []session.Config{
		{},
		{CookieName: "__Host-a!#$%&'*+-.^_`|~9"},
		{CookieName: "__Host-Http-id"},
		{IdleTimeout: 10 * time.Second},
		{IdleTimeout: 10 * time.Second, Lifetime: 10 * time.Second},
		{IdleTimeout: 400 * 24 * time.Hour, Lifetime: 400 * 24 * time.Hour},
		{PersistentIdleTimeout: 30 * time.Minute, PersistentLifetime: 24 * time.Hour},
		{PersistentIdleTimeout: 400 * 24 * time.Hour, PersistentLifetime: 400 * 24 * time.Hour},
		{SigningKeys: [][]byte{bytes.Repeat([]byte("k"), 32), bytes.Repeat([]byte("l"), 64)}},
		{NotBefore: time.Now()},
	} {
		if _, err := session.New(memstore.New(), cfg); err != nil {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

func TestNewNeedsAStore(t *testing.T) {
	if _, err := session.New(nil, session.Config{}); err == nil || !strings.Contains(err.Error(), "Store") {
		t.Errorf("error is %v, want one that names the Store", err)
	}
}

func TestZeroConfig(t *testing.T) {
	s, _ := newFixture(t, session.Config{}).login("u1")
	if got := s.ExpiresAt.Sub(s.LastSeenAt); got != 30*time.Minute {
		t.Errorf("idle timeout is %v, want 30m", got)
	}
	// TestMaxSessions tests the ten sessions. TestSetCookieLines tests the name of
	// the cookie and the lifetime of 24 hours.

	s, _ = newFixture(t, session.Config{Lifetime: 10 * time.Minute}).login("u1")
	if got := s.ExpiresAt.Sub(s.LastSeenAt); got != 10*time.Minute {
		t.Errorf("idle timeout is %v, want that of the shorter lifetime, 10m", got)
	}
}

// The Manager has its own copy of the keys: a program may erase its copy after New.
func TestSigningKeysAreCopied(t *testing.T) {
	key := bytes.Clone(keyA)
	keys := [][]byte{key}
	r := newFixture(t, session.Config{SigningKeys: keys})
	clear(key)
	keys[0] = keyB
	_, token := r.login("u1")
	r.withConfig(session.Config{SigningKeys: [][]byte{keyA}}).wantAlive(token)
}

func TestLoggerDefaultsToSlogDefault(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	log := &logRecorder{t: t}
	slog.SetDefault(log.logger())
	m, err := session.New(memstore.New(), session.Config{})
	want(t, err, nil)
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil))) // only the default at the time of New counts

	s, err := m.Create(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil), session.User{ID: "u1"})
	want(t, err, nil)
	log.wantLines("INFO session_created session_id=" + s.ID + " user_id=u1 ip=192.0.2.1")
}

func TestImportsOnlyTheStandardLibrary(t *testing.T) {
	pkg, err := build.ImportDir(".", 0)
	want(t, err, nil)
	for _, path := range pkg.Imports {
		if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") {
			t.Errorf("pkg/session imports %s", path)
		}
	}
}
