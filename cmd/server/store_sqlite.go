//go:build !nosqlite

package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite"

	"example.com/coatcheck/pkg/session/sqlstore"
)

func init() { openers["sqlite"] = openSQLite }

// openSQLite opens the file. Its name may have any characters. Only the owner may read
// a new file, because it contains password hashes.
func openSQLite(ctx context.Context, address string, demo bool) (stores, error) {
	_, path, _ := strings.Cut(address, ":")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return stores{}, fmt.Errorf("store sqlite:PATH: %w", err)
	}
	file.Close()
	if path, err = filepath.Abs(path); err != nil {
		return stores{}, err
	}
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: "_journal_mode=WAL&_busy_timeout=10000&_txlock=immediate"}
	return openSQL(ctx, "sqlite", dsn.String(), sqlstore.SQLite, demo)
}
