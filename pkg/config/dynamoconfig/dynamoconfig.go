// Package dynamoconfig turns environment variables into what a main needs that keeps
// everything in DynamoDB, as the functions do: package config for the deployed
// tables.
//
// This package may still change in ways that break programs.
package dynamoconfig

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/logging"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/dynamoaccounts"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/dynamostore"
)

// Deployment is what every program needs that runs on the deployed tables.
type Deployment struct {
	Client   *dynamodb.Client
	Store    *dynamostore.Store // of the sessions in SESSIONS_TABLE
	Sessions *session.Manager   // on Store
	Origin   string             // PUBLIC_ORIGIN
}

// Deployed reads all that a Deployment needs. It calls nothing yet. For fail see [config.Sessions].
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
	d.Origin, err = config.Origin()
	return d, err
}

// Authenticator returns the Authenticator of the accounts in USERS_TABLE, with
// attempts counted in ATTEMPTS_TABLE, and the accounts' store.
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

// Limits of one DynamoDB call. Its usual answer takes milliseconds; all attempts
// together stay under the functions' timeout of 10 seconds.
const (
	attempts       = 3
	attemptTimeout = 2 * time.Second
	firstBackoff   = 25 * time.Millisecond // the SDK's default waits up to a second
)

// Client returns a client by the SDK's usual configuration, with short
// timeouts and a fast first retry.
func Client(ctx context.Context) (*dynamodb.Client, error) {
	cfg, err := awsconfig.LoadDefaultConfig(ctx,
		// Its only line would warn of each error answer that has no checksum, and not as JSON
		// (https://github.com/aws/aws-sdk-go-v2/issues/3545). Errors are returned anyway.
		awsconfig.WithLogger(logging.Nop{}),
		awsconfig.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(attemptTimeout)),
		awsconfig.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts = attempts
				o.Backoff = retry.BackoffDelayerFunc(backoff)
			})
		}))
	if err != nil {
		return nil, fmt.Errorf("AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return nil, fmt.Errorf("AWS_REGION is not set")
	}
	return dynamodb.NewFromConfig(cfg), nil
}

func backoff(attempt int, _ error) (time.Duration, error) {
	most := firstBackoff << min(attempt, 5)
	return most/2 + rand.N(most/2), nil
}

// WarmUp makes one call before the first request comes, so that no user waits
// for the TLS handshake. Its outcome does not matter to anyone.
func WarmUp(call func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), attemptTimeout)
	defer cancel()
	_ = call(ctx)
}
