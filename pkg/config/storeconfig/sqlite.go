//go:build !nosqlite

package storeconfig

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite"

	"example.com/coatcheck/internal/stores/sqldb"
	"example.com/coatcheck/pkg/session/sqlstore"
)

func init() { openers["sqlite"] = openSQLite }

// sqlite is a database in a file.
type sqlite struct {
	*sqlStores
	path string // as in the address
}

// openSQLite does not create the file, which may be a misspelt name. The name may have
// any characters.
func openSQLite(_ context.Context, address string) (Stores, error) {
	_, path, _ := strings.Cut(address, ":")
	if path == "" {
		return nil, errors.New("the store's address has no file; write it as sqlite:PATH")
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("store sqlite:PATH: %w", err)
	}
	// secure_delete: of somebody who is deleted, nothing is left in parts of the file that are free.
	dsn := url.URL{Scheme: "file", Path: absolute, RawQuery: "mode=rw&_journal_mode=WAL&_busy_timeout=10000&_txlock=immediate&_pragma=secure_delete(1)"}
	pool, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("store sqlite:PATH: %w", err)
	}
	stores, err := newSQLStores(pool, sqlstore.SQLite, true, func(err error) error {
		return fmt.Errorf("the SQLite file %q cannot be used: %w", path, err)
	})
	if err != nil {
		return nil, err
	}
	return sqlite{stores, path}, nil
}

func (s sqlite) Check(ctx context.Context) error {
	if _, err := os.Stat(s.path); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %w; check the path, or make the file and the tables, with the same STORE: go run example.com/coatcheck/cmd/coatcheck tables create", sqldb.ErrOlder, err)
	}
	return s.sqlStores.Check(ctx)
}

// MakeTables also creates the file. Only the owner may read it, because it contains
// password hashes.
func (s sqlite) MakeTables(ctx context.Context) error {
	file, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("store sqlite:PATH: %w", err)
	}
	file.Close()
	return s.sqlStores.MakeTables(ctx)
}
