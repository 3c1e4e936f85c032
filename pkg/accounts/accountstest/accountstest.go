// Package accountstest contains the contracts of [accounts.Registry] and
// [throttle.Store] as tests, and a benchmark. They are for the stores of this repository and for other
// stores.
//
// This package may still change in ways that break programs.
package accountstest

import (
	"context"
	"crypto/rand"
	"errors"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/coatcheck/pkg/accounts"
)

// Sample returns an account with that name and a value in every field.
func Sample(name string) *accounts.Account {
	return &accounts.Account{
		Name:              name,
		Username:          " " + strings.ToUpper(name),
		UserID:            rand.Text(),
		DisplayName:       "Grüße, 😀",
		Roles:             []string{"admin", "staff"},
		Preferences:       map[string]string{"theme": "dark", "language": "de", "empty": ""},
		PasswordHash:      "$hash$",
		Disabled:          true,
		FrozenUntil:       time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC),
		Version:           1<<63 - 1,
		CredentialVersion: 1<<63 - 2,
		Origin:            accounts.OriginImport,
		ImportedHash:      "$imported$",
		Closed:            true,
		CreatedAt:         time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC),
		LastUsedAt:        time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC),
		RenamedTo:         "the next one",
		RenamedFrom:       "the last one",
		Revision:          rand.Text(),
	}
}

// RunRegistry tests a store in which users are added, with all that [Run] tests too. The store must be empty at the start.
func RunRegistry(t *testing.T, newStore func(*testing.T) accounts.Registry) {
	store := newStore(t)
	ctx := t.Context()

	t.Run("every field is kept", func(t *testing.T) {
		a := Sample("alice")
		for v, i := reflect.ValueOf(*a), 0; i < v.NumField(); i++ {
			if v.Type().Field(i).Name != "Attributes" && v.Field(i).IsZero() { // a store of ours keeps no Attributes
				t.Fatalf("the sample has no %s, so this would not notice its loss", v.Type().Field(i).Name)
			}
		}
		Create(t, store, a)
		if got := Get(t, store, "alice"); !reflect.DeepEqual(got, a) {
			t.Errorf("got  %+v\nwant %+v", got, a)
		}
	})

	t.Run("empty fields are kept", func(t *testing.T) {
		Create(t, store, &accounts.Account{Name: "bare", UserID: "u", Version: 1})
		got := Get(t, store, "bare")
		if len(got.Roles) != 0 || len(got.Preferences) != 0 || got.DisplayName != "" || got.Disabled {
			t.Errorf("got %+v, want nothing but a name, a user ID and a version", got)
		}
	})

	t.Run("an unknown name is ErrNotFound", func(t *testing.T) {
		for _, name := range []string{"nobody", "alic", "alicee", "Alice"} {
			if a, err := store.Get(ctx, name); a != nil || !errors.Is(err, accounts.ErrNotFound) {
				t.Errorf("Get(%q) = %v, %v; want ErrNotFound", name, a, err)
			}
		}
	})

	t.Run("a taken name is ErrExists and stays", func(t *testing.T) {
		first := Sample("taken")
		Create(t, store, first)
		for _, a := range []*accounts.Account{Sample("taken"), first} {
			if err := store.Create(ctx, a); !errors.Is(err, accounts.ErrExists) {
				t.Errorf("Create = %v, want ErrExists", err)
			}
		}
		if got := Get(t, store, "taken"); !reflect.DeepEqual(got, first) {
			t.Errorf("got  %+v\nwant %+v", got, first)
		}
	})

	t.Run("one of 16 at once gets the name", func(t *testing.T) {
		var made atomic.Int32
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				switch err := store.Create(ctx, Sample("race")); {
				case err == nil:
					made.Add(1)
				case !errors.Is(err, accounts.ErrExists):
					t.Errorf("Create = %v, want nil or ErrExists", err)
				}
			})
		}
		wg.Wait()
		if made.Load() != 1 {
			t.Errorf("%d of 16 made the account, want 1", made.Load())
		}
	})

	t.Run("accounts are copies", func(t *testing.T) {
		a := Sample("copies")
		Create(t, store, a)
		overwrite(a)
		overwrite(Get(t, store, "copies"))
		got := Get(t, store, "copies")
		if want := Sample("copies"); got.Roles[0] != want.Roles[0] || got.Preferences["theme"] != want.Preferences["theme"] {
			t.Errorf("a caller's change reached the store: %+v", got)
		}
	})

	t.Run("an update replaces what may change", func(t *testing.T) {
		before := Sample("updated")
		Create(t, store, before)
		next := &accounts.Account{
			Name: "updated", Username: "other", UserID: "other", DisplayName: "New", Roles: []string{"guest"},
			Preferences: map[string]string{"theme": "light"}, PasswordHash: "$new$", Version: 7, CredentialVersion: 8, Revision: before.Revision,
		}
		if err := store.Update(ctx, next, "second"); err != nil {
			t.Fatal(err)
		}
		want := next.Clone()
		want.UserID, want.CreatedAt, want.LastUsedAt, want.Revision = before.UserID, before.CreatedAt, before.LastUsedAt, "second"
		if got := Get(t, store, "updated"); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		overwrite(next)
		if got := Get(t, store, "updated"); !reflect.DeepEqual(got, want) {
			t.Errorf("a caller's change reached the store: %+v", got)
		}
	})

	t.Run("an account that has changed stays", func(t *testing.T) {
		want := Sample("changed")
		Create(t, store, want)
		for _, name := range []string{"changed", "nobody"} {
			late := Sample(name)
			late.PasswordHash = "$late$"
			if err := store.Update(ctx, late, "late"); err != accounts.ErrChanged {
				t.Errorf("Update(%q) = %v, want ErrChanged", name, err)
			}
		}
		if err := store.Delete(ctx, Sample("changed")); err != accounts.ErrChanged {
			t.Errorf("Delete = %v, want ErrChanged", err)
		}
		if got := Get(t, store, "changed"); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		if a, err := store.Get(ctx, "nobody"); !errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("Update of nobody left %+v, %v", a, err)
		}
	})

	t.Run("a deleted account is gone", func(t *testing.T) {
		a := Sample("deleted")
		Create(t, store, a)
		for range 2 {
			if err := store.Delete(ctx, a); err != nil {
				t.Error(err)
			}
		}
		if _, err := store.Get(ctx, "deleted"); !errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("Get = %v, want ErrNotFound", err)
		}
		if err := store.Update(ctx, a, "late"); err != accounts.ErrChanged {
			t.Errorf("Update = %v, want ErrChanged: it must not come back", err)
		}
		if err := store.SetPreferences(ctx, "deleted", a.UserID, map[string]string{"theme": "light"}, "late"); err != accounts.ErrNotFound {
			t.Errorf("SetPreferences = %v, want ErrNotFound: it must not come back", err)
		}
	})

	runUse(t, store)
	runClaims(t, store)

	t.Run("as a Store", func(t *testing.T) { Run(t, func(t *testing.T) Users { return registered(t, store) }) })

	t.Run("a cancelled context is an outage", func(t *testing.T) {
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		if a, err := store.Get(cancelled, "alice"); a != nil || err == nil || errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("Get = %v, %v; want an error that is not ErrNotFound", a, err)
		}
		if err := store.Create(cancelled, Sample("never")); err == nil || errors.Is(err, accounts.ErrExists) {
			t.Errorf("Create = %v; want an error that is not ErrExists", err)
		}
		if err := store.Update(cancelled, Sample("alice"), "new"); err == nil || errors.Is(err, accounts.ErrChanged) {
			t.Errorf("Update = %v; want an error that is not ErrChanged", err)
		}
		if err := store.SetPreferences(cancelled, "alice", Get(t, store, "alice").UserID, map[string]string{"theme": "light"}, "new"); err == nil || errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("SetPreferences = %v; want an error that is not ErrNotFound", err)
		}
		if err := store.Delete(cancelled, Sample("alice")); err == nil || errors.Is(err, accounts.ErrChanged) {
			t.Errorf("Delete = %v; want an error that is not ErrChanged", err)
		}
		if err := store.Claim(cancelled, "never", "holder"); err == nil || errors.Is(err, accounts.ErrExists) {
			t.Errorf("Claim = %v; want an error that is not ErrExists", err)
		}
		if holder, err := store.Holder(cancelled, "alice"); holder != "" || err == nil || errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("Holder = %q, %v; want an error that is not ErrNotFound", holder, err)
		}
		for _, to := range []string{"", "other"} {
			if err := store.PassClaim(cancelled, "never", "holder", to); err == nil || errors.Is(err, accounts.ErrChanged) {
				t.Errorf("PassClaim = %v; want an error that is not ErrChanged", err)
			}
		}
		wantHolder(t, store, "never", "")
		if _, err := store.Get(ctx, "never"); !errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("Get after the cancelled Create = %v, want ErrNotFound", err)
		}
	})
}

// registered returns the users of a registry, for [Run]. Nobody but a registrar adds them.
func registered(t *testing.T, registry accounts.Registry) Users {
	registrar := accounts.NewRegistrar(registry, accounts.Config{})
	if err := registrar.Prepare(t.Context(), func(func(*accounts.Account, error) bool) {}); err != nil {
		t.Fatal(err)
	}
	return Users{Store: registry, renames: true, Add: func(name, hash string) (userID string, err error) {
		a := Sample(name)
		if a.Name, err = accounts.Normalize(name); err != nil {
			return "", err
		}
		a.Username, a.PasswordHash, a.Version, a.CredentialVersion, a.Preferences, a.ImportedHash = name, hash, 1, 0, nil, ""
		a.Disabled, a.FrozenUntil, a.Closed = false, time.Time{}, false
		a.RenamedTo, a.RenamedFrom = "", ""
		return a.UserID, registrar.Add(t.Context(), a)
	}}
}

func overwrite(a *accounts.Account) {
	a.Roles[0] = "changed"
	a.Preferences["theme"] = "changed"
}

// Create stores the account, or ends the test or benchmark.
func Create(tb testing.TB, store accounts.Registry, a *accounts.Account) {
	tb.Helper()
	if err := store.Create(tb.Context(), a); err != nil {
		tb.Fatalf("Create(%q): %v", a.Name, err)
	}
}

// Get returns the account of that name, or ends the test.
func Get(t *testing.T, store accounts.Store, name string) *accounts.Account {
	t.Helper()
	a, err := store.Get(t.Context(), name)
	if err != nil {
		t.Fatalf("Get(%q): %v", name, err)
	}
	return a
}
