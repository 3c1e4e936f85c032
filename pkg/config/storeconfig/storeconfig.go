// Package storeconfig opens all stores of a program at one address, which names the kind
// of the store and where it is: in memory, in SQLite, PostgreSQL or Redis, or in the tables
// of DynamoDB that the environment names. The same address means the same stores to every
// program, so that a server and the operator's command line meet.
//
// A program that imports it contains the drivers of all these stores. The build tags
// nosqlite, nopostgres, noredis and nodynamodb leave one out. A program that always uses
// the same kind of store opens it without this package: see package dynamoconfig and the
// packages of the stores.
//
// This package may still change in ways that break programs.
package storeconfig

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"example.com/coatcheck/internal/lazily"
	"example.com/coatcheck/internal/stores/sqldb"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/oidc"
)

// Stores are the stores at one address. A method that returns a store makes no call, and
// fails only if the environment does not name the store's table. Only this package
// implements the interface, so that it can get more methods.
type Stores interface {
	// Sessions returns the store of sessions.
	Sessions() (session.Store, error)

	// Users returns the store of users.
	Users() (accounts.Registry, error)

	// Attempts returns the store of attempts to sign in.
	Attempts() (throttle.Store, error)

	// Bridge returns the records of the bridge, by which sessions of a monolith move here.
	// It is for programs in whose environment BRIDGE_TABLE is set.
	Bridge() (bridge.Store, error)

	// Links returns the links between sessions at an OpenID provider and sessions here. It is
	// for programs in whose environment OIDC_ISSUER is set.
	Links() (oidc.Store, error)

	// Audit returns the store of the audit trail, or nil if there is to be none: where AUDIT_DAYS
	// is 0, and in DynamoDB where AUDIT_TABLE is not set.
	Audit() (audit.Store, error)

	// UsersForImport returns the users for many writes at once: it is more patient
	// with a store that is too busy for a moment.
	UsersForImport() (accounts.Registry, error)

	// AllUsers returns every account. For a damaged one it returns an error in place
	// of the account and goes on.
	AllUsers(context.Context) iter.Seq2[*accounts.Account, error]

	// Records returns everything that is kept in these parts, as it is kept. It goes through all
	// of it, and is for operators. The memory of a process shows nothing.
	Records(ctx context.Context, parts ...Part) iter.Seq2[Record, error]

	// AllSessions returns every session, dead ones too, in no order. For a damaged one it
	// returns an error in place of the session and goes on. It needs the right to scan.
	AllSessions(context.Context) iter.Seq2[*session.Session, error]

	// Local reports whether the stores are certainly on this machine: in the memory
	// of this process, in a file, or on a server at a loopback address.
	Local() bool

	// Check returns an error if the stores cannot be reached, or are not ready to be
	// used. The error is one line that says what to do. It quotes nothing of an
	// address that may hold a password.
	Check(context.Context) error

	// MakeTables creates the tables, or updates those of an older release. In DynamoDB
	// it makes none, because they are a part of the stack.
	MakeTables(context.Context) error

	// Close closes the connections. The stores must not be used after it.
	Close() error

	sealed()
}

// seal is a part of every implementation of Stores.
type seal struct{}

func (seal) sealed() {}

// parts are the stores of an address that says where everything is.
type parts struct {
	seal
	sessions session.Store
	users    accounts.Registry
	attempts throttle.Store
	bridge   bridge.Store
	links    oidc.Store
	trail    audit.Store
}

func newParts(sessions session.Store, users accounts.Registry, attempts throttle.Store, records bridge.Store, links oidc.Store, trail audit.Store) parts {
	return parts{sessions: sessions, users: users, attempts: attempts, bridge: records, links: links, trail: trail}
}

func (p parts) Sessions() (session.Store, error)           { return p.sessions, nil }
func (p parts) Users() (accounts.Registry, error)          { return p.users, nil }
func (p parts) UsersForImport() (accounts.Registry, error) { return p.users, nil }
func (p parts) Attempts() (throttle.Store, error)          { return p.attempts, nil }
func (p parts) Bridge() (bridge.Store, error)              { return p.bridge, nil }
func (p parts) Links() (oidc.Store, error)                 { return p.links, nil }

func (p parts) Audit() (audit.Store, error) {
	if kept, err := audited(); err != nil || !kept {
		return nil, err
	}
	return p.trail, nil
}

// audited reports whether there is to be an audit trail.
func audited() (bool, error) {
	retention, err := config.AuditRetention()
	return retention > 0, err
}

// DynamoDB is the address of stores in the tables of DynamoDB that the environment
// names.
const DynamoDB = "dynamodb"

// Addresses says how an address is written, for the help of a program.
const Addresses = "memory, sqlite:PATH, postgres://…, redis://… or dynamodb"

// opener opens the stores at an address. It makes no call.
type opener func(ctx context.Context, address string) (Stores, error)

// openers has the opener for each scheme of an address. Each is added in its own file,
// which a build tag can leave out. That saves the time to compile stores that nobody
// uses.
var openers = map[string]opener{}

// tags are the build tags that leave a store out.
var tags = map[string]string{
	"sqlite": "nosqlite", "postgres": "nopostgres", "postgresql": "nopostgres",
	"redis": "noredis", "rediss": "noredis", DynamoDB: "nodynamodb",
}

// Open opens the stores at the address, which [Addresses] describes. It makes no call, so
// a server that is away is no error yet: see [Prepare]. For SQL it reads STORE_CONNECTIONS,
// how many connections may be open at once, 10 by default. For DynamoDB the AWS SDK reads
// its own variables. An error quotes nothing of the address, which may hold a password.
func Open(ctx context.Context, address string) (Stores, error) {
	scheme, _, more := strings.Cut(address, ":")
	if open, ok := openers[scheme]; ok {
		if more && (scheme == Memory || scheme == DynamoDB) {
			return nil, fmt.Errorf("the store %s is named by this word alone: write %[1]s, without a colon and what comes after it. "+
				"That is not shown, since it may hold a password", scheme)
		}
		return open(ctx, address)
	}
	if tag, ok := tags[scheme]; ok {
		return nil, fmt.Errorf("store %q was left out of this program by the build tag %s; build it without this tag", scheme, tag)
	}
	if !schemeShape().MatchString(scheme) {
		return nil, fmt.Errorf("the store's address has no scheme; use %s. It is not shown, since it may hold a password", Addresses)
	}
	return nil, fmt.Errorf("store %q is not known; use %s", scheme, Addresses)
}

// schemeShape matches what can be a scheme. Other text may be a whole address in a form
// that we do not know, such as "host=db password=secret".
var schemeShape = lazily.Regexp(`^[a-z][a-z0-9+-]*$`)

// checkTimeout bounds the wait for a server that does not answer.
const checkTimeout = 10 * time.Second

// Prepare returns an error if the stores cannot be used: one line that says what to do. It
// waits ten seconds at most for a server that does not answer. If the SQL tables are
// missing or of an older release and makeTables is true, it makes them first.
func Prepare(ctx context.Context, s Stores, makeTables bool) error {
	err := check(ctx, s)
	if makeTables && errors.Is(err, sqldb.ErrOlder) {
		if err = s.MakeTables(ctx); err == nil {
			err = check(ctx, s)
		}
	}
	return err
}

// Ready returns an error if the stores cannot be used now: one line that says what to do. It
// is for a program that runs, which Prepare has let start. Such a program goes on while a
// newer release updates the SQL tables, so newer tables are no error.
func Ready(ctx context.Context, s Stores) error {
	if err := s.Check(ctx); !errors.Is(err, sqldb.ErrNewer) {
		return err
	}
	return nil
}

func check(ctx context.Context, s Stores) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return s.Check(ctx)
}
