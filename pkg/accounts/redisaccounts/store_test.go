package redisaccounts

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/accountstest"
)

func TestStore(t *testing.T) {
	each(t, func(f *fixture) {
		accountstest.RunRegistry(f.T, func(*testing.T) accounts.Registry { return f.direct })
	})
}

func TestNames(t *testing.T) {
	each(t, func(f *fixture) { accountstest.RunNames(f.T, f.direct, f.direct.All) })
}

func BenchmarkStore(b *testing.B) {
	client := redis.NewClient(redistest.Options(b))
	defer client.Close()
	accountstest.Benchmark(b, New(client, redistest.Prefix(b)))
}

// The format of the keys is public: programs in other languages read them.
func TestHash(t *testing.T) {
	each(t, func(f *fixture) {
		a := accountstest.Sample("zoë@example.com")
		a.Roles, a.CredentialVersion = []string{"b", `<"é">`}, 1<<63-1
		accountstest.Create(f.T, f.users, a)
		got, err := f.client.HGetAll(f.Context(), f.prefix+"user:zoë@example.com").Result()
		check(f.T, err)
		fields := map[string]string{
			"username":            a.Username,
			"user_id":             a.UserID,
			"display_name":        "Grüße, 😀",
			"roles":               `["b","<\"é\">"]`,
			"preference:theme":    "dark",
			"preference:language": "de",
			"preference:empty":    "",
			"password_hash":       "$hash$",
			"disabled":            "1",
			"frozen_until":        "1795694400",
			"version":             "9223372036854775807",
			"credential_version":  "9223372036854775807",
			"revision":            a.Revision,
			"origin":              "import",
			"imported_hash":       "$imported$",
			"closed":              "1",
			"created_at":          "1793534400",
			"last_used_at":        "1795176000",
			"renamed_to":          "the next one",
			"renamed_from":        "the last one",
		}
		if !maps.Equal(got, fields) {
			f.Errorf("the hash is\n\t%q\nwant\n\t%q", got, fields)
		}
		check(f.T, f.client.HSet(f.Context(), f.prefix+"user:"+a.Name, "later", "kept").Err())
		check(f.T, f.users.Update(f.Context(), a, "second"))
		check(f.T, f.users.SetPreferences(f.Context(), a.Name, a.UserID, map[string]string{"theme": "light"}, "third"))
		if later, err := f.client.HGet(f.Context(), f.prefix+"user:"+a.Name, "later").Result(); later != "kept" {
			f.Errorf("a field that a later release may add is %q, %v after two writes", later, err)
		}
		if ttl, err := f.client.TTL(f.Context(), f.prefix+"user:"+a.Name).Result(); ttl != -1 {
			f.Errorf("Redis removes the account after %v (%v)", ttl, err)
		}
	})
}

// A damaged field is an error that names the field, and not a missing user. Such an
// account can be deleted.
func TestDamagedAccounts(t *testing.T) {
	each(t, func(f *fixture) {
		a := accountstest.Sample("alice")
		accountstest.Create(f.T, f.users, a)
		key := f.prefix + "user:alice"
		later := []string{"origin", "imported_hash", "closed", "created_at", "last_used_at", "renamed_to", "renamed_from"} // accounts from before these fields have none of them
		check(f.T, f.client.HDel(f.Context(), key, later...).Err())
		before := a.Clone()
		before.Origin, before.ImportedHash, before.Closed = "", "", false
		before.CreatedAt, before.LastUsedAt, before.RenamedTo, before.RenamedFrom = time.Time{}, time.Time{}, "", ""
		if got := accountstest.Get(f.T, f.users, "alice"); !reflect.DeepEqual(got, before) {
			f.Errorf("got  %+v\nwant %+v", got, before)
		}
		check(f.T, f.client.Del(f.Context(), key).Err())
		accountstest.Create(f.T, f.users, a)
		intact, err := f.client.HGetAll(f.Context(), key).Result()
		check(f.T, err)
		damages := [][2]string{
			{"roles", "null"}, {"roles", "[1]"}, {"roles", "[null]"}, {"disabled", "true"}, {"disabled", ""},
			{"frozen_until", "1e9"}, {"version", "9223372036854775808"}, {"credential_version", "x"}, {"closed", "true"}, {"created_at", "x"}, {"last_used_at", "1e9"},
		}
		for field := range intact {
			if !strings.HasPrefix(field, preference) && !slices.Contains(later, field) {
				damages = append(damages, [2]string{field, "missing"})
			}
		}
		for _, d := range damages {
			if d[1] == "missing" {
				check(f.T, f.client.HDel(f.Context(), key, d[0]).Err())
			} else {
				check(f.T, f.client.HSet(f.Context(), key, d[0], d[1]).Err())
			}
			_, err := f.users.Get(f.Context(), "alice")
			if want(f.T, err, errOutage); !strings.Contains(err.Error(), `key "`+key+`": field "`+d[0]+`"`) {
				f.Errorf("%v: %v", d, err)
			}
			if strings.Contains(err.Error(), "$hash$") {
				f.Errorf("the error quotes what is stored: %v", err)
			}
			check(f.T, f.client.HSet(f.Context(), key, d[0], intact[d[0]]).Err())
		}
		check(f.T, f.client.HDel(f.Context(), key, "revision").Err())
		want(f.T, f.users.Update(f.Context(), a, "second"), accounts.ErrChanged)
		want(f.T, f.users.Delete(f.Context(), a), nil)
		_, err = f.users.Get(f.Context(), "alice")
		want(f.T, err, accounts.ErrNotFound)
	})
}

// If a key has a value that is not ours, the error says so and nothing changes. It does not
// name the key: what was typed as a name may be a password.
func TestForeignKeys(t *testing.T) {
	each(t, func(f *fixture) {
		a := accountstest.Sample("alice")
		key := f.prefix + "user:alice"
		check(f.T, f.client.Set(f.Context(), key, "text", 0).Err())
		_, errGet := f.users.Get(f.Context(), "alice")
		for _, err := range []error{
			errGet, f.users.Create(f.Context(), a), f.users.Update(f.Context(), a, "second"), f.users.Delete(f.Context(), a),
			f.users.SetPreferences(f.Context(), "alice", a.UserID, a.Preferences, "second"),
		} {
			if want(f.T, err, errOutage); !strings.Contains(err.Error(), "WRONGTYPE") || strings.Contains(err.Error(), "alice") {
				f.Error(err)
			}
		}
		if value, err := f.client.Get(f.Context(), key).Result(); value != "text" {
			f.Errorf("the value is %q, %v", value, err)
		}
	})
}

// All returns each account once, with a prefix whose characters have a meaning in a
// pattern, beside keys of sessions, attempts and other programs, and beside damage.
func TestAll(t *testing.T) {
	each(t, func(f *fixture) {
		prefix := redistest.Prefix(f.T) + `a*b?[c]^\:`
		users, other := New(f.client, prefix), New(f.client, strings.ReplaceAll(prefix, "*", "xxx"))
		expect := map[string]*accounts.Account{}
		for _, name := range strings.Fields("alice {bob} carol:x * user:") {
			expect[name] = accountstest.Sample(name)
			accountstest.Create(f.T, users, expect[name])
			accountstest.Create(f.T, other, accountstest.Sample(name))
		}
		_, _, err := NewAttempts(f.client, prefix).Count(f.Context(), attempt("1", 0))
		check(f.T, err)
		check(f.T, f.client.Set(f.Context(), prefix+"user:foreign", "text", 0).Err())
		accountstest.Create(f.T, users, accountstest.Sample("damaged"))
		check(f.T, f.client.HSet(f.Context(), prefix+"user:damaged", "version", "x").Err())

		got := map[string]*accounts.Account{}
		var damage []string
		for a, err := range New(f.through, prefix).All(f.Context()) {
			if err != nil {
				damage = append(damage, err.Error())
				continue
			}
			if got[a.Name] != nil {
				f.Errorf("%q came twice", a.Name)
			}
			got[a.Name] = a
		}
		if !reflect.DeepEqual(got, expect) {
			f.Errorf("got  %v\nwant %v", got, expect)
		}
		if all := strings.Join(damage, "\n"); len(damage) != 2 || !strings.Contains(all, "user:damaged") || !strings.Contains(all, "user:foreign") {
			f.Errorf("errors: %q; want one for each damaged key", damage)
		}
		for range New(f.through, prefix).All(f.Context()) {
			break // the caller may stop
		}
	})
}

// More accounts than fit on one page are all returned.
func TestAllPages(t *testing.T) {
	each(t, func(f *fixture) {
		f.fill(2500)
		n := 0
		for _, err := range f.users.All(f.Context()) {
			check(f.T, err)
			n++
		}
		if n != 2500 {
			f.Errorf("All returned %d accounts of 2500", n)
		}
	})
}

// fill stores n accounts.
func (f *fixture) fill(n int) {
	f.Helper()
	for range n {
		a := accountstest.Sample("x")
		accountstest.Create(f.T, f.direct, &accounts.Account{Name: a.UserID, UserID: a.UserID, Revision: a.Revision})
	}
}

// If a page cannot be read, All says so at the end, and does not look complete.
func TestAllInAnOutage(t *testing.T) {
	t.Parallel()
	f, server := newOwnServer(t)
	f.fill(2500)
	n, outages := 0, 0
	for _, err := range f.users.All(t.Context()) {
		if err == nil {
			n++
			server.Kill()
			continue
		}
		want(t, err, errOutage)
		outages++
	}
	if n == 2500 || outages != 1 {
		t.Errorf("All returned %d accounts and %d errors after the server was gone", n, outages)
	}
	for _, err := range f.users.All(t.Context()) {
		if err == nil || errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("All without a server: %v", err)
		}
	}
}

// twice is a hook of go-redis: each page of SCAN has each of its keys twice.
type twice struct{}

func (twice) DialHook(next redis.DialHook) redis.DialHook { return next }

func (twice) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (twice) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if page, ok := cmd.(*redis.ScanCmd); ok {
			keys, cursor := page.Val()
			page.SetVal(slices.Concat(keys, keys), cursor)
		}
		return err
	}
}

// SCAN may return a key twice. All does not.
func TestAllReturnsEachOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t, redistest.Options(t))
	f.fill(3)
	f.through.AddHook(twice{})
	n := 0
	for _, err := range f.users.All(t.Context()) {
		check(t, err)
		n++
	}
	if n != 3 {
		t.Errorf("All returned %d accounts, want 3", n)
	}
}
