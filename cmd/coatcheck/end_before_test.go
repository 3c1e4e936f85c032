package main

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/config/storeconfig"
	"example.com/coatcheck/pkg/session"
)

// TestEndBefore: on every store, the sessions end that began before the cut-off and are alive,
// and no others, whoever has them. Without --yes none does.
func TestEndBefore(t *testing.T) {
	shells := map[string]*shell{"DynamoDB": newShell(t).audited()}
	for name, address := range storeAddresses(t) {
		sh, _ := openShell(t, address)
		sh.ok("", "tables", "create")
		shells[name] = sh
	}
	for name, sh := range shells {
		t.Run(name, func(t *testing.T) { endsBefore(t, &shell{t, sh.env}) })
	}
}

func endsBefore(t *testing.T, sh *shell) {
	for name, value := range sh.env { // the stores that a server has open
		t.Setenv(name, value)
	}
	opened, err := storeconfig.Open(t.Context(), cmp.Or(sh.env["STORE"], storeconfig.DynamoDB))
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	store, err := opened.Sessions()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Second)
	cutoff := now.Add(-time.Hour)
	sessions := map[string]*session.Session{}
	for what, s := range map[string]struct {
		created, authenticated, expires time.Duration
		userID                          string
	}{
		"old":                {-2 * time.Hour, -2 * time.Hour, time.Hour, "u1"},
		"old, of the same":   {-3 * time.Hour, -time.Hour - time.Second, time.Hour, "u1"},
		"old, of another":    {-2 * time.Hour, -2 * time.Hour, time.Hour, "u2"},
		"at the cut-off":     {-2 * time.Hour, -time.Hour, time.Hour, "u1"},
		"proved again since": {-2 * time.Hour, -time.Minute, time.Hour, "u2"},
		"from elsewhere":     {-time.Minute, -2 * time.Hour, time.Hour, "u3"},
		"dead":               {-2 * time.Hour, -2 * time.Hour, -time.Minute, "u1"},
	} {
		id := make([]byte, 16)
		rand.Read(id)
		sessions[what] = &session.Session{
			ID: base64.RawURLEncoding.EncodeToString(id), UserID: s.userID, CreatedAt: now.Add(s.created), AuthenticatedAt: now.Add(s.authenticated),
			LastSeenAt: now.Add(s.authenticated), ExpiresAt: now.Add(s.expires), Version: 1, Secret: [32]byte{1}, PreviousSecret: [32]byte{2},
		}
		if err := store.Create(t.Context(), sessions[what]); err != nil {
			t.Fatal(err)
		}
	}
	ended := func(want bool) {
		t.Helper()
		for what, s := range sessions {
			_, err := store.Get(t.Context(), s.Key())
			if old := strings.HasPrefix(what, "old"); errors.Is(err, session.ErrNoSession) != (want && old) || err != nil && !errors.Is(err, session.ErrNoSession) {
				t.Errorf("the session %s: %v", what, err)
			}
		}
	}
	at := cutoff.Format(time.RFC3339)
	if got := sh.ok("", "sessions", "end-before", at); !strings.HasPrefix(got, "3 live sessions began before "+at+". None was ended") {
		t.Errorf("without --yes: %q", got)
	}
	ended(false)
	for _, want := range []string{"Ended 3 sessions that began before " + at + ".\n", "Ended 0 sessions that began before " + at + ".\n"} {
		if got := sh.ok("", "sessions", "end-before", at, "--yes"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		ended(true)
	}
	wantTold := []string{"sessions_ended_before before " + at} // once: the second run has ended nothing
	if got := sh.told(me(t), "--event=sessions_ended_before"); !slices.Equal(got, wantTold) {
		t.Errorf("the trail has %q, want %q", got, wantTold)
	}
}

// TestEndBeforeRefuses what is no cut-off, before anything is read.
func TestEndBeforeRefuses(t *testing.T) {
	sh := &shell{t, map[string]string{"HOME": t.TempDir(), "STORE": "sqlite:" + t.TempDir() + "/none.db"}}
	for value, says := range map[string]string{
		"yesterday":            `the cut-off is "yesterday"; it must be a time such as 2026-11-27T14:00:00Z`,
		"2999-01-01T00:00:00Z": "the cut-off is 2999-01-01T00:00:00Z; it must not be a time to come.*",
	} {
		sh.fails(1, says, "", "sessions", "end-before", value, "--yes")
	}
}
