package legacyconfig

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	_ "modernc.org/sqlite" // a database/sql driver

	"example.com/coatcheck/pkg/legacy"
)

// connectTimeout bounds an attempt to connect to a database.
const connectTimeout = 5 * time.Second

// connections is how many connections one process may have to a database. A function
// serves one request at a time.
const connections = 4

// stores has the open stores by their addresses: entries with the same address share one.
type stores map[string]any

// database is an open SQL database.
type database struct {
	legacy.SQL
	dollars bool // whether its own placeholders are $1
}

// redis opens the Redis at the address that a field has.
func (s stores) redis(field, address string) (legacy.KeyValue, error) {
	if kv, ok := s[address].(keyValue); ok {
		return kv, nil
	}
	options, err := redis.ParseURL(address)
	if err != nil || !plainURL(address) { // the error would quote the address
		return nil, fmt.Errorf("the field %q should be an address such as redis://user:password@host:6379/0, with the password percent-encoded", field)
	}
	options.ContextTimeoutEnabled = true // so that a call ends with its request
	logging.Disable()                    // its lines are not JSON; errors are returned anyway
	s[address] = keyValue{redis.NewClient(options)}
	return s[address].(keyValue), nil
}

// sql opens the SQL database at the address that a field has.
func (s stores) sql(field, address string) (database, error) {
	if db, ok := s[address].(database); ok {
		return db, nil
	}
	db, err := openSQL(address)
	if err != nil {
		return database{}, fmt.Errorf("the field %q %w", field, err)
	}
	db.DB.SetMaxOpenConns(connections)
	db.DB.SetMaxIdleConns(connections)
	db.DB.SetConnMaxIdleTime(5 * time.Minute)
	s[address] = db
	return db, nil
}

// openSQL opens a database. Its errors quote nothing of the address.
func openSQL(address string) (database, error) {
	switch scheme, path, _ := strings.Cut(address, ":"); {
	case scheme == "sqlite" && path != "":
		return openSQLite(path)
	case scheme == "sqlite" || !plainURL(address):
		return database{}, errors.New("should be an address such as postgres://user:password@host:5432/database, mysql://… or sqlite:PATH, " +
			"with the password percent-encoded")
	case scheme == "postgres" || scheme == "postgresql":
		return openPostgreSQL(address)
	case scheme == "mysql":
		return openMySQL(address)
	}
	return database{}, errors.New("has an address with none of the schemes postgres, mysql and sqlite")
}

// plainURL reports whether a URL can be read in one way only. If a "/", "?", "#" or "@" of
// a password is not percent-encoded, some parsers take a piece of the password for the host,
// and name it in errors.
func plainURL(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme != "" && u.Opaque == "" && !strings.Contains(u.Host, "@") && strings.Count(address, "@") <= 1 &&
		!strings.ContainsAny(u.Path+u.RawQuery, "@") && !strings.Contains(address, "#")
}

func openSQLite(path string) (database, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return database{}, errors.New("has a path that cannot be made absolute")
	}
	dsn := url.URL{Scheme: "file", Path: absolute, RawQuery: "mode=rw&_busy_timeout=10000"}
	db, err := sql.Open("sqlite", dsn.String())
	return database{SQL: legacy.SQL{DB: db}}, err
}

func openPostgreSQL(address string) (database, error) {
	options, err := pgx.ParseConfig(address)
	if err != nil {
		return database{}, errors.New("has an address that PostgreSQL's driver cannot read")
	}
	options.ConnectTimeout = cmp.Or(options.ConnectTimeout, connectTimeout)
	return database{legacy.SQL{DB: stdlib.OpenDB(*options), Placeholder: legacy.DollarPlaceholder}, true}, nil
}

func openMySQL(address string) (database, error) {
	u, err := url.Parse(address)
	if err != nil {
		return database{}, errors.New("has an address that cannot be read")
	}
	options := mysql.NewConfig()
	password, _ := u.User.Password()
	options.User, options.Passwd = u.User.Username(), password
	options.Net, options.Addr = "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "3306"))
	options.DBName = strings.TrimPrefix(u.Path, "/")
	options.Timeout, options.ParseTime, options.Logger = connectTimeout, true, &mysql.NopLogger{}
	options.InterpolateParams = true // one round trip for a statement, and not two
	options.Params = map[string]string{"time_zone": "'+00:00'"}
	for name, values := range u.Query() {
		if name != "tls" || len(values) != 1 || values[0] != "true" && values[0] != "false" {
			return database{}, errors.New("may have only tls=true or tls=false behind the question mark")
		}
		options.TLSConfig = values[0]
	}
	connector, err := mysql.NewConnector(options)
	if err != nil {
		return database{}, errors.New("has an address that MySQL's driver cannot use")
	}
	return database{SQL: legacy.SQL{DB: sql.OpenDB(connector), Quote: '`'}}, nil
}

// passwords returns a function that selects the hash of a user's password.
func (e *entry) passwords() (func(ctx context.Context, userID string) (string, error), error) {
	field, address := "password_store", e.PasswordStore
	if address == "" {
		if scheme, _, _ := strings.Cut(e.Store, ":"); e.Store == "" || strings.HasPrefix(scheme, "redis") {
			return nil, errors.New(`the field "password_store" is missing: the address of the SQL database in which "passwords" selects`)
		}
		field, address = "store", e.Store
	}
	db, err := e.stores.sql(field, address)
	if err != nil {
		return nil, err
	}
	statement := e.Passwords
	if strings.Count(statement, "?") != 1 {
		return nil, errors.New(`the field "passwords" should be "imported", or a statement with one question mark, for the user's ID`)
	}
	if db.dollars {
		statement = strings.Replace(statement, "?", "$1", 1)
	}
	return func(ctx context.Context, userID string) (string, error) {
		return selectHash(ctx, db.DB, statement, userID)
	}, nil
}

// selectHash returns the one hash that the statement selects, or "" if there is no such user,
// or the user has no password.
func selectHash(ctx context.Context, db *sql.DB, statement, userID string) (string, error) {
	var hash sql.NullString
	err := db.QueryRowContext(ctx, statement, userID).Scan(&hash)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("looking up the password's hash at the monolith: %w", err)
	}
	return hash.String, nil
}

// keyValue reads and deletes values of Redis.
type keyValue struct{ client *redis.Client }

// Get implements [legacy.KeyValue].
func (kv keyValue) Get(ctx context.Context, key string) ([]byte, time.Time, error) {
	pipe := kv.client.Pipeline() // one round trip
	value, left := pipe.Get(ctx, key), pipe.PTTL(ctx, key)
	if _, err := pipe.Exec(ctx); errors.Is(err, redis.Nil) {
		return nil, time.Time{}, legacy.ErrNoRow
	} else if err != nil {
		return nil, time.Time{}, err
	}
	switch ttl := left.Val(); {
	case ttl == -1: // it never expires
		return []byte(value.Val()), time.Time{}, nil
	case ttl <= 0: // it expired between the two commands
		return nil, time.Time{}, legacy.ErrNoRow
	default:
		return []byte(value.Val()), time.Now().Add(ttl).UTC(), nil
	}
}

// Delete implements [legacy.KeyValue].
func (kv keyValue) Delete(ctx context.Context, key string) error {
	return kv.client.Del(ctx, key).Err()
}
