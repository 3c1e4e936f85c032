// Package deployed makes the parts of the product as template.yaml deploys it, with all
// that it keeps in DynamoDB, from environment variables. The Lambda functions use it. A
// program that needs only the sessions imports package dynamoconfig instead.
//
// This package may still change in ways that break programs.
package deployed

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/dynamoaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/audit/dynamoaudit"
	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/bridge/dynamobridge"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/dynamoconfig"
	"example.com/coatcheck/pkg/config/signinconfig"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin"
	"example.com/coatcheck/pkg/signin/site"
)

// Parts are what every function of the product needs that has sessions.
type Parts struct {
	dynamoconfig.Parts
	Site   site.Site     // of signinconfig.Site
	Pages  *signin.Pages // of that site
	Logger *slog.Logger  // for all that the function makes besides; nil means the default logger
	trail  *audit.Trail  // nil if nothing is kept
}

// Open makes the Parts from the environment variables. It makes no call yet. What happens is
// logged by slog.Default(), and is not in the audit trail. A function without pages needs only
// [dynamoconfig.Open].
func Open(ctx context.Context) (p Parts, err error) {
	if p, err = open(ctx, nil); err != nil {
		return p, err
	}
	return p, p.complete(nil)
}

// OpenAudited does the same as Open for a function in which happens what the audit trail
// keeps. It logs by logger, and while AUDIT_TABLE is set and AUDIT_DAYS is not 0, the events
// that are kept are appended there: by Pages, Sessions, and all that has p.Logger. Serve
// the routes by [Parts.Handler].
func OpenAudited(ctx context.Context, logger *slog.Logger) (p Parts, err error) {
	if p, err = openAudited(ctx, logger); err != nil {
		return p, err
	}
	return p, p.complete(nil)
}

// OpenEnding does the same as OpenAudited for a function that ends sessions. While
// BRIDGE_TABLE is set, such a function writes there that they end, before they do: see
// [bridge.BeforeEnding].
func OpenEnding(ctx context.Context, logger *slog.Logger) (p Parts, err error) {
	if p, err = openAudited(ctx, logger); err != nil {
		return p, err
	}
	if os.Getenv(config.BridgeTable) == "" {
		return p, p.complete(nil)
	}
	records, err := Bridge(p.Client)
	if err != nil {
		return p, err
	}
	return p, p.complete(bridge.BeforeEnding(records, p.Site.HasStateless()))
}

// open makes what pages and sessions need.
func open(ctx context.Context, logger *slog.Logger) (p Parts, err error) {
	p.Logger = logger
	if p.Site, err = signinconfig.Site(); err != nil {
		return p, err
	}
	p.Parts, err = dynamoconfig.OpenStore(ctx)
	return p, err
}

// AuditTable is the variable with the name of the table of the audit trail. If it is not set,
// there is no trail, and no menu leads to /activity.
const AuditTable = "AUDIT_TABLE"

func openAudited(ctx context.Context, logger *slog.Logger) (p Parts, err error) {
	if p, err = open(ctx, logger); err != nil {
		return p, err
	}
	table := os.Getenv(AuditTable)
	retention, err := config.AuditRetention()
	if err != nil || table == "" || retention == 0 {
		return p, err
	}
	p.trail = audit.NewTrail(dynamoaudit.NewWriter(p.Client, table), audit.Config{Retention: retention, Logger: logger})
	p.Logger = p.trail.Tee(cmp.Or(logger, slog.Default()))
	return p, nil
}

// complete makes the pages and the sessions.
func (p *Parts) complete(before func(ctx context.Context, userID string, all bool) error) (err error) {
	if p.Pages, err = signin.NewPages(signin.Config{Site: p.Site, Logger: p.Logger, Activity: os.Getenv(AuditTable) != ""}); err != nil {
		return err
	}
	p.Sessions, err = config.EndingSessions(p.Store, p.Pages.Fail, before, func(c *session.Config) { c.Logger = p.Logger })
	return err
}

// Handler returns the handler of the routes, as [signin.Pages.Handler] does, whose answers
// wait until the audit trail has what has happened. It writes the times of the calls to
// DynamoDB, if STORE_TIMES is set.
func (p Parts) Handler(routes ...signin.Routes) http.Handler {
	handler := p.Pages.Handler(routes...)
	if p.trail != nil {
		handler = p.trail.Handler(handler)
	}
	return p.Times.Handler(handler)
}

// Activity returns the routes of /activity, which read the audit trail in AUDIT_TABLE. Where
// there is none, there are no routes: the path is unknown, as any other.
func (p Parts) Activity() signin.Routes {
	table := os.Getenv(AuditTable)
	if table == "" {
		return nil
	}
	return signin.Activity(p.Sessions, dynamoaudit.NewReader(p.Client, table))
}

// Bridge returns the records of the bridge in BRIDGE_TABLE.
func Bridge(client *dynamodb.Client) (*dynamobridge.Store, error) {
	table, err := config.Required(config.BridgeTable)
	if err != nil {
		return nil, err
	}
	return dynamobridge.New(client, table), nil
}

// Authenticator returns an Authenticator for the accounts in USERS_TABLE, which
// counts attempts in ATTEMPTS_TABLE. It also returns the store of the accounts.
func (p Parts) Authenticator() (*accounts.Authenticator, *dynamoaccounts.Store, error) {
	users, err := Users(p.Client)
	if err != nil {
		return nil, nil, err
	}
	directory, err := signinconfig.Directory(users, p.logAccounts)
	if err != nil {
		return nil, nil, err
	}
	attempts, err := Attempts(p.Client)
	if err != nil {
		return nil, nil, err
	}
	authenticator, err := signinconfig.Authenticator(directory, attempts, p.logAttempts)
	return authenticator, users, err
}

// Asking does the same as [Parts.Authenticator], by [signinconfig.Asking]. It is for what
// serves /login.
func (p Parts) Asking() (*accounts.Authenticator, *dynamoaccounts.Store, error) {
	users, err := Users(p.Client)
	if err != nil {
		return nil, nil, err
	}
	registrar, err := signinconfig.Registrar(users, p.logAccounts)
	if err != nil {
		return nil, nil, err
	}
	attempts, err := Attempts(p.Client)
	if err != nil {
		return nil, nil, err
	}
	authenticator, err := signinconfig.Asking(registrar, attempts, p.logAttempts)
	return authenticator, users, err
}

func (p Parts) logAccounts(c *accounts.Config) { c.Logger = p.Logger }
func (p Parts) logAttempts(c *throttle.Config) { c.Logger = p.Logger }

// The variables with the names of the tables of accounts and of attempts to sign in.
const (
	UsersTable    = "USERS_TABLE"
	AttemptsTable = "ATTEMPTS_TABLE"
)

// Users returns the store of accounts in USERS_TABLE.
func Users(client *dynamodb.Client) (*dynamoaccounts.Store, error) {
	table, err := config.Required(UsersTable)
	if err != nil {
		return nil, err
	}
	return dynamoaccounts.New(client, table), nil
}

// Attempts returns the store of counters in ATTEMPTS_TABLE.
func Attempts(client *dynamodb.Client) (*dynamoaccounts.Attempts, error) {
	table, err := config.Required(AttemptsTable)
	if err != nil {
		return nil, err
	}
	return dynamoaccounts.NewAttempts(client, table), nil
}
