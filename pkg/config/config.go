// Package config makes the sessions of a program, on a store of any kind, from
// environment variables. Each function reads only its own variables, and an error names
// the wrong one. A program that needs no more than sessions imports this package, and
// package dynamoconfig if they are in DynamoDB.
//
//	sessions, err := config.Sessions(memstore.New(), nil)
//	if err != nil {
//		config.Exit(err)
//	}
//
// This package may still change in ways that break programs.
package config

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/session"
)

// The variables that say what the sessions are like.
const (
	SessionKeys        = "SESSION_KEYS"         // optional: comma-separated, the first signs and all verify, standard base64 of at least 32 bytes each
	SessionIdleTimeout = "SESSION_IDLE_TIMEOUT" // optional: a Go duration such as 30m
	SessionLifetime    = "SESSION_LIFETIME"     // optional: a Go duration such as 24h

	// Optional: Go durations such as 168h and 720h. If one of them is set, users may
	// choose to stay signed in, and these are the limits for those who do.
	SessionPersistentIdleTimeout = "SESSION_PERSISTENT_IDLE_TIMEOUT"
	SessionPersistentLifetime    = "SESSION_PERSISTENT_LIFETIME"

	// SessionsNotBefore is the variable with the instant cut-off: a time such as
	// 2026-11-27T14:00:00Z. Sessions whose users last gave a password before it have ended.
	SessionsNotBefore = "SESSIONS_NOT_BEFORE"

	// MaxSessions is the variable with how many sessions a user may have, from 1 to 1,000.
	// The default is 10.
	MaxSessions = "MAX_SESSIONS"

	// BridgeTable is the variable that turns the bridge on, by which sessions of a monolith
	// move here. In DynamoDB it is the name of its table. Elsewhere any text will do, because
	// the records of the bridge are beside the sessions.
	BridgeTable = "BRIDGE_TABLE"

	// ProviderName is the variable with what the pages call the OpenID provider at which users
	// sign in, such as Example ID. Without it no page leads to one.
	ProviderName = "OIDC_NAME"

	reauthenticationWindow = "REAUTHENTICATION_WINDOW" // optional: a Go duration such as 15m
)

// Required returns the value of a variable that must be set.
func Required(name string) (string, error) {
	value := os.Getenv(name)
	if value == "" {
		return "", fmt.Errorf("%s is not set", name)
	}
	return value, nil
}

// The defaults of session.Config.
const (
	defaultIdleTimeout = 30 * time.Minute
	defaultLifetime    = 24 * time.Hour
)

// SessionConfig reads SESSION_KEYS, SESSION_IDLE_TIMEOUT, SESSION_LIFETIME,
// SESSION_PERSISTENT_IDLE_TIMEOUT, SESSION_PERSISTENT_LIFETIME, SESSIONS_NOT_BEFORE and
// MAX_SESSIONS. A variable that is
// not set leaves the default of session.Config. An idle timeout that is longer than the
// lifetime counts as the lifetime, so that whoever shortens the lifetime need not think
// of both. For the same reason the two limits of persistent sessions count as the two
// others where they are shorter, and one that is not set counts as the one that is.
func SessionConfig() (session.Config, error) {
	var cfg session.Config
	var err error
	if cfg.IdleTimeout, err = duration(SessionIdleTimeout); err != nil {
		return cfg, err
	}
	if cfg.Lifetime, err = duration(SessionLifetime); err != nil {
		return cfg, err
	}
	cfg.IdleTimeout = min(cfg.IdleTimeout, cmp.Or(cfg.Lifetime, defaultLifetime))
	if err = persistentLimits(&cfg); err != nil {
		return cfg, err
	}
	if cfg.MaxSessions, err = maxSessions(); err != nil {
		return cfg, err
	}
	if cfg.NotBefore, err = notBefore(); err != nil {
		return cfg, err
	}
	cfg.SigningKeys, err = Keys(SessionKeys)
	return cfg, err
}

// persistentLimits sets the limits of persistent sessions, if there are any. It needs
// those of the others.
func persistentLimits(cfg *session.Config) error {
	idle, err := duration(SessionPersistentIdleTimeout)
	if err != nil {
		return err
	}
	lifetime, err := duration(SessionPersistentLifetime)
	if err != nil || idle == 0 && lifetime == 0 {
		return err
	}
	shortLifetime := cmp.Or(cfg.Lifetime, defaultLifetime)
	shortIdle := cmp.Or(cfg.IdleTimeout, min(defaultIdleTimeout, shortLifetime))
	cfg.PersistentLifetime = max(cmp.Or(lifetime, idle), shortLifetime)
	cfg.PersistentIdleTimeout = min(max(cmp.Or(idle, lifetime), shortIdle), cfg.PersistentLifetime)
	return nil
}

// maxSessions reads MAX_SESSIONS. It is 0 if that is not set.
func maxSessions() (int, error) {
	const most = 1000
	value := os.Getenv(MaxSessions)
	if value == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("%s is %q; it must be a number from 1 to %d", MaxSessions, value, most)
	}
	return n, nil
}

// ahead is how far the clock of whoever writes down the time that it shows may be ahead.
const ahead = 5 * time.Minute

// ParseNotBefore reads a cut-off of sessions: a time as RFC 3339 writes it, such as
// 2026-11-27T14:00:00Z. The error begins with name, which says where the value comes from.
// A time to come is an error, from five minutes on: until then nobody could stay signed in.
func ParseNotBefore(name, value string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return t, fmt.Errorf("%s is %q; it must be a time such as 2026-11-27T14:00:00Z", name, value)
	}
	if now := time.Now(); t.After(now.Add(ahead)) {
		return t, fmt.Errorf("%s is %s; it must not be a time to come, since until then nobody could stay signed in. Now it is %s",
			name, value, now.UTC().Format(time.RFC3339))
	}
	return t, nil
}

// notBefore reads SESSIONS_NOT_BEFORE. It is zero if that is not set.
func notBefore() (time.Time, error) {
	value := os.Getenv(SessionsNotBefore)
	if value == "" {
		return time.Time{}, nil
	}
	return ParseNotBefore(SessionsNotBefore, value)
}

// ReauthenticationWindow reads REAUTHENTICATION_WINDOW: how long after giving the
// password a user may end sessions without giving it again. The default is 15
// minutes.
func ReauthenticationWindow() (time.Duration, error) {
	window, err := duration(reauthenticationWindow)
	return cmp.Or(window, 15*time.Minute), err
}

func duration(name string) (time.Duration, error) {
	value := os.Getenv(name)
	if value == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%s is %q; it must be a positive Go duration such as 30m or 24h", name, value)
	}
	return d, nil
}

// Keys returns the keys in the variable with this name, as [ParseKeys] reads them. If it
// is not set, there are none.
func Keys(name string) ([][]byte, error) {
	value := os.Getenv(name)
	if value == "" {
		return nil, nil
	}
	return ParseKeys(name, value)
}

// ParseKeys returns the keys in a value of SESSION_KEYS that is not empty: separated by
// commas, each standard base64 of at least 32 bytes. The error begins with name, which
// says where the value comes from. It never quotes a key, because keys are secret.
func ParseKeys(name, value string) ([][]byte, error) {
	var all [][]byte
	for i, text := range strings.Split(value, ",") {
		key, err := decodeKey(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("%s: key %d is not standard base64 of at least 32 bytes; make one with: openssl rand -base64 32", name, i+1)
		}
		all = append(all, key)
	}
	return all, nil
}

// decodeKey reads a key as `openssl rand -base64 32` prints it.
func decodeKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.Strict().DecodeString(text)
	if err == nil && len(key) < 32 {
		err = errors.New("shorter than 32 bytes")
	}
	return key, err
}

// Sessions returns a Manager on store, with the configuration of SessionConfig. The
// function fail answers the requests that Manager.Require refuses. If fail is nil,
// pkg/session answers them. The options change what no variable says, such as Logger.
func Sessions(store session.Store, fail func(http.ResponseWriter, *http.Request, error), options ...func(*session.Config)) (*session.Manager, error) {
	return EndingSessions(store, fail, nil, options...)
}

// EndingSessions does the same as Sessions for a program that ends sessions while the
// bridge is on: the function before becomes [session.Config.BeforeEnding].
func EndingSessions(store session.Store, fail func(http.ResponseWriter, *http.Request, error), before func(ctx context.Context, userID string, all bool) error, options ...func(*session.Config)) (*session.Manager, error) {
	cfg, err := SessionConfig()
	if err != nil {
		return nil, err
	}
	cfg.ErrorHandler, cfg.BeforeEnding = fail, before
	for _, option := range options {
		option(&cfg)
	}
	sessions, err := session.New(store, cfg)
	if err != nil {
		return nil, fmt.Errorf("%s, %s, %s, %s or %s: %w",
			SessionIdleTimeout, SessionLifetime, SessionPersistentIdleTimeout, SessionPersistentLifetime, SessionKeys, err)
	}
	return sessions, nil
}

// Exit logs why a program cannot start, and ends the program.
func Exit(err error) {
	events.Log(context.Background(), slog.Default(), "sys_startup_failed", "error", err)
	os.Exit(1)
}
