package sqlstore_test

import (
	"context"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/faults"
	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/sqlstore"
)

// While the server is down, every call is an outage. When it runs again, the sessions
// are still there.
func TestRestart(t *testing.T) {
	t.Parallel()
	dsn, stop, start := postgrestest.Stoppable(t)
	r := newFixture(t, server{"PostgreSQL", postgreSQL.dialect, postgreSQL.driver, func(testing.TB) string { return dsn }})
	s := r.Created()
	stop()
	for _, c := range r.Calls() {
		want(t, c.Do(t.Context(), r.store, s), errOutage)
	}
	_, err := r.store.DeleteExpired(t.Context(), now, 1)
	want(t, err, errOutage)
	start()
	r.Holds(s)
	for _, c := range r.Calls() {
		s := r.Subject(c)
		want(t, c.Do(t.Context(), r.store, s), nil)
		r.Left(c, s)
	}
}

// Sessions in a file are still there when the program starts again.
func TestReopen(t *testing.T) {
	t.Parallel()
	r := newFixture(t, sqlite)
	s := r.Created()
	want(t, r.db.Close(), nil)
	for _, c := range r.Calls() {
		want(t, c.Do(t.Context(), r.store, s), errOutage)
	}
	r = r.another()
	want(t, r.store.Migrate(t.Context()), nil)
	r.Holds(s)
}

// Another writer holds a lock that the call needs, and keeps it for too long.
func TestDeadlineBehindAnotherWriter(t *testing.T) {
	t.Parallel()
	for _, c := range []faults.Call{update, touch, logout, revoke} {
		t.Run(c.Method, func(t *testing.T) {
			t.Parallel()
			onEachServer(t, func(t *testing.T, server server) {
				r := newFixture(t, server)
				s := r.Created()
				other := r.begin()
				other.exec(`UPDATE coatcheck_sessions SET version = 99 WHERE id = $1`, s.ID)
				patient := make(chan error, 1) // in SQLite this call is first in the queue
				go func() { patient <- create.Do(t.Context(), r.store, newSession()) }()
				for range 2 {
					if r.dialect == sqlstore.SQLite { // the call waits in our own queue
						wantCallTimesOut(t, c, r, s)
						continue
					}
					late, over := faults.Deadline(t.Context())
					answer := r.waiting(func() error { return c.Do(late, r.store, s) })
					over() // the call has reached the database
					wantTimeout(t, <-answer)
					r.nobodyWaits() // an abandoned call could still be executed while it waits
				}
				want(t, get.Do(t.Context(), r.store, s), nil) // readers do not wait
				want(t, list.Do(t.Context(), r.store, s), nil)
				other.end(false)
				want(t, <-patient, nil)
				r.Holds(s)
				want(t, c.Do(t.Context(), r.store, s), nil)
			})
		})
	}
}

// All connections are in use. For SQLite the queue of writers does not move either.
func TestDeadlineWithoutAConnection(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server server) {
		r := newFixture(t, server)
		s := r.Created()
		r.db.SetMaxOpenConns(1)
		other := r.begin()
		for _, c := range r.Calls() {
			wantCallTimesOut(t, c, r, s)
		}
		other.end(true)
		for _, c := range r.Calls() { // a call needs one connection only
			s := r.Subject(c)
			want(t, c.Do(t.Context(), r.store, s), nil)
			want(t, c.Do(t.Context(), r.store, s), c.Again)
		}
	})
}

// shortTimeout is the time limit of calls that must reach their deadline.
const shortTimeout = 100 * time.Millisecond

func wantCallTimesOut(t *testing.T, c faults.Call, r *fixture, s *session.Session) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), shortTimeout)
	defer cancel()
	wantTimeout(t, c.Do(ctx, r.store, s))
}

func wantTimeout(t *testing.T, err error) {
	t.Helper()
	want(t, err, errOutage)
	want(t, err, context.DeadlineExceeded)
}
