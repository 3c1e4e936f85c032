// Package dynamoconfig makes the sessions of a Lambda function that keeps them in DynamoDB, from
// environment variables: the client, the table, and the call that warms up. It does for
// this one store what package config does for all. The Lambda functions of this module
// use it, and a function of yours begins in the same way:
//
//	env, err := dynamoconfig.Open(ctx, nil)
//	if err != nil {
//		config.Exit(err)
//	}
//	dynamoconfig.WarmUp(env.Store.Check)
//	lambdahttp.Start(env.Sessions.Require(handler))
//
// This package may still change in ways that break programs.
package dynamoconfig

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/lambdaconfig"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/dynamostore"
	"example.com/coatcheck/pkg/storetimes"
)

// SessionsTable is the variable with the name of the table of sessions, which
// [dynamostore.CreateTableInput] defines. For the client there are AWS's own variables: see
// [lambdaconfig.AWS].
const SessionsTable = "SESSIONS_TABLE"

// StoreTimes is the variable with the namespace of CloudWatch for the metric StoreTime, such as
// Coatcheck/shop. If it is not set, the times of calls are not written.
const StoreTimes = "STORE_TIMES"

// Parts are what a program needs for its sessions.
type Parts struct {
	Client   *dynamodb.Client   // as [Client] returns it
	Store    *dynamostore.Store // the sessions in SESSIONS_TABLE
	Sessions *session.Manager   // on Store, as [config.Sessions] returns it
	Times    *storetimes.Times  // of the Client's calls, as STORE_TIMES says, by the default logger
}

// Open makes the Parts from the environment variables. It makes no call yet. See
// [config.Sessions] for fail and the options.
func Open(ctx context.Context, fail func(http.ResponseWriter, *http.Request, error), options ...func(*session.Config)) (p Parts, err error) {
	if p, err = OpenStore(ctx); err == nil {
		p.Sessions, err = config.Sessions(p.Store, fail, options...)
	}
	return p, err
}

// OpenStore makes the Parts that are no Sessions, for a program that makes them itself.
func OpenStore(ctx context.Context) (p Parts, err error) {
	table, err := config.Required(SessionsTable)
	if err != nil {
		return p, err
	}
	if p.Client, err = Client(ctx); err != nil {
		return p, err
	}
	p.Store = dynamostore.New(p.Client, table)
	p.Times = storetimes.New(os.Getenv(StoreTimes), nil)
	return p, nil
}

// Client returns the client of a Lambda function, as [NewClient] makes it of what
// [lambdaconfig.AWS] reads. It makes no call yet.
func Client(context.Context) (*dynamodb.Client, error) {
	cfg, err := lambdaconfig.AWS()
	if err != nil {
		return nil, err
	}
	return NewClient(cfg)
}

// NewClient returns a client with [dynamostore.ClientOptions]. A program outside Lambda calls it
// with what the SDK's config.LoadDefaultConfig returns. NewClient refuses an endpoint that has
// a user, a password or a query, because calls are signed already. Its errors, and those of
// the client's calls, which end in logs, quote no address of DynamoDB.
func NewClient(cfg aws.Config) (*dynamodb.Client, error) {
	if cfg.Region == "" {
		return nil, errors.New("AWS_REGION is not set")
	}
	client := dynamodb.NewFromConfig(cfg, dynamostore.ClientOptions, func(o *dynamodb.Options) {
		o.HTTPClient = quietClient{o.HTTPClient}
		if os.Getenv(StoreTimes) != "" {
			o.APIOptions = append(o.APIOptions, storetimes.Measure)
		}
	})
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
// handshake. Choose a call that the program may make anyway, such as
// [dynamostore.Store.Check]. Its result does not matter, and after two seconds WarmUp
// waits no longer.
func WarmUp(call func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), warmUpTimeout)
	defer cancel()
	_ = call(ctx)
}
