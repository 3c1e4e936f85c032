//go:build !nosqlite || !nopostgres

package storeconfig

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"os"
	"strconv"
	"time"

	"example.com/coatcheck/internal/stores/sqldb"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/sqlaccounts"
	"example.com/coatcheck/pkg/bridge/sqlbridge"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/oidcconfig"
	"example.com/coatcheck/pkg/session/sqlstore"
	"example.com/coatcheck/pkg/signin/oidc/sqllinks"
)

// sqlStores keeps everything in one SQL database.
type sqlStores struct {
	parts
	db       *sqldb.Database
	sessions *sqlstore.Store
	users    *sqlaccounts.Store
	local    bool
	explain  func(error) error // the error of a call as Check returns it
}

func newSQLStores(pool *sql.DB, dialect sqlstore.Dialect, local bool, explain func(error) error) (*sqlStores, error) {
	limit, err := connections()
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(limit)
	pool.SetMaxIdleConns(limit)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	sessions := sqlstore.New(pool, dialect)
	db := sessions.Database()
	users := sqlaccounts.New(db)
	return &sqlStores{newParts(sessions, users, sqlaccounts.NewAttempts(db), sqlbridge.New(db), sqllinks.New(db)), db, sessions, users, local, explain}, nil
}

// connections reads STORE_CONNECTIONS: how many connections to a SQL database may be
// open at once. Without a limit, requests that wait for one lock would take all the
// connections that the server has, also those of other programs.
func connections() (int, error) {
	const variable, otherwise = "STORE_CONNECTIONS", 10
	value := os.Getenv(variable)
	if value == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%s is %q; it must be a number from 1 on, such as %d", variable, value, otherwise)
	}
	return n, nil
}

func (s *sqlStores) AllUsers(ctx context.Context) iter.Seq2[*accounts.Account, error] {
	return s.users.All(ctx)
}

func (s *sqlStores) Local() bool { return s.local }

func (s *sqlStores) Check(ctx context.Context) error {
	err := s.sessions.Check(ctx)
	if err == nil {
		err = sqlaccounts.Check(ctx, s.db)
	}
	if err == nil && os.Getenv(config.BridgeTable) != "" {
		err = sqlbridge.Check(ctx, s.db)
	}
	if err == nil && os.Getenv(oidcconfig.Issuer) != "" {
		err = sqllinks.Check(ctx, s.db)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sqldb.ErrOlder):
		return fmt.Errorf("%w; make or update them, with the same STORE: go run example.com/coatcheck/cmd/coatcheck tables create", err)
	case errors.Is(err, sqldb.ErrNewer):
		return fmt.Errorf("%w; use a newer program", err)
	}
	return s.explain(err)
}

func (s *sqlStores) MakeTables(ctx context.Context) error {
	if err := s.sessions.Migrate(ctx); err != nil {
		return s.explain(err)
	}
	if err := sqlaccounts.Migrate(ctx, s.db); err != nil {
		return s.explain(err)
	}
	if os.Getenv(config.BridgeTable) != "" {
		if err := sqlbridge.Migrate(ctx, s.db); err != nil {
			return s.explain(err)
		}
	}
	if os.Getenv(oidcconfig.Issuer) != "" {
		if err := sqllinks.Migrate(ctx, s.db); err != nil {
			return s.explain(err)
		}
	}
	return nil
}

func (s *sqlStores) Close() error { return s.db.Close() }
