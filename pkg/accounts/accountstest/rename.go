package accountstest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/signin/authn"
)

// runRenames tests what [accounts.Registrar.Rename] promises.
func runRenames(t *testing.T, n *names) {
	n.run(t, "a renamed user keeps everything but the name", func(t *testing.T) {
		d := n.directory(n.store)
		before := n.renamable(t, "before")
		after, err := d.Rename(t.Context(), before, " After@Example.com", nothingAlong)
		if err != nil {
			t.Fatal(err)
		}
		want := before.Clone()
		want.Name, want.Username, want.Version, want.Revision = "after@example.com", "After@Example.com", before.Version+2, after.Revision
		if diff := differences(after, want); diff != "" {
			t.Errorf("returned: %s", diff)
		}
		wantAccount(t, n.store, want)
		n.wantRenamed(t, before, "after@example.com")
		n.add(t, "before", rand.Text()) // the name is free
		if err := d.Add(t.Context(), n.account(t, "third", before.UserID)); !errors.Is(err, accounts.ErrIDTaken) {
			t.Errorf("adding the same user ID: %v", err)
		}
		n.delete(t, d, after)
	})

	n.run(t, "another spelling of the name", func(t *testing.T) {
		before := n.renamable(t, "spelled@example.com")
		before.DisplayName = before.Username // as if nobody has given one
		want(t, n.store.Update(t.Context(), before, "spelled"), nil)
		before.Revision = "spelled"
		after, err := n.directory(n.store).Rename(t.Context(), before, "Spelled@Example.com", nothingAlong)
		if err != nil {
			t.Fatal(err)
		}
		want := before.Clone()
		want.Username, want.DisplayName, want.Revision = "Spelled@Example.com", "Spelled@Example.com", after.Revision
		wantAccount(t, n.store, want)
	})

	n.run(t, "a name that somebody has changes nothing", func(t *testing.T) {
		n.add(t, "somebody", rand.Text())
		n.earlier(t, "claimß")
		n.check(t, n.directory(n.store))
		before := n.renamable(t, "unchanged")
		for _, name := range []string{"Somebody", "claimss", "CLAIMß"} {
			_, err := n.directory(n.store).Rename(t.Context(), before, name, nothingAlong)
			want(t, err, accounts.ErrExists)
			wantAccount(t, n.store, before)
		}
		if _, err := n.directory(n.store).Rename(t.Context(), before, " ", nothingAlong); err == nil {
			t.Error("an empty name is taken")
		}
		down := errors.New("down")
		failing := nothingAlong
		failing.Before = func(context.Context, *accounts.Account, *accounts.Account) error { return down }
		_, err := n.directory(n.store).Rename(t.Context(), before, "changed", failing)
		want(t, err, down)
		n.wantNotRenamed(t, before, "changed")
	})

	n.run(t, "a user from before the rule of names", func(t *testing.T) {
		before := n.earlier(t, "renamedß")
		n.check(t, n.directory(n.store))
		wantHolder(t, n.store, "renamedss", before.Name)
		_, err := n.directory(n.store).Rename(t.Context(), before, "RENAMEDSS", nothingAlong)
		want(t, err, accounts.ErrExists)
		if _, err := n.directory(n.store).Rename(t.Context(), before, "of today", nothingAlong); err != nil {
			t.Fatal(err)
		}
		n.wantRenamed(t, before, "of today")
		wantHolder(t, n.store, "renamedss", "")
	})

	n.run(t, "a name that is claimed for an account that is gone", func(t *testing.T) {
		Claim(t, n.store, "staless", "staleß")
		before := n.renamable(t, "before stale")
		if _, err := n.directory(n.store).Rename(t.Context(), before, "staless", nothingAlong); err != nil {
			t.Fatal(err)
		}
		n.wantRenamed(t, before, "staless")
	})

	n.run(t, "wherever it is cut, one name is the user's, and again it finishes", func(t *testing.T) { n.cutRenames(t) })

	n.run(t, "whatever happens meanwhile is kept", func(t *testing.T) {
		for what, do := range meanwhile {
			for call := range renameCalls {
				before := n.renamable(t, fmt.Sprint(what, "-", call))
				h := &hooked{Registry: n.store, before: once(call, func() { do(n, t, before, before.Name+"-new") })}
				_, err := n.directory(h).Rename(t.Context(), before, before.Name+"-new", nothingAlong)
				if err != nil && !errors.Is(err, authn.ErrBusy) && !errors.Is(err, accounts.ErrNotFound) && !errors.Is(err, accounts.ErrExists) {
					t.Errorf("%s before call %d: %v", what, call, err)
				}
				if h.calls <= call {
					break // nothing was done
				}
				if call == renameCalls-1 {
					t.Fatal("a change of a name makes more calls than are tried here")
				}
				found := n.users(t, before.UserID)
				switch {
				case what == "a delete" && len(found) != 0:
					t.Errorf("deleted before call %d, and there is %+v", call, found)
				case what == "a delete":
				case len(found) != 1:
					t.Errorf("%s before call %d: there are %+v", what, call, found)
				case what == "a setting" && found[0].Preferences["theme"] != "light":
					t.Errorf("set before call %d, and it is %v (%v)", call, found[0].Preferences, err)
				case what == "a disable" && !found[0].Disabled:
					t.Errorf("disabled before call %d, and the user is not (%v)", call, err)
				}
				n.clear(t)
			}
		}
	})

	n.run(t, "a user who is deleted after a change that was cut is gone", func(t *testing.T) {
		for call := range renameCalls {
			before := n.renamable(t, fmt.Sprint("cut and deleted-", call))
			n.directory(cut(n.store, call, false)).Rename(t.Context(), before, before.Name+"-new", nothingAlong)
			n.remove(t, before, before.Name+"-new")
			if found := n.users(t, before.UserID); len(found) != 0 {
				t.Errorf("cut before call %d, and there is %+v", call, found)
			}
		}
	})

	n.run(t, "a user who gets another name meanwhile is not taken for deleted", func(t *testing.T) {
		for call := range renameCalls {
			before := n.renamable(t, fmt.Sprint("deleted-", call))
			h := &hooked{Registry: n.store, before: once(call, func() {
				if a, err := n.directory(n.store).FindID(t.Context(), before.UserID); err == nil {
					n.directory(n.store).Rename(t.Context(), a, before.Name+"-new", nothingAlong)
				}
			})}
			err := n.directory(h).Delete(t.Context(), before)
			if found := n.users(t, before.UserID); err == nil && len(found) != 0 {
				t.Errorf("renamed before call %d: deleted, and there is %+v", call, found)
			}
			if h.calls <= call {
				break // nothing was done
			}
			if call == renameCalls-1 {
				t.Fatal("a deletion makes more calls than are tried here")
			}
		}
	})

	n.run(t, "after a change that was cut, another name can be chosen", func(t *testing.T) {
		for call := range renameCalls {
			before := n.renamable(t, fmt.Sprint("other-", call))
			n.directory(cut(n.store, call, false)).Rename(t.Context(), before, before.Name+"-first", nothingAlong)
			d := n.directory(n.store)
			n.leaseEnds(t, before.Name)
			now, err := d.FindID(t.Context(), before.UserID)
			if err != nil {
				t.Fatal(err)
			}
			if now.Name != before.Name {
				continue // it has the first name already
			}
			if _, err := d.Rename(t.Context(), now, before.Name+"-second", nothingAlong); err != nil {
				t.Fatalf("cut before call %d: %v", call, err)
			}
			n.wantRenamed(t, before, before.Name+"-second")
			n.add(t, before.Name+"-first", rand.Text())
		}
	})
}

// renameCalls is how many calls a change of a name makes at most, and some more.
const renameCalls = 15

// nothingAlong is for users with whom nothing goes along.
var nothingAlong = accounts.Along{
	Before: func(context.Context, *accounts.Account, *accounts.Account) error { return nil },
	After:  func(context.Context, *accounts.Account, *accounts.Account) error { return nil },
}

// meanwhile is what others do while a name is changed.
var meanwhile = map[string]func(n *names, t *testing.T, before *accounts.Account, to string){
	"a delete": func(n *names, t *testing.T, before *accounts.Account, to string) { n.remove(t, before, to) },
	"a setting": func(n *names, t *testing.T, before *accounts.Account, to string) {
		for _, name := range []string{before.Name, to} {
			a, err := n.directory(n.store).Find(t.Context(), name)
			if err == nil && a.UserID == before.UserID {
				want(t, n.store.SetPreferences(t.Context(), name, a.UserID, map[string]string{"theme": "light"}, rand.Text()), nil)
				return
			}
		}
		t.Errorf("neither %q nor %q is the user's", before.Name, to)
	},
	"a disable": func(n *names, t *testing.T, before *accounts.Account, _ string) {
		d := n.directory(n.store)
		a, err := d.FindID(t.Context(), before.UserID)
		if err == nil {
			_, err = d.SetDisabled(t.Context(), a, true)
		}
		want(t, err, nil)
	},
	"another new name": func(n *names, t *testing.T, before *accounts.Account, to string) { n.renameToo(t, before, to+"er") },
	"the same new name, when the lease is over": func(n *names, t *testing.T, before *accounts.Account, to string) {
		n.leaseEnds(t, before.Name)
		n.renameToo(t, before, to)
	},
	"another one, when the lease is over": func(n *names, t *testing.T, before *accounts.Account, to string) {
		n.leaseEnds(t, before.Name)
		n.renameToo(t, before, to+"er")
	},
}

// renameToo gives the user another name, while somebody else does, or finds the account busy.
func (n *names) renameToo(t *testing.T, before *accounts.Account, to string) {
	t.Helper()
	d := n.directory(n.store)
	a, err := d.FindID(t.Context(), before.UserID)
	if err == nil {
		_, err = d.Rename(t.Context(), a, to, nothingAlong)
	}
	if err != nil && !errors.Is(err, authn.ErrBusy) {
		t.Errorf("%q at the same time: %v", to, err)
	}
}

// cutRenames cuts a change of a name before each of its calls, and loses the answer of each.
func (n *names) cutRenames(t *testing.T) {
	for i := range 2 * renameCalls {
		lost := i%2 == 1
		before := n.renamable(t, fmt.Sprint("cut-", i))
		to := before.Name + "-new"
		n.directory(cut(n.store, i/2, lost)).Rename(t.Context(), before, to, nothingAlong)
		d := n.directory(n.store)
		byID, err := d.FindID(t.Context(), before.UserID)
		if err != nil {
			t.Errorf("cut at call %d, lost %v: nobody has the user ID: %v", i/2, lost, err)
			continue
		}
		for _, name := range []string{before.Name, to} {
			a, err := d.Find(t.Context(), name)
			if isHis := err == nil && a.UserID == before.UserID; isHis != (name == byID.Name) {
				t.Errorf("cut at call %d, lost %v: %q is %+v, %v; the user ID is that of %q", i/2, lost, name, a, err, byID.Name)
			}
		}
		n.leaseEnds(t, before.Name)
		identity, err := n.directory(n.store).Identify(t.Context(), before.UserID) // it does what a sign-in does
		if err == nil {
			err = identity.Confirm(t.Context())
		}
		if err != nil {
			t.Errorf("cut at call %d, lost %v: the user cannot sign in: %v", i/2, lost, err)
		}
		again, err := d.Find(t.Context(), before.Name)
		if errors.Is(err, accounts.ErrNotFound) {
			again, err = d.Find(t.Context(), to)
		}
		if err == nil && again.Name == to && again.RenamedFrom == "" {
			continue // it was complete
		}
		if err == nil {
			along := nothingAlong
			along.After = func(_ context.Context, from, _ *accounts.Account) error {
				if from.Name != before.Name {
					t.Errorf("cut at call %d, lost %v; again: what goes along goes from %q, want %q", i/2, lost, from.Name, before.Name)
				}
				return nil
			}
			_, err = d.Rename(t.Context(), again, to, along)
		}
		if err != nil {
			t.Errorf("cut at call %d, lost %v; again: %v", i/2, lost, err)
		}
		n.wantRenamed(t, before, to)
	}
}

// cut returns the store, of which every call from one on fails, before it is made or after.
func cut(store accounts.Registry, call int, lost bool) *hooked {
	stop := func(at int) error {
		if at >= call {
			return errors.New("cut")
		}
		return nil
	}
	if lost {
		return &hooked{Registry: store, after: stop}
	}
	return &hooked{Registry: store, before: stop}
}

// renamable adds a user with a value in every field that may have one.
func (n *names) renamable(t *testing.T, name string) *accounts.Account {
	t.Helper()
	a := Sample(name)
	a.Username, a.Version, a.CredentialVersion = name, 7, 3
	a.Disabled, a.FrozenUntil, a.RenamedTo, a.RenamedFrom = false, time.Time{}, "", ""
	want(t, n.directory(n.store).Add(t.Context(), a), nil)
	return a
}

func (n *names) add(t *testing.T, name, userID string) {
	t.Helper()
	want(t, n.directory(n.store).Add(t.Context(), n.account(t, name, userID)), nil)
}

// remove does what an operator does to delete a user, whatever the name is now.
func (n *names) remove(t *testing.T, before *accounts.Account, to string) {
	t.Helper()
	for range 3 {
		d := n.directory(n.store)
		for _, name := range []string{before.Name, to} {
			a, err := d.Find(t.Context(), name)
			if err != nil || a.UserID != before.UserID {
				continue
			}
			if a, err = d.SetDisabled(t.Context(), a, true); err == nil && d.Delete(t.Context(), a) == nil {
				return
			}
		}
	}
	t.Errorf("the user %q cannot be deleted", before.Name)
}

// leaseEnds lets the time pass for which an interrupted change keeps the account frozen.
func (n *names) leaseEnds(t *testing.T, name string) {
	t.Helper()
	a, err := n.store.Get(t.Context(), name)
	if errors.Is(err, accounts.ErrNotFound) {
		return
	}
	if err == nil && !a.FrozenUntil.IsZero() {
		a.FrozenUntil = time.Unix(1, 0)
		err = n.store.Update(t.Context(), a, rand.Text())
	}
	want(t, err, nil)
}

// users returns all that is stored of a user.
func (n *names) users(t *testing.T, userID string) (found []*accounts.Account) {
	t.Helper()
	for a, err := range n.all(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if a.UserID == userID {
			found = append(found, a)
		}
	}
	return found
}

// wantRenamed reports an error unless the user has the name to, and nothing is left of the
// name before.
func (n *names) wantRenamed(t *testing.T, before *accounts.Account, to string) {
	t.Helper()
	d := n.directory(n.store)
	if a, err := d.Find(t.Context(), before.Name); err == nil && a.UserID == before.UserID {
		t.Errorf("%q is the user's still", before.Name)
	}
	a, err := d.Find(t.Context(), to)
	if err != nil || a.UserID != before.UserID || a.RenamedFrom != "" || a.RenamedTo != "" || !a.FrozenUntil.IsZero() {
		t.Errorf("%q is %+v, %v", to, a, err)
	}
	if a, err := d.FindID(t.Context(), before.UserID); err != nil || a.Name != to {
		t.Errorf("the user ID is that of %+v, %v", a, err)
	}
	if found := n.users(t, before.UserID); len(found) != 1 {
		t.Errorf("there are %+v, want one", found)
	}
}

// wantNotRenamed reports an error unless the user has the name before, and can sign in.
func (n *names) wantNotRenamed(t *testing.T, before *accounts.Account, to string) {
	t.Helper()
	a, err := n.directory(n.store).FindID(t.Context(), before.UserID)
	if err != nil || a.Name != before.Name || a.RenamedTo != "" || !a.FrozenUntil.IsZero() {
		t.Errorf("the user is %+v, %v", a, err)
	}
	if _, err := n.store.Get(t.Context(), to); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("%q: %v, want ErrNotFound", to, err)
	}
}
