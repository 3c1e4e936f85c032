// Package deployed makes the parts of the product as template.yaml deploys it, with all
// that it keeps in DynamoDB, from environment variables. The Lambda functions use it. A
// program that needs only the sessions imports package dynamoconfig instead.
//
// This package may still change in ways that break programs.
package deployed

import (
	"context"
	"os"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/dynamoaccounts"
	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/bridge/dynamobridge"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/dynamoconfig"
	"example.com/coatcheck/pkg/config/signinconfig"
	"example.com/coatcheck/pkg/signin"
	"example.com/coatcheck/pkg/signin/site"
)

// Parts are what every function of the product needs that has sessions.
type Parts struct {
	dynamoconfig.Parts
	Site  site.Site     // of signinconfig.Site
	Pages *signin.Pages // of that site
}

// Open makes the Parts from the environment variables. It makes no call yet. A function
// without pages needs only [dynamoconfig.Open].
func Open(ctx context.Context) (p Parts, err error) {
	if p.Site, err = signinconfig.Site(); err != nil {
		return p, err
	}
	if p.Pages, err = signin.NewPages(signin.Config{Site: p.Site}); err != nil {
		return p, err
	}
	p.Parts, err = dynamoconfig.Open(ctx, p.Pages.Fail)
	return p, err
}

// OpenEnding does the same as Open for a function that ends sessions. While BRIDGE_TABLE is
// set, such a function writes there that they end, before they do: see
// [bridge.BeforeEnding].
func OpenEnding(ctx context.Context) (p Parts, err error) {
	if p, err = Open(ctx); err != nil || os.Getenv(config.BridgeTable) == "" {
		return p, err
	}
	records, err := Bridge(p.Client)
	if err != nil {
		return p, err
	}
	p.Sessions, err = config.EndingSessions(p.Store, p.Pages.Fail, bridge.BeforeEnding(records, p.Site.HasStateless()))
	return p, err
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
func Authenticator(client *dynamodb.Client) (*accounts.Authenticator, *dynamoaccounts.Store, error) {
	users, err := Users(client)
	if err != nil {
		return nil, nil, err
	}
	directory, err := signinconfig.Directory(users)
	if err != nil {
		return nil, nil, err
	}
	attempts, err := Attempts(client)
	if err != nil {
		return nil, nil, err
	}
	authenticator, err := signinconfig.Authenticator(directory, attempts)
	return authenticator, users, err
}

// Asking does the same as [Authenticator], by [signinconfig.Asking]. It is for what serves
// /login.
func Asking(client *dynamodb.Client) (*accounts.Authenticator, *dynamoaccounts.Store, error) {
	users, err := Users(client)
	if err != nil {
		return nil, nil, err
	}
	registrar, err := signinconfig.Registrar(users)
	if err != nil {
		return nil, nil, err
	}
	attempts, err := Attempts(client)
	if err != nil {
		return nil, nil, err
	}
	authenticator, err := signinconfig.Asking(registrar, attempts)
	return authenticator, users, err
}

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
