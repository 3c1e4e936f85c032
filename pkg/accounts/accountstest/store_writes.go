package accountstest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.com/coatcheck/pkg/accounts"
)

// changed returns the account with another value in each field that belongs to us alone.
func (t *storeTest) changed(a *accounts.Account, n int) *accounts.Account {
	next := a.Clone()
	next.PasswordHash, next.ImportedHash = fmt.Sprintf("%s%04d", t.hash[:len(t.hash)-4], n), fmt.Sprintf("$imported$%0160d", n)
	next.FrozenUntil = time.Date(2026, 11, 26, 12, 0, n%60, 0, time.FixedZone("", 5*3600+1800))
	next.Version, next.CredentialVersion = 1<<62+int64(n), 1<<61+int64(n) // more than a float64 holds
	next.Preferences = map[string]string{"theme": fmt.Sprint("ü", n), "empty": ""}
	next.Closed = true
	return next
}

// testUpdate: nothing that we write is lost, and nothing of before is left.
func testUpdate(t *storeTest) {
	a := t.add("updated")
	after := t.update(t.changed(a, 1))
	t.want(after)
	next := t.changed(after, 2)
	next.FrozenUntil, next.ImportedHash, next.Preferences = time.Time{}, "", map[string]string{"language": "de"}
	after = t.update(next)
	t.want(after)
	// What is not ours to write may be another one meanwhile.
	next = t.changed(after, 3)
	next.Attributes = map[string]string{"tenant": "of before"}
	if !t.renames {
		next.Username = strings.ToUpper(after.Username)
	}
	after.Revision = t.update(next).Revision
	next.Username, next.Attributes, next.Revision = after.Username, after.Attributes, after.Revision
	t.want(next)
}

// testProfile: what the store takes from the application, it either writes there or refuses
// to change. It never says that it has written what it has not.
func testProfile(t *storeTest) {
	for field, change := range map[string]func(*accounts.Account){
		"DisplayName": func(a *accounts.Account) { a.DisplayName = "Grüße, 😀" },
		"Roles":       func(a *accounts.Account) { a.Roles = []string{"admin", "staff"} },
		"Disabled":    func(a *accounts.Account) { a.Disabled = true },
	} {
		before := t.add("profile")
		next := before.Clone()
		change(next)
		after := next.Clone()
		after.Revision = rand.Text()
		if err := t.Store.Update(t.Context(), next, after.Revision); err != nil {
			after = before
		}
		if diff := differences(t.get(before.Name), after); diff != "" {
			t.Errorf("after an update of %s: %s", field, diff)
		}
	}
}

// testUpdateAgain: a write is sent again when its answer was lost. It is one write.
func testUpdateAgain(t *storeTest) {
	next := t.changed(t.add("again"), 1)
	want := t.update(next)
	if err := t.Store.Update(t.Context(), next, want.Revision); err != nil {
		t.Errorf("the same Update again = %v, want nil", err)
	}
	t.want(want)
	later := t.update(t.changed(want, 2))
	if err := t.Store.Update(t.Context(), next, want.Revision); err != nil && !errors.Is(err, accounts.ErrChanged) {
		t.Errorf("the same Update after another one = %v", err)
	}
	t.want(later)
}

// testUpdateLate: what has changed since it was read is not overwritten.
func testUpdateLate(t *storeTest) {
	before := t.add("late")
	want := t.update(t.changed(before, 1))
	if err := t.Store.SetPreferences(t.Context(), want.Name, want.UserID, nil, "settings"); err != nil {
		t.Fatal(err)
	}
	seen := want.Revision
	want.Revision = "settings"
	for _, revision := range []string{before.Revision, seen, "", "invented"} {
		late := t.changed(before, 2)
		late.Revision = revision
		if err := t.Store.Update(t.Context(), late, rand.Text()); !errors.Is(err, accounts.ErrChanged) {
			t.Errorf("Update from the revision %q, where it is %q, = %v; want ErrChanged", revision, want.Revision, err)
		}
		t.want(want)
	}
	nobody := t.changed(before, 3)
	nobody.Name, nobody.UserID = t.name("nobody"), "nobody"
	if err := t.Store.Update(t.Context(), nobody, "new"); !errors.Is(err, accounts.ErrChanged) {
		t.Errorf("Update of nobody = %v, want ErrChanged", err)
	}
	a, err := t.Store.Get(t.Context(), nobody.Name)
	t.wantNobody("Get after an Update of nobody", a, err)
}

// testUpdatesAtOnce tries it more than once: the first time, there may be a connection to wait for.
func testUpdatesAtOnce(t *storeTest) {
	a := t.add("contended")
	for range 8 {
		a = t.updatesAtOnce(a)
	}
}

// updatesAtOnce returns what the one of 16 updates has stored that wins.
func (t *storeTest) updatesAtOnce(a *accounts.Account) *accounts.Account {
	t.Helper()
	var won atomic.Int32
	var winner atomic.Pointer[accounts.Account]
	start := make(chan struct{})
	var wg sync.WaitGroup
	for n := range 16 {
		wg.Go(func() {
			<-start
			next := t.changed(a, n)
			revision := rand.Text()
			switch err := t.Store.Update(t.Context(), next, revision); {
			case err == nil:
				won.Add(1)
				next.Revision = revision
				winner.Store(next)
			case !errors.Is(err, accounts.ErrChanged):
				t.Errorf("Update = %v, want nil or ErrChanged", err)
			}
		})
	}
	close(start)
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d of 16 updates from one revision were applied, want 1", won.Load())
	}
	t.want(winner.Load())
	return winner.Load()
}

// interrupted is a context that ends when somebody looks at it for the nth time. A driver
// looks before and after each statement, so some n ends it between any two.
type interrupted struct {
	context.Context
	end  func()
	left atomic.Int64
}

func interruptedAt(ctx context.Context, n int) *interrupted {
	ctx, end := context.WithCancel(ctx)
	i := &interrupted{Context: ctx, end: end}
	i.left.Store(int64(n))
	return i
}

func (i *interrupted) look() {
	if i.left.Add(-1) == 0 {
		i.end()
	}
}

func (i *interrupted) Done() <-chan struct{} { i.look(); return i.Context.Done() }

func (i *interrupted) Err() error { i.look(); return i.Context.Err() }

// testInterrupted: wherever an update ends, in however many tables it writes, it is stored
// whole or not at all.
func testInterrupted(t *storeTest) {
	const most = 200 // looks at the context: the next one is too many to wait for
	states := []*accounts.Account{t.add("interrupted")}
	for n := 1; n <= most; n++ {
		before := t.get(states[0].Name)
		next := t.changed(before, n)
		after := next.Clone()
		after.Revision = rand.Text()
		states = append(states, after)
		ctx := interruptedAt(t.Context(), n)
		err := t.Store.Update(ctx, next, after.Revision)
		uninterrupted := ctx.left.Load() > 0
		ctx.end()
		now := t.get(before.Name)
		if !isOneOf(now, states) {
			t.Fatalf("an Update that ended with %v left half of it: %s", err, differences(now, after))
		}
		if applied := differences(now, after) == ""; err == nil != applied && (err == nil || errors.Is(err, accounts.ErrChanged)) {
			t.Fatalf("Update = %v, and is it applied? %t", err, applied)
		}
		if uninterrupted {
			return
		}
	}
}

func isOneOf(a *accounts.Account, all []*accounts.Account) bool {
	for _, other := range all {
		if differences(a, other) == "" {
			return true
		}
	}
	return false
}

// testReader: whoever reads while others write sees one of the writes, never parts of two.
func testReader(t *storeTest) {
	const writes = 40
	a := t.add("read")
	states := []*accounts.Account{a}
	for n := range writes {
		next := t.changed(a, n)
		next.Revision = fmt.Sprint("revision ", n)
		states = append(states, next)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n, next := range states[1:] {
			from := next.Clone()
			from.Revision = states[n].Revision
			if err := t.Store.Update(t.Context(), from, next.Revision); err != nil {
				t.Errorf("Update: %v", err)
				return
			}
		}
	}()
	for reading := true; reading && !t.Failed(); {
		select {
		case <-done:
			reading = false
		default:
		}
		for _, now := range []*accounts.Account{t.get(a.Name), t.find(a.UserID)} {
			if !isOneOf(now, states) {
				t.Errorf("a reader saw parts of two writes: %+v", now)
			}
		}
	}
	<-done
}

func testPreferences(t *storeTest) {
	first := t.add("first")
	if err := t.Store.SetPreferences(t.Context(), first.Name, first.UserID, map[string]string{"theme": "dark"}, "second"); err != nil {
		t.Fatal(err)
	}
	first.Preferences, first.Revision = map[string]string{"theme": "dark"}, "second"
	t.want(first)

	want := t.update(t.changed(t.add("settings"), 1))
	for range 2 { // sent twice it has the same result
		if err := t.Store.SetPreferences(t.Context(), want.Name, want.UserID, map[string]string{"theme": "light", "new": "ü"}, "third"); err != nil {
			t.Fatal(err)
		}
	}
	want.Preferences, want.Revision = map[string]string{"theme": "light", "new": "ü", "empty": ""}, "third"
	t.want(want)
}

func testPreferencesOfNobody(t *storeTest) {
	want, other := t.add("strange"), t.add("stranger")
	for name, id := range map[string]string{want.Name: other.UserID, t.name("nobody"): want.UserID} {
		if err := t.Store.SetPreferences(t.Context(), name, id, map[string]string{"theme": "light"}, "second"); !errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("SetPreferences(%q, %q) = %v, want ErrNotFound", name, id, err)
		}
	}
	t.want(want)
	t.want(other)
}

func testPreferencesAtOnce(t *storeTest) {
	want := t.update(t.changed(t.add("together"), 1))
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 16 {
		key, setting := "key"+strconv.Itoa(i), strconv.Itoa(i)
		want.Preferences[key] = setting
		wg.Go(func() {
			<-start
			if err := t.Store.SetPreferences(t.Context(), want.Name, want.UserID, map[string]string{key: setting}, rand.Text()); err != nil {
				t.Errorf("SetPreferences = %v; it needs no revision, and nobody else is in its way", err)
			}
		})
	}
	close(start)
	wg.Wait()
	want.Revision = t.get(want.Name).Revision
	t.want(want)
}

// testForeignPassword: a password that the application sets is never overwritten by what was
// read before, a sign-in under way with the old one fails, and known devices are strangers.
func testForeignPassword(t *storeTest) {
	if t.SetPassword == nil {
		return
	}
	untouched := t.add("foreign")
	written := t.update(t.changed(t.add("foreign"), 1))
	for _, before := range []*accounts.Account{untouched, written} {
		t.must(t.SetPassword(before.UserID, "$theirs 1$"))
		t.wantForeign(before, "$theirs 1$")
		between := t.get(before.Name)
		t.must(t.SetPassword(before.UserID, "$theirs 2$"))
		t.wantForeign(before, "$theirs 2$")
		t.wantForeign(between, "$theirs 2$")

		t.must(t.Store.SetPreferences(t.Context(), before.Name, before.UserID, map[string]string{"theme": "light"}, rand.Text()))
		t.wantForeign(before, "$theirs 2$")
		t.wantForeign(between, "$theirs 2$")
		now := t.get(before.Name)
		t.want(t.update(t.changed(now, 3)))
	}
	// A write of ours that is sent again, because its answer was lost, comes after theirs.
	next := t.changed(t.add("resent"), 1)
	after := t.update(next)
	t.must(t.SetPassword(after.UserID, "$theirs$"))
	if err := t.Store.Update(t.Context(), next, after.Revision); err != nil && !errors.Is(err, accounts.ErrChanged) {
		t.Errorf("Update sent again = %v", err)
	}
	t.wantForeign(after, "$theirs$")
}

// testForeignAtOnce: of a write of ours and one of the application's at the same moment,
// theirs stays. Ours may fail.
func testForeignAtOnce(t *storeTest) {
	const rounds = 60
	if t.SetPassword == nil {
		return
	}
	a := t.add("moment")
	for n := range rounds {
		before, theirs := t.get(a.Name), fmt.Sprintf("$theirs %d$", n)
		var ours sync.WaitGroup
		ours.Go(func() {
			if n%3 == 0 {
				t.Store.SetPreferences(t.Context(), a.Name, a.UserID, map[string]string{"theme": "light"}, rand.Text())
			} else {
				t.Store.Update(t.Context(), t.changed(before, n), rand.Text())
			}
		})
		err := t.SetPassword(a.UserID, theirs)
		ours.Wait()
		t.must(err)
		if hash := t.get(a.Name).PasswordHash; hash != theirs {
			t.Fatalf("the application has set the hash %s, and a write of ours at the same time has made it %s", theirs, hash)
		}
	}
}

// testForeignDisplayName: a write of ours does not bring back the display name of before.
func testForeignDisplayName(t *storeTest) {
	if t.SetDisplayName == nil {
		return
	}
	for _, before := range []*accounts.Account{t.add("called"), t.update(t.changed(t.add("called"), 1))} {
		t.must(t.SetDisplayName(before.UserID, "Ånn, 😀"))
		t.wantKept(before, func(a *accounts.Account) string { return a.DisplayName }, "Ånn, 😀")
	}
}

// testForeignRoles: a write of ours does not bring back the roles of before, and a sign-in
// under way that would get them fails.
func testForeignRoles(t *storeTest) {
	if t.SetRoles == nil {
		return
	}
	for _, before := range []*accounts.Account{t.add("roles"), t.update(t.changed(t.add("roles"), 1))} {
		for _, roles := range [][]string{{"admin", "staff"}, nil} {
			before = t.get(before.Name)
			t.must(t.SetRoles(before.UserID, roles))
			if now := t.get(before.Name); now.Version == before.Version {
				t.Errorf("the application has set other roles, and Version is as it was: %+v", now)
			}
			t.wantKept(before, func(a *accounts.Account) string { return strings.Join(a.Roles, " ") }, strings.Join(roles, " "))
		}
	}
}

// wantKept tests that the application has set a field since before was read, and that an
// Update from before leaves it so.
func (t *storeTest) wantKept(before *accounts.Account, field func(*accounts.Account) string, want string) {
	t.Helper()
	err := t.Store.Update(t.Context(), t.changed(before, 2), rand.Text())
	for _, now := range []*accounts.Account{t.get(before.Name), t.find(before.UserID)} {
		if got := field(now); got != want {
			t.Errorf("the application has set %q, and after an Update from the revision of before, which returned %v, it is %q", want, err, got)
		}
	}
}

func (t *storeTest) must(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantForeign tests that the application has set this hash since before was read.
func (t *storeTest) wantForeign(before *accounts.Account, hash string) {
	t.Helper()
	for _, now := range []*accounts.Account{t.get(before.Name), t.find(before.UserID)} {
		if now.PasswordHash != hash {
			t.Errorf("the hash is %s, want %s, which the application has set", now.PasswordHash, hash)
		}
		if now.Revision == before.Revision || now.Version == before.Version || now.CredentialVersion == before.CredentialVersion {
			t.Errorf("the application has set another password, and of Revision, Version and CredentialVersion one is as it was: %+v", now)
		}
	}
	if err := t.Store.Update(t.Context(), t.changed(before, 2), rand.Text()); !errors.Is(err, accounts.ErrChanged) {
		t.Errorf("Update from the revision of before = %v, want ErrChanged", err)
	}
	if now := t.get(before.Name); now.PasswordHash != hash {
		t.Errorf("an Update from the revision of before has overwritten what the application has set: %s", now.PasswordHash)
	}
}

// testForeignDisable: whom the application disables stays disabled, and a sign-in under way
// fails.
func testForeignDisable(t *storeTest) {
	if t.Disable == nil {
		return
	}
	for _, before := range []*accounts.Account{t.add("disabled"), t.update(t.changed(t.add("disabled"), 1))} {
		t.must(t.Disable(before.UserID))
		if now := t.get(before.Name); !now.Disabled || now.Revision == before.Revision || now.Version == before.Version {
			t.Errorf("the application has disabled the user: %+v", now)
		}
		if err := t.Store.Update(t.Context(), t.changed(before, 2), rand.Text()); !errors.Is(err, accounts.ErrChanged) {
			t.Errorf("Update from the revision of before = %v, want ErrChanged", err)
		}
		if !t.find(before.UserID).Disabled {
			t.Error("an Update from the revision of before has enabled the user")
		}
	}
}

// testForeignRemove: whom the application removes does not come back.
func testForeignRemove(t *storeTest) {
	if t.Remove == nil {
		return
	}
	for _, written := range []bool{false, true} {
		gone := t.add("removed") // the last one who was added, so that the number is free again
		if written {
			gone = t.update(t.changed(gone, 1))
		}
		t.must(t.Remove(gone.UserID))
		if err := t.Store.Update(t.Context(), t.changed(gone, 2), rand.Text()); !errors.Is(err, accounts.ErrChanged) {
			t.Errorf("Update = %v, want ErrChanged", err)
		}
		if err := t.Store.SetPreferences(t.Context(), gone.Name, gone.UserID, map[string]string{"theme": "light"}, rand.Text()); !errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("SetPreferences = %v, want ErrNotFound", err)
		}
		a, err := t.Store.Get(t.Context(), gone.Name)
		t.wantNobody("Get", a, err)
		a, err = t.Store.FindID(t.Context(), gone.UserID)
		t.wantNobody("FindID", a, err)
		t.wantStranger(gone)
	}
}

// wantStranger adds a user with the name of one whom the application has removed. Nothing of
// the old one is left to the new one, neither the user ID nor what stands beside the table.
func (t *storeTest) wantStranger(gone *accounts.Account) {
	t.Helper()
	id, err := t.Add(gone.Name, "$stranger$")
	if err != nil {
		return // the application never gives the name away
	}
	want := t.get(gone.Name)
	if id == gone.UserID || want.UserID != id {
		t.Fatalf("the user ID is %q, and that of the user of the same name who was removed was %q; want %q", want.UserID, gone.UserID, id)
	}
	if want.PasswordHash != "$stranger$" || want.Closed || want.Disabled || !want.FrozenUntil.IsZero() || len(want.Preferences) > 0 {
		t.Errorf("the user has something of the one who was removed: %+v", want)
	}
	if err := t.Store.Update(t.Context(), t.changed(gone, 3), rand.Text()); !errors.Is(err, accounts.ErrChanged) {
		t.Errorf("Update of the user who was removed = %v, want ErrChanged", err)
	}
	if err := t.Store.SetPreferences(t.Context(), gone.Name, gone.UserID, map[string]string{"theme": "light"}, rand.Text()); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("SetPreferences of the user who was removed = %v, want ErrNotFound", err)
	}
	t.want(want)
	a, err := t.Store.FindID(t.Context(), gone.UserID)
	t.wantNobody("FindID of the user who was removed", a, err)
}
