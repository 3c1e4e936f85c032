package accounts_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/accountstest"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/signin/authn"
)

const foreignNew = "plain$$a much better phrase than before" // of newPhrase

// A process that stops anywhere leaves a user whom the next run changes, or whose sessions
// have all ended after the last sign-in with the old password.
func TestReimportInterrupted(t *testing.T) {
	crash := errors.New("crash")
	for _, disable := range []bool{false, true} {
		for step := range 5 {
			synctest.Test(t, func(t *testing.T) {
				store := &hookedStore{Registry: memaccounts.New(), before: map[int]func() error{}, after: map[int]func() error{}}
				d := accounts.NewRegistrar(store, accounts.Config{Hasher: plain}).Checked()
				imports(t, d, "alice", "17")
				signedIn := true // whether alice has a session of a sign-in with the old password
				end := func(context.Context) error {
					if step == 4 {
						return crash
					}
					if _, err := authenticate(t.Context(), d, "alice", phrase); !errors.Is(err, authn.ErrBusy) {
						t.Errorf("a sign-in while the sessions end: %v", err)
					}
					signedIn = false
					return nil
				}
				row, err := d.Imported("alice", "", nil, foreignNew, "17")
				if err != nil {
					t.Fatal(err)
				}
				if disable {
					row.Disable()
				}
				at := [...]map[int]func() error{store.before, store.after, store.before, store.after, {}}[step]
				for n := step/2 + 1; n < 5; n++ {
					at[n] = func() error { return crash }
				}
				if _, err := d.Reimport(t.Context(), accountstest.Get(t, store, "alice"), row, end); !errors.Is(err, crash) {
					t.Fatalf("stopped at step %d: %v", step, err)
				}
				store.before, store.after = nil, nil
				time.Sleep(accounts.Lease)
				if _, err := authenticate(t.Context(), d, "alice", phrase); err == nil {
					signedIn = true
				}
				step = -1
				differs, err := d.Reimport(t.Context(), accountstest.Get(t, store, "alice"), row, end)
				if alice := accountstest.Get(t, store, "alice"); err != nil || signedIn || alice.Disabled != disable || alice.PasswordHash != foreignNew || alice.Differs(row) != (accounts.Difference{}) {
					t.Errorf("run again it changed %+v, %v, to %+v; signed in: %t", differs, err, alice, signedIn)
				}
				if _, err := authenticate(t.Context(), d, "alice", phrase); !errors.Is(err, authn.ErrRefused) {
					t.Errorf("the old password: %v", err)
				}
			})
		}
	}
}

// While somebody else changes the account, nothing is changed.
func TestReimportMeetsAChange(t *testing.T) {
	d := accounts.NewRegistrar(memaccounts.New(), accounts.Config{Hasher: plain}).Checked()
	alice := imports(t, d, "alice", "17")
	row, err := d.Imported("alice", "", nil, foreignNew, "17")
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.ChangePassword(t.Context(), alice, "a tortoise, a lamp and wool", func(ctx context.Context) error {
		stored, err := d.Find(ctx, "alice")
		if err != nil {
			return err
		}
		for _, read := range []*accounts.Account{alice, stored} {
			if _, err := d.Reimport(ctx, read, row, noopEnd); !errors.Is(err, authn.ErrBusy) {
				t.Errorf("Reimport = %v, want ErrBusy", err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := authenticate(t.Context(), d, "alice", "a tortoise, a lamp and wool"); err != nil {
		t.Error(err)
	}
}
