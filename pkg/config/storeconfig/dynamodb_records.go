//go:build !nodynamodb

package storeconfig

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/deployed"
	"example.com/coatcheck/pkg/config/dynamoconfig"
	"example.com/coatcheck/pkg/config/oidcconfig"
)

// dynamoTables are the variables that name the tables of the parts.
var dynamoTables = map[Part]string{
	Sessions: dynamoconfig.SessionsTable, Users: deployed.UsersTable, Attempts: deployed.AttemptsTable,
	Bridge: config.BridgeTable, Links: oidcconfig.Table, Audit: deployed.AuditTable,
}

// Records reads the tables by consistent Scans, page by page.
func (d dynamo) Records(ctx context.Context, parts ...Part) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for _, part := range used(parts) {
			if part == Audit && os.Getenv(deployed.AuditTable) == "" {
				continue
			}
			table, err := config.Required(dynamoTables[part])
			if err != nil {
				yield(Record{}, err)
				return
			}
			for item, err := range d.scan(ctx, table) {
				if !yield(Record{part, item}, err) || err != nil {
					return
				}
			}
		}
	}
}

func (d dynamo) scan(ctx context.Context, table string) iter.Seq2[map[string]string, error] {
	return func(yield func(map[string]string, error) bool) {
		pages := dynamodb.NewScanPaginator(d.client, &dynamodb.ScanInput{TableName: &table, ConsistentRead: new(true)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(nil, fmt.Errorf("table %q: %w", table, err))
				return
			}
			for _, item := range page.Items {
				fields := map[string]string{}
				for name, value := range item {
					fields[name] = text(plain(value))
				}
				if !yield(fields, nil) {
					return
				}
			}
		}
	}
}

// plain returns the value of an attribute without its type.
func plain(value types.AttributeValue) any {
	switch value := value.(type) {
	case *types.AttributeValueMemberS:
		return value.Value
	case *types.AttributeValueMemberN:
		return json.Number(value.Value)
	case *types.AttributeValueMemberB:
		return value.Value
	case *types.AttributeValueMemberBOOL:
		return value.Value
	case *types.AttributeValueMemberL:
		all := make([]any, len(value.Value))
		for i, member := range value.Value {
			all[i] = plain(member)
		}
		return all
	case *types.AttributeValueMemberM:
		all := map[string]any{}
		for name, member := range value.Value {
			all[name] = plain(member)
		}
		return all
	}
	return nil // no table of ours has sets
}
