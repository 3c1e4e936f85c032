package sqlstore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/faults"
)

// versions returns the numbers of the schema files that were applied, as stored in the
// schema table; a negative one is of a file that programs of the release before go on with.
func (r *fixture) versions() (all []int) {
	r.Helper()
	rows, err := r.db.Query("SELECT abs(version) FROM coatcheck_sessions_schema ORDER BY 1")
	want(r.TB, err, nil)
	defer rows.Close()
	for rows.Next() {
		var v int
		want(r.TB, rows.Scan(&v), nil)
		all = append(all, v)
	}
	want(r.TB, rows.Err(), nil)
	return all
}

// files returns the numbers at the start of the names of the schema files.
func (s server) files(t *testing.T) (all []int) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("schema", string(s.dialect), "*"))
	want(t, err, nil)
	for _, name := range names {
		var n int
		if _, err := fmt.Sscanf(filepath.Base(name), "%04d_", &n); err != nil {
			t.Errorf("%s: its name does not begin with a number", name)
		}
		all = append(all, n)
	}
	return all
}

// wantMigrated reports an error unless the tables exist and work.
func (r *fixture) wantMigrated() {
	r.Helper()
	s := r.Created()
	r.Holds(s)
}

// Migrate applies every file once, however often it is called, and keeps all sessions.
func TestMigrate(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server server) {
		r := newFixture(t, server)
		s := r.Created()
		for range 2 {
			want(t, r.another().store.Migrate(t.Context()), nil)
		}
		r.Holds(s)
		files := server.files(t)
		for i, n := range files {
			if n != i+1 {
				t.Errorf("file %d has the number %d", i+1, n)
			}
		}
		if got := r.versions(); !slices.Equal(got, files) {
			t.Errorf("the tables say that %v were applied, there are %v", got, files)
		}

		r.exec("INSERT INTO coatcheck_sessions_schema (version) VALUES (9999)")
		want(t, r.store.Migrate(t.Context()), nil) // as if a later release had migrated the tables
		r.Holds(s)
	})
}

// Sessions of the first release are kept, and its programs go on beside ours: they do not
// know the columns that came later.
func TestMigrateFromTheFirstRelease(t *testing.T) {
	t.Parallel()
	const insert = `INSERT INTO coatcheck_sessions (owner, id, secret, previous_secret, user_id, roles, "values",
			created_at, authenticated_at, last_seen_at, expires_at, version, ip, user_agent)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`
	onEachServer(t, func(t *testing.T, server server) {
		r := empty(t, server)
		first, err := os.ReadFile(filepath.Join("schema", string(server.dialect), "0001_sessions.sql"))
		want(t, err, nil)
		r.exec(string(first))
		for range 2 { // before and after the migration
			s := newSession()
			r.exec(insert, s.Key().Owner, s.ID, s.Secret[:], s.PreviousSecret[:], s.UserID, `["reader"]`, `{"count":"1"}`,
				s.CreatedAt.UnixMilli(), s.AuthenticatedAt.Unix(), s.LastSeenAt.Unix(), s.ExpiresAt.Unix(), s.Version, s.IP, s.UserAgent)
			want(t, r.store.Migrate(t.Context()), nil)
			r.Holds(s)
			want(t, touch.Do(t.Context(), r.store, s), nil)
			r.Holds(faults.Touched(s))
		}
	})
}

func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server server) {
		for range 5 {
			r := empty(t, server)
			start := make(chan struct{})
			var wg sync.WaitGroup
			for range 16 {
				store := r.another().store
				wg.Go(func() {
					<-start
					if err := store.Migrate(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			close(start)
			wg.Wait()
			r.wantMigrated()
		}
	})
}

// When SQLite switches a file to WAL mode, it does not wait for other connections. So
// Migrate must wait.
func TestMigrateBesideAnother(t *testing.T) {
	t.Parallel()
	r := empty(t, sqlite)
	other := r.withDSN(strings.Replace(r.dsn, "_journal_mode=WAL", "_journal_mode=DELETE", 1)).begin()
	if err := r.db.Ping(); err == nil {
		t.Fatal("SQLite turned the file to WAL under an open transaction")
	}
	time.AfterFunc(shortTimeout, func() { other.tx.Rollback() })
	want(t, r.store.Migrate(t.Context()), nil)
	r.wantMigrated()
}

// Schema, applied by hand, makes the same tables as Migrate.
func TestSchemaByHand(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server server) {
		r := empty(t, server)
		r.exec("BEGIN;" + server.dialect.Schema() + "COMMIT")
		want(t, r.store.Migrate(t.Context()), nil)
		r.wantMigrated()
		if got := r.versions(); !slices.Equal(got, server.files(t)) {
			t.Errorf("the tables say that %v were applied", got)
		}
	})
}

// A migration that fails leaves no tables and no open transaction. Its error names the
// file.
func TestMigrateFails(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server server) {
		r := empty(t, server)
		r.db.SetMaxOpenConns(1)
		r.exec("CREATE TABLE coatcheck_sessions (n INTEGER)")
		err := r.store.Migrate(t.Context())
		if want(t, err, errOutage); !strings.Contains(err.Error(), "0001_sessions.sql: ") {
			t.Errorf("%v; want the file in it", err)
		}
		r.exec("DROP TABLE coatcheck_sessions")
		want(t, r.store.Migrate(t.Context()), nil)
		r.wantMigrated()
	})
}

// If the tables are up to date, Migrate works without the right to create tables.
func TestMigrateWithoutRights(t *testing.T) {
	t.Parallel()
	r := newFixture(t, postgreSQL)
	r.db.SetMaxOpenConns(1)
	var schema string
	want(t, r.db.QueryRow("SELECT current_schema").Scan(&schema), nil)
	role := "role_" + schema
	r.exec("CREATE ROLE " + role + "; GRANT USAGE ON SCHEMA " + schema + " TO " + role +
		"; GRANT SELECT ON ALL TABLES IN SCHEMA " + schema + " TO " + role)
	defer r.exec("DROP OWNED BY " + role + "; DROP ROLE " + role)
	r.exec("SET ROLE " + role)
	defer r.exec("RESET ROLE")
	if _, err := r.db.Exec("CREATE TABLE other (n int)"); err == nil {
		t.Fatal("the role may create tables")
	}
	want(t, r.store.Migrate(t.Context()), nil)
}

// If the context ends while Migrate waits, no transaction stays open.
func TestMigrateCancelled(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server server) {
		r := empty(t, server)
		other := r.begin()
		if server.dialect == postgreSQL.dialect {
			other.exec("SELECT pg_advisory_xact_lock(hashtext('coatcheck_sessions_schema'))")
		}
		ctx, cancel := context.WithTimeout(t.Context(), shortTimeout)
		defer cancel()
		err := r.store.Migrate(ctx)
		want(t, err, context.DeadlineExceeded)
		other.end(false)
		r.db.SetMaxOpenConns(1)
		want(t, r.store.Migrate(t.Context()), nil)
		r.wantMigrated()
	})
}

// A session is found by its key, the sessions of a user by their owner, and expired
// sessions by their time. No query reads the whole table.
func TestIndexes(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server server) {
		r := newFixture(t, server)
		explain := "EXPLAIN QUERY PLAN "
		if server.dialect == postgreSQL.dialect {
			explain = "EXPLAIN "
			r.db.SetMaxOpenConns(1)
			r.exec("SET enable_seqscan = off") // PostgreSQL rightly prefers a scan for a table as small as this one
		}
		for condition, uses := range map[string]string{
			"owner = 'o' AND id = 'i'":                    `(SEARCH|Index Cond).* \(+owner ?=.* AND \(?id ?=`,
			"owner = 'o'":                                 `(SEARCH|Index Cond).* \(owner ?=`,
			"expires_at <= 5 ORDER BY expires_at LIMIT 9": `coatcheck_sessions_expires_at .*\(expires_at ?<`,
		} {
			if plan := r.plan(explain + "SELECT * FROM coatcheck_sessions WHERE " + condition); !regexp.MustCompile(uses).MatchString(plan) {
				t.Errorf("%s: %s", condition, plan)
			}
		}
	})
}

// plan returns the last column of all rows, joined.
func (r *fixture) plan(query string) (plan string) {
	r.Helper()
	rows, err := r.db.Query(query)
	want(r.TB, err, nil)
	defer rows.Close()
	columns, err := rows.Columns()
	want(r.TB, err, nil)
	row := make([]any, len(columns))
	for i := range row {
		row[i] = new(any)
	}
	for rows.Next() {
		want(r.TB, rows.Scan(row...), nil)
		plan += fmt.Sprint(*row[len(row)-1].(*any), " ")
	}
	want(r.TB, rows.Err(), nil)
	return plan
}

// A program of the release before refuses a largest number that it does not know, and goes on
// with the procedure of PostgreSQL, which it does not call.
func TestReleaseBeforeCanStart(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server server) {
		r := newFixture(t, server)
		var largest int
		want(t, r.db.QueryRow("SELECT max(version) FROM coatcheck_sessions_schema").Scan(&largest), nil)
		if largest != 4 {
			t.Errorf("the largest number is %d, want 4", largest)
		}
	})
}

// The tables of both dialects have the same columns in the same order. Only PostgreSQL has a
// procedure.
func TestSchemasAgree(t *testing.T) {
	t.Parallel()
	words := func(s server) (all []string) {
		names, err := filepath.Glob(filepath.Join("schema", string(s.dialect), "*"))
		want(t, err, nil)
		for _, name := range names {
			text, err := os.ReadFile(name)
			want(t, err, nil)
			if strings.Contains(string(text), "CREATE PROCEDURE") {
				continue
			}
			for line := range strings.Lines(string(text)) {
				if fields := strings.Fields(line); len(fields) > 0 && fields[0] != "--" && fields[0] != ")" && fields[0] != ");" {
					all = append(all, fields[0])
				}
			}
		}
		return all
	}
	if a, b := words(postgreSQL), words(sqlite); !slices.Equal(a, b) {
		t.Errorf("PostgreSQL\n\t%q\nSQLite\n\t%q", a, b)
	}
}
