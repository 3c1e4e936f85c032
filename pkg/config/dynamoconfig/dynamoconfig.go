// Package dynamoconfig makes the parts of a program that keeps everything in
// DynamoDB, from environment variables. It does for the deployed tables what package
// config does for all stores. The Lambda functions use it.
//
// This package may still change in ways that break programs.
package dynamoconfig

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/dynamoaccounts"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/dynamostore"
	"example.com/coatcheck/pkg/signin/site"
)

// Deployment holds the parts that every program on the deployed tables needs.
type Deployment struct {
	Client   *dynamodb.Client
	Store    *dynamostore.Store // the sessions in SESSIONS_TABLE
	Sessions *session.Manager   // on Store
	Site     site.Site          // of config.Site
}

// Deployed makes a Deployment from the environment variables. It makes no call yet.
// See [config.Sessions] for fail.
func Deployed(ctx context.Context, fail func(http.ResponseWriter, *http.Request, error)) (d Deployment, err error) {
	table, err := config.Required(config.SessionsTable)
	if err != nil {
		return d, err
	}
	if d.Client, err = Client(ctx); err != nil {
		return d, err
	}
	d.Store = dynamostore.New(d.Client, table)
	if d.Sessions, err = config.Sessions(d.Store, fail); err != nil {
		return d, err
	}
	d.Site, err = config.Site()
	return d, err
}

// Authenticator returns an Authenticator for the accounts in USERS_TABLE, which
// counts attempts in ATTEMPTS_TABLE. It also returns the store of the accounts.
func Authenticator(client *dynamodb.Client) (*accounts.Authenticator, *dynamoaccounts.Store, error) {
	users, err := Users(client)
	if err != nil {
		return nil, nil, err
	}
	directory, err := config.Directory(users)
	if err != nil {
		return nil, nil, err
	}
	attempts, err := Attempts(client)
	if err != nil {
		return nil, nil, err
	}
	authenticator, err := config.Authenticator(directory, attempts)
	return authenticator, users, err
}

// Users returns the store of accounts in USERS_TABLE.
func Users(client *dynamodb.Client) (*dynamoaccounts.Store, error) {
	table, err := config.Required(config.UsersTable)
	if err != nil {
		return nil, err
	}
	return dynamoaccounts.New(client, table), nil
}

// Attempts returns the store of counters in ATTEMPTS_TABLE.
func Attempts(client *dynamodb.Client) (*dynamoaccounts.Attempts, error) {
	table, err := config.Required(config.AttemptsTable)
	if err != nil {
		return nil, err
	}
	return dynamoaccounts.NewAttempts(client, table), nil
}

// Client returns a client with the SDK's usual configuration and
// [dynamostore.ClientOptions]. It refuses an endpoint that has a user, a password or a
// query.
func Client(ctx context.Context) (*dynamodb.Client, error) {
	cfg, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return nil, fmt.Errorf("AWS_REGION is not set")
	}
	client := dynamodb.NewFromConfig(cfg, dynamostore.ClientOptions, func(o *dynamodb.Options) { o.HTTPClient = quietClient{o.HTTPClient} })
	if endpoint := client.Options().BaseEndpoint; endpoint != nil && !plain(*endpoint) {
		return nil, errors.New("AWS_ENDPOINT_URL_DYNAMODB or AWS_ENDPOINT_URL must be such as http://localhost:8000, without a user or a password: " +
			"calls are signed with the credentials of AWS. It is not shown, since it may hold a password")
	}
	return client, nil
}

// plain reports whether an endpoint has only a scheme, a host and perhaps a path. Nothing
// else belongs there, because the SDK signs each call.
func plain(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && !strings.ContainsAny(endpoint, "@?#")
}

// warmUpTimeout is how long a start may take longer for a call that warms up.
const warmUpTimeout = 2 * time.Second

// WarmUp makes one call before the first request, so that no user waits for the TLS
// handshake. The result of the call does not matter.
func WarmUp(call func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), warmUpTimeout)
	defer cancel()
	_ = call(ctx)
}
