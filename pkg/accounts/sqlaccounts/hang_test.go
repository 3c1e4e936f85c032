package sqlaccounts

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/faults"
	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/accountstest"
)

// TestServerThatHangs: while PostgreSQL answers nothing, a call ends with its context,
// on an open connection and on a new one. So does a call that waits because the only
// connection is in use. When PostgreSQL answers again, so do calls.
func TestServerThatHangs(t *testing.T) {
	t.Parallel()
	dsn := postgreSQL.dsn(t)
	if err := Migrate(t.Context(), postgreSQL.open(t, dsn)); err != nil {
		t.Fatal(err)
	}
	proxy := postgrestest.NewProxy(t, dsn)
	db := postgreSQL.open(t, proxy.DSN)
	db.SetMaxOpenConns(1)
	users, attempts := New(db), NewAttempts(db)
	a := accountstest.Sample("alice")
	for name, call := range map[string]func(context.Context) error{
		"Get": func(ctx context.Context) error {
			_, err := users.Get(ctx, "alice")
			return err
		},
		"Create": func(ctx context.Context) error { return users.Create(ctx, accountstest.Sample("bob")) },
		"Update": func(ctx context.Context) error { return users.Update(ctx, a, "second") },
		"Delete": func(ctx context.Context) error { return users.Delete(ctx, a) },
		"Count": func(ctx context.Context) error {
			_, _, err := attempts.Count(ctx, accountstest.AttemptAt("key", 0))
			return err
		},
		"Keep":  func(ctx context.Context) error { return attempts.Keep(ctx, "key") },
		"Clear": func(ctx context.Context) error { return attempts.Clear(ctx, "key") },
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := users.Get(t.Context(), "nobody"); !errors.Is(err, accounts.ErrNotFound) { // opens the connection
				t.Fatal(err)
			}
			proxy.FailAll(postgrestest.Hang)
			defer proxy.FailAll(postgrestest.None)
			for range 2 { // the first uses the open connection, the second needs a new one
				hung, waits := proxy.Hung(), db.Stats().WaitCount
				holder, passHolder := start(t, call)
				waitFor(t, "reach the proxy", func() bool { return proxy.Hung() > hung })
				waiter, passWaiter := start(t, call)
				waitFor(t, "wait for the connection", func() bool { return db.Stats().WaitCount > waits })
				passWaiter()
				if err := <-waiter; !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("a call that waits for the connection: %v, want the context's error", err)
				}
				passHolder()
				if err := <-holder; !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("a call that waits for PostgreSQL: %v, want the context's error", err)
				}
			}
		})
	}
}

// start makes the call. The deadline of its context passes when pass is called.
func start(t *testing.T, call func(context.Context) error) (answer chan error, pass func()) {
	ctx, pass := faults.Deadline(t.Context())
	answer = make(chan error, 1)
	go func() { answer <- call(ctx) }()
	return answer, pass
}

func waitFor(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the call does not %s", what)
		}
	}
}
