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
	"example.com/coatcheck/pkg/audit/sqlaudit"
	"example.com/coatcheck/pkg/bridge/sqlbridge"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/oidcconfig"
	"example.com/coatcheck/pkg/session"
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
	all := newParts(sessions, users, sqlaccounts.NewAttempts(db), sqlbridge.New(db), sqllinks.New(db), sqlaudit.New(db))
	return &sqlStores{all, db, sessions, users, local, explain}, nil
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

func (s *sqlStores) AllSessions(ctx context.Context) iter.Seq2[*session.Session, error] {
	return s.sessions.All(ctx)
}

func (s *sqlStores) Local() bool { return s.local }

// tables are the tables of one package.
type tables struct {
	check, migrate func(context.Context, *sqldb.Database) error
}

// tables returns the tables that the environment asks for.
func (s *sqlStores) tables() ([]tables, error) {
	kept, err := audited()
	if err != nil {
		return nil, err
	}
	sessions := tables{
		func(ctx context.Context, _ *sqldb.Database) error { return s.sessions.Check(ctx) },
		func(ctx context.Context, _ *sqldb.Database) error { return s.sessions.Migrate(ctx) },
	}
	all := []tables{sessions, {sqlaccounts.Check, sqlaccounts.Migrate}}
	if kept {
		all = append(all, tables{sqlaudit.Check, sqlaudit.Migrate})
	}
	if os.Getenv(config.BridgeTable) != "" {
		all = append(all, tables{sqlbridge.Check, sqlbridge.Migrate})
	}
	if os.Getenv(oidcconfig.Issuer) != "" {
		all = append(all, tables{sqllinks.Check, sqllinks.Migrate})
	}
	return all, nil
}

func (s *sqlStores) Check(ctx context.Context) error {
	all, err := s.tables()
	if err != nil {
		return err
	}
	for _, each := range all {
		if err = each.check(ctx, s.db); err != nil {
			break
		}
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
	all, err := s.tables()
	if err != nil {
		return err
	}
	for _, each := range all {
		if err := each.migrate(ctx, s.db); err != nil {
			return s.explain(err)
		}
	}
	return nil
}

func (s *sqlStores) Close() error { return s.db.Close() }
