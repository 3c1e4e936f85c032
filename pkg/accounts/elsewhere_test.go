package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/testenv"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/accountstest"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/signin/authn"
)

// elsewhere is another system with one password, weak and old, for each of its users.
type elsewhere struct {
	mu    sync.Mutex
	users map[string]accounts.Person // by the name that was typed
	err   error                      // the answer to everybody
	asked []string
	pause func() // before each answer
}

const weak = "hunter2"

func (e *elsewhere) Ask(_ context.Context, username, pw string) (accounts.Person, error) {
	e.mu.Lock()
	e.asked = append(e.asked, username)
	who, ok := e.users[username]
	e.mu.Unlock()
	if e.pause != nil {
		e.pause()
	}
	switch {
	case e.err != nil:
		return who, e.err
	case !ok || pw != weak:
		return who, authn.ErrRefused
	}
	return who, nil
}

func newElsewhereFixture(t *testing.T, cfg throttle.Config) (*authenticatorFixture, *elsewhere) {
	t.Helper()
	r := newAuthenticatorFixture(t, cfg)
	other := &elsewhere{users: map[string]accounts.Person{}}
	r.authenticator = accounts.NewAsking(r.Registrar, r.limiter, other)
	return r, other
}

// Who signs in for the first time, with the password of the other system, is a user from
// then on, and the other system is not asked again.
func TestFirstSignInFromElsewhere(t *testing.T) {
	r, other := newElsewhereFixture(t, throttle.Config{})
	other.users["ALICE "] = accounts.Person{UserID: "017", Username: "Alice", DisplayName: "Alice A.", Roles: []string{"member"}}
	proof, err := r.signIn(t, "ALICE ", weak)
	if err != nil {
		t.Fatal(err)
	}
	user := proof.User()
	if got := fmt.Sprintf("%q %q %q %q", user.ID, user.Username, user.DisplayName, user.Roles); got != `"017" "Alice" "Alice A." ["member"]` {
		t.Errorf("signed in %s", got)
	}
	if err := proof.Confirm(t.Context()); err != nil {
		t.Error(err)
	}
	a := accountstest.Get(t, r.store, "alice")
	if a.Origin != accounts.OriginSignIn || a.Closed || a.ImportedHash != "" || a.Version != 1 || !plain.Current(a.PasswordHash) {
		t.Errorf("stored %+v", a)
	}
	wantIdentified(t, r.Registrar, "017", nil)
	other.users["ALICE "] = accounts.Person{}
	for pw, want := range map[string]error{weak: nil, "hunter3": authn.ErrRefused} {
		if _, err := r.signIn(t, "alice", pw); !errors.Is(err, want) {
			t.Errorf("a later sign-in with %q: %v, want %v", pw, err, want)
		}
	}
	if len(other.asked) != 1 {
		t.Errorf("asked %q, want once", other.asked)
	}
}

// Nobody is asked about a name that is ours, whatever its password, nor by who gives the
// password again, nor for input that no account can have.
func TestNobodyIsAskedElsewhere(t *testing.T) {
	r, other := newElsewhereFixture(t, throttle.Config{})
	r.put(t, "alice", plain.Hash(phrase), false)
	r.put(t, "off", plain.Hash(phrase), true)
	r.put(t, "strasse", plain.Hash(phrase), false)
	for _, a := range []authn.Attempt{
		{Username: "Alice", Password: weak}, {Username: "off", Password: phrase}, {Username: "STRAẞE", Password: weak}, {Username: " ", Password: weak},
		{Username: "a\x00b", Password: weak}, {Username: "nobody", Password: strings.Repeat("x", 1025)}, {Username: "nobody", Password: weak, UserID: "1"},
	} {
		if _, err := r.authenticator.Authenticate(t.Context(), a); !errors.Is(err, authn.ErrRefused) {
			t.Errorf("%q: %v", a.Username, err)
		}
	}
	if len(other.asked) != 0 {
		t.Errorf("asked about %q", other.asked)
	}
}

// A yes counts only for the name that was typed, and if neither the name nor the ID is
// ours. Everything else is as a wrong password: the same error, hashes and counts, and
// nothing is stored.
func TestYesThatDoesNotCount(t *testing.T) {
	r, other := newElsewhereFixture(t, throttle.Config{})
	bob := imports(t, r.Registrar, "bob", "18")
	if err := r.Delete(t.Context(), imports(t, r.Registrar, "gone", "19")); err != nil {
		t.Fatal(err)
	}
	before := accountstest.Get(t, r.store, "bob")
	other.users["alicé"] = accounts.Person{UserID: "17", Username: "alice"} // as MySQL compares
	other.users["alice"] = accounts.Person{UserID: "18", Username: "alice"} // the ID of bob
	other.users["gone"] = accounts.Person{UserID: "19", Username: "gone"}
	other.users["mallory"] = accounts.Person{UserID: "20", Username: "bob"}
	// Whom no account can be.
	other.users["no id"] = accounts.Person{Username: "no id"}
	other.users["bad id"] = accounts.Person{Username: "bad id", UserID: " 21"}
	other.users["roles"] = accounts.Person{Username: "roles", UserID: "21", Roles: []string{"a,b"}}
	other.users["display"] = accounts.Person{Username: "display", UserID: "21", DisplayName: "\x1b"}
	other.users["no name"] = accounts.Person{UserID: "21"}
	for _, name := range []string{"nobody", "alicé", "alice", "gone", "mallory", "no id", "bad id", "roles", "display", "no name"} {
		hashes, counts := r.checked.Load(), r.counters.counts.Load()
		proof, err := r.signIn(t, name, weak)
		if proof != nil || !errors.Is(err, authn.ErrRefused) {
			t.Errorf("%s: %v, %v; want ErrRefused", name, proof, err)
		}
		if h, c := r.checked.Load()-hashes, r.counters.counts.Load()-counts; h != 1 || c != 2 {
			t.Errorf("%s: %d hashes checked and %d counts, want 1 and 2", name, h, c)
		}
		if _, err := r.store.Get(t.Context(), name); !errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("%s is stored: %v", name, err)
		}
	}
	if got := accountstest.Get(t, r.store, "bob"); got.Revision != before.Revision || got.UserID != bob.UserID {
		t.Errorf("bob is now %+v", got)
	}
	if r.counters.withdrawals.Load() != 0 {
		t.Error("an attempt was taken off the counters")
	}
}

// Attempts are counted before anybody is asked. One that may not go on asks nobody, and
// one that the other system does not answer is nobody's failure.
func TestAskingIsThrottled(t *testing.T) {
	r, other := newElsewhereFixture(t, throttle.Config{
		Name: throttle.Ladder{Free: 2, First: time.Hour, Longest: time.Hour, Lock: 100}, Network: throttle.Window{Limit: 4, Period: testenv.Period()},
	})
	down := errors.New("down")
	other.err = down
	for range 10 {
		if _, err := r.signIn(t, "alice", weak); !errors.Is(err, down) {
			t.Fatalf("%v, want an outage", err)
		}
	}
	other.err, other.asked = nil, nil
	refused := 0
	for range 4 {
		if _, err := r.signIn(t, "alice", weak); errors.Is(err, authn.ErrRefused) {
			refused++
		}
	}
	if refused != 2 || len(other.asked) != 2 {
		t.Errorf("%d attempts on one name were refused, and %d asked about; want 2", refused, len(other.asked))
	}
	other.asked = nil
	for i := range 5 {
		r.signIn(t, fmt.Sprint("name", i), weak)
	}
	if len(other.asked) != 2 {
		t.Errorf("a network that is stopped asked about %q", other.asked)
	}
}

// Names that were never checked are an outage: an operator has to mend that, and no user is
// told that the password is wrong.
func TestAskingInAnOutage(t *testing.T) {
	r, other := newElsewhereFixture(t, throttle.Config{})
	other.users["alice"] = accounts.Person{UserID: "17", Username: "alice"}
	unchecked := accounts.NewRegistrar(memaccounts.New(), accounts.Config{})
	if _, err := accounts.NewAsking(unchecked, r.limiter, other).Authenticate(t.Context(), authn.Attempt{Username: "alice", Password: weak}); !errors.Is(err, accounts.ErrUnchecked) {
		t.Errorf("before the names were checked: %v", err)
	}
	if got := r.counters.counts.Load() - r.counters.withdrawals.Load(); got != 0 {
		t.Errorf("%d attempts stay counted", got)
	}
	if _, err := r.signIn(t, "alice", weak); err != nil {
		t.Errorf("once it is mended: %v", err)
	}
}

// Of many first sign-ins at once one stores the user. The others prove their passwords
// against what is stored, also where the other system has two passwords for a moment.
func TestFirstSignInsAtOnce(t *testing.T) {
	for _, sameID := range []bool{true, false} {
		r, other := newElsewhereFixture(t, throttle.Config{Name: throttle.Ladder{Free: 100, First: time.Second, Longest: time.Second, Lock: 1000}})
		const n = 4
		together := sync.WaitGroup{}
		together.Add(n)
		other.pause = func() { together.Done(); together.Wait() }
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			asked := &elsewhere{pause: other.pause, users: map[string]accounts.Person{"alice": {UserID: fmt.Sprint(i), Username: "alice"}}}
			if sameID {
				asked.users["alice"] = accounts.Person{UserID: "17", Username: "alice"}
			}
			wg.Go(func() {
				var proof authn.Proof
				proof, errs[i] = accounts.NewAsking(r.Registrar, r.limiter, asked).Authenticate(t.Context(), authn.Attempt{Username: "alice", Password: weak, Address: "192.0.2.1"})
				if errs[i] == nil {
					errs[i] = proof.Confirm(t.Context())
				}
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Errorf("same ID %t: %v", sameID, err)
		}
	}

	r, other := newElsewhereFixture(t, throttle.Config{})
	other.users["alice"] = accounts.Person{UserID: "17", Username: "alice"}
	other.pause = func() { // somebody else is first, with another password
		a := imports(t, r.Registrar, "alice", "17")
		if _, err := r.ChangePassword(t.Context(), a, newPhrase, noopEnd); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.signIn(t, "alice", weak); !errors.Is(err, authn.ErrRefused) {
		t.Errorf("who lost with another password: %v, want ErrRefused", err)
	}
}
