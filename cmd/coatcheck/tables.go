package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/internal/local/samtemplate"
	"example.com/coatcheck/pkg/accounts/sqlaccounts"
	"example.com/coatcheck/pkg/audit/sqlaudit"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/deployed"
	"example.com/coatcheck/pkg/config/dynamoconfig"
	"example.com/coatcheck/pkg/config/storeconfig"
	"example.com/coatcheck/pkg/session/sqlstore"
)

type createTables struct {
	Template string `placeholder:"FILE" help:"For dynamodb: the SAM template that defines the tables, template.yaml."`
}

// Help implements [kong.HelpProvider].
func (createTables) Help() string {
	return `SQL tables are made, and those of an older release updated, with all that is in them. A table of DynamoDB that exists is left alone,
and each is called what its variable says: SessionsTable in the template is SESSIONS_TABLE in the environment. Without AUDIT_TABLE
there is no audit trail, and without BRIDGE_TABLE no bridge. In AWS they are made by
sam deploy, so without AWS_ENDPOINT_URL_DYNAMODB nothing is done. Redis has no tables.`
}

// Run implements the command.
func (c *createTables) Run(ctx context.Context, at address) error {
	if at == storeconfig.DynamoDB {
		return c.createInDynamoDB(ctx)
	}
	if at == storeconfig.Memory {
		return errors.New("the store memory has no tables")
	}
	opened, err := storeconfig.Open(ctx, string(at))
	if err != nil {
		return err
	}
	defer opened.Close()
	if err := storeconfig.Prepare(ctx, opened, true); err != nil {
		return err
	}
	_, err = fmt.Println("The store is ready: it has every table that it needs, as this release has them.")
	return err
}

func (c *createTables) createInDynamoDB(ctx context.Context) error {
	if c.Template == "" {
		return errors.New("the tables of DynamoDB need the template that defines them: give --template=FILE, or another store with --store")
	}
	client, err := localDynamoDB(ctx)
	if err != nil {
		return err
	}
	var conditions []string
	if os.Getenv(config.BridgeTable) != "" {
		conditions = append(conditions, "HasBridge")
	}
	if os.Getenv(deployed.AuditTable) == "" {
		conditions = append(conditions, "NoAudit")
	}
	template, err := samtemplate.Read(c.Template, conditions...)
	if err != nil {
		return fileError(err)
	}
	names, err := tableNames(template)
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(names)) {
		if err := createTable(ctx, client, template.Tables[id], names[id]); err != nil {
			return fmt.Errorf("creating %s as %q: %w", id, names[id], err)
		}
	}
	return nil
}

// localDynamoDB returns a client only if the client certainly uses the endpoint in
// the variable. The SDK can be configured to ignore the variable, and would then call
// AWS.
func localDynamoDB(ctx context.Context) (*dynamodb.Client, error) {
	const variable = "AWS_ENDPOINT_URL_DYNAMODB"
	cfg, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("AWS configuration: %w", err)
	}
	client, err := dynamoconfig.NewClient(cfg)
	if err != nil {
		return nil, err
	}
	if used := client.Options().BaseEndpoint; used == nil || *used != os.Getenv(variable) {
		return nil, fmt.Errorf("%s is not set, or the SDK is told to ignore it; set it to the URL of a local DynamoDB, such as http://localhost:8000", variable)
	}
	return client, nil
}

// tableNames returns the name of each table of the template, by its logical ID.
func tableNames(template *samtemplate.Template) (map[string]string, error) {
	names := map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(template.Tables)) {
		variable := strings.ToUpper(strings.TrimSuffix(id, "Table")) + "_TABLE"
		name, err := config.Required(variable)
		if err != nil {
			return nil, fmt.Errorf("%w; it is the name for %s", err, id)
		}
		names[id] = name
	}
	return names, nil
}

func createTable(ctx context.Context, client *dynamodb.Client, table samtemplate.Table, name string) error {
	created, err := table.Create(ctx, client, name)
	switch {
	case err != nil:
		return err
	case !created:
		fmt.Printf("Table %q exists already and was left alone.\n", name)
	case table.TTL == "":
		fmt.Printf("Created table %q.\n", name)
	default:
		fmt.Printf("Created table %q with TTL on %s.\n", name, table.TTL)
	}
	return nil
}

type printSQL struct {
	Dialect string `required:"" enum:"postgresql,sqlite" help:"postgresql or sqlite."`
}

// Run implements the command.
func (c *printSQL) Run() error {
	_, err := fmt.Print(sqlstore.Dialect(c.Dialect).Schema(), "\n", sqlaccounts.Schema(c.Dialect), "\n", sqlaudit.Schema(c.Dialect))
	return err
}
