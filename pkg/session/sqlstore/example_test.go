package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/sqlstore"
)

// Sessions in a file survive a restart of the program.
func Example() {
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "coatcheck.db")

	start := func() (*session.Manager, *sql.DB) {
		db, err := sql.Open("sqlite", "file:"+file+"?_journal_mode=WAL&_busy_timeout=10000&_txlock=immediate")
		if err != nil {
			log.Fatal(err)
		}
		store := sqlstore.New(db, sqlstore.SQLite)
		if err := store.Migrate(context.Background()); err != nil {
			log.Fatal(err)
		}
		sessions, err := session.New(store, session.Config{})
		if err != nil {
			log.Fatal(err)
		}
		return sessions, db
	}

	sessions, db := start()
	w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/login", nil)
	if _, err := sessions.Create(w, r, session.User{ID: "alice"}); err != nil {
		log.Fatal(err)
	}
	db.Close()

	sessions, db = start()
	defer db.Close()
	r = httptest.NewRequest("GET", "/profile", nil)
	r.AddCookie(w.Result().Cookies()[0])
	s, err := sessions.Load(r)
	fmt.Println(s.UserID, err)
	// Output: alice <nil>
}
