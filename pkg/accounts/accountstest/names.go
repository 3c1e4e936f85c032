package accountstest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/coatcheck/pkg/accounts"
)

// RunNames tests on a store what [accounts.Directory] promises of names and user IDs: no
// two accounts get one of them, whoever adds, checks and deletes at the same time, and
// wherever one of these is interrupted. The store must be empty at the start; all lists
// its accounts. RunNames deletes its accounts, and leaves claims.
func RunNames(t *testing.T, store accounts.Registry, all func(context.Context) iter.Seq2[*accounts.Account, error]) {
	n := &names{store, all}

	n.run(t, "the first account needs no check", func(t *testing.T) {
		d := n.directory(store)
		first := n.account(t, "first", rand.Text())
		want(t, d.Add(t.Context(), first), accounts.ErrUnchecked)
		if _, err := store.Holder(t.Context(), "first"); !errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("it left %v", err)
		}
		want(t, d.Prepare(t.Context(), all(t.Context())), nil)
		want(t, d.Add(t.Context(), first), nil)
		want(t, store.PassClaim(t.Context(), "\x01checked", "1", ""), nil) // so that the next ones find a store that is not checked
		want(t, n.directory(store).Prepare(t.Context(), all(t.Context())), accounts.ErrUnchecked)
	})

	n.run(t, "no account is added until the check has finished", func(t *testing.T) {
		n.earlier(t, "straße-0")
		n.earlier(t, "bob-0")
		tries := 0
		add := func() {
			tries++
			for _, name := range []string{"STRASSE-0", "new-0"} {
				want(t, n.directory(store).Add(t.Context(), n.account(t, name, rand.Text())), accounts.ErrUnchecked)
			}
		}
		n.check(t, n.directory(&hooked{Registry: store, before: func(int) error { add(); return nil }}))
		if tries < 6 {
			t.Errorf("the check made %d calls, want 6: 2 for bob-0, 3 for straße-0, and 1 at the end", tries)
		}
		want(t, n.directory(store).Add(t.Context(), n.account(t, "STRASSE-0", rand.Text())), accounts.ErrExists)
		want(t, n.directory(store).Add(t.Context(), n.account(t, "new-0", rand.Text())), nil)
	})

	n.run(t, "a check that could not read everything lets nobody be added", func(t *testing.T) {
		want(t, store.PassClaim(t.Context(), "\x01checked", "1", ""), nil)
		down := errors.New("down")
		failed := 0
		for _, err := range n.directory(store).CheckNames(t.Context(), func(yield func(*accounts.Account, error) bool) {
			yield(nil, down)
		}) {
			want(t, err, down)
			failed++
		}
		if failed != 1 {
			t.Errorf("%d errors, want 1", failed)
		}
		want(t, n.directory(store).Add(t.Context(), n.account(t, "unchecked", rand.Text())), accounts.ErrUnchecked)
		n.check(t, n.directory(store))
	})

	n.run(t, "a check is not complete while two accounts have one user ID, or after a check by a newer rule", func(t *testing.T) {
		failures := func() (count int) {
			for _, err := range n.directory(store).CheckNames(t.Context(), all(t.Context())) {
				if err != nil {
					count++
				}
			}
			return count
		}
		want(t, store.PassClaim(t.Context(), "\x01checked", "1", ""), nil)
		first := n.earlier(t, "twin-1")
		second := first.Clone()
		second.Name = "twin-2"
		Create(t, store, second)
		if got := failures(); got != 1 {
			t.Errorf("%d errors, want 1", got)
		}
		want(t, n.directory(store).Add(t.Context(), n.account(t, "unchecked", rand.Text())), accounts.ErrUnchecked)
		n.delete(t, n.directory(store), second)
		n.delete(t, n.directory(store), first)

		Claim(t, store, "\x01checked", "2")
		if got := failures(); got != 1 {
			t.Errorf("%d errors after a check by a newer rule, want 1", got)
		}
		if err := n.directory(store).Add(t.Context(), n.account(t, "unchecked", rand.Text())); err == nil {
			t.Error("Add after a check by a newer rule succeeds")
		}
		want(t, store.PassClaim(t.Context(), "\x01checked", "2", ""), nil)
		n.check(t, n.directory(store))
	})

	n.run(t, "of spellings added at once one is added", func(t *testing.T) {
		spellings := []string{"straße-1", "STRASSE-1", "\u200bstrasse-1\t", "STRAẞE-1"}
		together := barrier(len(spellings))
		var added []string
		var mu sync.Mutex
		var wg sync.WaitGroup
		for _, name := range spellings {
			wg.Go(func() {
				d := n.directory(&hooked{Registry: store, create: together})
				err := d.Add(t.Context(), n.account(t, name, rand.Text()))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					added = append(added, name)
				} else {
					want(t, err, accounts.ErrExists)
				}
			})
		}
		wg.Wait()
		if stored := n.matching(t, "1"); len(added) != 1 || len(stored) != 1 {
			t.Errorf("added %q, stored %q; want one", added, stored)
		}
	})

	n.run(t, "of two accounts with one user ID one is added", func(t *testing.T) {
		id := rand.Text()
		together := barrier(2)
		errs := make([]error, 2)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				d := n.directory(&hooked{Registry: store, claim: together})
				errs[i] = d.Add(t.Context(), n.account(t, fmt.Sprint("id-", i), id))
			})
		}
		wg.Wait()
		slices.SortFunc(errs, func(a, b error) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		want(t, errs[0], nil)
		want(t, errs[1], accounts.ErrIDTaken)
	})

	n.run(t, "the user ID of a deleted account is nobody's", func(t *testing.T) {
		d, id := n.directory(store), rand.Text()
		for _, made := range []*accounts.Account{n.account(t, "gone", id), n.earlier(t, "gone-Σς")} {
			if made.Name == "gone" {
				want(t, d.Add(t.Context(), made), nil)
			}
			n.delete(t, d, made)
			for _, name := range []string{made.Name, "another"} {
				again := n.account(t, name, made.UserID)
				want(t, d.CanAdd(t.Context(), again), accounts.ErrIDTaken)
				want(t, d.Add(t.Context(), again), accounts.ErrIDTaken)
			}
			want(t, d.Add(t.Context(), n.account(t, made.Name, rand.Text())), nil) // the name is free
		}
	})

	n.run(t, "who is added and deleted while another program adds the same user stays deleted", func(t *testing.T) {
		for call := range 7 {
			other, slow := n.directory(store), n.account(t, fmt.Sprint("slow-", call), rand.Text())
			same := n.account(t, slow.Name, slow.UserID)
			d := n.directory(&hooked{Registry: store, before: once(call, func() {
				if err := other.Add(t.Context(), same); err != nil {
					want(t, err, accounts.ErrExists) // the slow one was stored already
					same = slow
				}
				n.delete(t, other, same)
			})})
			want(t, d.Add(t.Context(), slow), accounts.ErrIDTaken)
			if _, err := store.Get(t.Context(), slow.Name); !errors.Is(err, accounts.ErrNotFound) {
				t.Errorf("before call %d: Get = %v, want ErrNotFound", call, err)
			}
			want(t, n.directory(store).Add(t.Context(), n.account(t, slow.Name, rand.Text())), nil) // the name is free
		}
	})

	n.run(t, "a pair from before stays a pair, and gets no third", func(t *testing.T) {
		for i, order := range [][]string{{"straße-2", "strasse-2"}, {"strasse-3", "straße-3"}, {"ς-4", "\u200bσ-4", "σ-4"}, {"σ-5", "\u200bσ-5", "ς-5"}} {
			var members []*accounts.Account
			for _, name := range order {
				members = append(members, n.earlier(t, name))
			}
			d := n.directory(store)
			for range 2 {
				if pairs := n.check(t, d); len(pairs) != len(order)-1 {
					t.Errorf("%q: pairs %q, want %d", order, pairs, len(order)-1)
				}
			}
			for _, a := range members {
				if found, err := d.Find(t.Context(), a.Name); err != nil || found.UserID != a.UserID {
					t.Errorf("%q: found %+v, %v", a.Name, found, err)
				}
			}
			fresh := n.account(t, order[0], rand.Text())
			for _, a := range members {
				want(t, d.Add(t.Context(), fresh), accounts.ErrExists)
				n.delete(t, d, a)
			}
			want(t, d.Add(t.Context(), fresh), nil)
			if got := n.check(t, d); len(got) != 0 {
				t.Errorf("%d: pairs %q are left", i, got)
			}
		}
	})

	n.run(t, "a check that crosses a delete leaves no claim in the way, and the user ID nobody's", func(t *testing.T) {
		for i := range 14 {
			call, letter := i/2, []string{"ß", "s"}[i%2] // a name whose key is another one today, and one whose key is not
			name := fmt.Sprintf("cross%s-%d", letter, call)
			a := n.earlier(t, name)
			n.check(t, n.directory(&hooked{Registry: store, before: once(call, func() { n.delete(t, n.directory(store), a) })}))
			n.delete(t, n.directory(store), a)
			n.nameIsFree(t, a)

			b := n.earlier(t, strings.Replace(name, "cross", "other", 1))
			d := n.directory(&hooked{Registry: store, before: once(call, func() { n.check(t, n.directory(store)) })})
			want(t, d.Delete(t.Context(), b), nil)
			n.nameIsFree(t, b)
			n.checkAlone(t)
			n.clear(t) // so that the next crossing is at a call for its own account
		}
	})

	n.run(t, "a deleted account leaves no claim of its name, and one that was left is in nobody's way", func(t *testing.T) {
		a := n.earlier(t, "leftß")
		n.check(t, n.directory(store))
		wantHolder(t, store, "leftss", "leftß")
		n.delete(t, n.directory(store), a)
		wantHolder(t, store, "leftss", "")
		Claim(t, store, "leftss", "leftß")
		n.nameIsFree(t, a)

		heir := n.earlier(t, "heirß") // a check gives it the claim that was left
		Claim(t, store, "heirss", "heir\u200bß")
		n.check(t, n.directory(store))
		wantHolder(t, store, "heirss", "heirß")
		n.delete(t, n.directory(store), heir)
		n.nameIsFree(t, heir)
	})

	n.run(t, "what was interrupted is finished by doing it again", func(t *testing.T) {
		crash := errors.New("crash")
		for call := range 8 {
			stop := func(at int) error {
				if at >= call {
					return crash
				}
				return nil
			}
			a := n.earlier(t, fmt.Sprintf("crashß-%d", call))
			n.directory(store).CheckNames(t.Context(), all(t.Context()))(func(accounts.Pair, error) bool { return true })
			n.directory(&hooked{Registry: store, before: stop, after: stop}).Delete(t.Context(), a)
			n.delete(t, n.directory(store), a)
			n.nameIsFree(t, a)

			b := n.account(t, fmt.Sprintf("crash-%d", call), rand.Text())
			n.directory(&hooked{Registry: store, before: stop, after: stop}).Add(t.Context(), b)
			if err := n.directory(store).Add(t.Context(), b); err != nil && !errors.Is(err, accounts.ErrExists) {
				t.Errorf("Add after a crash before call %d: %v", call, err)
			}
			if got := Get(t, store, b.Name); got.UserID != b.UserID {
				t.Errorf("after a crash before call %d the account is %+v", call, got)
			}
			n.checkAlone(t)
			n.clear(t)
		}
	})

	runRenames(t, n)
}

// names is a store under test.
type names struct {
	store accounts.Registry
	all   func(context.Context) iter.Seq2[*accounts.Account, error]
}

// run runs a part of the tests, and takes its accounts out of the store, so that the checks of
// the parts after it have nothing to do with them.
func (n *names) run(t *testing.T, part string, test func(*testing.T)) {
	t.Run(part, test)
	n.clear(t)
}

// clear deletes all accounts.
func (n *names) clear(t *testing.T) {
	t.Helper()
	var left []*accounts.Account
	for a, err := range n.all(t.Context()) {
		want(t, err, nil)
		left = append(left, a)
	}
	for _, a := range left {
		want(t, n.store.Delete(t.Context(), a), nil)
	}
}

// checkAlone is check, and reports pairs.
func (n *names) checkAlone(t *testing.T) {
	t.Helper()
	if pairs := n.check(t, n.directory(n.store)); len(pairs) > 0 {
		t.Errorf("there are the pairs %q", pairs)
	}
}

// directory returns a directory of another process.
func (n *names) directory(store accounts.Registry) *accounts.Registrar {
	return accounts.NewRegistrar(store, accounts.Config{})
}

// account returns a new account that is not stored.
func (n *names) account(t *testing.T, name, userID string) *accounts.Account {
	t.Helper()
	key, err := accounts.Normalize(name)
	if err != nil {
		t.Fatal(err)
	}
	return &accounts.Account{Name: key, Username: name, UserID: userID, PasswordHash: "!", Version: 1, Revision: rand.Text()}
}

// earlier stores an account as a program from before the claims did.
func (n *names) earlier(t *testing.T, key string) *accounts.Account {
	t.Helper()
	a := &accounts.Account{Name: key, Username: key, UserID: rand.Text(), PasswordHash: "!", Version: 1, Revision: rand.Text()}
	Create(t, n.store, a)
	return a
}

// check checks the names, and returns the pairs.
func (n *names) check(t *testing.T, d *accounts.Registrar) (pairs []string) {
	t.Helper()
	for pair, err := range d.CheckNames(t.Context(), n.all(t.Context())) {
		if err != nil {
			t.Errorf("CheckNames: %v", err)
			continue
		}
		pairs = append(pairs, pair.Account.Name+" "+pair.Other.Name)
	}
	return pairs
}

// delete deletes an account if it is there.
func (n *names) delete(t *testing.T, d *accounts.Registrar, a *accounts.Account) {
	t.Helper()
	want(t, d.Delete(t.Context(), a), nil)
	if _, err := n.store.Get(t.Context(), a.Name); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("Get(%q) after Delete = %v, want ErrNotFound", a.Name, err)
	}
}

// nameIsFree reports an error unless the name of an account that was deleted can be
// added again, with another user ID and not with its own.
func (n *names) nameIsFree(t *testing.T, a *accounts.Account) {
	t.Helper()
	d := n.directory(n.store)
	want(t, d.Add(t.Context(), n.account(t, a.Name, a.UserID)), accounts.ErrIDTaken)
	want(t, d.Add(t.Context(), n.account(t, a.Name, rand.Text())), nil)
}

// matching returns the names of the accounts that end so.
func (n *names) matching(t *testing.T, end string) (names []string) {
	t.Helper()
	for a, err := range n.all(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(a.Name, end) {
			names = append(names, a.Name)
		}
	}
	return names
}

func want(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("%v, want %v", err, target)
	}
}

// barrier returns a function that returns when it was called so often.
func barrier(n int) func() {
	var all sync.WaitGroup
	all.Add(n)
	return func() {
		all.Done()
		all.Wait()
	}
}

// once returns a hook that does something before the call with that number.
func once(call int, do func()) func(int) error {
	return func(n int) error {
		if n == call {
			do()
		}
		return nil
	}
}

// hooked is a store with something to do at its calls. If before returns an error, the
// call is not made; if after does, its answer is lost. Calls are numbered from 0.
type hooked struct {
	accounts.Registry
	before, after func(call int) error
	create, claim func()
	calls         int
}

func (h *hooked) do(make func() error) error {
	call := h.calls
	h.calls++
	if h.before != nil {
		if err := h.before(call); err != nil {
			return err
		}
	}
	if err := make(); err != nil || h.after == nil {
		return err
	}
	return h.after(call)
}

func (h *hooked) Get(ctx context.Context, name string) (a *accounts.Account, err error) {
	err = h.do(func() error { a, err = h.Registry.Get(ctx, name); return err })
	return a, err
}

func (h *hooked) Create(ctx context.Context, a *accounts.Account) error {
	if h.create != nil {
		h.create()
	}
	return h.do(func() error { return h.Registry.Create(ctx, a) })
}

func (h *hooked) Delete(ctx context.Context, a *accounts.Account) error {
	return h.do(func() error { return h.Registry.Delete(ctx, a) })
}

func (h *hooked) Update(ctx context.Context, a *accounts.Account, newRevision string) error {
	return h.do(func() error { return h.Registry.Update(ctx, a, newRevision) })
}

func (h *hooked) Claim(ctx context.Context, key, holder string) error {
	if h.claim != nil {
		h.claim()
	}
	return h.do(func() error { return h.Registry.Claim(ctx, key, holder) })
}

func (h *hooked) Holder(ctx context.Context, key string) (holder string, err error) {
	err = h.do(func() error { holder, err = h.Registry.Holder(ctx, key); return err })
	return holder, err
}

func (h *hooked) PassClaim(ctx context.Context, key, from, to string) error {
	return h.do(func() error { return h.Registry.PassClaim(ctx, key, from, to) })
}
