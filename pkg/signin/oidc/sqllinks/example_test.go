package sqllinks_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/sqlstore"
	"example.com/coatcheck/pkg/signin/oidc"
	"example.com/coatcheck/pkg/signin/oidc/sqllinks"
)

// Links are beside the sessions, in the same database.
func Example() {
	folder, err := os.MkdirTemp("", "links")
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
	if err := sqllinks.Migrate(ctx, sessions.Database()); err != nil {
		log.Fatal(err)
	}
	links, tomorrow := sqllinks.New(sessions.Database()), time.Now().Add(24*time.Hour)
	if _, err := links.Link(ctx, oidc.Link{ID: "one", Session: session.Key{Owner: "o", ID: "s"}, ExpiresAt: tomorrow}); err != nil {
		log.Fatal(err)
	}
	link, err := links.End(ctx, "one", time.Now(), tomorrow)
	fmt.Println(link.Session, err)
	// Output: {o s} <nil>
}
