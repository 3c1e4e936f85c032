package accountstest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/accountstest"
)

// recorder is a test that may fail: it keeps what it is told.
type recorder struct {
	testing.TB
	mu  sync.Mutex
	log []string
}

func (r *recorder) Helper() {}

func (r *recorder) record(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, text)
}

func (r *recorder) Error(args ...any)                 { r.record(fmt.Sprint(args...)) }
func (r *recorder) Errorf(format string, args ...any) { r.record(fmt.Sprintf(format, args...)) }
func (r *recorder) Fatal(args ...any)                 { r.Error(args...); runtime.Goexit() }
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...); runtime.Goexit() }

// mistake is a store with one mistake. Each overrides what it does wrong.
type mistake struct {
	foreign
	get         func(context.Context, string) (*accounts.Account, error)
	findID      func(context.Context, string) (*accounts.Account, error)
	update      func(context.Context, *accounts.Account, string) error
	preferences func(ctx context.Context, name, userID string, settings map[string]string, newRevision string) error
}

func (m mistake) Get(ctx context.Context, name string) (*accounts.Account, error) {
	if m.get == nil {
		return m.foreign.Get(ctx, name)
	}
	return m.get(ctx, name)
}

func (m mistake) FindID(ctx context.Context, userID string) (*accounts.Account, error) {
	if m.findID == nil {
		return m.foreign.FindID(ctx, userID)
	}
	return m.findID(ctx, userID)
}

func (m mistake) Update(ctx context.Context, a *accounts.Account, newRevision string) error {
	if m.update == nil {
		return m.foreign.Update(ctx, a, newRevision)
	}
	return m.update(ctx, a, newRevision)
}

func (m mistake) SetPreferences(ctx context.Context, name, userID string, settings map[string]string, newRevision string) error {
	if m.preferences == nil {
		return m.foreign.SetPreferences(ctx, name, userID, settings, newRevision)
	}
	return m.preferences(ctx, name, userID, settings, newRevision)
}

// made is a mistake, and the test of the suite that finds it. others says what is so besides:
// that there are two processes, or what the application does.
type made struct {
	name, test string
	make       func(good foreign) mistake
	others     func(good foreign, users *accountstest.Users)
}

// store makes the mistake in a store that is good otherwise.
func (m made) store(good foreign) accounts.Store {
	if m.make == nil {
		return good
	}
	broken := m.make(good)
	broken.foreign = good
	return broken
}

// mistakes are stores that lie.
var mistakes = []made{
	{name: "a lost update: the revision is not compared", test: "an update that comes too late", make: func(good foreign) mistake {
		return mistake{update: func(ctx context.Context, a *accounts.Account, newRevision string) error {
			now, err := good.Get(ctx, a.Name)
			if err != nil {
				return accounts.ErrChanged
			}
			a = a.Clone()
			a.Revision = now.Revision
			return good.Update(ctx, a, newRevision)
		}}
	}},
	{name: "the revision is compared before the write, and not with it", test: "one of 16 updates wins", make: func(good foreign) mistake {
		var all sync.WaitGroup
		all.Add(16)
		return mistake{update: func(ctx context.Context, a *accounts.Account, newRevision string) error {
			now, err := good.Get(ctx, a.Name)
			all.Done() // all have read before the first writes
			all.Wait()
			if err != nil || now.Revision != a.Revision {
				return accounts.ErrChanged
			}
			return overwrite(ctx, good, a, newRevision)
		}}
	}},
	{name: "two tables without a transaction", test: "an update is whole or not at all", make: func(good foreign) mistake {
		return mistake{update: func(ctx context.Context, a *accounts.Account, newRevision string) error {
			return overwrite(ctx, good, a, newRevision)
		}}
	}},
	{name: "a write that is sent again is refused", test: "an update sent again", make: func(good foreign) mistake {
		return mistake{update: func(ctx context.Context, a *accounts.Account, newRevision string) error {
			if now, err := good.Get(ctx, a.Name); err != nil || now.Revision != a.Revision {
				return accounts.ErrChanged
			}
			return good.Update(ctx, a, newRevision)
		}}
	}},
	{name: "the revision knows only our own writes", test: "a password that the application sets", make: func(good foreign) mistake {
		blind := func(a *accounts.Account, err error) (*accounts.Account, error) {
			if err == nil {
				a.Revision, _, _ = strings.Cut(a.Revision, "/")
			}
			return a, err
		}
		return mistake{
			get:    func(ctx context.Context, name string) (*accounts.Account, error) { return blind(good.Get(ctx, name)) },
			findID: func(ctx context.Context, id string) (*accounts.Account, error) { return blind(good.FindID(ctx, id)) },
			update: func(ctx context.Context, a *accounts.Account, newRevision string) error {
				now, err := good.Get(ctx, a.Name)
				if err != nil {
					return accounts.ErrChanged
				}
				if own, _, _ := strings.Cut(now.Revision, "/"); own == a.Revision {
					a = a.Clone()
					a.Revision = now.Revision
				}
				return good.Update(ctx, a, newRevision)
			},
		}
	}},
	{name: "a password of the application leaves Version as it was", test: "a password that the application sets", make: constant(func(a *accounts.Account) { a.Version = 1 })},
	{name: "who is disabled by the application is not noticed", test: "a user whom the application disables", make: constant(func(a *accounts.Account) { a.Disabled = false })},
	{name: "a cache", test: "a password that the application sets", make: func(good foreign) mistake {
		var mu sync.Mutex
		kept := map[string]*accounts.Account{}
		return mistake{
			get: func(ctx context.Context, name string) (*accounts.Account, error) {
				mu.Lock()
				defer mu.Unlock()
				if a := kept[name]; a != nil {
					return a.Clone(), nil
				}
				a, err := good.Get(ctx, name)
				if err == nil {
					kept[name] = a.Clone()
				}
				return a, err
			},
			update: func(ctx context.Context, a *accounts.Account, newRevision string) error {
				mu.Lock()
				defer mu.Unlock()
				delete(kept, a.Name)
				return good.Update(ctx, a, newRevision)
			},
		}
	}},
	{name: "one account for all readers", test: "an account belongs to its reader", make: func(good foreign) mistake {
		shared := map[string]*accounts.Account{}
		return mistake{get: func(ctx context.Context, name string) (*accounts.Account, error) {
			a, err := good.Get(ctx, name)
			if err != nil {
				return nil, err
			}
			if kept := shared[name]; kept == nil || kept.Revision != a.Revision {
				shared[name] = a
			}
			return shared[name], nil
		}}
	}},
	{name: "preferences replace those of before", test: "preferences are set and nothing else", make: func(good foreign) mistake {
		return mistake{preferences: func(ctx context.Context, name, userID string, settings map[string]string, newRevision string) error {
			a, err := good.Get(ctx, name)
			if err != nil || a.UserID != userID {
				return accounts.ErrNotFound
			}
			a.Preferences = settings
			return good.Update(ctx, a, newRevision)
		}}
	}},
	{name: "preferences by a read and an update", test: "preferences set at once are all kept", make: func(good foreign) mistake {
		return mistake{preferences: func(ctx context.Context, name, userID string, settings map[string]string, newRevision string) error {
			a, err := good.Get(ctx, name)
			if err != nil || a.UserID != userID {
				return accounts.ErrNotFound
			}
			a.Preferences = maps.Clone(a.Preferences)
			maps.Copy(a.Preferences, settings)
			return good.Update(ctx, a, newRevision)
		}}
	}},
	{name: "preferences of whoever has the name", test: "preferences of nobody, and of another user", make: func(good foreign) mistake {
		return mistake{preferences: func(ctx context.Context, name, _ string, settings map[string]string, newRevision string) error {
			a, err := good.Get(ctx, name)
			if err != nil {
				return err
			}
			return good.SetPreferences(ctx, name, a.UserID, settings, newRevision)
		}}
	}},
	{name: "an ID is read as a number", test: "user IDs are compared byte by byte", make: func(good foreign) mistake {
		return mistake{findID: func(ctx context.Context, userID string) (*accounts.Account, error) {
			id, err := strconv.ParseInt(strings.TrimSpace(userID), 10, 64)
			if err != nil {
				return nil, accounts.ErrNotFound
			}
			return good.read(ctx, good.db, byID, id)
		}}
	}},
	{name: "an ID that is no number is an outage", test: "user IDs are compared byte by byte", make: func(good foreign) mistake {
		return mistake{findID: func(ctx context.Context, userID string) (*accounts.Account, error) {
			return good.read(ctx, good.db, ` WHERE u.id = $1::text::bigint`, userID)
		}}
	}},
	{name: "a name is a pattern", test: "names that nobody has", make: getBy(` WHERE u.email ILIKE $1`)},
	{name: "a name is compared without accents", test: "one name is one user", make: getBy(` WHERE translate(lower(u.email), 'äöíı', 'aoii') = translate($1, 'äöíı', 'aoii') LIMIT 1`)},
	{name: "a name is compared with its case", test: "one name is one user", make: getBy(` WHERE u.email = $1`)},
	{name: "a write goes to all whose names are nearly the same", test: "a name of two users", make: func(good foreign) mistake {
		return mistake{update: func(ctx context.Context, a *accounts.Account, newRevision string) error {
			err := good.Update(ctx, a, newRevision)
			if err == nil {
				_, err = good.db.ExecContext(ctx, `UPDATE users SET password = $2 WHERE translate(lower(trim(email)), 'ıí', 'ii') = $1`, a.Name, a.PasswordHash)
			}
			return err
		}}
	}},
	{name: "a name whose blanks count is another user's row", test: "a name of two users", make: getBy(` WHERE lower(trim(u.email)) = $1 ORDER BY u.id DESC LIMIT 1`)},
	{name: "what ends in between is no outage", test: "a context that has ended is an outage", make: func(good foreign) mistake {
		return mistake{update: func(ctx context.Context, a *accounts.Account, newRevision string) error {
			return good.Update(context.WithoutCancel(ctx), a, newRevision)
		}}
	}},
	{name: "every error is nobody", test: "a context that has ended is an outage", make: func(good foreign) mistake {
		return mistake{get: func(ctx context.Context, name string) (*accounts.Account, error) {
			a, err := good.Get(ctx, name)
			if err != nil {
				return nil, accounts.ErrNotFound
			}
			return a, nil
		}}
	}},
	{name: "whom the application removes comes back", test: "a user whom the application removes", make: func(good foreign) mistake {
		return mistake{update: func(ctx context.Context, a *accounts.Account, newRevision string) error {
			err := good.Update(ctx, a, newRevision)
			if errors.Is(err, accounts.ErrChanged) {
				_, insert := good.db.ExecContext(ctx, `INSERT INTO users (id, email, password, is_active) SELECT $1::text::bigint, $2, $3, true
					WHERE NOT EXISTS (SELECT FROM users WHERE id = $1::text::bigint)`, a.UserID, a.Name, a.PasswordHash)
				return errors.Join(err, insert)
			}
			return err
		}}
	}},
	{name: "a column that is NULL is an error", test: "a user of the application", make: func(good foreign) mistake {
		return mistake{get: func(ctx context.Context, name string) (*accounts.Account, error) {
			var display string
			if err := good.db.QueryRowContext(ctx, `SELECT name FROM users WHERE lower(email) = $1`, name).Scan(&display); err != nil {
				return nil, err
			}
			return good.Get(ctx, name)
		}}
	}},
	{name: "an update that is refused says nothing", test: "an update keeps or refuses what the application has", make: forgetting(func(a *accounts.Account) { a.Disabled = false })},
	{name: "a time without its zone", test: "an update replaces everything", make: func(good foreign) mistake {
		return mistake{update: func(ctx context.Context, a *accounts.Account, newRevision string) error {
			a = a.Clone()
			f := a.FrozenUntil
			if !f.IsZero() {
				a.FrozenUntil = time.Date(f.Year(), f.Month(), f.Day(), f.Hour(), f.Minute(), f.Second(), 0, time.UTC)
			}
			return good.Update(ctx, a, newRevision)
		}}
	}},
	{name: "numbers of 53 bits", test: "an update replaces everything", make: forgetting(func(a *accounts.Account) { a.Version = int64(float64(a.Version)) })},
	{name: "FrozenUntil is forgotten", test: "an update replaces everything", make: forgetting(func(a *accounts.Account) { a.FrozenUntil = time.Time{} })},
	{name: "Version is forgotten", test: "an update replaces everything", make: forgetting(func(a *accounts.Account) { a.Version = 1 })},
	{name: "CredentialVersion is forgotten", test: "an update replaces everything", make: forgetting(func(a *accounts.Account) { a.CredentialVersion = 0 })},
	{name: "Closed is forgotten", test: "an update replaces everything", make: forgetting(func(a *accounts.Account) { a.Closed = false })},
	{name: "ImportedHash is forgotten", test: "an update replaces everything", make: forgetting(func(a *accounts.Account) { a.ImportedHash = "" })},
	{name: "Preferences are forgotten", test: "an update replaces everything", make: forgetting(func(a *accounts.Account) { a.Preferences = nil })},
}

// overwrite stores the account by two statements without a transaction.
func overwrite(ctx context.Context, good foreign, a *accounts.Account, newRevision string) error {
	_, err := good.db.ExecContext(ctx, `UPDATE users SET password = $2, is_active = $3 WHERE id::text = $1`, a.UserID, a.PasswordHash, !a.Disabled)
	if err != nil {
		return err
	}
	return good.put(ctx, good.db, a, newRevision)
}

// forgetting returns a store that loses something of every write.
func forgetting(lose func(*accounts.Account)) func(foreign) mistake {
	return func(good foreign) mistake {
		return mistake{update: func(ctx context.Context, a *accounts.Account, newRevision string) error {
			a = a.Clone()
			lose(a)
			return good.Update(ctx, a, newRevision)
		}}
	}
}

// constant returns a store that reads a field always the same.
func constant(set func(*accounts.Account)) func(foreign) mistake {
	return func(good foreign) mistake {
		always := func(a *accounts.Account, err error) (*accounts.Account, error) {
			if err == nil {
				set(a)
			}
			return a, err
		}
		return mistake{
			get:    func(ctx context.Context, name string) (*accounts.Account, error) { return always(good.Get(ctx, name)) },
			findID: func(ctx context.Context, id string) (*accounts.Account, error) { return always(good.FindID(ctx, id)) },
		}
	}
}

// getBy returns a store that finds names by another condition.
func getBy(where string) func(foreign) mistake {
	return func(good foreign) mistake {
		return mistake{get: func(ctx context.Context, name string) (*accounts.Account, error) {
			a, err := good.read(ctx, good.db, where, name)
			if err == nil {
				a.Name = name
			}
			return a, err
		}}
	}
}

// TestMistakes: the suite finds each of these mistakes, by the test that is meant for it.
func TestMistakes(t *testing.T) {
	db, users := newApplication(t)
	for _, m := range slices.Concat(mistakes, moreMistakes) {
		t.Run(m.name, func(t *testing.T) {
			users := users
			users.Store, users.Second = m.store(foreign{db}), nil
			if m.others != nil {
				m.others(foreign{db}, &users)
			}
			r := &recorder{TB: t}
			done := make(chan struct{})
			go func() {
				defer close(done)
				accountstest.RunCheck(r, m.test, users)
			}()
			<-done
			if len(r.log) == 0 {
				t.Errorf("the test %q has not found it", m.test)
			} else if testing.Verbose() {
				t.Log(r.log[0])
			}
		})
	}
}
