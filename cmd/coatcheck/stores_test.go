package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/internal/stores/sqldb"
	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/config/storeconfig"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

// openShell returns a shell in which STORE is the address, and the stores there as a
// server opens them.
func openShell(t *testing.T, address string) (*shell, storeconfig.Stores) {
	t.Helper()
	opened, err := storeconfig.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	return &shell{t, map[string]string{"HOME": t.TempDir(), "STORE": address}}, opened
}

// sqlAddresses are SQL stores that have no tables yet.
func sqlAddresses(t *testing.T) map[string]string {
	return map[string]string{
		"SQLite":     "sqlite:" + filepath.Join(t.TempDir(), "100%25 #1?.db"),
		"PostgreSQL": postgrestest.DSN(t),
	}
}

// storeAddresses are empty stores of every kind that a server can share with the
// commands, but DynamoDB, on which the other tests run.
func storeAddresses(t *testing.T) map[string]string {
	addresses := sqlAddresses(t)
	addresses["Redis"] = "redis://" + redistest.Start(t).Options().Addr
	return addresses
}

// TestEveryStore walks through every command on the other stores: what a command says
// it did, the server finds.
func TestEveryStore(t *testing.T) {
	for name, address := range storeAddresses(t) {
		t.Run(name, func(t *testing.T) {
			sh, opened := openShell(t, address)
			if name != "Redis" { // it has no tables
				sh.fails(1, ".*go run example.com/coatcheck/cmd/coatcheck tables create", "", "users", "list")
			}
			for range 2 {
				sh.ok("", "tables", "create")
			}
			users, errU := opened.Users()
			kept, errS := opened.Sessions()
			attempts, errA := opened.Attempts()
			sessions, errM := session.New(kept, session.Config{Logger: slog.New(slog.DiscardHandler)})
			if err := errors.Join(errU, errS, errA, errM); err != nil {
				t.Fatal(err)
			}
			stored := func(name string) *accounts.Account {
				t.Helper()
				a, err := users.Get(t.Context(), name)
				if err != nil {
					t.Fatalf("user %q: %v", name, err)
				}
				return a
			}
			signsIn := func(name, pw string, want error) {
				t.Helper()
				limiter, err := throttle.New(memaccounts.NewAttempts(), throttle.Config{})
				if err != nil {
					t.Fatal(err)
				}
				authenticator := accounts.NewAuthenticator(accounts.NewDirectory(users, accounts.Config{}), limiter)
				if _, err := authenticator.Authenticate(t.Context(), authn.Attempt{Username: name, Password: pw}); !errors.Is(err, want) {
					t.Errorf("sign-in as %s: %v, want %v", name, err, want)
				}
			}
			signedIn := func() string {
				t.Helper()
				made, err := sessions.Create(httptest.NewRecorder(), httptest.NewRequest("POST", "/login", nil), session.User{ID: stored("alice").UserID})
				if err != nil {
					t.Fatal(err)
				}
				return made.ID
			}
			signedOut := func(what string) {
				t.Helper()
				live, err := sessions.List(t.Context(), stored("alice").UserID)
				if err != nil || len(live) != 0 {
					t.Errorf("after %s %d sessions are left, %v", what, len(live), err)
				}
			}

			sh.ok(phrase, "users", "add", "Alice", "--role=admin")
			signsIn("alice", phrase, nil)
			sh.fails(1, `user "alice": the account exists already; choose another name`, phrase, "users", "add", "ALICE")
			sh.ok("", "users", "show", "alice", "--json")
			sh.ok("", "users", "set", "alice", "--display-name=Alice A.")
			if got := stored("alice").DisplayName; got != "Alice A." {
				t.Errorf("the display name is %q", got)
			}

			first, second := signedIn(), signedIn()
			if list := sh.ok("", "sessions", "list", "alice"); !strings.Contains(list, first) || !strings.Contains(list, second) {
				t.Errorf("sessions list:\n%s", list)
			}
			sh.ok("", "sessions", "revoke", "alice", "--", first)
			if list := sh.ok("", "sessions", "list", "alice"); strings.Contains(list, first) || !strings.Contains(list, second) {
				t.Errorf("sessions list after revoke:\n%s", list)
			}
			sh.ok("", "sessions", "revoke", "alice")
			signedOut("sessions revoke")
			for _, args := range []string{"set alice --no-roles", "passwd alice", "disable alice"} {
				signedIn()
				sh.ok(better, strings.Fields("users "+args)...)
				signedOut("users " + args)
			}
			signsIn("alice", better, authn.ErrRefused)
			sh.ok("", "users", "enable", "alice")
			signsIn("alice", better, nil)
			signsIn("alice", phrase, authn.ErrRefused)

			sh.checkResult(sh.run(someRows(50)+"bad,,x,,\n", "users", "import", "-"), 1, counts(51, 50, 0, 1),
				"coatcheck: line 52: password hash: of no known scheme\ncoatcheck: 1 bad rows were left out; mend them and run it again\n")
			sh.checkResult(sh.run(someRows(60), "users", "import", "-"), 0, counts(60, 10, 50, 0), "")
			signsIn("user7@example.org", legacyPhrase, nil)
			if got := stored("user7@example.org").UserID; got != "user-7" {
				t.Errorf("the user ID became %q", got)
			}
			var names []string
			for _, document := range sh.documents(sh.ok("", "users", "list", "--json")) {
				names = append(names, document["name"].(string))
			}
			if len(names) != 61 || !slices.Contains(names, "alice") || !slices.Contains(names, "user59@example.org") {
				t.Errorf("users list has %d names: %q", len(names), names)
			}

			limiter, err := throttle.New(attempts, throttle.Config{Name: throttle.Ladder{Free: 1, First: 3600e9, Longest: 3600e9, Lock: 2}})
			if err != nil {
				t.Fatal(err)
			}
			refused := func() bool {
				_, err := limiter.Admit(t.Context(), throttle.Attempt{Name: "alice", Address: "192.0.2.1"}, func(context.Context) (throttle.Owner, error) {
					return throttle.Owner{}, nil
				})
				return err != nil
			}
			if refused() || !refused() {
				t.Fatal("the second attempt is not refused")
			}
			sh.ok("", "users", "unlock", "alice")
			if refused() {
				t.Error("an attempt is refused after unlock")
			}

			sh.ok("", "users", "delete", "alice")
			if _, err := users.Get(t.Context(), "alice"); !errors.Is(err, accounts.ErrNotFound) {
				t.Errorf("the user is left: %v", err)
			}
			sh.fails(1, `there is no user "alice"; check the name, the store and USERS_TABLE`, "", "users", "show", "alice")
		})
	}
}

// TestStoreFlag: the store is named as for the server, and the flag beats the variable.
func TestStoreFlag(t *testing.T) {
	address := sqlAddresses(t)["SQLite"]
	sh := &shell{t, map[string]string{"HOME": t.TempDir(), "STORE": "nonsense"}}
	sh.ok("", "tables", "create", "-store", address)
	sh.ok(phrase, "users", "add", "alice", "-store="+address)
	for _, args := range [][]string{
		{"--store", address, "users", "show", "alice"}, {"--store=" + address, "users", "show", "alice"}, {"-store", address, "users", "show", "alice"},
		{"users", "show", "alice", "--store", address},
	} {
		if got := sh.ok("", args...); !strings.Contains(got, `"alice"`) {
			t.Errorf("%q: %s", args, got)
		}
	}
	sh.fails(1, `there is no user "-store"; .*`, "", "users", "show", "--store="+address, "--", "-store")
	sh.fails(1, `store "nonsense" is not known; use .*`, "", "users", "list")
	sh.fails(1, "the store memory is in the memory of one server, .*", "", "users", "list", "--store=memory")
	sh.fails(1, "the store memory has no tables", "", "tables", "create", "--store=memory")
	for _, word := range []string{"memory", "dynamodb"} {
		sh.fails(1, "the store "+word+" is named by this word alone: .*", phrase, "users", "add", "bob", "--store="+word+":x")
		sh.fails(1, "the store "+word+" is named by this word alone: .*", "", "tables", "create", "--store="+word+":")
	}
}

// TestStoreIsNotReady: a store that cannot be used is told in one line, without the
// password in its address. The server's tests have every way in which it can fail.
func TestStoreIsNotReady(t *testing.T) {
	const secret = "c4nary"
	for address, want := range map[string]string{
		"postgres://u:" + secret + "@127.0.0.1:1/x":       "the PostgreSQL server at the store's address cannot be used: connection refused; .*",
		"postgres://127.0.0.1:1/" + secret + "@host":      "the address of PostgreSQL, .*",
		"postgres://u:" + secret + "%zz@127.0.0.1":        "the address of PostgreSQL, .*",
		"redis://u:" + secret + "@127.0.0.1:1":            "the Redis server at the store's address cannot be used: connection refused; .*",
		"sqlite:" + filepath.Join(t.TempDir(), "none.db"): ".*none.db: no such file or directory; .*tables create",
	} {
		for _, args := range []string{"users list", "users add alice", "users unlock alice", "users import -", "sessions list alice"} {
			sh := &shell{t, map[string]string{"HOME": t.TempDir(), "STORE": address}}
			if stderr := sh.fails(1, want, phrase, strings.Fields(args)...); strings.Contains(stderr, secret) {
				t.Errorf("%s: it quotes a secret: %s", args, stderr)
			}
		}
	}
}

// TestOldTablesAreUpdated: tables create updates what an older program made, and a tool
// of an older release says that the tables are newer.
func TestOldTablesAreUpdated(t *testing.T) {
	for name, address := range sqlAddresses(t) {
		t.Run(name, func(t *testing.T) {
			sh, opened := openShell(t, address)
			sh.ok("", "tables", "create")
			sh.ok(phrase, "users", "add", "alice")
			exec := sh.database(opened)
			exec(`DELETE FROM coatcheck_users WHERE claimed_by IS NOT NULL`)
			exec(`ALTER TABLE coatcheck_users DROP COLUMN claimed_by`)
			exec(`ALTER TABLE coatcheck_users DROP COLUMN credential_version`)
			for _, column := range []string{"origin", "imported_hash", "closed", "created_at", "last_used_at", "renamed_to", "renamed_from"} {
				exec(`ALTER TABLE coatcheck_users DROP COLUMN ` + column)
			}
			exec(`ALTER TABLE coatcheck_attempts DROP COLUMN attempt`)
			exec(`ALTER TABLE coatcheck_attempts DROP COLUMN previous_at`)
			exec(`DROP TABLE coatcheck_accounts_schema`)
			sh.fails(1, ".*missing or older than this program.*tables create", "", "users", "show", "alice")
			sh.ok("", "tables", "create")
			sh.ok("", "users", "show", "alice")
			exec(`INSERT INTO coatcheck_accounts_schema (version) VALUES (99)`)
			for _, args := range []string{"users show alice", "tables create"} {
				sh.fails(1, ".*newer than this program: .*version 99.*; use a newer program", "", strings.Fields(args)...)
			}
		})
	}
}

// database returns a function that changes the SQL database of the stores.
func (s *shell) database(opened storeconfig.Stores) func(statement string) {
	s.Helper()
	kept, err := opened.Sessions()
	if err != nil {
		s.Fatal(err)
	}
	db := kept.(interface{ Database() *sqldb.Database }).Database()
	return func(statement string) {
		s.Helper()
		if _, err := db.ExecContext(s.Context(), statement); err != nil {
			s.Fatal(err)
		}
	}
}
