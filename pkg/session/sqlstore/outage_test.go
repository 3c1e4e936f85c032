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

// While the server is down every answer is an outage; when it is back, so are
// the sessions.
func TestRestart(t *testing.T) {
	t.Parallel()
	dsn, stop, start := postgrestest.Stoppable(t)
	r := newFixture(t, server{"PostgreSQL", postgreSQL.dialect, postgreSQL.driver, func(testing.TB) string { return dsn }})
	s := r.Created()
	stop()
	for _, c := range faults.All {
		want(t, c.Do(t.Context(), r.store, s), errOutage)
	}
	_, err := r.store.DeleteExpired(t.Context(), now, 1)
	want(t, err, errOutage)
	start()
	r.Holds(s)
	for _, c := range faults.All {
		s := r.Subject(c)
		want(t, c.Do(t.Context(), r.store, s), nil)
		r.Left(c, s)
	}
}

// A program that keeps its sessions in a file finds them when it starts again.
func TestReopen(t *testing.T) {
	t.Parallel()
	r := newFixture(t, sqlite)
	s := r.Created()
	want(t, r.db.Close(), nil)
	for _, c := range faults.All {
		want(t, c.Do(t.Context(), r.store, s), errOutage)
	}
	r = r.another()
	want(t, r.store.Migrate(t.Context()), nil)
	r.Holds(s)
}

// Another writer holds what the call needs, and does not let go in time.
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
				patient := make(chan error, 1) // in SQLite, at the head of the queue
				go func() { patient <- create.Do(t.Context(), r.store, newSession()) }()
				for range 2 {
					if r.dialect == sqlstore.SQLite { // the call waits in our own queue
						wantCallTimesOut(t, c, r, s)
						continue
					}
					late, over := manualDeadline(t)
					answer := r.waiting(func() error { return c.Do(late, r.store, s) })
					over() // in the database by now, and not only on the way there
					wantTimeout(t, <-answer)
					r.nobodyWaits() // what was given up may be carried out as long as it waits
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

// All connections are in use, and for SQLite the queue of writers stands still.
func TestDeadlineWithoutAConnection(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server server) {
		r := newFixture(t, server)
		s := r.Created()
		r.db.SetMaxOpenConns(1)
		other := r.begin()
		for _, c := range faults.All {
			wantCallTimesOut(t, c, r, s)
		}
		other.end(true)
		for _, c := range faults.All { // a call needs one connection only
			s := r.Subject(c)
			want(t, c.Do(t.Context(), r.store, s), nil)
			want(t, c.Do(t.Context(), r.store, s), c.Again)
		}
	})
}

// shortTimeout is how long a call may take that is meant to run out of time.
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

// manualDeadline returns a context whose time is over when over is called.
func manualDeadline(t *testing.T) (late context.Context, over func()) {
	done := make(chan struct{})
	return deadline{t.Context(), done}, func() { close(done) }
}

type deadline struct {
	context.Context
	done chan struct{}
}

func (d deadline) Done() <-chan struct{} { return d.done }

func (d deadline) Err() error {
	select {
	case <-d.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}
