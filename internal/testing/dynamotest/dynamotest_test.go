package dynamotest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/local/samtemplate"
)

func TestMain(m *testing.M) { Main(m) }

// bench is one table behind a proxy. Its methods are the calls of the tests.
type bench struct {
	*testing.T
	*Proxy
	client *dynamodb.Client
	tables map[string]string
	table  string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	p, tables := NewProxy(t), Tables(t)
	return &bench{t, p, Client(t, p.URL), tables, tables["SessionsTable"]}
}

func key(id string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"owner": &types.AttributeValueMemberS{Value: "o"}, "id": &types.AttributeValueMemberS{Value: id},
	}
}

func (b *bench) put(ctx context.Context, id string, options ...func(*dynamodb.Options)) error {
	_, err := b.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &b.table, Item: key(id), ConditionExpression: new("attribute_not_exists(id)"),
	}, options...)
	return err
}

// has reports whether the table has the item. It does not use the proxy.
func (b *bench) has(id string) bool {
	b.Helper()
	return has(b.T, b.table, key(id))
}

func has(t *testing.T, table string, key map[string]types.AttributeValue) bool {
	t.Helper()
	out, err := Client(t, Endpoint(t)).GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: &table, Key: key, ConsistentRead: new(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item != nil
}

func noRetry(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }

func TestProxyRecordsCalls(t *testing.T) {
	b := newBench(t)
	use := func(action, table string) samtemplate.Access {
		return samtemplate.Access{Action: action, Table: b.tables[table]}
	}
	users := b.tables["UsersTable"]
	userKey := map[string]types.AttributeValue{"name": &types.AttributeValueMemberS{Value: "u"}}
	for _, c := range []struct {
		name string
		call func() error
		want Call
	}{
		{"put", func() error { return b.put(t.Context(), "1") },
			Call{Action: "PutItem", Uses: []samtemplate.Access{use("PutItem", "SessionsTable")}, Write: 1, Status: 200}},
		{"failed condition", func() error {
			if err := b.put(t.Context(), "1"); !isConditionFailed(err) {
				return fmt.Errorf("got %v, want a failed condition", err)
			}
			return nil
		}, Call{Action: "PutItem", Uses: []samtemplate.Access{use("PutItem", "SessionsTable")}, Status: 400}},
		{"consistent get", func() error {
			out, err := b.client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &b.table, Key: key("1"), ConsistentRead: new(true)})
			if err == nil && len(out.Item) != 2 {
				err = fmt.Errorf("item %v", out.Item)
			}
			return err
		}, Call{Action: "GetItem", Uses: []samtemplate.Access{use("GetItem", "SessionsTable")}, Read: 1, Status: 200}},
		{"eventually consistent get", func() error {
			_, err := b.client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &b.table, Key: key("1")})
			return err
		}, Call{Action: "GetItem", Uses: []samtemplate.Access{use("GetItem", "SessionsTable")}, Read: 0.5, Status: 200}},
		{"get that asks for the units itself", func() error {
			out, err := b.client.GetItem(t.Context(), &dynamodb.GetItemInput{
				TableName: &b.table, Key: key("1"), ConsistentRead: new(true), ReturnConsumedCapacity: types.ReturnConsumedCapacityIndexes,
			})
			if err == nil && out.ConsumedCapacity.Table == nil {
				err = fmt.Errorf("asked for INDEXES, got %+v", out.ConsumedCapacity)
			}
			return err
		}, Call{Action: "GetItem", Uses: []samtemplate.Access{use("GetItem", "SessionsTable")}, Read: 1, Status: 200}},
		{"query", func() error {
			_, err := b.client.Query(t.Context(), &dynamodb.QueryInput{
				TableName: &b.table, ConsistentRead: new(true), KeyConditionExpression: new("#o = :o"),
				ExpressionAttributeNames:  map[string]string{"#o": "owner"},
				ExpressionAttributeValues: map[string]types.AttributeValue{":o": &types.AttributeValueMemberS{Value: "o"}},
			})
			return err
		}, Call{Action: "Query", Uses: []samtemplate.Access{use("Query", "SessionsTable")}, Read: 1, Status: 200}},
		{"batch", func() error {
			_, err := b.client.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
				b.table: {Keys: []map[string]types.AttributeValue{key("1")}, ConsistentRead: new(true)},
			}})
			return err
		}, Call{Action: "BatchGetItem", Uses: []samtemplate.Access{use("BatchGetItem", "SessionsTable")}, Read: 1, Status: 200}},
		{"transaction", func() error {
			_, err := b.client.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
				{Put: &types.Put{TableName: &b.table, Item: key("3")}},
				{Update: &types.Update{TableName: &users, Key: userKey, UpdateExpression: new("REMOVE x")}},
			}})
			return err
		}, Call{Action: "TransactWriteItems", Uses: []samtemplate.Access{use("PutItem", "SessionsTable"), use("UpdateItem", "UsersTable")}, Write: 4, Status: 200}},
		{"transaction with a condition", func() error {
			_, err := b.client.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
				{ConditionCheck: &types.ConditionCheck{TableName: &users, Key: userKey, ConditionExpression: new("attribute_exists(#n)"), ExpressionAttributeNames: map[string]string{"#n": "name"}}},
				{Delete: &types.Delete{TableName: &b.table, Key: key("3")}},
			}})
			return err
		}, Call{Action: "TransactWriteItems", Uses: []samtemplate.Access{use("ConditionCheckItem", "UsersTable"), use("DeleteItem", "SessionsTable")}, Write: 4, Status: 200}},
		{"transaction of reads", func() error {
			_, err := b.client.TransactGetItems(t.Context(), &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{
				{Get: &types.Get{TableName: &users, Key: userKey}},
			}})
			return err
		}, Call{Action: "TransactGetItems", Uses: []samtemplate.Access{use("GetItem", "UsersTable")}, Read: 2, Status: 200}},
		{"describe", func() error {
			_, err := b.client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &b.table})
			return err
		}, Call{Action: "DescribeTable", Uses: []samtemplate.Access{use("DescribeTable", "SessionsTable")}, Status: 200}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.call(); err != nil {
				t.Fatal(err)
			}
			calls := b.Take()
			if len(calls) != 1 {
				t.Fatalf("%d calls, want 1: %+v", len(calls), calls)
			}
			got := calls[0]
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("\ngot  %+v\nwant %+v", got, c.want)
			}
		})
	}
	if calls := b.Take(); len(calls) != 0 {
		t.Errorf("taken twice: %+v", calls)
	}
}

func isConditionFailed(err error) bool {
	var failed *types.ConditionalCheckFailedException
	return errors.As(err, &failed)
}

func TestLoseAnswer(t *testing.T) {
	b := newBench(t)
	b.Fail("PutItem", LoseAnswer)
	if err := b.put(t.Context(), "1", noRetry); err == nil {
		t.Fatal("no error, although the answer was lost")
	}
	if !b.has("1") {
		t.Error("the item was not written")
	}
	calls := b.Take()
	if len(calls) != 1 || calls[0].Fault != LoseAnswer || calls[0].Status != 0 || calls[0].Write != 1 {
		t.Errorf("noted %+v", calls)
	}

	// The condition of the SDK's second try fails, because the first was carried out.
	b.Fail("PutItem", LoseAnswer)
	if err := b.put(t.Context(), "2"); !isConditionFailed(err) {
		t.Errorf("got %v, want a failed condition", err)
	}
	if calls := b.Take(); len(calls) != 2 {
		t.Errorf("%d calls, want 2", len(calls))
	}
}

func TestRefuse(t *testing.T) {
	b := newBench(t)
	b.Fail("PutItem", Refuse, None, Refuse)
	if err := b.put(t.Context(), "1"); err != nil {
		t.Errorf("the second try failed: %v", err)
	}
	if err := b.put(t.Context(), "2", noRetry); err == nil || b.has("2") {
		t.Errorf("error %v, item there: %t", err, b.has("2"))
	}
	if err := b.put(t.Context(), "3", noRetry); err != nil {
		t.Errorf("after the faults: %v", err)
	}
	b.Fail("GetItem", Refuse)
	if err := b.put(t.Context(), "4", noRetry); err != nil {
		t.Errorf("a fault for another action: %v", err)
	}
}

func TestOutage(t *testing.T) {
	b := newBench(t)
	b.FailAll(Refuse)
	if err := b.put(t.Context(), "1"); err == nil {
		t.Fatal("no error in an outage")
	}
	if calls := b.Take(); len(calls) != 3 {
		t.Errorf("%d calls, want the SDK's 3 tries", len(calls))
	}
	b.FailAll(None)
	if b.has("1") {
		t.Error("written in an outage")
	}
	if err := b.put(t.Context(), "1"); err != nil {
		t.Errorf("after the outage: %v", err)
	}
}

func TestHang(t *testing.T) {
	b := newBench(t)
	b.FailAll(Hang)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := b.put(ctx, "1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
	if b.has("1") {
		t.Error("the call was carried out")
	}
	// The test ends although a call still hangs.
	go b.put(context.Background(), "2", noRetry)
	for len(b.Take()) == 0 {
		time.Sleep(time.Millisecond)
	}
}

func TestHold(t *testing.T) {
	b := newBench(t)
	b.Fail("PutItem", Hold, Hold)
	for _, id := range []string{"1", "1"} {
		if err := b.put(t.Context(), id, noRetry); err == nil {
			t.Error("no error, although the call is held")
		}
	}
	if b.has("1") {
		t.Fatal("carried out before Deliver")
	}
	if got, want := b.Deliver(), []int{200, 400}; !slices.Equal(got, want) {
		t.Errorf("delivered with %v, want %v: written, then there already", got, want)
	}
	if !b.has("1") {
		t.Error("not carried out by Deliver")
	}
	if got := b.Deliver(); got != nil {
		t.Errorf("delivered twice: %v", got)
	}
}

// errorRecorder is a testing.TB that sends errors to a channel instead of failing the
// test.
type errorRecorder struct {
	testing.TB
	errors chan string
}

func (w errorRecorder) Errorf(format string, args ...any) { w.errors <- fmt.Sprintf(format, args...) }

// recordErrors makes the proxy send its errors to the returned channel, not to the
// test.
func (b *bench) recordErrors() chan string {
	errors := make(chan string, 10)
	b.tb = errorRecorder{b.T, errors}
	return errors
}

// putConcurrently makes a call for each ID, all at the same time.
func (b *bench) putConcurrently(ids ...string) {
	var wg sync.WaitGroup
	for _, id := range ids {
		wg.Go(func() {
			if err := b.put(b.Context(), id); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestExpect(t *testing.T) {
	b := newBench(t)
	b.Expect("PutItem PutItem PutItem", "PutItem", "GetItem PutItem")
	b.putConcurrently("1", "2", "3")
	b.putConcurrently("4")
	b.Fail("PutItem", Refuse) // a call with a fault is in no wave
	var wg sync.WaitGroup
	wg.Go(func() { b.putConcurrently("5") })
	if _, err := b.client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &b.table, Key: key("1")}); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if calls := b.Take(); len(calls) != 7 {
		t.Errorf("%d calls, want 7", len(calls))
	}
	b.putConcurrently("6") // nothing is expected any more
}

func TestExpectFails(t *testing.T) {
	for name, test := range map[string]struct {
		waves []string
		do    func(b *bench, errors chan string)
		want  string
	}{
		"one after another": {[]string{"PutItem PutItem"}, func(b *bench, _ chan string) {
			b.waveTimeout = time.Millisecond
			b.putConcurrently("1")
			b.putConcurrently("2")
		}, `of the calls "PutItem PutItem", to be made at the same time, ["PutItem"] did not come in 1ms`},
		"at the same time": {[]string{"PutItem", "PutItem"}, func(b *bench, errors chan string) {
			resume := b.Pause(0)
			var wg sync.WaitGroup
			wg.Go(func() { b.putConcurrently("1", "2") })
			errors <- <-errors // wait for the error of the second call, and put it back
			resume()
			wg.Wait()
			b.putConcurrently("3")
		}, `PutItem came before the calls "PutItem" were answered, of which [] had not even come`},
		"another": {[]string{"GetItem"}, func(b *bench, _ chan string) {
			b.putConcurrently("1")
			b.client.GetItem(b.Context(), &dynamodb.GetItemInput{TableName: &b.table, Key: key("1")})
		}, `PutItem came before the calls "GetItem" were answered, of which ["GetItem"] had not even come`},
		"one too many": {[]string{"PutItem"}, func(b *bench, _ chan string) {
			b.putConcurrently("1")
			b.putConcurrently("2")
		}, "PutItem came, and no more calls were expected"},
		"not one": {nil, func(b *bench, _ chan string) { b.putConcurrently("1") }, "PutItem came, and no more calls were expected"},
		"none":    {[]string{"PutItem"}, func(*bench, chan string) {}, `of the calls "PutItem", ["PutItem"] did not come`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			errors := b.recordErrors()
			b.Expect(test.waves...)
			test.do(b, errors)
			b.Take()
			close(errors)
			var got []string
			for text := range errors {
				got = append(got, text)
			}
			if want := []string{"dynamotest: " + test.want}; !slices.Equal(got, want) {
				t.Errorf("errors %q, want %q", got, want)
			}
		})
	}
}

func TestPause(t *testing.T) {
	b := newBench(t)
	resume := b.Pause(2)
	b.putConcurrently("1", "2")
	b.Take()
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.putConcurrently("3")
	}()
	for len(b.Take()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if b.has("3") {
		t.Error("carried out in the pause")
	}
	resume()
	<-done
	b.putConcurrently("4")
}

func TestUses(t *testing.T) {
	tables := map[string]string{"SessionsTable": "s-1", "UsersTable": "u-1"}
	calls := []Call{
		{Uses: []samtemplate.Access{{Action: "PutItem", Table: "s-1"}, {Action: "GetItem", Table: "u-1"}}},
		{Uses: []samtemplate.Access{{Action: "PutItem", Table: "s-1"}, {Action: "GetItem", Table: "other"}}},
	}
	want := []samtemplate.Access{{Action: "PutItem", Table: "SessionsTable"}, {Action: "GetItem", Table: "UsersTable"}, {Action: "GetItem", Table: "other"}}
	if got := Uses(calls, tables); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTablesAreOwn(t *testing.T) {
	var first string
	t.Run("a table", func(t *testing.T) {
		a, b := Tables(t), Tables(t)
		first = a["SessionsTable"]
		if first == b["SessionsTable"] {
			t.Error("two calls returned the same table")
		}
	})
	out, err := Client(t, Endpoint(t)).ListTables(t.Context(), &dynamodb.ListTablesInput{})
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(out.TableNames, first) {
		t.Errorf("%s is still there after its test", first)
	}
}

func TestTTL(t *testing.T) {
	expired := key("expired")
	expired["expires_at"] = &types.AttributeValueMemberN{Value: strconv.FormatInt(time.Now().Add(-time.Minute).Unix(), 10)}
	client := Client(t, Endpoint(t))
	with, without := Tables(t, "SessionsTable")["SessionsTable"], Tables(t)["SessionsTable"]
	for _, table := range []string{with, without} {
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: expired}); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(3 * time.Minute); has(t, with, key("expired")); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not removed in three minutes")
		}
	}
	if !has(t, without, key("expired")) {
		t.Error("removed from a table without TTL")
	}
}
