package accounts

import (
	"context"
	"fmt"
	"iter"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/stores/dynamo"
)

// All returns every account in a table of [Dynamo], in no order: those there when
// the call is made, and some or none of those that come and go meanwhile. It reads a
// page at a time, by consistent Scans, and holds no more than one.
//
// An item that is damaged comes as an error in place of the account, and the others
// follow. A page that cannot be read comes as an error too, the last.
//
// It is for an operator, and no method of Dynamo: the functions must not be able to
// list who has an account, and do not link it.
func All(ctx context.Context, client *dynamodb.Client, table string) iter.Seq2[*Account, error] {
	return func(yield func(*Account, error) bool) {
		users := &Dynamo{table: table}
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
