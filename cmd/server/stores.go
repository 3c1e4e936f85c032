package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/sqlaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/config/dynamoconfig"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/session/redisstore"
	"example.com/coatcheck/pkg/session/sqlstore"
	"example.com/coatcheck/pkg/signin"
)

// stores are where the server keeps its sessions and users, and counts attempts to
// sign in.
type stores struct {
	sessions session.Store
	users    accounts.Store
	attempts throttle.Store
	close    func() error
}

// openStores opens what the flag -store names. With demo it makes SQL tables that
// are not there.
func openStores(ctx context.Context, name string, demo bool) (stores, error) {
	scheme, rest, _ := strings.Cut(name, ":")
	switch scheme {
	case "memory":
		return stores{memstore.New(), memaccounts.New(), memaccounts.NewAttempts(), nothing}, nil
	case "sqlite":
		return openSQLite(ctx, rest, demo)
	case "postgres", "postgresql":
		return openSQL(ctx, "pgx", name, sqlstore.PostgreSQL, demo)
	case "redis", "rediss":
		return openRedis(name)
	case "dynamodb":
		return openDynamoDB(ctx)
	}
	return stores{}, fmt.Errorf("store %q is not known; use memory, sqlite:PATH, postgres://…, redis://… or dynamodb", scheme)
}

func nothing() error { return nil }

// openSQLite opens the file, whatever characters are in its name. A new one is for
// its owner's eyes only: it holds password hashes.
func openSQLite(ctx context.Context, path string, demo bool) (stores, error) {
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

// openRedis keeps users and attempts in memory: Redis is for sessions.
func openRedis(address string) (stores, error) {
	options, err := redis.ParseURL(address)
	if err != nil {
		return stores{}, errors.New("the store's address cannot be read; write it as redis://host:6379")
	}
	client := redis.NewClient(options)
	return stores{redisstore.New(client, "coatcheck:"), memaccounts.New(), memaccounts.NewAttempts(), client.Close}, nil
}

func openDynamoDB(ctx context.Context) (stores, error) {
	env, err := dynamoconfig.Deployed(ctx, signin.Fail)
	if err != nil {
		return stores{}, err
	}
	users, err := dynamoconfig.Users(env.Client)
	if err != nil {
		return stores{}, err
	}
	attempts, err := dynamoconfig.Attempts(env.Client)
	return stores{env.Store, users, attempts, nothing}, err
}
