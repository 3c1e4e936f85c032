package redisaccounts

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/testing/faults"
	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/accountstest"
)

// call is a call of one method for the account, or for the counter name/x, that
// succeeds.
type call struct {
	name  string
	tries int // how often it is sent if no answer comes
	do    func(context.Context, *fixture, *accounts.Account) error
}

var calls = []call{
	{"Get", 3, func(ctx context.Context, f *fixture, a *accounts.Account) error {
		_, err := f.users.Get(ctx, a.Name)
		return err
	}},
	{"Create", 3, func(ctx context.Context, f *fixture, a *accounts.Account) error {
		fresh := a.Clone()
		fresh.Name, fresh.UserID = a.Name+"-new", a.UserID+"-new"
		return f.users.Create(ctx, fresh)
	}},
	{"Update", 3, func(ctx context.Context, f *fixture, a *accounts.Account) error {
		return f.users.Update(ctx, changed(a), "second")
	}},
	{"SetPreferences", 1, func(ctx context.Context, f *fixture, a *accounts.Account) error {
		return f.users.SetPreferences(ctx, a.Name, a.UserID, map[string]string{"theme": "light"}, "second")
	}},
	{"Delete", 3, func(ctx context.Context, f *fixture, a *accounts.Account) error { return f.users.Delete(ctx, a) }},
	{"Claim", 3, func(ctx context.Context, f *fixture, a *accounts.Account) error {
		return f.users.Claim(ctx, a.Name+"-new", "holder")
	}},
	{"Holder", 3, func(ctx context.Context, f *fixture, a *accounts.Account) error {
		_, err := f.users.Holder(ctx, a.Name)
		return err
	}},
	{"PassClaim", 3, func(ctx context.Context, f *fixture, a *accounts.Account) error {
		return f.users.PassClaim(ctx, a.Name+"-claimed", "holder", "other")
	}},
	{"PassClaim to nobody", 3, func(ctx context.Context, f *fixture, a *accounts.Account) error {
		return f.users.PassClaim(ctx, a.Name+"-claimed", "holder", "")
	}},
	{"Count", 3, func(ctx context.Context, f *fixture, _ *accounts.Account) error {
		_, _, err := f.attempts.Count(ctx, attempt("2", 0))
		return err
	}},
	{"Withdraw", 1, func(ctx context.Context, f *fixture, _ *accounts.Account) error {
		return f.attempts.Withdraw(ctx, "name/x", "1", true)
	}},
	{"Keep", 3, func(ctx context.Context, f *fixture, _ *accounts.Account) error {
		return f.attempts.Keep(ctx, "name/x")
	}},
	{"Clear", 3, func(ctx context.Context, f *fixture, _ *accounts.Account) error {
		return f.attempts.Clear(ctx, "name/x")
	}},
	{"Attempts.Get", 3, func(ctx context.Context, f *fixture, _ *accounts.Account) error {
		_, err := f.attempts.Get(ctx, []string{"name/x"})
		return err
	}},
}

// changed returns what the call Update stores.
func changed(a *accounts.Account) *accounts.Account {
	c := a.Clone()
	c.DisplayName, c.Preferences = "changed", map[string]string{"language": "fr"}
	return c
}

// prepared stores an account, and a counter with one failure, for a call.
func (f *fixture) prepared() *accounts.Account {
	f.Helper()
	a := accountstest.Sample("alice-" + redistest.Prefix(f.T))
	accountstest.Create(f.T, f.direct, a)
	accountstest.Claim(f.T, f.direct, a.Name+"-claimed", "holder")
	check(f.T, f.directAttempts.Clear(f.Context(), "name/x"))
	_, _, err := f.directAttempts.Count(f.Context(), attempt("1", 0))
	check(f.T, err)
	_, err = f.users.Get(f.Context(), a.Name) // opens a connection: go-redis has retries of its own for that
	check(f.T, err)
	f.proxy.Take()
	return a
}

// stored returns everything that is stored for the account and the counter.
func (f *fixture) stored(a *accounts.Account) map[string]string {
	f.Helper()
	all := map[string]string{}
	for _, key := range []string{f.direct.key(a.Name), f.direct.key(a.Name + "-new"), f.direct.key(a.Name + "-claimed"), f.directAttempts.key("name/x")} {
		hash, err := f.client.HGetAll(f.Context(), key).Result()
		check(f.T, err)
		for field, value := range hash {
			name := strings.ReplaceAll(key+" "+field, a.Name, "NAME")
			all[name] = strings.NewReplacer(a.UserID, "ID", a.Revision, "REVISION", strings.ToUpper(a.Name), "NAME").Replace(value)
		}
	}
	return all
}

// A call whose answer is lost has the result of a call that was sent once. If every
// answer is lost, the call is an outage, and what it did is there.
func TestLostAnswers(t *testing.T) {
	each(t, func(f *fixture) {
		for _, c := range calls {
			a := f.prepared()
			before := f.stored(a)
			check(f.T, c.do(f.Context(), f, a))
			done := f.stored(a)

			for n := 1; n <= c.tries; n++ {
				for _, fault := range []redistest.Fault{redistest.LoseAnswer, redistest.Refuse} {
					a := f.prepared()
					for range n {
						f.proxy.Fail(fault)
					}
					err := c.do(f.Context(), f, a)
					sent, left := len(f.proxy.Take()), f.stored(a)
					expected, target, tries := done, error(nil), n+1
					if n == c.tries {
						target, tries = errOutage, n
					}
					if n == c.tries && fault == redistest.Refuse {
						expected = before
					}
					want(f.T, err, target)
					if sent != tries || !maps.Equal(left, expected) {
						f.Errorf("%s, fault %d, %d times: sent %d times, want %d; left\n%q, want\n%q", c.name, fault, n, sent, tries, left, expected)
					}
				}
			}
		}
	})
}

// Somebody else writes between two tries of a call.
func TestWritesBetweenTries(t *testing.T) {
	disables := func(f *fixture, a *accounts.Account) error {
		now, err := f.direct.Get(f.Context(), a.Name)
		if err != nil {
			return err
		}
		next := now.Clone()
		next.Disabled = !now.Disabled
		return f.direct.Update(f.Context(), next, "foreign")
	}
	replaces := func(f *fixture, a *accounts.Account) error {
		if now, err := f.direct.Get(f.Context(), a.Name); err == nil {
			if err := f.direct.Delete(f.Context(), now); err != nil {
				return err
			}
		}
		return f.direct.Create(f.Context(), accountstest.Sample(a.Name))
	}
	passes := func(f *fixture, a *accounts.Account) error {
		for _, from := range []string{"holder", "other"} { // whether the first try was applied or not
			if err := f.direct.PassClaim(f.Context(), a.Name+"-claimed", from, "third"); err == nil {
				return nil
			}
		}
		return errors.New("nothing to pass on")
	}
	claims := func(f *fixture, a *accounts.Account) error {
		return f.direct.Claim(f.Context(), a.Name+"-claimed", "third")
	}
	each(t, func(f *fixture) {
		for _, test := range []struct {
			call    string
			first   redistest.Fault
			between func(*fixture, *accounts.Account) error
			want    error
		}{
			{"Update", redistest.LoseAnswer, disables, errOutage},
			{"Update", redistest.Refuse, disables, errOutage},
			{"Update", redistest.LoseAnswer, replaces, errOutage},
			{"Delete", redistest.LoseAnswer, replaces, errOutage},
			{"Delete", redistest.Refuse, disables, errOutage},
			{"Get", redistest.LoseAnswer, replaces, nil},
			{"PassClaim", redistest.LoseAnswer, passes, errOutage},
			{"PassClaim to nobody", redistest.Refuse, passes, errOutage},
			{"PassClaim to nobody", redistest.LoseAnswer, claims, errOutage},
		} {
			a := f.prepared()
			f.proxy.Fail(test.first)
			done := make(chan error, 1)
			var left map[string]string
			f.proxy.Between(func() {
				err := test.between(f, a)
				left = f.stored(a)
				done <- err
			})
			for _, c := range calls {
				if c.name == test.call {
					want(f.T, c.do(f.Context(), f, a), test.want)
				}
			}
			check(f.T, <-done)
			if after := f.stored(a); !maps.Equal(after, left) {
				f.Errorf("%s, fault %d: the second try changed what somebody else had written", test.call, test.first)
			}
		}
	})
}

// An account that another call made has another revision, also where two imports at once
// give it the same user ID. So a second try of Create does not take it for its own.
func TestCreateAfterALostTry(t *testing.T) {
	each(t, func(f *fixture) {
		a := f.prepared()
		taken := accountstest.Sample(a.Name)
		f.proxy.Fail(redistest.Refuse)
		want(f.T, f.users.Create(f.Context(), taken), accounts.ErrExists)
		f.proxy.Fail(redistest.Refuse)
		taken.UserID = a.UserID
		want(f.T, f.users.Create(f.Context(), taken), accounts.ErrExists)
		f.proxy.Fail(redistest.Refuse)
		want(f.T, f.users.Create(f.Context(), a), nil) // it is the same account
	})
}

// A call that arrives late, after its sender gave it up and others have written, changes
// no account. Preferences may arrive late: they are the only thing that is set then.
func TestLateTries(t *testing.T) {
	each(t, func(f *fixture) {
		for _, c := range calls {
			if c.name != "Update" && c.name != "Delete" {
				continue
			}
			a := f.prepared()
			for range c.tries {
				f.proxy.Fail(redistest.Hold)
			}
			want(f.T, c.do(f.Context(), f, a), errOutage)
			check(f.T, f.direct.Update(f.Context(), changed(a), "foreign"))
			before := f.stored(a)
			f.proxy.Deliver()
			if after := f.stored(a); !maps.Equal(before, after) {
				f.Errorf("a late %s changed\n%q to\n%q", c.name, before, after)
			}
		}
	})
}

// A call ends with its context. With the default options of the client, go-redis itself
// would wait for three seconds.
func TestContext(t *testing.T) {
	each(t, func(f *fixture) {
		for _, c := range calls {
			a := f.prepared()
			before := f.stored(a)
			f.proxy.FailAll(redistest.Hang)
			ctx, pass := faults.Deadline(f.Context())
			f.proxy.Between(pass)
			err := c.do(ctx, f, a)
			if want(f.T, err, errOutage); !errors.Is(err, context.DeadlineExceeded) {
				f.Errorf("%s: %v, want the context's error", c.name, err)
			}
			if sent := len(f.proxy.Take()); sent != 1 {
				f.Errorf("%s was sent %d times, want once", c.name, sent)
			}
			f.proxy.FailAll(redistest.None)
			if after := f.stored(a); !maps.Equal(before, after) {
				f.Errorf("%s changed\n%q to\n%q", c.name, before, after)
			}
		}
	})
}

// A server that refuses writes refuses each write as a whole.
func TestRefusedWrites(t *testing.T) {
	t.Parallel()
	f, _ := newOwnServer(t)
	for _, c := range calls {
		a := f.prepared()
		before := f.stored(a)
		check(t, f.client.ConfigSet(t.Context(), "maxmemory", "1").Err())
		err := c.do(t.Context(), f, a)
		after := f.stored(a)
		check(t, f.client.ConfigSet(t.Context(), "maxmemory", "0").Err())
		switch c.name {
		case "Get", "Holder", "Attempts.Get", "Delete", "PassClaim to nobody", "Clear", "Withdraw": // they need no memory; this Withdraw removes the counter
			want(t, err, nil)
		default:
			if want(t, err, errOutage); !strings.Contains(err.Error(), "OOM") || !maps.Equal(before, after) {
				t.Errorf("%s: %v; it left\n%q, want\n%q", c.name, err, after, before)
			}
		}
	}
}

// The commands that the documentation names are enough for an ACL.
func TestPermissions(t *testing.T) {
	t.Parallel()
	f, server := newOwnServer(t)
	rules := strings.Fields("on >test resetkeys ~" + f.prefix + "* -@all +evalsha +eval +exists +hset +hget +hmget" +
		" +hgetall +hkeys +hdel +hincrby +pexpireat +persist +del +info +scan")
	check(t, f.client.ACLSetUser(t.Context(), "users", rules...).Err())
	options := server.Options()
	options.Username, options.Password = "users", "test"
	client := redis.NewClient(options)
	defer client.Close()
	f.users, f.attempts = New(client, f.prefix), NewAttempts(client, f.prefix)
	for _, flush := range []bool{false, true} {
		for _, c := range calls {
			a := f.prepared()
			if flush {
				check(t, f.client.ScriptFlush(t.Context()).Err())
			}
			check(t, c.do(t.Context(), f, a))
		}
	}
	check(t, f.directAttempts.Clear(t.Context(), "name/x"))
	for i := range 2 { // a counter of two failures, of which one is withdrawn
		_, _, err := f.attempts.Count(t.Context(), attempt(string(rune('a'+i)), 0))
		check(t, err)
	}
	check(t, f.attempts.Withdraw(t.Context(), "name/x", "b", true))
	check(t, CheckConfiguration(t.Context(), client))
	for _, err := range f.users.All(t.Context()) {
		check(t, err)
	}
	_, err := New(client, "other:").Get(t.Context(), "alice")
	want(t, err, errOutage)
}

// If a server with the settings that CheckConfiguration wants is killed and started
// again, it still has every write that it answered. In between, calls are outages.
func TestRestart(t *testing.T) {
	t.Parallel()
	f, server := newOwnServer(t)
	check(t, CheckConfiguration(t.Context(), f.client))
	a := f.prepared()
	check(t, f.users.Update(t.Context(), changed(a), "second"))
	_, _, err := f.attempts.Count(t.Context(), attempt("2", 0))
	check(t, err)
	before := f.stored(a)
	server.Kill()
	for _, c := range calls {
		want(t, c.do(t.Context(), f, a), errOutage)
	}
	check(t, server.Start())
	if after := f.stored(a); !maps.Equal(before, after) {
		t.Errorf("after the restart\n%q, want\n%q", after, before)
	}
}
