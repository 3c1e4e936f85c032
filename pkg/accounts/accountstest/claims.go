package accountstest

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"

	"example.com/coatcheck/pkg/accounts"
)

// runClaims tests what a store promises of claims.
func runClaims(t *testing.T, store accounts.Registry) {
	ctx := t.Context()

	t.Run("a claim is kept, and sent twice it is one", func(t *testing.T) {
		for _, key := range []string{"claimed", "\x01with a control character: ü"} {
			wantHolder(t, store, key, "")
			for range 2 {
				Claim(t, store, key, "first")
			}
			if err := store.Claim(ctx, key, "second"); err != accounts.ErrExists {
				t.Errorf("Claim of what another has = %v, want ErrExists", err)
			}
			wantHolder(t, store, key, "first")
		}
	})

	t.Run("an account holds its own key", func(t *testing.T) {
		a := Sample("self")
		Create(t, store, a)
		wantHolder(t, store, "self", "self")
		if err := store.Claim(ctx, "self", "other"); err != accounts.ErrExists {
			t.Errorf("Claim of the key of an account = %v, want ErrExists", err)
		}
		for _, to := range []string{"", "other"} {
			for _, from := range []string{"other", "self"} {
				if err := store.PassClaim(ctx, "self", from, to); err != accounts.ErrChanged {
					t.Errorf("PassClaim(%q, %q) of the key of an account = %v, want ErrChanged", from, to, err)
				}
			}
		}
		if got := Get(t, store, "self"); !reflect.DeepEqual(got, a) {
			t.Errorf("got  %+v\nwant %+v", got, a)
		}
	})

	t.Run("a claim is no account", func(t *testing.T) {
		Claim(t, store, "reserved", "holder")
		for _, a := range []*accounts.Account{Sample("reserved"), {Name: "reserved"}} {
			if got, err := store.Get(ctx, "reserved"); got != nil || !errors.Is(err, accounts.ErrNotFound) {
				t.Errorf("Get = %+v, %v; want ErrNotFound", got, err)
			}
			if err := store.Create(ctx, a); !errors.Is(err, accounts.ErrExists) {
				t.Errorf("Create = %v, want ErrExists", err)
			}
			if err := store.Update(ctx, a, "new"); err != accounts.ErrChanged {
				t.Errorf("Update = %v, want ErrChanged", err)
			}
			if err := store.SetPreferences(ctx, "reserved", a.UserID, map[string]string{"theme": "dark"}, "new"); err != accounts.ErrNotFound {
				t.Errorf("SetPreferences = %v, want ErrNotFound", err)
			}
			if err := store.Delete(ctx, a); err != nil {
				t.Errorf("Delete = %v, want nil: there is no such account", err)
			}
			wantHolder(t, store, "reserved", "holder")
		}
	})

	t.Run("a claim is passed on", func(t *testing.T) {
		Claim(t, store, "passed", "first")
		for range 2 { // sent twice it has the same result
			if err := store.PassClaim(ctx, "passed", "first", "second"); err != nil {
				t.Error(err)
			}
		}
		if err := store.PassClaim(ctx, "passed", "first", "third"); err != accounts.ErrChanged {
			t.Errorf("PassClaim of what another has = %v, want ErrChanged", err)
		}
		if err := store.Claim(ctx, "passed", "first"); err != accounts.ErrExists {
			t.Errorf("Claim = %v, want ErrExists", err)
		}
		wantHolder(t, store, "passed", "second")
		if err := store.PassClaim(ctx, "nothing", "first", "second"); err != accounts.ErrChanged {
			t.Errorf("PassClaim of nothing = %v, want ErrChanged", err)
		}
		wantHolder(t, store, "nothing", "")
	})

	t.Run("a claim is removed", func(t *testing.T) {
		Claim(t, store, "removed", "first")
		if err := store.PassClaim(ctx, "removed", "second", ""); err != accounts.ErrChanged {
			t.Errorf("PassClaim of what another has = %v, want ErrChanged", err)
		}
		wantHolder(t, store, "removed", "first")
		for range 2 { // sent twice it has the same result
			if err := store.PassClaim(ctx, "removed", "first", ""); err != nil {
				t.Error(err)
			}
		}
		wantHolder(t, store, "removed", "")
		Create(t, store, Sample("removed"))
	})

	t.Run("one of 16 claims and creations at once gets the key", func(t *testing.T) {
		var won atomic.Int32
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				<-start
				var err error
				if i%2 == 0 {
					err = store.Claim(ctx, "raced", fmt.Sprint("holder ", i))
				} else {
					err = store.Create(ctx, Sample("raced"))
				}
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, accounts.ErrExists):
					t.Errorf("%v, want nil or ErrExists", err)
				}
			})
		}
		close(start)
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d of 16 got the key, want 1", won.Load())
		}
	})
}

// Claim claims the key, or ends the test.
func Claim(tb testing.TB, store accounts.Registry, key, holder string) {
	tb.Helper()
	if err := store.Claim(tb.Context(), key, holder); err != nil {
		tb.Fatalf("Claim(%q, %q): %v", key, holder, err)
	}
}

// wantHolder reports an error unless this holder has the key. An empty holder is nobody.
func wantHolder(t *testing.T, store accounts.Registry, key, holder string) {
	t.Helper()
	got, err := store.Holder(t.Context(), key)
	if got != holder || (holder == "") != errors.Is(err, accounts.ErrNotFound) || holder != "" && err != nil {
		t.Errorf("Holder(%q) = %q, %v; want %q", key, got, err, holder)
	}
}
