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

// All returns every account in a table of a [Store], in no order: those there when
// the call is made, and some or none of those that come and go meanwhile. It reads a
// page at a time, by consistent Scans, and holds no more than one.
//
// An item that is damaged comes as an error in place of the account, and the others
// follow. A page that cannot be read comes as an error too, the last.
//
// It is for an operator, and no method of Store: the functions must not be able to
// list who has an account, and do not link it.
func All(ctx context.Context, client *dynamodb.Client, table string) iter.Seq2[*accounts.Account, error] {
	return func(yield func(*accounts.Account, error) bool) {
		users := &Store{table: table}
		for next := (map[string]types.AttributeValue)(nil); ; {
			page, err := client.Scan(ctx, &dynamodb.ScanInput{TableName: &table, ConsistentRead: new(true), ExclusiveStartKey: next})
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
