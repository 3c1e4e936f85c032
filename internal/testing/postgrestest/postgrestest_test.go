package postgrestest

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib"

	"example.com/coatcheck/internal/testing/testenv"
)

func TestMain(m *testing.M) {
	testenv.Parent(func() (string, error) {
		s, err := Start(context.Background())
		if err != nil {
			return "", err
		}
		return s.folder, nil
	})
	Main(m)
}

func open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func count(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	if err := db.QueryRow("SELECT count(*) FROM t").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func answers(folder string) bool {
	conn, err := net.Dial("unix", filepath.Join(folder, ".s.PGSQL.5432"))
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

func TestCrashAndResume(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, err := Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	cancel() // ctx limits only the start
	db := open(t, s.DSN)
	if _, err := db.Exec("CREATE TABLE t AS SELECT 1"); err != nil {
		t.Fatal(err)
	}
	s.Crash()
	s.Crash()
	if err := db.Ping(); err == nil {
		t.Error("answers after Crash")
	}
	if err := s.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db); n != 1 {
		t.Errorf("%d rows after Resume, want 1", n)
	}
	s.Stop()
	s.Stop()
	if answers(s.folder) || exists(s.folder) {
		t.Errorf("after Stop it answers: %t, its folder is there: %t", answers(s.folder), exists(s.folder))
	}
}

func TestEndsWithItsParent(t *testing.T) {
	var folder string
	testenv.KillParent(t, func(line string) {
		if folder = line; !answers(folder) {
			t.Fatalf("no server in %q", folder)
		}
	})
	for deadline := time.Now().Add(3 * time.Minute); answers(folder) || exists(folder); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("three minutes after its parent was killed it answers: %t, its folder is there: %t", answers(folder), exists(folder))
		}
	}
}

func TestPrograms(t *testing.T) {
	folder := t.TempDir()
	for _, path := range []string{"14/initdb", "14/postgres", "15/initdb", "15/postgres", "16/initdb"} {
		file := filepath.Join(folder, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	in := func(version string) string { return filepath.Join(folder, version) }
	for _, c := range []struct{ name, path, installed, want string }{
		{"the newest that is whole", t.TempDir(), in("*"), in("15")},
		{"the PATH first", in("16") + string(os.PathListSeparator) + in("14"), in("*"), in("14")},
		{"none", in("16"), in("none/*"), ""},
	} {
		if got, ok := findPrograms(c.path, c.installed); got != c.want || ok != (c.want != "") {
			t.Errorf("%s: got %q, %t; want %q", c.name, got, ok, c.want)
		}
	}
}

// TestProgramsExplains tests that the error says what to install if the programs are
// neither on this machine nor can be fetched.
func TestProgramsExplains(t *testing.T) {
	t.Chdir(t.TempDir()) // outside of the repository there is no cache
	t.Setenv("PATH", t.TempDir())
	_, err := programs(t.Context(), "/nowhere/*")
	for _, want := range []string{"neither on the PATH", "cannot be fetched", "apt-get install postgresql", Variable} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant in it: %s", err, want)
		}
	}
}

// TestFetched runs the PostgreSQL that a machine without PostgreSQL fetches. If the test
// runs as root, the programs are in a folder that the server's user cannot open.
func TestFetched(t *testing.T) {
	folder, err := fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	home, bin, _ := fetchedHome(folder)
	closed := t.TempDir()
	if err := os.Symlink(home, filepath.Join(closed, "home")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Join(closed, "home", bin)+string(os.PathListSeparator)+os.Getenv("PATH"))
	s, err := Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	var version string
	if err := open(t, s.DSN).QueryRow("SHOW server_version").Scan(&version); err != nil || !strings.HasPrefix(postgreSQL.Version, version) {
		t.Errorf("PostgreSQL %s runs, %v; want that of the package, %s", version, err, postgreSQL.Version)
	}
}

// readable returns a folder that every user can read.
func readable(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

func TestStartExplains(t *testing.T) {
	for _, c := range []struct{ name, initdb, postgres, want string }{
		{"initdb fails", "echo no room; exit 1", "", "initdb said: no room"},
		{"postgres fails", "", "echo no memory >&2; exit 1", "the process ended; it said: no memory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bin, temp := readable(t), t.TempDir()
			for name, script := range map[string]string{"initdb": c.initdb, "postgres": c.postgres} {
				if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			t.Setenv("TMPDIR", temp)
			s, err := Start(t.Context())
			if err == nil {
				s.Stop()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v\nwant: %s", err, c.want)
			}
			if left, _ := os.ReadDir(temp); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestSchemasAreOwn(t *testing.T) {
	var schema string
	t.Run("a schema", func(t *testing.T) {
		a, b := open(t, DSN(t)), open(t, DSN(t))
		for _, db := range []*sql.DB{a, b} {
			if _, err := db.Exec("CREATE TABLE t (n int)"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := a.Exec("INSERT INTO t VALUES (1)"); err != nil {
			t.Fatal(err)
		}
		if na, nb := count(t, a), count(t, b); na != 1 || nb != 0 {
			t.Errorf("%d and %d rows, want 1 and 0", na, nb)
		}
		if err := a.QueryRow("SELECT current_schema").Scan(&schema); err != nil {
			t.Fatal(err)
		}
	})
	var n int
	if err := open(t, DSN(t)).QueryRow("SELECT count(*) FROM pg_namespace WHERE nspname = $1", schema).Scan(&n); err != nil || n != 0 {
		t.Errorf("%s is still there after its test: %d, %v", schema, n, err)
	}
}

func TestWith(t *testing.T) {
	for dsn, want := range map[string]string{
		"postgres://u:p@h:1/d":                 "postgres://u:p@h:1/d?host=%2Fs&port=2",
		"postgresql://h/d?sslmode=a&host=%2Ft": "postgresql://h/d?host=%2Fs&port=2&sslmode=a",
		"host=h port=1 user=u":                 "host=h port=1 user=u host=/s port=2",
	} {
		if got := With(dsn, "host", "/s", "port", "2"); got != want {
			t.Errorf("%s: got %s, want %s", dsn, got, want)
		}
	}
}

// fixture is a table behind a proxy.
type fixture struct {
	*testing.T
	*Proxy
	db, direct *sql.DB
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	dsn := DSN(t)
	p := NewProxy(t, dsn)
	f := &fixture{t, p, open(t, p.DSN), open(t, dsn)}
	if _, err := f.direct.Exec("CREATE TABLE t (n int)"); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) insert() error {
	_, err := f.db.ExecContext(f.Context(), "INSERT INTO t VALUES ($1)", 1)
	return err
}

// rows returns the number of rows. It does not use the proxy.
func (f *fixture) rows() int {
	f.Helper()
	return count(f.T, f.direct)
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name    string
		fault   Fault
		written int
	}{{"refuse", Refuse, 0}, {"lose the answer", LoseAnswer, 1}, {"cut the answer", CutAnswer, 1}, {"hold", Hold, 0}} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.Fail("INSERT", None, c.fault)
			if err := f.insert(); err != nil {
				t.Fatal(err)
			}
			if err := f.insert(); err == nil {
				t.Error("no error")
			}
			if n := f.rows(); n != 1+c.written {
				t.Errorf("%d rows, want %d", n, 1+c.written)
			}
			if err := f.insert(); err != nil {
				t.Errorf("after the fault: %v", err)
			}
			if seen := f.Take(); !slices.Equal(seen, []string{"INSERT", "INSERT", "INSERT"}) || f.Take() != nil {
				t.Errorf("noted %v", seen)
			}
		})
	}
}

func TestCutAnswerHasTheRow(t *testing.T) {
	f := newFixture(t)
	f.Fail("INSERT", CutAnswer)
	rows, err := f.db.Query("INSERT INTO t VALUES ($1) RETURNING n", 7)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if !rows.Next() {
		t.Error("no row")
	}
	if rows.Next() || rows.Err() == nil {
		t.Error("the end of the answer came too")
	}
}

func TestOutage(t *testing.T) {
	f := newFixture(t)
	for range 2 { // a connection in use, and a new one
		f.FailAll(Refuse)
		if err := f.insert(); err == nil {
			t.Error("no error in an outage")
		}
	}
	f.FailAll(None)
	if n := f.rows(); n != 0 {
		t.Errorf("%d rows were written in an outage", n)
	}
	if err := f.insert(); err != nil {
		t.Errorf("after the outage: %v", err)
	}
}

func TestHang(t *testing.T) {
	f := newFixture(t)
	if err := f.insert(); err != nil {
		t.Fatal(err)
	}
	f.FailAll(Hang)
	for range 2 { // a connection in use, and a new one
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := f.db.ExecContext(ctx, "INSERT INTO t VALUES (2)"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
	}
	if n := f.rows(); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

// TestCancelRequestsDoNotHang tests that a driver's cancel request for a connection that breaks
// is not taken for a connection. It comes at any time, and a test would wait for the wrong one.
func TestCancelRequestsDoNotHang(t *testing.T) {
	f := newFixture(t)
	f.FailAll(Hang)
	config, err := pgconn.ParseConfig(f.DSN)
	if err != nil {
		t.Fatal(err)
	}
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write([]byte{0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 1, 0, 0, 0, 1}) // 80877102, a process and its key
	conn.(*net.UnixConn).CloseWrite()
	if _, err := io.ReadAll(conn); err != nil { // until the proxy closes it
		t.Fatal(err)
	}
	if n := f.Hung(); n != 0 {
		t.Errorf("%d connections hang, want none", n)
	}
}

// TestNothingIsCancelled tests that a statement which the proxy has passed on is
// carried out, although its sender cancels it.
func TestNothingIsCancelled(t *testing.T) {
	f := newFixture(t)
	lock, err := f.direct.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Rollback()
	if _, err := lock.Exec("LOCK TABLE t IN EXCLUSIVE MODE"); err != nil { // which only a SELECT does not wait for
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	answer := make(chan error, 1)
	go func() {
		_, err := f.db.ExecContext(ctx, "INSERT INTO t VALUES (1)")
		answer <- err
	}()
	for end := time.Now().Add(timeout); !slices.Contains(f.Take(), "INSERT"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the statement did not come")
		}
	}
	cancel()
	if err := <-answer; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the cancellation", err)
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(timeout); f.rows() == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the statement was not carried out")
		}
	}
}

func TestDeliver(t *testing.T) {
	f := newFixture(t)
	f.Fail("INSERT", Hold, Hold)
	for range 2 {
		if err := f.insert(); err == nil {
			t.Error("no error, although the statement is held")
		}
	}
	if n := f.rows(); n != 0 {
		t.Fatalf("%d rows before Deliver", n)
	}
	if got, want := f.Deliver(), []string{"INSERT 0 1", "INSERT 0 1"}; !slices.Equal(got, want) {
		t.Errorf("delivered with %q, want %q", got, want)
	}
	if n := f.rows(); n != 2 {
		t.Errorf("%d rows after Deliver, want 2", n)
	}
	if got := f.Deliver(); got != nil {
		t.Errorf("delivered twice: %v", got)
	}
	f.Fail("INSERT", Hold) // and never delivered
	if err := f.insert(); err == nil {
		t.Error("no error, although the statement is held")
	}
}
