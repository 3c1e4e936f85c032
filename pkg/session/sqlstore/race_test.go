package sqlstore_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/faults"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/sqlstore"
)

// When the call is made, another transaction has changed the session but has not
// committed. The call waits, and then has the same result as if it was made after the
// transaction. SQLite has one writer at a time, so this cannot happen there inside a
// statement.
func TestWaitingForAnotherTransaction(t *testing.T) {
	t.Parallel()
	const (
		writes  = `UPDATE coatcheck_sessions SET version = 99 WHERE id = $1`
		itself  = `UPDATE coatcheck_sessions SET version = 2 WHERE id = $1` // the version that update writes
		renews  = `UPDATE coatcheck_sessions SET version = 99, previous_secret = secret, secret = decode(repeat('07', 32), 'hex') WHERE id = $1`
		twice   = `UPDATE coatcheck_sessions SET version = 99, previous_secret = decode(repeat('08', 32), 'hex'), secret = decode(repeat('07', 32), 'hex') WHERE id = $1`
		touches = `UPDATE coatcheck_sessions SET last_seen_at = last_seen_at + 3600, expires_at = expires_at + 3600 WHERE id = $1`
		expires = `UPDATE coatcheck_sessions SET expires_at = 1 WHERE id = $1`
		deletes = `DELETE FROM coatcheck_sessions WHERE id = $1`
	)
	for _, test := range []struct {
		name   string
		call   faults.Call
		other  string
		want   error
		stays  bool // whether the session exists afterwards
		commit bool
	}{
		{"Update, update", update, writes, session.ErrConflict, true, true},
		{"Update, itself", update, itself, nil, true, true},
		{"Update, touch", update, touches, nil, true, true},
		{"Update, expiry", update, expires, session.ErrNoSession, true, true},
		{"Update, delete", update, deletes, session.ErrNoSession, false, true},
		{"Update, rollback", update, deletes, nil, true, false},

		{"Touch, update", touch, writes, nil, true, true},
		{"Touch, later touch", touch, touches, nil, true, true},
		{"Touch, expiry", touch, expires, session.ErrNoSession, true, true},
		{"Touch, delete", touch, deletes, session.ErrNoSession, false, true},
		{"Touch, rollback", touch, deletes, nil, true, false},

		{"Delete, update", revoke, writes, nil, false, true},
		{"Delete, expiry", revoke, expires, session.ErrNoSession, false, true},
		{"Delete, delete", revoke, deletes, session.ErrNoSession, false, true},
		{"Delete, rollback", revoke, deletes, nil, false, false},
		{"Delete with a secret, renewal", logout, renews, nil, false, true},
		{"Delete with a secret, two renewals", logout, twice, session.ErrNoSession, true, true},
		{"Delete with a secret, rollback", logout, twice, nil, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newFixture(t, postgreSQL)
			s := r.Created()
			other := r.begin()
			other.exec(test.other, s.ID)
			answer := r.waiting(func() error { return test.call.Do(t.Context(), r.store, s) })
			other.end(test.commit)
			want(t, <-answer, test.want)
			_, err := r.store.Get(t.Context(), s.Key())
			if stays := err == nil; stays != test.stays {
				t.Errorf("afterwards Get returns %v", err)
			}
		})
	}
}

// If two transactions insert the same key, the second waits for the first.
func TestCreateWaitsForAnother(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		commit bool
		want   error
	}{{true, session.ErrConflict}, {false, nil}} {
		r := newFixture(t, postgreSQL)
		s := r.Created()
		other := r.begin()
		other.exec(`CREATE TEMPORARY TABLE copy AS SELECT * FROM coatcheck_sessions`)
		r.exec(`DELETE FROM coatcheck_sessions`)
		other.exec(`INSERT INTO coatcheck_sessions SELECT * FROM copy`)
		answer := r.waiting(func() error { return r.store.Create(t.Context(), s) })
		other.end(test.commit)
		want(t, <-answer, test.want)
		r.Holds(s)
	}
}

// begin starts a transaction on a connection of its own.
func (r *fixture) begin() *transaction {
	r.Helper()
	tx, err := r.db.BeginTx(context.Background(), nil)
	want(r.TB, err, nil)
	r.Cleanup(func() { tx.Rollback() })
	return &transaction{r, tx}
}

type transaction struct {
	*fixture
	tx *sql.Tx
}

func (t *transaction) exec(query string, args ...any) {
	t.Helper()
	_, err := t.tx.Exec(query, args...)
	want(t.TB, err, nil)
}

func (t *transaction) end(commit bool) {
	t.Helper()
	if commit {
		want(t.TB, t.tx.Commit(), nil)
	} else {
		want(t.TB, t.tx.Rollback(), nil)
	}
}

// waitTimeout is long enough to be sure that the awaited event never happens.
const waitTimeout = 3 * time.Minute

// waiting starts the call and returns when the call waits for a lock in PostgreSQL.
func (r *fixture) waiting(call func() error) <-chan error {
	r.Helper()
	answer := make(chan error, 1)
	go func() { answer <- call() }()
	for deadline := time.Now().Add(waitTimeout); ; time.Sleep(time.Millisecond) {
		if r.waiters() > 0 {
			return answer
		}
		if len(answer) > 0 || time.Now().After(deadline) {
			r.Fatal("the call does not wait for the other transaction")
		}
	}
}

// nobodyWaits returns when no call waits for a lock. It also cancels waiting calls: pgx
// cancels an abandoned call, but PostgreSQL ignores that if it arrives before the
// statement.
func (r *fixture) nobodyWaits() {
	r.Helper()
	for deadline := time.Now().Add(waitTimeout); r.waiters() > 0; time.Sleep(time.Millisecond) {
		r.exec(`SELECT pg_cancel_backend(pid) FROM pg_locks WHERE ` + waiting)
		if time.Now().After(deadline) {
			r.Fatal("a call that was given up still waits")
		}
	}
}

// waiting is the condition for statements on the table that wait for a lock.
const waiting = `NOT granted AND pid IN (SELECT pid FROM pg_locks WHERE relation = 'coatcheck_sessions'::regclass)`

// waiters counts the statements that wait for a lock. For SQLite it returns 0: there the
// calls wait themselves, and no server knows of it.
func (r *fixture) waiters() (n int) {
	r.Helper()
	if r.dialect == sqlstore.PostgreSQL {
		want(r.TB, r.db.QueryRow(`SELECT count(*) FROM pg_locks WHERE `+waiting).Scan(&n), nil)
	}
	return n
}
