package accountstest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
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

// mistakes are stores that lie, and the test of the suite that finds each.
var mistakes = []struct {
	name, test string
	make       func(good foreign) mistake
}{
	{"a lost update: the revision is not compared", "an update that comes too late", func(good foreign) mistake {
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
	{"the revision is compared before the write, and not with it", "one of 16 updates wins", func(good foreign) mistake {
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
	{"two tables without a transaction", "an update is whole or not at all", func(good foreign) mistake {
		return mistake{update: func(ctx context.Context, a *accounts.Account, newRevision string) error {
			return overwrite(ctx, good, a, newRevision)
		}}
	}},
	{"a write that is sent again is refused", "an update sent again", func(good foreign) mistake {
		return mistake{update: func(ctx context.Context, a *accounts.Account, newRevision string) error {
			if now, err := good.Get(ctx, a.Name); err != nil || now.Revision != a.Revision {
				return accounts.ErrChanged
			}
			return good.Update(ctx, a, newRevision)
		}}
	}},
	{"the revision knows only our own writes", "a password that the application sets", func(good foreign) mistake {
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
	{"a password of the application leaves Version as it was", "a password that the application sets", constant(func(a *accounts.Account) { a.Version = 1 })},
	{"who is disabled by the application is not noticed", "a user whom the application disables", constant(func(a *accounts.Account) { a.Disabled = false })},
	{"a cache", "a password that the application sets", func(good foreign) mistake {
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
	{"one account for all readers", "an account belongs to its reader", func(good foreign) mistake {
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
	{"preferences replace those of before", "preferences are set and nothing else", func(good foreign) mistake {
		return mistake{preferences: func(ctx context.Context, name, userID string, settings map[string]string, newRevision string) error {
			a, err := good.Get(ctx, name)
			if err != nil || a.UserID != userID {
				return accounts.ErrNotFound
			}
			a.Preferences = settings
			return good.Update(ctx, a, newRevision)
		}}
	}},
	{"preferences by a read and an update", "preferences set at once are all kept", func(good foreign) mistake {
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
	{"preferences of whoever has the name", "preferences of nobody, and of another user", func(good foreign) mistake {
		return mistake{preferences: func(ctx context.Context, name, _ string, settings map[string]string, newRevision string) error {
			a, err := good.Get(ctx, name)
			if err != nil {
				return err
			}
			return good.SetPreferences(ctx, name, a.UserID, settings, newRevision)
		}}
	}},
	{"an ID is read as a number", "user IDs are compared byte by byte", func(good foreign) mistake {
		return mistake{findID: func(ctx context.Context, userID string) (*accounts.Account, error) {
			id, err := strconv.ParseInt(strings.TrimSpace(userID), 10, 64)
			if err != nil {
				return nil, accounts.ErrNotFound
			}
			return good.read(ctx, good.db, byID, id)
		}}
	}},
	{"an ID that is no number is an outage", "user IDs are compared byte by byte", func(good foreign) mistake {
		return mistake{findID: func(ctx context.Context, userID string) (*accounts.Account, error) {
			return good.read(ctx, good.db, ` WHERE u.id = $1::text::bigint`, userID)
		}}
	}},
	{"a name is a pattern", "names that nobody has", getBy(` WHERE u.email ILIKE $1`)},
	{"a name is compared without accents", "one name is one user", getBy(` WHERE translate(lower(u.email), 'äöíı', 'aoii') = translate($1, 'äöíı', 'aoii') LIMIT 1`)},
	{"a name is compared with its case", "one name is one user", getBy(` WHERE u.email = $1`)},
	{"a write goes to all whose names are nearly the same", "a name of two users", func(good foreign) mistake {
		return mistake{update: func(ctx context.Context, a *accounts.Account, newRevision string) error {
			err := good.Update(ctx, a, newRevision)
			if err == nil {
				_, err = good.db.ExecContext(ctx, `UPDATE users SET password = $2 WHERE translate(lower(trim(email)), 'ıí', 'ii') = $1`, a.Name, a.PasswordHash)
			}
			return err
		}}
	}},
	{"a name whose blanks count is another user's row", "a name of two users", getBy(` WHERE lower(trim(u.email)) = $1 ORDER BY u.id DESC LIMIT 1`)},
	{"what ends in between is no outage", "a context that has ended is an outage", func(good foreign) mistake {
		return mistake{update: func(ctx context.Context, a *accounts.Account, newRevision string) error {
			return good.Update(context.WithoutCancel(ctx), a, newRevision)
		}}
	}},
	{"every error is nobody", "a context that has ended is an outage", func(good foreign) mistake {
		return mistake{get: func(ctx context.Context, name string) (*accounts.Account, error) {
			a, err := good.Get(ctx, name)
			if err != nil {
				return nil, accounts.ErrNotFound
			}
			return a, nil
		}}
	}},
	{"whom the application removes comes back", "a user whom the application removes", func(good foreign) mistake {
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
	{"a column that is NULL is an error", "a user of the application", func(good foreign) mistake {
		return mistake{get: func(ctx context.Context, name string) (*accounts.Account, error) {
			var display string
			if err := good.db.QueryRowContext(ctx, `SELECT name FROM users WHERE lower(email) = $1`, name).Scan(&display); err != nil {
				return nil, err
			}
			return good.Get(ctx, name)
		}}
	}},
	{"an update that is refused says nothing", "an update keeps or refuses what the application has", forgetting(func(a *accounts.Account) { a.Disabled = false })},
	{"a time without its zone", "an update replaces everything", func(good foreign) mistake {
		return mistake{update: func(ctx context.Context, a *accounts.Account, newRevision string) error {
			a = a.Clone()
			f := a.FrozenUntil
			if !f.IsZero() {
				a.FrozenUntil = time.Date(f.Year(), f.Month(), f.Day(), f.Hour(), f.Minute(), f.Second(), 0, time.UTC)
			}
			return good.Update(ctx, a, newRevision)
		}}
	}},
	{"numbers of 53 bits", "an update replaces everything", forgetting(func(a *accounts.Account) { a.Version = int64(float64(a.Version)) })},
	{"FrozenUntil is forgotten", "an update replaces everything", forgetting(func(a *accounts.Account) { a.FrozenUntil = time.Time{} })},
	{"Version is forgotten", "an update replaces everything", forgetting(func(a *accounts.Account) { a.Version = 1 })},
	{"CredentialVersion is forgotten", "an update replaces everything", forgetting(func(a *accounts.Account) { a.CredentialVersion = 0 })},
	{"Closed is forgotten", "an update replaces everything", forgetting(func(a *accounts.Account) { a.Closed = false })},
	{"ImportedHash is forgotten", "an update replaces everything", forgetting(func(a *accounts.Account) { a.ImportedHash = "" })},
	{"Preferences are forgotten", "an update replaces everything", forgetting(func(a *accounts.Account) { a.Preferences = nil })},
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
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			users := users
			broken := m.make(foreign{db})
			broken.foreign = foreign{db}
			users.Store = broken
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
