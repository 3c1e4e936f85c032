package dynamostore_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/internal/testing/faults"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/dynamostore"
)

func TestMain(m *testing.M) { dynamotest.Main(m) }

// The tests use these names often, so they are short here.
var (
	now, newSession = faults.Now, faults.NewSession
	want, errOutage = faults.Want, faults.ErrOutage

	get, list, update, touch, revoke = faults.Get, faults.List, faults.Update, faults.Touch, faults.Revoke
)

// tries is how often the client sends a call at most, including the first time.
const tries = 3

// fixture is a Store on a table of its own, behind a proxy.
type fixture struct {
	*faults.Fixture
	proxy  *dynamotest.Proxy
	client *dynamodb.Client // not through the proxy
	table  string

	between func() // if not nil, runs once, before the second try of a call
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	r := &fixture{proxy: dynamotest.NewProxy(t), client: dynamotest.Client(t, dynamotest.Endpoint(t))}
	r.table = newTable(t, r.client)
	r.Fixture = &faults.Fixture{TB: t, Proxy: r, Direct: dynamostore.New(r.client, r.table), Tries: tries, Pages: 1}
	r.Store = r.proxiedStore(func(o *dynamodb.Options) {
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = tries
			o.Backoff = retry.BackoffDelayerFunc(r.backoff)
		})
	})
	return r
}

// newTable creates a table as the documentation says, and returns its name. Without TTL,
// DynamoDB Local keeps dead sessions, and the Store must refuse them.
func newTable(t testing.TB, client *dynamodb.Client) string {
	t.Helper()
	name := "sessions-" + faults.ID()
	_, err := client.CreateTable(t.Context(), dynamostore.CreateTableInput(name))
	want(t, err, nil)
	t.Cleanup(func() {
		_, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name})
		want(t, err, nil)
	})
	return name
}

func open(t *testing.T) *faults.Fixture { return newFixture(t).Fixture }

// proxiedStore returns a Store whose calls go through the proxy.
func (r *fixture) proxiedStore(options ...func(*dynamodb.Options)) *dynamostore.Store {
	return dynamostore.New(dynamodb.New(dynamotest.Client(r, r.proxy.URL).Options(), options...), r.table)
}

// backoff is called when the SDK would wait before it sends a call again.
func (r *fixture) backoff(int, error) (time.Duration, error) {
	if f := r.between; f != nil {
		r.between = nil
		f()
	}
	return 0, nil
}

// actions maps each method to the DynamoDB action that it calls.
var actions = map[string]string{
	"Create": "PutItem", "Get": "GetItem", "List": "Query", "Update": "UpdateItem", "Touch": "UpdateItem",
	"Delete with a secret": "DeleteItem", "Delete": "DeleteItem",
}

var proxyFaults = map[faults.Fault]dynamotest.Fault{
	faults.None: dynamotest.None, faults.Refused: dynamotest.Refuse, faults.Hanging: dynamotest.Hang,
	faults.Lost: dynamotest.LoseAnswer, faults.Late: dynamotest.Hold,
}

// Inject and the methods up to Deliver implement [faults.Proxy].
func (r *fixture) Inject(c faults.Call, next ...faults.Fault) {
	for _, fault := range next {
		r.proxy.Fail(actions[c.Method], proxyFaults[fault])
	}
}

func (r *fixture) InjectAll(fault faults.Fault) { r.proxy.FailAll(proxyFaults[fault]) }

func (r *fixture) Hung() int { return r.proxy.Hung() }

func (r *fixture) Between(f func()) { r.between = f }

func (r *fixture) Sent(c faults.Call) int {
	r.Helper()
	calls := r.proxy.Take()
	for _, call := range calls {
		if call.Action != actions[c.Method] {
			r.Errorf("%s sent %s", c.Method, call.Action)
		}
	}
	return len(calls)
}

func (r *fixture) Forget() { r.proxy.Take() }

func (r *fixture) Deliver() (changed []bool) {
	r.Helper()
	for _, status := range r.proxy.Deliver() {
		if status != http.StatusOK && status != http.StatusBadRequest { // 400 means a failed condition
			r.Errorf("a late call was answered with %d", status)
		}
		changed = append(changed, status == http.StatusOK)
	}
	return changed
}

// change changes the item of a session directly, not through the Store. In the
// expression #f is the field, and :v is the value if there is one.
func (r *fixture) change(key session.Key, expression, field string, value types.AttributeValue) {
	r.Helper()
	in := &dynamodb.UpdateItemInput{
		TableName:                &r.table,
		Key:                      attributes{"owner": text(key.Owner), "id": text(key.ID)},
		UpdateExpression:         &expression,
		ExpressionAttributeNames: map[string]string{"#f": field},
	}
	if value != nil {
		in.ExpressionAttributeValues = attributes{":v": value}
	}
	_, err := r.client.UpdateItem(r.Context(), in)
	want(r, err, nil)
}

func (r *fixture) set(key session.Key, field string, value types.AttributeValue) {
	r.Helper()
	r.change(key, "SET #f = :v", field, value)
}

// item returns the stored item of a session.
func (r *fixture) item(key session.Key) attributes {
	r.Helper()
	out, err := r.client.GetItem(r.Context(), &dynamodb.GetItemInput{
		TableName: &r.table, Key: attributes{"owner": text(key.Owner), "id": text(key.ID)}, ConsistentRead: new(true),
	})
	want(r, err, nil)
	return out.Item
}

type attributes = map[string]types.AttributeValue

func text(s string) types.AttributeValue   { return &types.AttributeValueMemberS{Value: s} }
func number(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }
func binary(b ...byte) types.AttributeValue {
	return &types.AttributeValueMemberB{Value: b}
}

// newSite returns a Manager on a new fixture's Store.
func newSite(t *testing.T, cfg session.Config) (*faults.Site, *fixture) {
	t.Helper()
	r := newFixture(t)
	return faults.NewSite(r.Fixture, cfg), r
}
