package accountstest

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/coatcheck/pkg/accounts"
)

// runUse tests [accounts.UseStore]: what SetLastUsed writes, and that it touches nothing
// else and nothing else touches that.
func runUse(t *testing.T, store accounts.Registry) {
	ctx := t.Context()
	day := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)

	t.Run("the last use moves forward alone", func(t *testing.T) {
		want := Sample("used")
		Create(t, store, want)
		for _, at := range []time.Time{day, day.Add(-time.Hour), day.Add(time.Second - 1).In(time.FixedZone("", 3600))} {
			if err := store.SetLastUsed(ctx, "used", want.UserID, at); err != nil {
				t.Fatal(err)
			}
		}
		want.LastUsedAt = day
		wantAccount(t, store, want)
	})

	t.Run("a last use that is not known yet is set", func(t *testing.T) {
		want := Sample("never used")
		want.LastUsedAt = time.Time{}
		Create(t, store, want)
		if err := store.SetLastUsed(ctx, want.Name, want.UserID, day); err != nil {
			t.Fatal(err)
		}
		want.LastUsedAt = day
		wantAccount(t, store, want)
	})

	t.Run("a last use and an update do not meet", func(t *testing.T) {
		read := Sample("used meanwhile")
		Create(t, store, read)
		if err := store.SetLastUsed(ctx, read.Name, read.UserID, day); err != nil {
			t.Fatal(err)
		}
		if err := store.Update(ctx, read, "after"); err != nil {
			t.Fatalf("Update of what was read before the last use: %v", err)
		}
		want := read.Clone()
		want.Revision, want.LastUsedAt = "after", day
		wantAccount(t, store, want)
	})

	t.Run("the last use of nobody and of another user", func(t *testing.T) {
		want := Sample("another's")
		Create(t, store, want)
		Claim(t, store, "claimed by nobody's use", "somebody")
		for _, name := range []string{"nobody's use", "claimed by nobody's use", want.Name} {
			if err := store.SetLastUsed(ctx, name, "u", day); err != accounts.ErrNotFound {
				t.Errorf("SetLastUsed(%q) = %v, want ErrNotFound", name, err)
			}
		}
		wantAccount(t, store, want)
		if _, err := store.Get(ctx, "nobody's use"); !errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("SetLastUsed of nobody left %v", err)
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if err := store.SetLastUsed(ended, want.Name, want.UserID, day); err == nil || errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("SetLastUsed with a context that has ended = %v; want an outage", err)
		}
	})
}

func wantAccount(t *testing.T, store accounts.Registry, want *accounts.Account) {
	t.Helper()
	if diff := differences(Get(t, store, want.Name), want); diff != "" {
		t.Error(diff)
	}
}
