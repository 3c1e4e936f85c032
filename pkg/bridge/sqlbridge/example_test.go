package sqlbridge_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite"

	"example.com/coatcheck/pkg/bridge/sqlbridge"
	"example.com/coatcheck/pkg/session/sqlstore"
)

// The records of a bridge are beside the sessions, in the same database.
func Example() {
	folder, err := os.MkdirTemp("", "bridge")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(folder, "shop.db")+"?_journal_mode=WAL&_busy_timeout=10000&_txlock=immediate")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	ctx, sessions := context.Background(), sqlstore.New(db, sqlstore.SQLite)
	if err := sqlbridge.Migrate(ctx, sessions.Database()); err != nil {
		log.Fatal(err)
	}
	records := sqlbridge.New(sessions.Database())
	window, err := records.OpenWindow(ctx, time.Date(2027, time.March, 28, 0, 0, 0, 0, time.UTC))
	fmt.Println(window.EndsAt, window.Closed, err)
	// Output: 2027-03-28 00:00:00 +0000 UTC false <nil>
}
