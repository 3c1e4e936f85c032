package sqlaccounts

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"example.com/coatcheck/pkg/accounts/accountstest"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/sqlstore"
)

// TestWritersQueue: sessions, users and attempts in one SQLite file are written by many
// at once. SQLite is told not to wait for a lock at all, so a write fails at once with
// "database is locked" unless the writers queue. Reads go on meanwhile.
func TestWritersQueue(t *testing.T) {
	file := "file:" + filepath.Join(t.TempDir(), "all.db") + "?_journal_mode=WAL&_txlock=immediate&_busy_timeout="
	prepared := sqlstore.New(sqlite.open(t, file+"120000").DB, sqlstore.SQLite)
	if err := prepared.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := Migrate(t.Context(), prepared.Database()); err != nil {
		t.Fatal(err)
	}
	sessions := sqlstore.New(sqlite.open(t, file+"0").DB, sqlstore.SQLite)
	users, attempts := New(sessions.Database()), NewAttempts(sessions.Database())

	var writers sync.WaitGroup
	for n := range 8 {
		for kind, write := range map[string]func(ctx context.Context, id string) error{
			"session": func(ctx context.Context, id string) error {
				s := &session.Session{ID: id, UserID: "u", CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour), Version: 1}
				if err := sessions.Create(ctx, s); err != nil {
					return err
				}
				if _, err := sessions.Get(ctx, s.Key()); err != nil {
					return err
				}
				_, err := sessions.Delete(ctx, s.Key(), nil, time.Now())
				return err
			},
			"user": func(ctx context.Context, id string) error {
				a := accountstest.Sample(id)
				if err := users.Create(ctx, a); err != nil {
					return err
				}
				if err := users.Update(ctx, a, "next"); err != nil {
					return err
				}
				a, err := users.Get(ctx, id)
				if err != nil {
					return err
				}
				return users.Delete(ctx, a)
			},
			"attempt": func(ctx context.Context, id string) error {
				steps := []throttle.Step{{From: 0}, {From: 1 << 30}}
				for range 2 {
					if _, _, err := attempts.Count(ctx, throttle.Count{Key: "shared", ID: id, At: time.Now(), Steps: steps}); err != nil {
						return err
					}
				}
				return attempts.Keep(ctx, "shared")
			},
		} {
			writers.Go(func() {
				for i := range 10 {
					if err := write(t.Context(), fmt.Sprint(kind, n, "-", i)); err != nil {
						t.Errorf("%s: %v", kind, err)
						return
					}
				}
			})
		}
	}
	writers.Wait()
}

// TestWriterGivesUp: who waits for a turn stops waiting when the call's context ends,
// and the next one gets the turn.
func TestWriterGivesUp(t *testing.T) {
	db := sqlite.migrated(t)
	users, attempts := New(db), NewAttempts(db)
	err := db.Write(t.Context(), func(*sql.Conn) error { // the turn is taken
		for what, write := range map[string]func(context.Context) error{
			"users":    func(ctx context.Context) error { return users.Create(ctx, accountstest.Sample("alice")) },
			"attempts": func(ctx context.Context) error { return attempts.Clear(ctx, "key") },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			if err := write(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s did not wait for a turn: %v", what, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := users.Create(t.Context(), accountstest.Sample("alice")); err != nil {
		t.Error(err)
	}
}
