package sqlaudit_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite"

	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/audit/sqlaudit"
	"example.com/coatcheck/pkg/session/sqlstore"
)

// The trail is beside the sessions, in the same database.
func Example() {
	folder, err := os.MkdirTemp("", "trail")
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
	if err := sqlaudit.Migrate(ctx, sessions.Database()); err != nil {
		log.Fatal(err)
	}
	trail, now := sqlaudit.New(sessions.Database()), time.Now().UTC().Truncate(time.Millisecond)
	entry := audit.Entry{UserID: "u1", At: now, ID: "n4bQgYhMfWWaL-qgxVrQFa", Event: "session_ended", Reason: "logout", ExpiresAt: now.AddDate(1, 0, 0)}
	if err := trail.Append(ctx, entry); err != nil {
		log.Fatal(err)
	}
	list, err := trail.List(ctx, "u1", "", 10)
	fmt.Println(list[0].Event, list[0].Reason, err)
	// Output: session_ended logout <nil>
}
