//go:build !nopostgres

package main

import (
	"context"

	_ "github.com/jackc/pgx/v5/stdlib"

	"example.com/coatcheck/pkg/session/sqlstore"
)

func init() { openers["postgres"], openers["postgresql"] = openPostgreSQL, openPostgreSQL }

func openPostgreSQL(ctx context.Context, address string, demo bool) (stores, error) {
	return openSQL(ctx, "pgx", address, sqlstore.PostgreSQL, demo)
}
