package dynamostore

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/pkg/session"
)

// All returns every session in the table, dead ones too, in no order, for operators. It
// includes those that are there from the beginning of the iteration to its end. For a damaged
// one it returns an error in place of the session and goes on. If DynamoDB fails it returns an
// error and stops. It holds one page of a Scan at a time, a megabyte at most, and needs
// dynamodb:Scan. It is no method of Store, so that programs which never scan do not contain it.
func All(ctx context.Context, client *dynamodb.Client, table string) iter.Seq2[*session.Session, error] {
	return func(yield func(*session.Session, error) bool) {
		s := &Store{table: table}
		in := &dynamodb.ScanInput{TableName: &table, ConsistentRead: new(true)}
		for {
			page, err := client.Scan(ctx, in)
			if err != nil {
				yield(nil, s.outage("Scan", err))
				return
			}
			for _, item := range page.Items {
				if !yield(s.decode(item)) {
					return
				}
			}
			if in.ExclusiveStartKey = page.LastEvaluatedKey; in.ExclusiveStartKey == nil {
				return
			}
		}
	}
}
