package main

import (
	"context"
	"database/sql"

	_ "modernc.org/sqlite"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/session/sqlstore"
)

// inMemory keeps sessions in this process. They end with it.
func inMemory() (session.Store, error) { return memstore.New(), nil }

// inSQLite keeps sessions in a file, which it creates if it is missing. A shop that has
// a database already would hand in that. Expired sessions stay in the file, though nobody
// can use them: call DeleteExpired every day.
//
//lint:ignore U1000 it takes the place of inMemory in main
func inSQLite(file string) (session.Store, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_journal_mode=WAL&_busy_timeout=10000&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	store := sqlstore.New(db, sqlstore.SQLite)
	return store, store.Migrate(context.Background())
}
