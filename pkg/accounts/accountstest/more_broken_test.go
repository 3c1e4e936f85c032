package accountstest_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/accountstest"
)

// moreMistakes are stores, and applications, that are wrong where two processes or two
// programs meet, or in a column.
var moreMistakes = []made{
	{name: "a name as the user typed it once", test: "an update replaces everything", make: func(good foreign) mistake {
		return mistake{findID: func(ctx context.Context, userID string) (*accounts.Account, error) {
			a, err := good.FindID(ctx, userID)
			if err == nil {
				a.Name = a.Username
			}
			return a, err
		}}
	}},
	{name: "a column for hashes of bcrypt", test: "an update replaces everything", make: forgetting(func(a *accounts.Account) { a.PasswordHash = a.PasswordHash[:min(60, len(a.PasswordHash))] })},
	{name: "the user name is written too", test: "an update replaces everything", make: func(good foreign) mistake {
		return mistake{update: func(ctx context.Context, a *accounts.Account, newRevision string) error {
			err := good.Update(ctx, a, newRevision)
			if err == nil {
				_, err = good.db.ExecContext(ctx, `UPDATE users SET email = $2 WHERE id::text = $1`, a.UserID, a.Username)
			}
			return err
		}}
	}},
	{name: "a lock on our table alone", test: "a password that the application sets at the same time", others: func(good foreign, users *accountstest.Users) {
		read, set, setPassword := make(chan struct{}), make(chan struct{}), users.SetPassword
		users.SetPassword = func(userID, hash string) error { // between our read and our write
			<-read
			err := setPassword(userID, hash)
			set <- struct{}{}
			return err
		}
		users.Store = mistake{
			foreign: good,
			update: func(ctx context.Context, a *accounts.Account, newRevision string) error {
				now, err := good.Get(ctx, a.Name)
				read <- struct{}{}
				<-set
				if err != nil || now.Revision != a.Revision {
					return accounts.ErrChanged
				}
				return overwrite(ctx, good, a, newRevision)
			},
			preferences: func(ctx context.Context, name, userID string, settings map[string]string, newRevision string) error {
				read <- struct{}{}
				<-set
				return good.SetPreferences(ctx, name, userID, settings, newRevision)
			},
		}
	}},
	{name: "a display name is written whatever the revision is", test: "a display name that the application sets", make: func(good foreign) mistake {
		return mistake{update: func(ctx context.Context, a *accounts.Account, newRevision string) error {
			_, err := good.db.ExecContext(ctx, `UPDATE users SET name = $2 WHERE id::text = $1`, a.UserID, a.DisplayName)
			return errors.Join(err, good.Update(ctx, a, newRevision))
		}}
	}},
	{name: "other roles leave Version as it was", test: "roles that the application sets", make: constant(func(a *accounts.Account) { a.Version = 1 }), others: rolesOfApplication},
	{name: "roles are written whatever the revision is", test: "roles that the application sets", make: func(good foreign) mistake {
		return mistake{update: func(ctx context.Context, a *accounts.Account, newRevision string) error {
			roles, _ := json.Marshal(a.Roles)
			_, err := good.db.ExecContext(ctx, `UPDATE coatcheck_accounts SET roles = $2 WHERE user_id::text = $1`, a.UserID, string(roles))
			return errors.Join(err, good.Update(ctx, a, newRevision))
		}}
	}, others: rolesOfApplication},
	{name: "what stands beside the table goes by the name", test: "a user whom the application removes", make: func(good foreign) mistake {
		closed := map[string]bool{}
		return mistake{
			get: func(ctx context.Context, name string) (*accounts.Account, error) {
				a, err := good.Get(ctx, name)
				if err == nil {
					a.Closed = a.Closed || closed[name]
				}
				return a, err
			},
			update: func(ctx context.Context, a *accounts.Account, newRevision string) error {
				closed[a.Name] = a.Closed
				return good.Update(ctx, a, newRevision)
			},
		}
	}},
	{name: "the application gives away the ID of a user it has removed", test: "a user whom the application removes", others: func(good foreign, users *accountstest.Users) {
		users.Add = func(name, hash string) (userID string, err error) {
			err = good.db.QueryRow(`INSERT INTO users (id, email, password, is_active) SELECT coalesce(max(id), 0) + 1, $1, $2, true FROM users RETURNING id::text`, name, hash).Scan(&userID)
			return userID, err
		}
	}},
	{name: "a freeze in the memory of a process", test: "an update replaces everything", others: twice(func(good foreign) mistake {
		frozen := map[string]time.Time{}
		remember := func(a *accounts.Account, err error) (*accounts.Account, error) {
			if err == nil {
				a.FrozenUntil = frozen[a.UserID]
			}
			return a, err
		}
		return mistake{
			get: func(ctx context.Context, name string) (*accounts.Account, error) {
				return remember(good.Get(ctx, name))
			},
			findID: func(ctx context.Context, id string) (*accounts.Account, error) { return remember(good.FindID(ctx, id)) },
			update: func(ctx context.Context, a *accounts.Account, newRevision string) error {
				err := good.Update(ctx, a, newRevision)
				if err == nil {
					frozen[a.UserID] = a.FrozenUntil
				}
				return err
			},
		}
	})},
	{name: "a lock in the memory of a process", test: "one of 16 updates wins", others: func(good foreign, users *accountstest.Users) {
		var both sync.WaitGroup // both processes have read before the first writes
		both.Add(2)
		process := func() accounts.Store {
			var mu sync.Mutex
			met := sync.OnceFunc(func() { both.Done(); both.Wait() })
			return mistake{foreign: good, update: func(ctx context.Context, a *accounts.Account, newRevision string) error {
				mu.Lock()
				defer mu.Unlock()
				now, err := good.Get(ctx, a.Name)
				met()
				if err != nil || now.Revision != a.Revision {
					return accounts.ErrChanged
				}
				return overwrite(ctx, good, a, newRevision)
			}}
		}
		users.Store, users.Second = process(), process()
	}},
	{name: "a cache that one's own writes clear", test: "an update replaces everything", others: twice(func(good foreign) mistake {
		kept := map[string]*accounts.Account{}
		return mistake{
			get: func(ctx context.Context, name string) (*accounts.Account, error) {
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
				delete(kept, a.Name)
				return good.Update(ctx, a, newRevision)
			},
		}
	})},
}

// twice makes the mistake in each of two processes.
func twice(mistake func(good foreign) mistake) func(foreign, *accountstest.Users) {
	return func(good foreign, users *accountstest.Users) {
		m := made{make: mistake}
		users.Store, users.Second = m.store(good), m.store(good)
	}
}

// rolesOfApplication is an application that keeps the roles, and counts the changes itself.
func rolesOfApplication(good foreign, users *accountstest.Users) {
	users.SetRoles = func(userID string, roles []string) error {
		a, err := good.FindID(context.Background(), userID)
		if err != nil {
			return err
		}
		a.Roles, a.Version = roles, a.Version+1
		return good.Update(context.Background(), a, rand.Text())
	}
}
