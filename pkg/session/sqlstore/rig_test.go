package sqlstore_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/sqlstore"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// server is a kind of database that the tests run on.
type server struct {
	name    string
	dialect sqlstore.Dialect
	driver  string
	dsn     func(testing.TB) string // of an empty database of the test's own
}

var (
	postgreSQL = server{"PostgreSQL", sqlstore.PostgreSQL, "pgx", postgrestest.DSN}

	sqlite = server{"SQLite", sqlstore.SQLite, "sqlite", func(tb testing.TB) string {
		return "file:" + filepath.Join(tb.TempDir(), "test.db") + "?_journal_mode=WAL&_busy_timeout=120000&_txlock=immediate"
	}}

	servers = []server{postgreSQL, sqlite}
)

// onEach runs the test on every server.
func onEach(t *testing.T, test func(*testing.T, server)) {
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
}

// rig is a Store on a database of its own.
type rig struct {
	testing.TB
	server
	dsn   string
	db    *sql.DB
	store *sqlstore.Store
}

// empty returns a rig whose database has no table yet.
func empty(tb testing.TB, s server) *rig {
	tb.Helper()
	return (&rig{TB: tb, server: s, dsn: s.dsn(tb)}).another()
}

func newRig(tb testing.TB, s server) *rig {
	tb.Helper()
	r := empty(tb, s)
	want(tb, r.store.Migrate(tb.Context()), nil)
	return r
}

// another returns a rig on the same database, with a pool and a Store of its
// own, as another process has.
func (r *rig) another() *rig {
	r.Helper()
	return r.through(r.dsn)
}

func (r *rig) through(dsn string) *rig {
	r.Helper()
	db, err := sql.Open(r.driver, dsn)
	want(r.TB, err, nil)
	r.Cleanup(func() { db.Close() })
	db.SetMaxIdleConns(16)
	return &rig{r.TB, r.server, dsn, db, sqlstore.New(db, r.dialect)}
}

// exec changes the database behind the Store's back.
func (r *rig) exec(query string, args ...any) {
	r.Helper()
	_, err := r.db.ExecContext(r.Context(), query, args...)
	want(r.TB, err, nil)
}

// now is the time of the tests: no Store reads a clock.
var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// newSession returns a session of a new user that is alive at now.
func newSession() *session.Session {
	return &session.Session{
		ID:              randomID(),
		UserID:          rand.Text(),
		Roles:           []string{"reader"},
		Values:          map[string]string{"count": "1"},
		CreatedAt:       now.Add(-time.Hour + 678*time.Millisecond),
		AuthenticatedAt: now.Add(-time.Hour),
		LastSeenAt:      now.Add(-time.Minute),
		ExpiresAt:       now.Add(29 * time.Minute),
		Version:         1,
		IP:              "192.0.2.1",
		UserAgent:       "test/1.0",
		Secret:          [32]byte{1},
		PreviousSecret:  [32]byte{2},
	}
}

func randomID() string {
	b := make([]byte, 16)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// created returns a new session that is in the table.
func (r *rig) created() *session.Session {
	r.Helper()
	s := newSession()
	want(r.TB, r.store.Create(r.Context(), s), nil)
	return s
}

// holds demands that the table has the session just as it is in s; nil for s
// after means none.
func (r *rig) holds(key session.Key, s *session.Session) {
	r.Helper()
	got, err := r.store.Get(r.Context(), key)
	if s == nil {
		want(r.TB, err, session.ErrNoSession)
		return
	}
	want(r.TB, err, nil)
	if !reflect.DeepEqual(got, s) {
		r.Errorf("stored is\n\t%+v\nwant\n\t%+v", got, s)
	}
}

// errOutage stands for any error that is not a verdict on the session.
var errOutage = errors.New("an outage")

// want demands that got is target: nil, an error, or errOutage.
func want(tb testing.TB, got, target error) {
	tb.Helper()
	ok := errors.Is(got, target)
	if target == errOutage {
		ok = got != nil && !errors.Is(got, session.ErrNoSession) && !errors.Is(got, session.ErrConflict)
	}
	if !ok {
		tb.Fatalf("error is %v, want %v", got, target)
	}
}

// call is one method of the Store, called so that it succeeds.
type call struct {
	method, kind string // as in session.Store, and how its statement begins

	// do calls the method for s, which the table holds and which is alive at now.
	do func(ctx context.Context, store session.Store, s *session.Session) error

	// leaves returns what the table then holds of s; nil if nothing.
	leaves func(s *session.Session) *session.Session

	// again is what the same call returns after the first was carried out.
	again error
}

var (
	get = call{"Get", "SELECT", func(ctx context.Context, store session.Store, s *session.Session) error {
		got, err := store.Get(ctx, s.Key())
		if err == nil && !reflect.DeepEqual(got, s) {
			return fmt.Errorf("Get returned %+v, want %+v", got, s)
		}
		return err
	}, unchanged, nil}

	list = call{"List", "SELECT", func(ctx context.Context, store session.Store, s *session.Session) error {
		got, err := store.List(ctx, s.Key().Owner)
		if err == nil && !reflect.DeepEqual(got, []*session.Session{s}) {
			return fmt.Errorf("List returned %+v, want %+v alone", got, s)
		}
		return err
	}, unchanged, nil}

	update = call{"Update", "UPDATE", func(ctx context.Context, store session.Store, s *session.Session) error {
		return store.Update(ctx, write(updated(s), s.Version), now, updated(s).Version)
	}, updated, nil}

	touch = call{"Touch", "UPDATE", func(ctx context.Context, store session.Store, s *session.Session) error {
		return store.Touch(ctx, s.Key(), now, now.Add(30*time.Minute))
	}, touched, nil}

	logout = call{"Delete with a secret", "DELETE", func(ctx context.Context, store session.Store, s *session.Session) error {
		return store.Delete(ctx, s.Key(), &s.Secret, now)
	}, nothing, session.ErrNoSession}

	revoke = call{"Delete", "DELETE", func(ctx context.Context, store session.Store, s *session.Session) error {
		return store.Delete(ctx, s.Key(), nil, now)
	}, nothing, session.ErrNoSession}

	// create is for a session that the table does not hold yet.
	create = call{"Create", "INSERT", func(ctx context.Context, store session.Store, s *session.Session) error {
		return store.Create(ctx, s)
	}, unchanged, session.ErrConflict}

	reads  = []call{get, list}
	writes = []call{create, update, touch, logout, revoke}
	all    = append(append([]call{}, reads...), writes...)
)

// subject returns a session to do the call for.
func (r *rig) subject(c call) *session.Session {
	r.Helper()
	if c.method == create.method {
		return newSession()
	}
	return r.created()
}

// untouched demands that the call for s was not carried out.
func (r *rig) untouched(c call, s *session.Session) {
	r.Helper()
	if c.method == create.method {
		r.holds(s.Key(), nil)
		return
	}
	r.holds(s.Key(), s)
}

func unchanged(s *session.Session) *session.Session { return s }

func nothing(*session.Session) *session.Session { return nil }

func updated(s *session.Session) *session.Session {
	s = s.Clone()
	s.Roles, s.Values = []string{"admin"}, map[string]string{"count": "2"}
	s.PreviousSecret, s.Secret = s.Secret, [32]byte{3}
	s.Version = 2
	return s
}

func touched(s *session.Session) *session.Session {
	s = s.Clone()
	s.LastSeenAt, s.ExpiresAt = now, now.Add(30*time.Minute)
	return s
}

// write returns the argument of an Update that makes s of the given version.
func write(s *session.Session, version int64) *session.Session {
	s = s.Clone()
	s.Version, s.ExpiresAt = version, time.Time{}
	return s
}
