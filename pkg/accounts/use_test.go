package accounts_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/signin/authn"
)

// uses is a store that counts how often the last use is written.
type uses struct {
	*memaccounts.Store
	writes int
	err    error
}

func (u *uses) SetLastUsed(ctx context.Context, name, userID string, at time.Time) error {
	u.writes++
	if u.err != nil {
		return u.err
	}
	return u.Store.SetLastUsed(ctx, name, userID, at)
}

// fourMethods is a store of four methods, which keeps no last use.
type fourMethods struct{ accounts.Store }

func signer(t *testing.T, store accounts.Store, log *slog.Logger) *accounts.Authenticator {
	t.Helper()
	limiter, err := throttle.New(memaccounts.NewAttempts(), throttle.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return accounts.NewAuthenticator(accounts.NewDirectory(store, accounts.Config{Logger: log}), limiter)
}

func proven(t *testing.T, a *accounts.Authenticator) authn.Proof {
	t.Helper()
	proof, err := a.Authenticate(t.Context(), authn.Attempt{Username: "alice", Password: phrase, Address: "192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

// TestLastUse: the last use is written once a day of UTC, by whatever proves the user.
func TestLastUse(t *testing.T) {
	store := &uses{Store: memaccounts.New()}
	made, err := accounts.NewRegistrar(store, accounts.Config{}).Checked().Register(t.Context(), "alice", "", nil, phrase)
	if err != nil {
		t.Fatal(err)
	}
	if !made.LastUsedAt.IsZero() {
		t.Errorf("a new account was used at %v", made.LastUsedAt)
	}
	synctest.Test(t, func(t *testing.T) { // 2000-01-01, 00:00 UTC
		a := signer(t, store, nil)
		steps := []struct {
			after  time.Duration
			use    func(authn.Proof) error
			writes int
		}{
			{time.Hour, func(p authn.Proof) error { return p.Confirm(t.Context()) }, 1},
			{22 * time.Hour, func(p authn.Proof) error { return p.Confirm(t.Context()) }, 1},
			{59*time.Minute + 59*time.Second, func(p authn.Proof) error { p.Succeed(t.Context()); return nil }, 1},
			{time.Second, func(p authn.Proof) error { p.Succeed(t.Context()); return nil }, 2},
			{48 * time.Hour, func(p authn.Proof) error { p.Withdraw(t.Context()); return nil }, 2},
		}
		for i, step := range steps {
			time.Sleep(step.after)
			if err := step.use(proven(t, a)); err != nil {
				t.Fatal(err)
			}
			if store.writes != step.writes {
				t.Errorf("after use %d there were %d writes, want %d", i, store.writes, step.writes)
			}
		}
		account, err := store.Get(t.Context(), "alice")
		if want := time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC); err != nil || !account.LastUsedAt.Equal(want) {
			t.Errorf("last used at %v, %v; want %v", account.LastUsedAt, err, want)
		}
		time.Sleep(24 * time.Hour)
		identity, err := accounts.NewDirectory(store, accounts.Config{}).Identify(t.Context(), made.UserID)
		if err == nil {
			err = identity.Confirm(t.Context())
		}
		if err != nil || store.writes != 3 {
			t.Errorf("who comes over from another system made %d writes, %v; want 3", store.writes, err)
		}
	})
}

// TestLastUseFails: a sign-in succeeds all the same, and the failure is logged as an event
// of its own.
func TestLastUseFails(t *testing.T) {
	store := &uses{Store: memaccounts.New(), err: errors.New("down")}
	if _, err := accounts.NewRegistrar(store, accounts.Config{}).Checked().Register(t.Context(), "alice", "", nil, phrase); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if err := proven(t, signer(t, store, slog.New(slog.NewTextHandler(&log, nil)))).Confirm(t.Context()); err != nil {
		t.Errorf("the sign-in: %v", err)
	}
	if got := log.String(); strings.Count(got, "level=WARN msg=user_touch_failed user_id=") != 1 || strings.Contains(got, "alice") {
		t.Errorf("logged %q", got)
	}
}

// TestLastUseOfAForeignTable: a store of four methods is enough to sign in.
func TestLastUseOfAForeignTable(t *testing.T) {
	store := memaccounts.New()
	if _, err := accounts.NewRegistrar(store, accounts.Config{}).Checked().Register(t.Context(), "alice", "", nil, phrase); err != nil {
		t.Fatal(err)
	}
	if err := proven(t, signer(t, fourMethods{store}, nil)).Confirm(t.Context()); err != nil {
		t.Error(err)
	}
	if account, err := store.Get(t.Context(), "alice"); err != nil || !account.LastUsedAt.IsZero() {
		t.Errorf("last used at %v, %v", account.LastUsedAt, err)
	}
}
