//go:build !nodynamodb

package storeconfig

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/stores/loopback"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/dynamoaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/audit/dynamoaudit"
	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/deployed"
	"example.com/coatcheck/pkg/config/dynamoconfig"
	"example.com/coatcheck/pkg/config/oidcconfig"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/dynamostore"
	"example.com/coatcheck/pkg/signin/oidc"
	"example.com/coatcheck/pkg/signin/oidc/dynamolinks"
)

func init() { openers[DynamoDB] = openDynamoDB }

// dynamo are the tables that the environment names. A program needs only the names of
// those that it uses.
type dynamo struct {
	seal
	client *dynamodb.Client
}

func openDynamoDB(ctx context.Context, _ string) (Stores, error) {
	cfg, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("AWS configuration: %w", err)
	}
	client, err := dynamoconfig.NewClient(cfg)
	if err != nil {
		return nil, err
	}
	return dynamo{client: client}, nil
}

func (d dynamo) Sessions() (session.Store, error) {
	table, err := config.Required(dynamoconfig.SessionsTable)
	if err != nil {
		return nil, err
	}
	return dynamostore.New(d.client, table), nil
}

func (d dynamo) Users() (accounts.Registry, error) { return deployed.Users(d.client) }

func (d dynamo) Attempts() (throttle.Store, error) { return deployed.Attempts(d.client) }

func (d dynamo) Bridge() (bridge.Store, error) { return deployed.Bridge(d.client) }

func (d dynamo) Links() (oidc.Store, error) {
	table, err := config.Required(oidcconfig.Table)
	if err != nil {
		return nil, err
	}
	return dynamolinks.New(d.client, table), nil
}

// importTries is how often one write of an import is sent at most. They take about
// three seconds, in which a throttled table can recover.
const importTries = 8

func (d dynamo) Audit() (audit.Store, error) {
	table := os.Getenv(deployed.AuditTable)
	if kept, err := audited(); err != nil || !kept || table == "" {
		return nil, err
	}
	return dynamoaudit.New(d.client, table), nil
}

func (d dynamo) UsersForImport() (accounts.Registry, error) {
	return deployed.Users(dynamodb.New(d.client.Options(), func(o *dynamodb.Options) { o.RetryMaxAttempts = importTries }))
}

func (d dynamo) AllUsers(ctx context.Context) iter.Seq2[*accounts.Account, error] {
	table, err := config.Required(deployed.UsersTable)
	if err != nil {
		return func(yield func(*accounts.Account, error) bool) { yield(nil, err) }
	}
	return dynamoaccounts.All(ctx, d.client, table)
}

func (d dynamo) AllSessions(ctx context.Context) iter.Seq2[*session.Session, error] {
	table, err := config.Required(dynamoconfig.SessionsTable)
	if err != nil {
		return func(yield func(*session.Session, error) bool) { yield(nil, err) }
	}
	return dynamostore.All(ctx, d.client, table)
}

// Local is true only if the SDK, with all its configuration, calls a server on this
// machine. Without an endpoint it calls AWS.
func (d dynamo) Local() bool {
	endpoint := d.client.Options().BaseEndpoint
	return endpoint != nil && loopback.URL(*endpoint)
}

// table is a table that the environment asks for, and a call that reads from it what is not
// there. That needs no permission that a server has not anyway.
type table struct {
	variable string
	read     func(ctx context.Context, table string) error
}

func (d dynamo) tables() ([]table, error) {
	all := []table{{dynamoconfig.SessionsTable, d.get("owner", "id")}, {deployed.UsersTable, d.get("name")}, {deployed.AttemptsTable, d.get("key")}}
	trail, err := d.Audit()
	if err != nil {
		return nil, err
	}
	if trail != nil {
		all = append(all, table{deployed.AuditTable, func(ctx context.Context, name string) error { return dynamoaudit.NewReader(d.client, name).Check(ctx) }})
	}
	if os.Getenv(config.BridgeTable) != "" {
		all = append(all, table{config.BridgeTable, d.get("id")})
	}
	if os.Getenv(oidcconfig.Issuer) != "" {
		all = append(all, table{oidcconfig.Table, d.get("id")})
	}
	return all, nil
}

// get returns a function that reads an item by the attributes of its key.
func (d dynamo) get(attributes ...string) func(context.Context, string) error {
	key := map[string]types.AttributeValue{}
	for _, attribute := range attributes {
		key[attribute] = &types.AttributeValueMemberS{Value: "-"}
	}
	return func(ctx context.Context, table string) error {
		_, err := d.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &table, Key: key})
		return err
	}
}

// Check reads from each table.
func (d dynamo) Check(ctx context.Context) error {
	all, err := d.tables()
	if err != nil {
		return err
	}
	for _, table := range all {
		name, err := config.Required(table.variable)
		if err != nil {
			return err
		}
		err = table.read(ctx, name)
		if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
			return fmt.Errorf("there is no table %q, as %s has it; check the name and AWS_REGION. In AWS sam deploy makes the tables, "+
				"in a local DynamoDB: go run example.com/coatcheck/cmd/coatcheck tables create --template template.yaml", name, table.variable)
		}
		if err != nil {
			return fmt.Errorf("the call to DynamoDB failed; check %s, AWS_REGION, the credentials and AWS_ENDPOINT_URL_DYNAMODB: %w", table.variable, err)
		}
	}
	return nil
}

func (d dynamo) MakeTables(context.Context) error {
	return errors.New("the tables of DynamoDB are defined by template.yaml: in AWS sam deploy makes them, in a local DynamoDB coatcheck tables create")
}

func (d dynamo) Close() error { return nil }
