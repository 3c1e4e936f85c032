package dynamotest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/local/samtemplate"
)

func TestMain(m *testing.M) { Main(m) }

// fixture is one table behind a proxy. Its methods are the calls of the tests.
type fixture struct {
	*testing.T
	*Proxy
	client *dynamodb.Client
	tables map[string]string
	table  string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	p, tables := NewProxy(t), Tables(t)
	return &fixture{t, p, Client(t, p.URL), tables, tables["SessionsTable"]}
}

func key(id string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"owner": &types.AttributeValueMemberS{Value: "o"}, "id": &types.AttributeValueMemberS{Value: id},
	}
}

func (f *fixture) put(ctx context.Context, id string, options ...func(*dynamodb.Options)) error {
	_, err := f.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &f.table, Item: key(id), ConditionExpression: new("attribute_not_exists(id)"),
	}, options...)
	return err
}

// has reports whether the table has the item. It does not use the proxy.
func (f *fixture) has(id string) bool {
	f.Helper()
	return has(f.T, f.table, key(id))
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
	f := newFixture(t)
	use := func(action, table string) samtemplate.Access {
		return samtemplate.Access{Action: action, Table: f.tables[table]}
	}
	users := f.tables["UsersTable"]
	userKey := map[string]types.AttributeValue{"name": &types.AttributeValueMemberS{Value: "u"}}
	for _, c := range []struct {
		name string
		call func() error
		want Call
	}{
		{"put", func() error { return f.put(t.Context(), "1") },
			Call{Action: "PutItem", Uses: []samtemplate.Access{use("PutItem", "SessionsTable")}, Attributes: []string{"id", "owner"}, Write: 1, Status: 200}},
		{"failed condition", func() error {
			if err := f.put(t.Context(), "1"); !isConditionFailed(err) {
				return fmt.Errorf("got %v, want a failed condition", err)
			}
			return nil
		}, Call{Action: "PutItem", Uses: []samtemplate.Access{use("PutItem", "SessionsTable")}, Attributes: []string{"id", "owner"}, Status: 400}},
		{"consistent get", func() error {
			out, err := f.client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &f.table, Key: key("1"), ConsistentRead: new(true)})
			if err == nil && len(out.Item) != 2 {
				err = fmt.Errorf("item %v", out.Item)
			}
			return err
		}, Call{Action: "GetItem", Uses: []samtemplate.Access{use("GetItem", "SessionsTable")}, Attributes: []string{"id", "owner"}, Returns: "ALL_ATTRIBUTES", Read: 1, Status: 200}},
		{"eventually consistent get", func() error {
			_, err := f.client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &f.table, Key: key("1")})
			return err
		}, Call{Action: "GetItem", Uses: []samtemplate.Access{use("GetItem", "SessionsTable")}, Attributes: []string{"id", "owner"}, Returns: "ALL_ATTRIBUTES", Read: 0.5, Status: 200}},
		{"get that asks for the units itself", func() error {
			out, err := f.client.GetItem(t.Context(), &dynamodb.GetItemInput{
				TableName: &f.table, Key: key("1"), ConsistentRead: new(true), ReturnConsumedCapacity: types.ReturnConsumedCapacityIndexes,
			})
			if err == nil && out.ConsumedCapacity.Table == nil {
				err = fmt.Errorf("asked for INDEXES, got %+v", out.ConsumedCapacity)
			}
			return err
		}, Call{Action: "GetItem", Uses: []samtemplate.Access{use("GetItem", "SessionsTable")}, Attributes: []string{"id", "owner"}, Returns: "ALL_ATTRIBUTES", Read: 1, Status: 200}},
		{"query", func() error {
			_, err := f.client.Query(t.Context(), &dynamodb.QueryInput{
				TableName: &f.table, ConsistentRead: new(true), KeyConditionExpression: new("#o = :o"),
				ExpressionAttributeNames:  map[string]string{"#o": "owner"},
				ExpressionAttributeValues: map[string]types.AttributeValue{":o": &types.AttributeValueMemberS{Value: "o"}},
			})
			return err
		}, Call{Action: "Query", Uses: []samtemplate.Access{use("Query", "SessionsTable")}, Attributes: []string{"owner"}, Returns: "ALL_ATTRIBUTES", Read: 1, Status: 200}},
		{"batch", func() error {
			_, err := f.client.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
				f.table: {Keys: []map[string]types.AttributeValue{key("1")}, ConsistentRead: new(true)},
			}})
			return err
		}, Call{Action: "BatchGetItem", Uses: []samtemplate.Access{use("BatchGetItem", "SessionsTable")}, Read: 1, Status: 200}},
		{"transaction", func() error {
			_, err := f.client.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
				{Put: &types.Put{TableName: &f.table, Item: key("3")}},
				{Update: &types.Update{TableName: &users, Key: userKey, UpdateExpression: new("REMOVE x")}},
			}})
			return err
		}, Call{Action: "TransactWriteItems", Uses: []samtemplate.Access{use("PutItem", "SessionsTable"), use("UpdateItem", "UsersTable")}, Write: 4, Status: 200}},
		{"transaction with a condition", func() error {
			_, err := f.client.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
				{ConditionCheck: &types.ConditionCheck{TableName: &users, Key: userKey, ConditionExpression: new("attribute_exists(#n)"), ExpressionAttributeNames: map[string]string{"#n": "name"}}},
				{Delete: &types.Delete{TableName: &f.table, Key: key("3")}},
			}})
			return err
		}, Call{Action: "TransactWriteItems", Uses: []samtemplate.Access{use("ConditionCheckItem", "UsersTable"), use("DeleteItem", "SessionsTable")}, Write: 4, Status: 200}},
		{"transaction of reads", func() error {
			_, err := f.client.TransactGetItems(t.Context(), &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{
				{Get: &types.Get{TableName: &users, Key: userKey}},
			}})
			return err
		}, Call{Action: "TransactGetItems", Uses: []samtemplate.Access{use("GetItem", "UsersTable")}, Read: 2, Status: 200}},
		{"describe", func() error {
			_, err := f.client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &f.table})
			return err
		}, Call{Action: "DescribeTable", Uses: []samtemplate.Access{use("DescribeTable", "SessionsTable")}, Status: 200}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.call(); err != nil {
				t.Fatal(err)
			}
			calls := f.Take()
			if len(calls) != 1 {
				t.Fatalf("%d calls, want 1: %+v", len(calls), calls)
			}
			got := calls[0]
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("\ngot  %+v\nwant %+v", got, c.want)
			}
		})
	}
	if calls := f.Take(); len(calls) != 0 {
		t.Errorf("taken twice: %+v", calls)
	}
}

func isConditionFailed(err error) bool {
	var failed *types.ConditionalCheckFailedException
	return errors.As(err, &failed)
}

func TestLoseAnswer(t *testing.T) {
	f := newFixture(t)
	f.Fail("PutItem", LoseAnswer)
	if err := f.put(t.Context(), "1", noRetry); err == nil {
		t.Fatal("no error, although the answer was lost")
	}
	if !f.has("1") {
		t.Error("the item was not written")
	}
	calls := f.Take()
	if len(calls) != 1 || calls[0].Fault != LoseAnswer || calls[0].Status != 0 || calls[0].Write != 1 {
		t.Errorf("noted %+v", calls)
	}

	// The condition of the SDK's second try fails, because the first was carried out.
	f.Fail("PutItem", LoseAnswer)
	if err := f.put(t.Context(), "2"); !isConditionFailed(err) {
		t.Errorf("got %v, want a failed condition", err)
	}
	if calls := f.Take(); len(calls) != 2 {
		t.Errorf("%d calls, want 2", len(calls))
	}
}

func TestRefuse(t *testing.T) {
	f := newFixture(t)
	f.Fail("PutItem", Refuse, None, Refuse)
	if err := f.put(t.Context(), "1"); err != nil {
		t.Errorf("the second try failed: %v", err)
	}
	if err := f.put(t.Context(), "2", noRetry); err == nil || f.has("2") {
		t.Errorf("error %v, item there: %t", err, f.has("2"))
	}
	if err := f.put(t.Context(), "3", noRetry); err != nil {
		t.Errorf("after the faults: %v", err)
	}
	f.Fail("GetItem", Refuse)
	if err := f.put(t.Context(), "4", noRetry); err != nil {
		t.Errorf("a fault for another action: %v", err)
	}
}

func TestOutage(t *testing.T) {
	f := newFixture(t)
	f.FailAll(Refuse)
	if err := f.put(t.Context(), "1"); err == nil {
		t.Fatal("no error in an outage")
	}
	if calls := f.Take(); len(calls) != 3 {
		t.Errorf("%d calls, want the SDK's 3 tries", len(calls))
	}
	f.FailAll(None)
	if f.has("1") {
		t.Error("written in an outage")
	}
	if err := f.put(t.Context(), "1"); err != nil {
		t.Errorf("after the outage: %v", err)
	}
}

func TestHang(t *testing.T) {
	f := newFixture(t)
	f.FailAll(Hang)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := f.put(ctx, "1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
	if f.has("1") {
		t.Error("the call was carried out")
	}
	// The test ends although a call still hangs.
	go f.put(context.Background(), "2", noRetry)
	for len(f.Take()) == 0 {
		time.Sleep(time.Millisecond)
	}
}

func TestHold(t *testing.T) {
	f := newFixture(t)
	f.Fail("PutItem", Hold, Hold)
	for _, id := range []string{"1", "1"} {
		if err := f.put(t.Context(), id, noRetry); err == nil {
			t.Error("no error, although the call is held")
		}
	}
	if f.has("1") {
		t.Fatal("carried out before Deliver")
	}
	if got, want := f.Deliver(), []int{200, 400}; !slices.Equal(got, want) {
		t.Errorf("delivered with %v, want %v: written, then there already", got, want)
	}
	if !f.has("1") {
		t.Error("not carried out by Deliver")
	}
	if got := f.Deliver(); got != nil {
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
func (f *fixture) recordErrors() chan string {
	errors := make(chan string, 10)
	f.tb = errorRecorder{f.T, errors}
	return errors
}

// putConcurrently makes a call for each ID, all at the same time.
func (f *fixture) putConcurrently(ids ...string) {
	var wg sync.WaitGroup
	for _, id := range ids {
		wg.Go(func() {
			if err := f.put(f.Context(), id); err != nil {
				f.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestExpect(t *testing.T) {
	f := newFixture(t)
	f.Expect("PutItem PutItem PutItem", "PutItem", "GetItem PutItem")
	f.putConcurrently("1", "2", "3")
	f.putConcurrently("4")
	f.Fail("PutItem", Refuse) // a call with a fault is in no wave
	var wg sync.WaitGroup
	wg.Go(func() { f.putConcurrently("5") })
	if _, err := f.client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &f.table, Key: key("1")}); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if calls := f.Take(); len(calls) != 7 {
		t.Errorf("%d calls, want 7", len(calls))
	}
	f.putConcurrently("6") // nothing is expected any more
}

func TestExpectFails(t *testing.T) {
	for name, test := range map[string]struct {
		waves []string
		do    func(f *fixture, errors chan string)
		want  string
	}{
		"one after another": {[]string{"PutItem PutItem"}, func(f *fixture, _ chan string) {
			f.waveTimeout = time.Millisecond
			f.putConcurrently("1")
			f.putConcurrently("2")
		}, `of the calls "PutItem PutItem", to be made at the same time, ["PutItem"] did not come in 1ms`},
		"at the same time": {[]string{"PutItem", "PutItem"}, func(f *fixture, errors chan string) {
			resume := f.Pause(0)
			var wg sync.WaitGroup
			wg.Go(func() { f.putConcurrently("1", "2") })
			errors <- <-errors // wait for the error of the second call, and put it back
			resume()
			wg.Wait()
			f.putConcurrently("3")
		}, `PutItem came before the calls "PutItem" were answered, of which [] had not even come`},
		"another": {[]string{"GetItem"}, func(f *fixture, _ chan string) {
			f.putConcurrently("1")
			f.client.GetItem(f.Context(), &dynamodb.GetItemInput{TableName: &f.table, Key: key("1")})
		}, `PutItem came before the calls "GetItem" were answered, of which ["GetItem"] had not even come`},
		"one too many": {[]string{"PutItem"}, func(f *fixture, _ chan string) {
			f.putConcurrently("1")
			f.putConcurrently("2")
		}, "PutItem came, and no more calls were expected"},
		"not one": {nil, func(f *fixture, _ chan string) { f.putConcurrently("1") }, "PutItem came, and no more calls were expected"},
		"none":    {[]string{"PutItem"}, func(*fixture, chan string) {}, `of the calls "PutItem", ["PutItem"] did not come`},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			errors := f.recordErrors()
			f.Expect(test.waves...)
			test.do(f, errors)
			f.Take()
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
	f := newFixture(t)
	resume := f.Pause(2)
	f.putConcurrently("1", "2")
	f.Take()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.putConcurrently("3")
	}()
	for len(f.Take()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if f.has("3") {
		t.Error("carried out in the pause")
	}
	resume()
	<-done
	f.putConcurrently("4")
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

// The attributes of a call are those that a policy's condition would see: in the key or
// the item, and in each expression, also behind a placeholder.
func TestAttributes(t *testing.T) {
	for _, tt := range []struct {
		body, want, returns string
	}{
		{`{"Key":{"owner":{"S":"o"},"id":{"S":"i"}}}`, "[id owner]", "ALL_ATTRIBUTES"},
		{`{"Key":{"id":{"S":"SET"}},"ProjectionExpression":"a, #b.c[0], d[1].e","ExpressionAttributeNames":{"#b":"bee"}}`, "[a bee d id]", ""},
		{`{"Item":{"a":{"S":"x"},"b":{"M":{"c":{"S":"x"}}}},"ReturnValues":"NONE"}`, "[a b]", ""},
		{`{"UpdateExpression":"SET #a.b = if_not_exists (c, :d), e=list_append(f, :e) remove g[2] ADD h :i","ExpressionAttributeNames":{"#a":"ay"}}`, "[ay c e f g h]", ""},
		{`{"ConditionExpression":"attribute_not_exists(a) OR (NOT (b BETWEEN :c AND :d) and e IN (:f, :g)) AND size(h.i) > :j"}`, "[a b e h]", ""},
		{`{"KeyConditionExpression":"#o = :o","FilterExpression":"contains(a, :a)","ExpressionAttributeNames":{"#o":"owner"}}`, "[a owner]", "ALL_ATTRIBUTES"},
		{`{"Key":{"id":{"S":"i"}},"ReturnValues":"UPDATED_NEW"}`, "[id]", "UPDATED_NEW"},
		{`{"Key":{"id":{"S":"i"}},"ReturnValuesOnConditionCheckFailure":"ALL_OLD"}`, "[id]", "ALL_OLD"},
	} {
		action := "UpdateItem"
		if tt.returns == "ALL_ATTRIBUTES" || strings.Contains(tt.body, "Projection") {
			action = "GetItem"
		}
		call, _, err := parse("DynamoDB_20120810."+action, []byte(`{"TableName":"t",`+tt.body[1:]))
		if err != nil || fmt.Sprint(call.Attributes) != tt.want || call.Returns != tt.returns {
			t.Errorf("%s: %v, returns %q, %v; want %s, %q", tt.body, call.Attributes, call.Returns, err, tt.want, tt.returns)
		}
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

// What is called aside reaches DynamoDB whatever fault there is for others, takes no fault from
// them, and is in no list.
func TestAside(t *testing.T) {
	f := newFixture(t)
	f.FailAll(Refuse)
	f.Fail("PutItem", LoseAnswer)
	f.Aside(func() {
		if err := f.put(t.Context(), "aside"); err != nil {
			t.Error(err)
		}
	})
	if calls := f.Take(); len(calls) != 0 || !f.has("aside") {
		t.Errorf("the calls are %+v; the item is there: %t", calls, f.has("aside"))
	}
	if err := f.put(t.Context(), "after", noRetry); err == nil || !f.has("after") {
		t.Errorf("the next call has no lost answer: %v", err)
	}
}

func TestTTL(t *testing.T) {
	expired := key("expired")
	expired["expires_at"] = &types.AttributeValueMemberN{Value: strconv.FormatInt(time.Now().Add(-time.Minute).Unix(), 10)}
	client := Client(t, Endpoint(t))
	with, without := Table(t, "SessionsTable"), Table(t, "SessionsTable")
	if _, err := client.UpdateTimeToLive(t.Context(), Template(t).Tables["SessionsTable"].TTLInput(with)); err != nil {
		t.Fatal(err)
	}
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
