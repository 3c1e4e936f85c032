package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/accountstest"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/signin/authn"
)

var errEnd = errors.New("the sessions did not end")

const foreign = "plain$$an orchid, a tram and rain"

// imports stores an account as an import does, and returns it.
func imports(t *testing.T, d *accounts.Registrar, name, userID string) *accounts.Account {
	t.Helper()
	a, err := d.Imported(name, "", nil, foreign, userID)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Add(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	return a
}

func wantIdentified(t *testing.T, d *accounts.Registrar, userID string, want error) authn.Identity {
	t.Helper()
	who, err := d.Identify(t.Context(), userID)
	if !errors.Is(err, want) {
		t.Errorf("Identify(%q) = %v, want %v", userID, err, want)
	}
	if err == nil && who.User().ID != userID {
		t.Errorf("Identify(%q) found user ID %q", userID, who.User().ID)
	}
	return who
}

// A user is found by the user ID alone, byte for byte. Who is unknown, disabled or deleted
// is refused, and nobody gets the ID of a deleted user.
func TestIdentify(t *testing.T) {
	store := memaccounts.New()
	d := accounts.NewRegistrar(store, accounts.Config{Hasher: plain}).Checked()
	imports(t, d, "alice", "17")
	gone := imports(t, d, "bob", "18")
	if err := d.Delete(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	off := imports(t, d, "carol", "19")
	off, err := d.SetDisabled(t.Context(), off, true)
	if err != nil {
		t.Fatal(err)
	}
	// An import that stopped after its claim, and another user who has got the name since.
	accountstest.Claim(t, store, "\x01id/20", "dave")
	wantIdentified(t, d, "20", authn.ErrRefused)
	imports(t, d, "dave", "21")

	who := wantIdentified(t, d, "17", nil)
	if who.Closed() || who.ImportedHash() != foreign || who.User().Username != "alice" {
		t.Errorf("%+v, closed %t, hash %q", who.User(), who.Closed(), who.ImportedHash())
	}
	for _, unknown := range []string{"18", "19", "20", "017", " 17", "17 ", "1", "", "alice", "\x01deleted", "\xff", strings.Repeat("x", 5000)} {
		wantIdentified(t, d, unknown, authn.ErrRefused)
	}
	if _, err := d.SetDisabled(t.Context(), off, false); err != nil {
		t.Fatal(err)
	}
	if !wantIdentified(t, d, "19", nil).Closed() {
		t.Error("who was disabled is not closed once enabled again")
	}
}

// An outage is neither a refusal nor anybody.
func TestIdentifyInAnOutage(t *testing.T) {
	store := memaccounts.New()
	imports(t, accounts.NewRegistrar(store, accounts.Config{Hasher: plain}).Checked(), "alice", "17")
	for _, impossible := range []string{"", " 17", strings.Repeat("x", 255)} { // keys that a store may not take
		wantIdentified(t, accounts.NewRegistrar(brokenClaims{}, accounts.Config{Hasher: plain}), impossible, authn.ErrRefused)
	}
	for name, broken := range map[string]accounts.Registry{"accounts": brokenStore{store}, "claims": brokenClaims{store}} {
		who, err := accounts.NewRegistrar(broken, accounts.Config{Hasher: plain}).Identify(t.Context(), "17")
		if who != nil || err == nil || errors.Is(err, authn.ErrRefused) || errors.Is(err, authn.ErrBusy) {
			t.Errorf("%s: Identify = %v, %v; want an outage", name, who, err)
		}
	}
}

type brokenClaims struct{ accounts.Registry }

func (brokenClaims) Holder(context.Context, string) (string, error) { return "", errors.New("down") }

func (b brokenClaims) FindID(ctx context.Context, userID string) (*accounts.Account, error) {
	return accounts.FindByClaim(ctx, b, userID)
}

// While the password is being changed the user is busy. A change that was interrupted is
// over after its lease.
func TestIdentifyDuringAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newChangeFixture(t)
		id := r.alice().UserID
		crash := errors.New("crash")
		r.store.before[2], r.store.before[3] = func() error { return crash }, func() error { return crash }
		if err := r.change(func(context.Context) error { wantIdentified(t, r.Registrar, id, authn.ErrBusy); return nil }); !errors.Is(err, crash) {
			t.Fatal(err)
		}
		wantIdentified(t, r.Registrar, id, authn.ErrBusy)
		time.Sleep(accounts.Lease)
		r.store.before = nil
		wantIdentified(t, r.Registrar, id, nil)
		if !r.alice().FrozenUntil.IsZero() {
			t.Error("the account is frozen still")
		}
	})
}

// What happens to a user between Identify and Confirm is noticed, if it affects a sign-in.
func TestIdentityConfirms(t *testing.T) {
	changes := map[string]struct {
		do   func(d *accounts.Registrar, a *accounts.Account) error
		want error
	}{
		"nothing": {func(*accounts.Registrar, *accounts.Account) error { return nil }, nil},
		"preferences": {func(d *accounts.Registrar, a *accounts.Account) error {
			return d.SetPreferences(t.Context(), a.UserID, a.Name, map[string]string{"theme": "dark"})
		}, nil},
		"disabled": {func(d *accounts.Registrar, a *accounts.Account) error {
			_, err := d.SetDisabled(t.Context(), a, true)
			return err
		}, authn.ErrRefused},
		"deleted": {func(d *accounts.Registrar, a *accounts.Account) error { return d.Delete(t.Context(), a) }, authn.ErrRefused},
		"roles": {func(d *accounts.Registrar, a *accounts.Account) error {
			_, err := d.SetProfile(t.Context(), a, nil, &[]string{"x"})
			return err
		}, authn.ErrRefused},
		"password": {func(d *accounts.Registrar, a *accounts.Account) error {
			_, err := d.ChangePassword(t.Context(), a, newPhrase, noopEnd)
			return err
		}, authn.ErrRefused},
	}
	for name, change := range changes {
		d := accounts.NewRegistrar(memaccounts.New(), accounts.Config{Hasher: plain}).Checked()
		a := imports(t, d, "alice", "17")
		who := wantIdentified(t, d, "17", nil)
		if err := change.do(d, a); err != nil {
			t.Fatal(err)
		}
		if err := who.Confirm(t.Context()); !errors.Is(err, change.want) {
			t.Errorf("%s: Confirm = %v, want %v", name, err, change.want)
		}
	}
}

// The account is closed by the write that changes the password or disables it, whoever
// does it, and by no other; no write opens it again. The imported hash outlives a new hash of
// the same password, and no new password.
func TestClosed(t *testing.T) {
	store := memaccounts.New()
	d := accounts.NewRegistrar(store, accounts.Config{Hasher: plain}).Checked()
	state := func(step string, a *accounts.Account, err error, want string) *accounts.Account {
		t.Helper()
		stored := accountstest.Get(t, store, "alice")
		if a == nil {
			a = stored
		}
		got := fmt.Sprintf("%t %q %q", stored.Closed, stored.ImportedHash, stored.Origin)
		if err != nil || got != want || a.Closed != stored.Closed || a.ImportedHash != stored.ImportedHash {
			t.Errorf("after %s: %s, %v; want %s", step, got, err, want)
		}
		return stored
	}
	const open, closed = `false "` + foreign + `" "import"`, `true "` + foreign + `" "import"`
	a := imports(t, d, "alice", "17")
	state("the import", a, nil, open)
	a, err := authenticate(t.Context(), d, "alice", phrase)
	if a = state("a sign-in", a, err, open); a.PasswordHash == foreign {
		t.Error("the sign-in has left the hash as it was")
	}
	a, err = d.SetProfile(t.Context(), a, nil, &[]string{"x"})
	a = state("new roles", a, err, open)
	err = d.SetPreferences(t.Context(), a.UserID, "alice", map[string]string{"theme": "dark"})
	a = state("preferences", nil, err, open)
	a, err = d.SetDisabled(t.Context(), a, false)
	a = state("an enable", a, err, open)
	if _, err := d.ChangePassword(t.Context(), a, newPhrase, func(context.Context) error { return errEnd }); !errors.Is(err, errEnd) {
		t.Fatal(err)
	}
	a = state("a change that failed", nil, nil, open)
	a, err = d.SetDisabled(t.Context(), a, true)
	a = state("a disable", a, err, closed)
	a, err = d.SetDisabled(t.Context(), a, false)
	a = state("an enable", a, err, closed)
	a, err = d.ChangePassword(t.Context(), a, newPhrase, noopEnd)
	state("a change", a, err, `true "" "import"`)

	store = memaccounts.New()
	d = accounts.NewRegistrar(store, accounts.Config{Hasher: plain}).Checked()
	a, err = d.ChangePassword(t.Context(), imports(t, d, "alice", "17"), newPhrase, noopEnd)
	state("nothing but a change", a, err, `true "" "import"`)
	if got := wantIdentified(t, d, "17", nil).ImportedHash(); got != "" {
		t.Errorf("the imported hash is %q", got)
	}
}

// Accounts that an older release imported have no imported hash of their own. Until the
// first sign-in theirs is the foreign one, which nobody here has made.
func TestImportedByAnOlderRelease(t *testing.T) {
	for stored, want := range map[string]string{foreign: foreign, plain.Hash(phrase): ""} {
		store := memaccounts.New()
		d := accounts.NewRegistrar(store, accounts.Config{Hasher: plain}).Checked()
		a := imports(t, d, "alice", "17")
		a.Origin, a.ImportedHash, a.PasswordHash = "", "", stored
		if err := store.Update(t.Context(), a, "second"); err != nil {
			t.Fatal(err)
		}
		if got := wantIdentified(t, d, "17", nil).ImportedHash(); got != want {
			t.Errorf("the imported hash is %q, want %q", got, want)
		}
	}
}

// A program of a release before Closed does not set it. That it has changed the password,
// or disabled the account and enabled it again, shows in the credential version.
func TestClosedByAnOlderRelease(t *testing.T) {
	for _, test := range []struct {
		origin  string
		version int64
		closed  bool
	}{{"", 0, false}, {"", 1, true}, {accounts.OriginSignIn, 0, false}, {accounts.OriginSignIn, 2, true}, {accounts.OriginImport, 1, false}} {
		store := memaccounts.New()
		d := accounts.NewRegistrar(store, accounts.Config{Hasher: plain}).Checked()
		a := imports(t, d, "alice", "17")
		a.Origin, a.ImportedHash, a.CredentialVersion = test.origin, "", test.version
		if err := store.Update(t.Context(), a, "second"); err != nil {
			t.Fatal(err)
		}
		if got := wantIdentified(t, d, "17", nil).Closed(); got != test.closed {
			t.Errorf("%+v: closed %t", test, got)
		}
		row, err := d.Imported("alice", "", nil, foreignNew, "17")
		if err != nil {
			t.Fatal(err)
		}
		if differs := a.Differs(row); differs.Password != (test.origin == "" && !test.closed) {
			t.Errorf("%+v: %+v", test, differs)
		}
	}
}
