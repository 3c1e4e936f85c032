package sqlaccounts_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/sqlaccounts"
	"example.com/coatcheck/pkg/session/sqlstore"
)

// Users in the database of the sessions.
func Example() {
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(folder, "coatcheck.db")+"?_journal_mode=WAL&_busy_timeout=10000&_txlock=immediate")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	ctx := context.Background()
	database := sqlstore.New(db, sqlstore.SQLite).Database()
	if err := sqlaccounts.Migrate(ctx, database); err != nil {
		log.Fatal(err)
	}
	users := sqlaccounts.New(database)
	registrar := accounts.NewRegistrar(users, accounts.Config{})
	if err := registrar.Prepare(ctx, users.All(ctx)); err != nil {
		log.Fatal(err)
	}
	_, err = registrar.Register(ctx, "alice", "", nil, "seven quiet umbrellas")
	fmt.Println(err)
	// Output: <nil>
}
