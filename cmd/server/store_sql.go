//go:build !nosqlite || !nopostgres

package main

import (
	"context"
	"database/sql"
	"errors"

	"example.com/coatcheck/pkg/accounts/sqlaccounts"
	"example.com/coatcheck/pkg/session/sqlstore"
)

// openSQL keeps the users and attempts in the same database.
func openSQL(ctx context.Context, driver, dsn string, dialect sqlstore.Dialect, demo bool) (stores, error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return stores{}, errors.New("the store's address cannot be read; it is not shown, since it may hold a password")
	}
	db.SetMaxIdleConns(10)
	s, users, attempts := sqlstore.New(db, dialect), sqlaccounts.New(db), sqlaccounts.NewAttempts(db)
	makeTables := []func(context.Context) error{s.Migrate, users.CreateTable, attempts.CreateTable}
	for i := 0; demo && i < len(makeTables); i++ {
		if err := makeTables[i](ctx); err != nil {
			db.Close()
			return stores{}, err
		}
	}
	return stores{s, users, attempts, db.Close}, nil
}
