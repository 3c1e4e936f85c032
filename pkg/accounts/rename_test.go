package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
)

// pausing is a store that calls pause before each call that a change of a name makes.
type pausing struct {
	accounts.Registry
	calls int
	pause func(call int)
}

// next fails as the call of a driver does if the context has ended meanwhile.
func (p *pausing) next(ctx context.Context) error {
	p.pause(p.calls)
	p.calls++
	return ctx.Err()
}

func (p *pausing) Get(ctx context.Context, name string) (*accounts.Account, error) {
	if err := p.next(ctx); err != nil {
		return nil, err
	}
	return p.Registry.Get(ctx, name)
}

func (p *pausing) Create(ctx context.Context, a *accounts.Account) error {
	if err := p.next(ctx); err != nil {
		return err
	}
	return p.Registry.Create(ctx, a)
}

func (p *pausing) Update(ctx context.Context, a *accounts.Account, newRevision string) error {
	if err := p.next(ctx); err != nil {
		return err
	}
	return p.Registry.Update(ctx, a, newRevision)
}

func (p *pausing) Delete(ctx context.Context, a *accounts.Account) error {
	if err := p.next(ctx); err != nil {
		return err
	}
	return p.Registry.Delete(ctx, a)
}

func (p *pausing) Holder(ctx context.Context, key string) (string, error) {
	if err := p.next(ctx); err != nil {
		return "", err
	}
	return p.Registry.Holder(ctx, key)
}

func (p *pausing) PassClaim(ctx context.Context, key, from, to string) error {
	if err := p.next(ctx); err != nil {
		return err
	}
	return p.Registry.PassClaim(ctx, key, from, to)
}

// TestTwoNewNames: a change of a name that was slow, so that its lease is over, goes on, or is
// undone, while another one is anywhere in between. The user is there at the end.
func TestTwoNewNames(t *testing.T) {
	const calls = 16
	for _, other := range []string{"new", "newer"} {
		for slow := range calls {
			for fast := range calls {
				synctest.Test(t, func(t *testing.T) { twoNewNames(t, alone, accounts.Lease+time.Second, other, slow, fast) })
				synctest.Test(t, func(t *testing.T) {
					twoNewNames(t, accounts.Along{Before: failsLate, After: nothing}, 4*time.Second, other, slow, fast)
				})
			}
		}
	}
}

// twoNewNames stalls the first change before one of its calls, begins the second one then, stops
// that before one of its own, and lets the first go on to its end.
func twoNewNames(t *testing.T, along accounts.Along, stall time.Duration, other string, slow, fast int) {
	store := memaccounts.New()
	d := accounts.NewRegistrar(store, accounts.Config{Hasher: plain})
	if err := d.Prepare(t.Context(), store.All(t.Context())); err != nil {
		t.Fatal(err)
	}
	before, err := d.Imported("old", "", nil, "!", "17")
	if err == nil {
		err = d.Add(t.Context(), before)
	}
	if err != nil {
		t.Fatal(err)
	}
	begun := false
	stopped, goOn, done := make(chan bool), make(chan bool), make(chan bool)
	second := func() {
		defer close(done)
		now, err := d.FindID(t.Context(), "17")
		if err != nil {
			t.Error(err)
			return
		}
		accounts.NewRegistrar(&pausing{Registry: store, pause: func(call int) {
			if call == fast {
				stopped <- true
				<-goOn
			}
		}}, accounts.Config{Hasher: plain}).Rename(t.Context(), now, other, alone)
	}
	first := accounts.NewRegistrar(&pausing{Registry: store, pause: func(call int) {
		if call != slow {
			return
		}
		begun = true
		time.Sleep(stall)
		go second()
		select {
		case <-stopped:
		case <-done:
		}
	}}, accounts.Config{Hasher: plain})
	first.Rename(t.Context(), before, "new", along)
	close(goOn)
	if begun {
		<-done
	}
	what := fmt.Sprintf("%q from call %d on, stopped before call %d", other, slow, fast)
	user, err := d.FindID(t.Context(), "17")
	if err != nil {
		t.Errorf("%s: nobody has the user ID: %v", what, err)
		return
	}
	if byName, err := d.Find(t.Context(), user.Name); err != nil || byName.UserID != "17" {
		t.Errorf("%s: %q is %+v, %v", what, user.Name, byName, err)
	}
}

// alone is for a user with whom nothing goes along.
var alone = accounts.Along{Before: nothing, After: nothing}

func nothing(context.Context, *accounts.Account, *accounts.Account) error { return nil }

// failsLate fails when the lease is nearly over.
func failsLate(context.Context, *accounts.Account, *accounts.Account) error {
	time.Sleep(accounts.Lease - 2*time.Second)
	return errors.New("down")
}
