package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/accountstest"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/signin/authn"
)

const newPhrase = "a much better phrase than before"

// hookedStore counts the writes and runs hooks before or after the nth write. A hook
// that returns an error stops the change there, like a process that crashes.
type hookedStore struct {
	accounts.Registry
	before, after map[int]func() error // by the number of the write, from 1
	writes        int
}

func (s *hookedStore) Update(ctx context.Context, a *accounts.Account, newRevision string) error {
	s.writes++
	if f := s.before[s.writes]; f != nil {
		if err := f(); err != nil {
			return err
		}
	}
	if err := s.Registry.Update(ctx, a, newRevision); err != nil {
		return err
	}
	if f := s.after[s.writes]; f != nil {
		return f()
	}
	return nil
}

// changeFixture has the account of alice, who changes her password in the tests.
type changeFixture struct {
	t     *testing.T
	store *hookedStore
	*accounts.Registrar
	authenticator *accounts.Authenticator
}

func newChangeFixture(t *testing.T) *changeFixture {
	t.Helper()
	store := &hookedStore{Registry: memaccounts.New(), before: map[int]func() error{}, after: map[int]func() error{}}
	r := &changeFixture{t: t, store: store, Registrar: accounts.NewRegistrar(store, accounts.Config{Hasher: plain}).Checked()}
	limiter, err := throttle.New(memaccounts.NewAttempts(), throttle.Config{})
	if err != nil {
		t.Fatal(err)
	}
	r.authenticator = accounts.NewAuthenticator(r.Registrar.Directory, limiter)
	if _, err := r.Register(t.Context(), "alice", "", []string{"member"}, phrase); err != nil {
		t.Fatal(err)
	}
	return r
}

// signIn returns the error of a sign-in with pw.
func (r *changeFixture) signIn(pw string) error {
	_, err := r.prove(pw)
	return err
}

func (r *changeFixture) prove(pw string) (authn.Proof, error) {
	proof, err := r.authenticator.Authenticate(r.t.Context(), authn.Attempt{Username: "alice", Password: pw})
	if err == nil {
		proof.Succeed(r.t.Context())
	}
	return proof, err
}

func (r *changeFixture) alice() *accounts.Account {
	return accountstest.Get(r.t, r.store.Registry, "alice")
}

// change proves the current password and sets newPhrase.
func (r *changeFixture) change(end func(context.Context) error) error {
	r.t.Helper()
	proof, err := r.prove(phrase)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.authenticator.ChangePassword(r.t.Context(), proof, newPhrase, end)
}

// wantPassword reports an error unless pw signs in and the other password does not.
func (r *changeFixture) wantPassword(pw string) {
	r.t.Helper()
	for _, candidate := range []string{phrase, newPhrase} {
		err := r.signIn(candidate)
		if candidate == pw && err != nil || candidate != pw && !errors.Is(err, authn.ErrRefused) {
			r.t.Errorf("sign-in with %q: %v", candidate, err)
		}
	}
}

func noopEnd(context.Context) error { return nil }

func TestChangePassword(t *testing.T) {
	r := newChangeFixture(t)
	before := r.alice()
	var during *accounts.Account
	var refused []error
	err := r.change(func(ctx context.Context) error {
		during = r.alice()
		_, busy := r.ChangePassword(ctx, during, newPhrase, noopEnd)
		refused = []error{r.signIn(phrase), r.signIn(newPhrase), busy}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if during.Version != before.Version+1 || during.PasswordHash != before.PasswordHash || !during.FrozenUntil.After(time.Now()) {
		t.Errorf("frozen as %+v", during)
	}
	if want := []error{authn.ErrBusy, authn.ErrRefused, authn.ErrBusy}; !slices.EqualFunc(refused, want, errors.Is) {
		t.Errorf("sign-ins with the right and the wrong password, and a second change, while it is frozen: %v; want %v", refused, want)
	}
	after := r.alice()
	if during.CredentialVersion != before.CredentialVersion || after.CredentialVersion != before.CredentialVersion+1 {
		t.Errorf("the credential's version went from %d to %d to %d", before.CredentialVersion, during.CredentialVersion, after.CredentialVersion)
	}
	if after.Version != before.Version+2 || !after.FrozenUntil.IsZero() || after.UserID != before.UserID || after.Roles[0] != "member" {
		t.Errorf("thawed as %+v", after)
	}
	if r.store.writes != 2 {
		t.Errorf("%d writes, want 2", r.store.writes)
	}
	r.wantPassword(newPhrase)
}

// A change to a password that is not allowed changes nothing.
func TestChangePasswordRefusesABadOne(t *testing.T) {
	r := newChangeFixture(t)
	before := r.alice()
	for _, pw := range []string{"short", "alice-alice-alice-alice", "passwordpassword"} {
		_, err := r.ChangePassword(t.Context(), before, pw, func(context.Context) error { t.Error("sessions ended"); return nil })
		if err == nil || errors.Is(err, authn.ErrBusy) || r.store.writes != 0 {
			t.Errorf("%q: %v with %d writes", pw, err, r.store.writes)
		}
	}
}

// If the sessions cannot be ended, the password stays, and the account is no longer
// frozen.
func TestSessionsCannotBeEnded(t *testing.T) {
	r := newChangeFixture(t)
	down := errors.New("down")
	if err := r.change(func(context.Context) error { return down }); !errors.Is(err, down) {
		t.Errorf("ChangePassword = %v, want the error of end", err)
	}
	if now := r.alice(); !now.FrozenUntil.IsZero() || now.Version != 3 || now.CredentialVersion != 0 {
		t.Errorf("left as %+v", now)
	}
	r.wantPassword(phrase)
	if err := r.change(noopEnd); err != nil {
		t.Errorf("repeated: %v", err)
	}
	r.wantPassword(newPhrase)
}

// TestCrashes stops the change before each write, and after each write, as if the
// answer was lost. Afterwards either the old password is valid, or the new password is
// valid and the sessions have ended. The next sign-in works when the accounts.Lease is
// over, and the change can be repeated.
func TestCrashes(t *testing.T) {
	crash := errors.New("crash")
	type hooks = map[int]func() error
	for n := 1; n <= 2; n++ {
		for place, at := range map[string]func(*hookedStore) hooks{
			"before": func(s *hookedStore) hooks { return s.before },
			"after":  func(s *hookedStore) hooks { return s.after },
		} {
			t.Run(fmt.Sprint(place, " write ", n), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newChangeFixture(t)
					ended := false
					at(r.store)[n] = func() error { return crash }
					err := r.change(func(context.Context) error { ended = true; return nil })
					if !errors.Is(err, crash) {
						t.Fatalf("ChangePassword = %v, want the crash", err)
					}
					changed := n == 2 && place == "after"
					now := r.alice()
					if ok, _ := plain.Verify(now.PasswordHash, newPhrase); ok != changed {
						t.Errorf("the new password is stored: %v", ok)
					}
					if changed && !ended {
						t.Error("the new password is valid, and the sessions have not ended")
					}
					if frozen := !now.FrozenUntil.IsZero(); frozen {
						if err := r.signIn(phrase); err != authn.ErrBusy {
							t.Errorf("while the freeze holds: %v, want ErrBusy", err)
						}
						if left := time.Until(now.FrozenUntil); left > accounts.Lease || left < accounts.Lease-time.Second {
							t.Errorf("the freeze holds for %v", left)
						}
						time.Sleep(accounts.Lease)
					}
					if changed {
						r.wantPassword(newPhrase)
						return
					}
					r.wantPassword(phrase)
					if now := r.alice(); !now.FrozenUntil.IsZero() {
						t.Errorf("the next sign-in left it frozen: %+v", now)
					}
					if err := r.change(noopEnd); err != nil {
						t.Errorf("repeated: %v", err)
					}
					r.wantPassword(newPhrase)
				})
			})
		}
	}
}

// A sign-in that read the account before a change fails its re-check, whether the
// re-check comes during the change or after it.
func TestSignInCrossesAChange(t *testing.T) {
	for _, at := range []string{"during", "after"} {
		r := newChangeFixture(t)
		early, err := r.prove(phrase)
		if err != nil {
			t.Fatal(err)
		}
		var during error
		if err := r.change(func(ctx context.Context) error { during = early.Confirm(ctx); return nil }); err != nil {
			t.Fatal(err)
		}
		if after := early.Confirm(t.Context()); at == "during" && !errors.Is(during, authn.ErrRefused) || at == "after" && !errors.Is(after, authn.ErrRefused) {
			t.Errorf("the re-check %s the change = %v, %v; want ErrRefused", at, during, after)
		}
	}
}

// A process that stops can leave a freeze, which then expires. The next sign-in succeeds
// and clears the freeze, and later sign-ins succeed too. The process that froze the
// account cannot finish its change.
func TestExpiredFreeze(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newChangeFixture(t)
		err := r.change(func(context.Context) error { // as in a process that was stopped for a minute
			time.Sleep(time.Minute)
			before := r.alice()
			proof, err := r.prove(phrase)
			if err != nil {
				t.Fatal(err)
			}
			if now := r.alice(); now.Version != before.Version+1 || !now.FrozenUntil.IsZero() {
				t.Errorf("cleared as %+v", now)
			}
			if err := proof.Confirm(t.Context()); err != nil {
				t.Errorf("the re-check of the sign-in that cleared it: %v", err)
			}
			return nil
		})
		if !errors.Is(err, authn.ErrBusy) && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ChangePassword = %v; it must not finish", err)
		}
		r.wantPassword(phrase)
	})
}

// Ending the sessions may take no longer than the accounts.Lease.
func TestLeaseBoundsTheChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newChangeFixture(t)
		start := time.Now()
		err := r.change(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took > accounts.Lease {
			t.Errorf("ChangePassword = %v after %v", err, took)
		}
		r.wantPassword(phrase)
	})
}

// A change keeps what others write to the account in the meantime, for example
// preferences. Above all, it must not enable an account that was disabled.
func TestChangeCrossesOtherWrites(t *testing.T) {
	for name, test := range map[string]struct {
		write func(r *changeFixture, now *accounts.Account) error
		want  error
		check func(*accounts.Account) bool
	}{
		"preferences": {func(r *changeFixture, now *accounts.Account) error {
			return r.SetPreferences(r.t.Context(), now.UserID, "alice", map[string]string{"theme": "dark"})
		}, nil, func(a *accounts.Account) bool { return a.Preferences["theme"] == "dark" }},
		"disabled": {func(r *changeFixture, now *accounts.Account) error {
			_, err := r.SetDisabled(r.t.Context(), now, true)
			return err
		}, authn.ErrBusy, func(a *accounts.Account) bool { return a.Disabled }},
		"roles": {func(r *changeFixture, now *accounts.Account) error {
			_, err := r.SetProfile(r.t.Context(), now, nil, &[]string{"guest"})
			return err
		}, authn.ErrBusy, func(a *accounts.Account) bool { return a.Roles[0] == "guest" }},
	} {
		t.Run(name, func(t *testing.T) {
			r := newChangeFixture(t)
			err := r.change(func(context.Context) error {
				r.store.before = nil
				return test.write(r, r.alice())
			})
			if err != test.want || !test.check(r.alice()) {
				t.Errorf("in between: %v, left %+v", err, r.alice())
			}
			if ok, _ := plain.Verify(r.alice().PasswordHash, newPhrase); ok != (test.want == nil) {
				t.Errorf("the new password is stored: %v", ok)
			}

			r = newChangeFixture(t) // between the proof and the freeze
			r.store.before[1] = func() error { r.store.before = nil; return test.write(r, r.alice()) }
			err = r.change(func(context.Context) error {
				if test.want != nil {
					t.Error("the sessions were ended")
				}
				return nil
			})
			if err != test.want || !test.check(r.alice()) {
				t.Errorf("before the freeze: %v, left %+v", err, r.alice())
			}
		})
	}
}

// If two changes with the same current password run at once, one succeeds and ends the
// sessions. The other fails and ends none.
func TestTwoChanges(t *testing.T) {
	r := newChangeFixture(t)
	first, err := r.prove(phrase)
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.prove(phrase)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.authenticator.ChangePassword(t.Context(), first, newPhrase, noopEnd); err != nil {
		t.Fatal(err)
	}
	err = r.authenticator.ChangePassword(t.Context(), second, "the phrase of a thief, surely", func(context.Context) error {
		t.Error("sessions ended")
		return nil
	})
	if err != authn.ErrBusy {
		t.Errorf("the second change = %v, want ErrBusy", err)
	}
	r.wantPassword(newPhrase)
}

// SetDisabled changes the version, even if the account is already disabled. So no
// sign-in that is under way succeeds.
func TestSetDisabled(t *testing.T) {
	r := newChangeFixture(t)
	proof, err := r.prove(phrase)
	if err != nil {
		t.Fatal(err)
	}
	for version := int64(2); version < 4; version++ {
		if a, err := r.SetDisabled(t.Context(), r.alice(), true); err != nil || !a.Disabled || a.Version != version || r.alice().Version != version || a.CredentialVersion != version-1 {
			t.Errorf("SetDisabled = %+v, %v; want version %d", a, err, version)
		}
	}
	if err := proof.Confirm(t.Context()); !errors.Is(err, authn.ErrRefused) {
		t.Errorf("the re-check = %v, want ErrRefused", err)
	}
	if err := r.signIn(phrase); !errors.Is(err, authn.ErrRefused) {
		t.Errorf("sign-in = %v, want ErrRefused", err)
	}
	if a, err := r.SetDisabled(t.Context(), r.alice(), false); err != nil || a.CredentialVersion != 2 {
		t.Fatalf("enabled as %+v, %v", a, err)
	}
	r.wantPassword(phrase)
}

// A change of roles changes the version, so that sign-ins under way fail. A change of
// the display name alone does not.
func TestSetProfile(t *testing.T) {
	r := newChangeFixture(t)
	before := r.alice()
	if a, err := r.SetProfile(t.Context(), before, new("Alice L."), nil); err != nil || a.DisplayName != "Alice L." || a.Version != before.Version || a.Roles[0] != "member" {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err := r.SetProfile(t.Context(), before, nil, &[]string{"admin"}); err != nil || a.Version != before.Version+1 || a.Roles[0] != "admin" || a.DisplayName != "Alice L." {
		t.Errorf("%+v, %v", a, err)
	}
	for _, bad := range []struct {
		name  *string
		roles *[]string
	}{{new(""), nil}, {new("a\n"), nil}, {nil, &[]string{""}}} {
		writes := r.store.writes
		if _, err := r.SetProfile(t.Context(), r.alice(), bad.name, bad.roles); err == nil || r.store.writes != writes {
			t.Errorf("%+v: %v with %d writes", bad, err, r.store.writes-writes)
		}
	}
}

// If two tabs set different preferences at once, both settings are kept.
func TestPreferencesAtOnce(t *testing.T) {
	r := newChangeFixture(t)
	userID := r.alice().UserID
	var tabs sync.WaitGroup
	for key, setting := range map[string]string{"theme": "dark", "language": "de"} {
		tabs.Go(func() {
			if err := r.SetPreferences(t.Context(), userID, " ALICE", map[string]string{key: setting}); err != nil {
				t.Error(err)
			}
		})
	}
	tabs.Wait()
	if got := r.alice().Preferences; got["theme"] != "dark" || got["language"] != "de" || len(got) != 2 {
		t.Errorf("left %v", got)
	}
}

// If an account was deleted and then registered again, it is another account. Changes
// that were meant for the old one do not write to it.
func TestChangesKnowTheirAccount(t *testing.T) {
	r := newChangeFixture(t)
	old := r.alice()
	if err := r.Delete(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	setPreferences := func() error {
		return r.SetPreferences(t.Context(), old.UserID, "alice", map[string]string{"theme": "dark"})
	}
	rename := func() error {
		_, err := r.SetProfile(t.Context(), old, new("Alice L."), nil)
		return err
	}
	if err := setPreferences(); err != authn.ErrNoUser {
		t.Errorf("preferences of an account that is gone: %v, want ErrNoUser", err)
	}
	if err := rename(); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("the profile of an account that is gone: %v, want ErrNotFound", err)
	}
	if _, err := r.Register(t.Context(), "alice", "", nil, phrase); err != nil {
		t.Fatal(err)
	}
	again := r.alice()
	if err := setPreferences(); err != authn.ErrNoUser {
		t.Errorf("preferences of an account made anew: %v, want ErrNoUser", err)
	}
	if err := rename(); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("the profile of an account made anew: %v, want ErrNotFound", err)
	}
	for _, none := range []string{"", "bob\n"} {
		if err := r.SetPreferences(t.Context(), old.UserID, none, nil); err != authn.ErrNoUser {
			t.Errorf("preferences of %q: %v, want ErrNoUser", none, err)
		}
	}
	if err := r.Delete(t.Context(), old); !errors.Is(err, accounts.ErrChanged) {
		t.Errorf("Delete = %v, want ErrChanged", err)
	}
	if now := r.alice(); now.Revision != again.Revision {
		t.Errorf("changed to %+v", now)
	}
}
