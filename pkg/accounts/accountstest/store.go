package accountstest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/password"
)

// Users are the users of an application, as [Run] needs them: the store that is tested, and
// what the application itself does with them. Each function fails only if it must, and is
// called by one goroutine at a time, also while the store is in use.
type Users struct {
	// Store is the store that is tested.
	Store accounts.Store

	// Second is another Store of the same users, as another process has it: made anew, with
	// connections of its own. The tests run a second time then, and what one store has
	// written the other one must read: an account in the memory of a process, or a lock there,
	// is nothing to another process. nil: no other process can have these users.
	Second accounts.Store

	// Hasher is that of accounts.Config: the hashes that the tests write are as long as those
	// that it makes.
	Hasher password.Hasher

	// Add adds a user as the application does, and returns the user's ID. The name is what the
	// user types to sign in; if the application writes it in another way, in lower case for
	// example, so does Add. Add leaves everything empty that may be empty, NULL where that is
	// possible, and lets the user sign in. An error means that the application can have no
	// such user, for example because the name is taken.
	Add func(name, hash string) (userID string, err error)

	// SetPassword sets the hash of a user's password as the application does, which knows
	// nothing of a revision. nil: the application never does it.
	SetPassword func(userID, hash string) error

	// SetDisplayName gives a user another display name as the application does. nil: it never
	// does it.
	SetDisplayName func(userID, name string) error

	// SetRoles gives a user other roles as the application does. nil: it never does it.
	SetRoles func(userID string, roles []string) error

	// Disable keeps a user from signing in as the application does. nil: it never does it.
	Disable func(userID string) error

	// Remove removes a user as the application does. nil: it never does it.
	Remove func(userID string) error

	renames bool // Update stores the user name too, as that of a Registry does
}

// Run tests an [accounts.Store] whose users are those of another application: every promise
// of its documentation that calls can show. It adds about a hundred users, with names that
// nobody has, and needs no empty table. A store of which users are added by an
// [accounts.Registrar] is tested by [RunRegistry].
//
// Run cannot see all. It does not see that a store reads from a replica that is late, or
// what only a process in another time zone does: run it with TZ=Asia/Kolkata too.
func Run(t *testing.T, newUsers func(*testing.T) Users) {
	users := newUsers(t)
	runChecks(t, users)
	if users.Second != nil {
		t.Run("two processes", func(t *testing.T) { runChecks(t, users.inTwoProcesses()) })
	}
}

func runChecks(t *testing.T, users Users) {
	hash := users.Hasher.Hash("seven quiet umbrellas")
	for _, c := range storeChecks {
		t.Run(c.name, func(t *testing.T) { c.run(&storeTest{t, users, hash}) })
	}
}

// processes is the Store of two processes. Both write, in turn, and the second one reads. So
// it reads what it has not written itself.
type processes struct {
	stores [2]accounts.Store
	writes atomic.Uint32
}

func (u Users) inTwoProcesses() Users {
	u.Store = &processes{stores: [2]accounts.Store{u.Store, u.Second}}
	return u
}

func (p *processes) next() accounts.Store { return p.stores[p.writes.Add(1)%2] }

func (p *processes) Get(ctx context.Context, name string) (*accounts.Account, error) {
	return p.stores[1].Get(ctx, name)
}

func (p *processes) FindID(ctx context.Context, userID string) (*accounts.Account, error) {
	return p.stores[1].FindID(ctx, userID)
}

func (p *processes) Update(ctx context.Context, a *accounts.Account, newRevision string) error {
	return p.next().Update(ctx, a, newRevision)
}

func (p *processes) SetPreferences(ctx context.Context, name, userID string, settings map[string]string, newRevision string) error {
	return p.next().SetPreferences(ctx, name, userID, settings, newRevision)
}

// storeChecks are the tests of a Store.
var storeChecks = []struct {
	name string
	run  func(*storeTest)
}{
	{"a user of the application", testUser},
	{"names that nobody has", testUnknown},
	{"one name is one user", testOneName},
	{"a name of two users", testTwoUsers},
	{"user IDs are compared byte by byte", testIDs},
	{"an update replaces everything", testUpdate},
	{"an update keeps or refuses what the application has", testProfile},
	{"an update sent again", testUpdateAgain},
	{"an update that comes too late", testUpdateLate},
	{"one of 16 updates wins", testUpdatesAtOnce},
	{"an update is whole or not at all", testInterrupted},
	{"a reader sees an update whole", testReader},
	{"an account belongs to its reader", testCopies},
	{"preferences are set and nothing else", testPreferences},
	{"preferences of nobody, and of another user", testPreferencesOfNobody},
	{"preferences set at once are all kept", testPreferencesAtOnce},
	{"a password that the application sets", testForeignPassword},
	{"a password that the application sets at the same time", testForeignAtOnce},
	{"a display name that the application sets", testForeignDisplayName},
	{"roles that the application sets", testForeignRoles},
	{"a user whom the application disables", testForeignDisable},
	{"a user whom the application removes", testForeignRemove},
	{"a context that has ended is an outage", testEnded},
}

// storeTest is one test of a Store.
type storeTest struct {
	testing.TB
	Users
	hash string // one that Hasher has made
}

// name returns a name that nobody has, and that contains text.
func (t *storeTest) name(text string) string {
	return text + "." + strings.ToLower(rand.Text()[:12]) + "@example.com"
}

// add adds a user with a name of its own, and returns the account.
func (t *storeTest) add(text string) *accounts.Account {
	t.Helper()
	name := t.name(text)
	id, err := t.Add(strings.ToUpper(name[:1])+name[1:], "$added$")
	if err != nil {
		t.Fatalf("adding the user %q: %v", name, err)
	}
	a := t.get(name)
	if a.UserID != id {
		t.Fatalf("Get(%q) has the user ID %q, want %q", name, a.UserID, id)
	}
	return a
}

func (t *storeTest) get(name string) *accounts.Account {
	t.Helper()
	a, err := t.Store.Get(t.Context(), name)
	if err != nil || a == nil {
		t.Fatalf("Get(%q) = %v, %v", name, a, err)
	}
	return a
}

func (t *storeTest) find(id string) *accounts.Account {
	t.Helper()
	a, err := t.Store.FindID(t.Context(), id)
	if err != nil || a == nil {
		t.Fatalf("FindID(%q) = %v, %v", id, a, err)
	}
	return a
}

// update stores the account, and returns what it is afterwards.
func (t *storeTest) update(a *accounts.Account) *accounts.Account {
	t.Helper()
	after := a.Clone()
	after.Revision = rand.Text()
	if err := t.Store.Update(t.Context(), a, after.Revision); err != nil {
		t.Fatalf("Update: %v", err)
	}
	return after
}

// want compares the account that is stored under want.Name and want.UserID.
func (t *storeTest) want(want *accounts.Account) {
	t.Helper()
	if diff := differences(t.get(want.Name), want); diff != "" {
		t.Errorf("Get: %s", diff)
	}
	if diff := differences(t.find(want.UserID), want); diff != "" {
		t.Errorf("FindID: %s", diff)
	}
}

// wantNobody reports an error unless the results of Get or FindID are those for nobody.
func (t *storeTest) wantNobody(call string, a *accounts.Account, err error) {
	t.Helper()
	if a != nil || !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("%s = %+v, %v; want ErrNotFound", call, a, err)
	}
}

// differences says in which fields two accounts differ. Where a user comes from is the
// store's own affair.
func differences(got, want *accounts.Account) string {
	var all []string
	g, w := reflect.ValueOf(*got), reflect.ValueOf(*want)
	for i := range g.NumField() {
		name, got, want := g.Type().Field(i).Name, g.Field(i).Interface(), w.Field(i).Interface()
		if name != "Origin" && !same(got, want) {
			all = append(all, fmt.Sprintf("%s is %v, want %v", name, got, want))
		}
	}
	return strings.Join(all, "; ")
}

// same reports whether two values of a field mean the same: no roles are no roles, and a
// time is one moment, wherever it was written.
func same(a, b any) bool {
	switch a := a.(type) {
	case time.Time:
		return a.Equal(b.(time.Time))
	case []string:
		return slices.Equal(a, b.([]string))
	case map[string]string:
		return maps.Equal(a, b.(map[string]string))
	}
	return a == b
}

// testUser: what the application knows nothing of is empty, and nothing is missing.
func testUser(t *storeTest) {
	a := t.add("plain")
	if diff := differences(t.find(a.UserID), a); diff != "" {
		t.Errorf("FindID is not what Get is: %s", diff)
	}
	if a.PasswordHash != "$added$" || a.Disabled || !a.FrozenUntil.IsZero() || a.Closed || a.DisplayName == "" {
		t.Errorf("got %+v; want the hash $added$, a display name, and nobody who is disabled, frozen or closed", a)
	}
	if key, err := accounts.Normalize(a.Username); err != nil || key != a.Name {
		t.Errorf("the user name %q is not the name %q (%v)", a.Username, a.Name, err)
	}
	if again := t.get(a.Name); again.Version != a.Version || again.Revision != a.Revision || again.CredentialVersion != a.CredentialVersion {
		t.Errorf("read twice: %+v\nand        %+v", a, again)
	}
}

// testCopies: what a caller does with an account changes nobody else's.
func testCopies(t *storeTest) {
	a := t.add("copies")
	a.Preferences = map[string]string{"theme": "dark"}
	want := t.update(a)
	a.Preferences["theme"] = "changed"
	for range 2 {
		for _, got := range []*accounts.Account{t.get(a.Name), t.find(a.UserID)} {
			if diff := differences(got, want); diff != "" {
				t.Fatalf("a caller's change reached the store: %s", diff)
			}
			got.Preferences["theme"], got.PasswordHash, got.Version = "changed", "$changed$", 99
		}
	}
	settings := map[string]string{"theme": "light"}
	if err := t.Store.SetPreferences(t.Context(), a.Name, a.UserID, settings, "r"); err != nil {
		t.Fatal(err)
	}
	settings["theme"] = "changed"
	if got := t.get(a.Name).Preferences["theme"]; got != "light" {
		t.Errorf("the theme is %q, as the caller's map has it now; want light", got)
	}
}

// testEnded: what cannot be done now is none of the answers of the contract.
func testEnded(t *storeTest) {
	want := t.add("ended")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	answers := []error{accounts.ErrNotFound, accounts.ErrChanged, accounts.ErrExists}
	check := func(call string, err error) {
		t.Helper()
		if err == nil || slices.ContainsFunc(answers, func(answer error) bool { return errors.Is(err, answer) }) {
			t.Errorf("%s with a context that has ended = %v; want an outage", call, err)
		}
	}
	_, err := t.Store.Get(ended, want.Name)
	check("Get", err)
	_, err = t.Store.FindID(ended, want.UserID)
	check("FindID", err)
	next := want.Clone()
	next.PasswordHash = "$ended$"
	check("Update", t.Store.Update(ended, next, "ended"))
	check("SetPreferences", t.Store.SetPreferences(ended, want.Name, want.UserID, map[string]string{"theme": "light"}, "ended"))
	t.want(want)
}
