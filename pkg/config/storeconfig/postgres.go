//go:build !nopostgres

package storeconfig

import (
	"cmp"
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"example.com/coatcheck/internal/stores/loopback"
	"example.com/coatcheck/pkg/session/sqlstore"
)

func init() { openers["postgres"], openers["postgresql"] = openPostgreSQL, openPostgreSQL }

// connectTimeout bounds an attempt to connect, if the address has no connect_timeout.
const connectTimeout = 5 * time.Second

func openPostgreSQL(_ context.Context, address string) (Stores, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil || ambiguous(address) { // the error would quote parts of the address, and which of them are secret is a guess
		return nil, errors.New("the address of PostgreSQL, or what the PG variables add to it, cannot be read; " +
			"write it as postgres://user@host:5432/database, with a password in PGPASSWORD or percent-encoded. It is not shown, since it may hold a password")
	}
	config.ConnectTimeout = cmp.Or(config.ConnectTimeout, connectTimeout)
	config.DialFunc = pgconn.DialFunc(quiet(dialFunc(config.DialFunc)))
	return newSQLStores(sql.OpenDB(connector{stdlib.GetConnector(*config)}), sqlstore.PostgreSQL, localPostgreSQL(config), explainPostgreSQL)
}

// connector opens the connections of a pool. Its errors quote nothing of the address:
// they end in the log of every request that needs a new connection.
type connector struct{ driver.Connector }

// Connect implements [driver.Connector].
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, hidden{explainPostgreSQL(err).Error(), err}
	}
	return conn, nil
}

// localPostgreSQL reports whether all servers are on this machine to which pgx may
// connect, after it has read the address, the environment and the service file.
func localPostgreSQL(config *pgx.ConnConfig) bool {
	local := localServer(config.Host, config.Port)
	for _, other := range config.Fallbacks {
		local = local && localServer(other.Host, other.Port)
	}
	return local
}

// localServer is true for a Unix socket too, which only this machine can reach.
func localServer(host string, port uint16) bool {
	network, _ := pgconn.NetworkAddress(host, port)
	return network == "unix" || loopback.Host(host)
}

// explainPostgreSQL says what failed in words that quote nothing of the address. Errors
// of pgx name the user, the database and the host, and each of them may be a piece of a
// password that was not escaped.
func explainPostgreSQL(err error) error {
	said := reason(err)
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		said = "its certificate is not accepted"
	}
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		said = postgreSQLAnswer(answer)
	}
	return fmt.Errorf("the PostgreSQL server at the store's address cannot be used: %s; check the address, the server and the password", said)
}

// postgreSQLAnswer returns the server's message only where it names nothing but tables
// and schemas.
func postgreSQLAnswer(answer *pgconn.PgError) string {
	switch answer.Code {
	case "28000", "28P01":
		return "it refuses the user or the password"
	case "3D000":
		return "it has no database of that name"
	case "42501", "53300", "57P03": // a right is missing; too many connections; the server starts
		return "it answers: " + answer.Message
	}
	return "it answers with SQLSTATE " + answer.Code
}
