package dynamoaccounts

import (
	"context"
	"fmt"
	"iter"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/stores/dynamo"
	"example.com/coatcheck/pkg/accounts"
)

// All returns every account in a table of a [Store], in no order. It returns the
// accounts that exist when the call is made. An account that is added or deleted
// during the call may be returned or not. All reads the table page by page, by
// consistent Scans, and holds at most one page.
//
// For a damaged item it returns an error in place of the account, and goes on with
// the next item. If a page cannot be read, it returns an error and stops.
//
// It is a tool for operators, and it is not a method of Store. The functions must not
// be able to list who has an account, and without the method they do not link this
// code.
func All(ctx context.Context, client *dynamodb.Client, table string) iter.Seq2[*accounts.Account, error] {
	return func(yield func(*accounts.Account, error) bool) {
		users := &Store{table: table}
		for next := (map[string]types.AttributeValue)(nil); ; {
			page, err := client.Scan(ctx, &dynamodb.ScanInput{
				TableName: &table, ConsistentRead: new(true), ExclusiveStartKey: next,
				FilterExpression: new("attribute_not_exists(claimed_by)"), // so that claims are read, and not sent
			})
			if err != nil {
				yield(nil, fmt.Errorf("table %q: %w", table, err))
				return
			}
			for _, item := range page.Items {
				if !yield(users.decode(dynamo.NewItem(table, "", item).String("name"), item)) {
					return
				}
			}
			if next = page.LastEvaluatedKey; next == nil {
				return
			}
		}
	}
}
