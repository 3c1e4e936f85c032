package dynamolinks_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/oidc"
	"example.com/coatcheck/pkg/signin/oidc/dynamolinks"
	"example.com/coatcheck/pkg/signin/oidc/oidctest"
)

func TestMain(m *testing.M) { dynamotest.Main(m) }

func TestStore(t *testing.T) {
	oidctest.Run(t, func(t *testing.T) oidc.Store {
		client := dynamotest.Client(t, dynamotest.Endpoint(t))
		return dynamolinks.New(client, newTable(t, client))
	})
}

// newTable creates a table as the documentation says, and returns its name.
func newTable(t *testing.T, client *dynamodb.Client) string {
	t.Helper()
	name := "links-" + rand.Text()
	if _, err := client.CreateTable(t.Context(), dynamolinks.CreateTableInput(name)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name}); err != nil {
			t.Error(err)
		}
	})
	return name
}

// fixture is a store behind a proxy.
type fixture struct {
	*testing.T
	*dynamolinks.Store
	proxy  *dynamotest.Proxy
	client *dynamodb.Client // not through the proxy
	table  string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{T: t, proxy: dynamotest.NewProxy(t), client: dynamotest.Client(t, dynamotest.Endpoint(t))}
	f.table = newTable(t, f.client)
	f.Store = dynamolinks.New(dynamotest.Client(t, f.proxy.URL), f.table)
	return f
}

func (f *fixture) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// wantCalls checks the calls since the last time, of which each takes one unit.
func (f *fixture) wantCalls(want string) {
	f.Helper()
	var got []string
	for _, c := range f.proxy.Take() {
		got = append(got, c.Action)
		if c.Read+c.Write != 1 {
			f.Errorf("%s took %v read units and %v write units, want one", c.Action, c.Read, c.Write)
		}
	}
	if strings.Join(got, " ") != want {
		f.Fatalf("the calls were %q, want %q", got, want)
	}
}

func number(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

var (
	at     = time.Date(2026, 11, 26, 12, 30, 45, 0, time.UTC)
	future = time.Date(2199, 12, 31, 23, 59, 58, 0, time.UTC)
)

func newLink(id string) oidc.Link {
	return oidc.Link{ID: id, Session: session.Key{Owner: rand.Text(), ID: rand.Text()}, ExpiresAt: future}
}

// Each method is one call. Only an End of which one time is earlier than what is there, and
// another is later, is two. A read that is not strongly consistent takes half a unit.
func TestCalls(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	first, second := newLink("a"), newLink("a")
	_, err := f.Link(ctx, first)
	f.ok(err)
	f.wantCalls("UpdateItem")
	_, err = f.Link(ctx, second)
	f.ok(err)
	f.wantCalls("UpdateItem")
	_, err = f.End(ctx, "a", at, future)
	f.ok(err)
	f.wantCalls("UpdateItem")
	_, err = f.End(ctx, "a", at.Add(time.Second), future.Add(time.Second))
	f.ok(err)
	f.wantCalls("UpdateItem")
	_, _, err = f.Ended(ctx, "a")
	f.ok(err)
	f.wantCalls("GetItem")
	f.ok(f.Check(ctx))
	f.wantCalls("GetItem")

	l := newLink("b")
	_, err = f.Link(ctx, l)
	f.ok(err)
	f.proxy.Take()
	if got, err := f.End(ctx, "b", at, future.Add(-time.Hour)); err != nil || got != l {
		t.Errorf("End of a link that is kept for longer = %+v, %v", got, err)
	}
	if calls := f.proxy.Take(); len(calls) != 2 {
		t.Errorf("End of a link that is kept for longer: %d calls, want 2", len(calls))
	}
}

// TestWritesRecogniseTheirOwnRetry loses the answer to each write, so that the SDK sends it
// again.
func TestWritesRecogniseTheirOwnRetry(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	first, second := newLink("a"), newLink("a")
	lost := func() { f.proxy.Fail("UpdateItem", dynamotest.LoseAnswer) }
	for _, step := range []struct {
		call func() (oidc.Link, error)
		want oidc.Link
		err  error
	}{
		{func() (oidc.Link, error) { return f.Link(ctx, first) }, oidc.Link{}, nil},
		{func() (oidc.Link, error) { return f.Link(ctx, second) }, first, nil},
		{func() (oidc.Link, error) { return f.End(ctx, "a", at, future) }, second, nil},
		{func() (oidc.Link, error) { return f.Link(ctx, first) }, oidc.Link{}, oidc.ErrEnded},
		{func() (oidc.Link, error) { return f.End(ctx, "b", at, future) }, oidc.Link{}, nil},
	} {
		lost()
		if got, err := step.call(); got != step.want || !errors.Is(err, step.err) {
			t.Errorf("a call that was sent twice returned %+v, %v; want %+v, %v", got, err, step.want, step.err)
		}
		if calls := f.proxy.Take(); len(calls) != 2 {
			t.Errorf("%d calls, want 2", len(calls))
		}
	}
}

// DynamoDB removes an item by itself only when neither its link nor its end is needed.
func TestTTL(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	want := func(seconds time.Time) {
		t.Helper()
		out, err := f.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &f.table, Key: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "a"}}})
		f.ok(err)
		n, ok := out.Item[dynamolinks.TTLAttribute].(*types.AttributeValueMemberN)
		if !ok || n.Value != number(seconds) {
			t.Errorf("%s is %+v, want %s", dynamolinks.TTLAttribute, out.Item[dynamolinks.TTLAttribute], number(seconds))
		}
	}
	_, err := f.Link(ctx, newLink("a"))
	f.ok(err)
	want(future)
	_, err = f.End(ctx, "a", at, future.Add(-time.Hour))
	f.ok(err)
	want(future)
	_, err = f.End(ctx, "a", at.Add(-time.Hour), future.Add(time.Hour))
	f.ok(err)
	want(future.Add(time.Hour))
}

// TestOutage tests that no call takes an outage for an answer, and that errors name the
// table.
func TestOutage(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.proxy.FailAll(dynamotest.Refuse)
	missing := dynamolinks.New(f.client, "none-"+f.table)
	for what, store := range map[string]*dynamolinks.Store{"in an outage": f.Store, "without the table": missing} {
		for name, call := range map[string]func() error{
			"Link":  func() error { _, err := store.Link(ctx, newLink("a")); return err },
			"End":   func() error { _, err := store.End(ctx, "a", at, future); return err },
			"Ended": func() error { _, _, err := store.Ended(ctx, "a"); return err },
			"Check": func() error { return store.Check(ctx) },
		} {
			if err := call(); err == nil || errors.Is(err, oidc.ErrEnded) || !strings.Contains(err.Error(), f.table) {
				t.Errorf("%s %s = %v, want an error that names the table", name, what, err)
			}
		}
	}
}

// TestDamage tests that a damaged record is an outage that says where the damage is: neither
// a link that is not there nor a session that has not ended.
func TestDamage(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	n := &types.AttributeValueMemberN{Value: number(future)}
	for id, item := range map[string]map[string]types.AttributeValue{
		"no until":   {"ended_at": n, "expires_at": n},
		"no time":    {"ended_until": n, "expires_at": n},
		"a text":     {"ended_at": text("today"), "ended_until": n, "expires_at": n},
		"no owner":   {"session_id": text("x"), "linked_until": n, "expires_at": n},
		"no link":    {"session_id": text("x"), "session_owner": text("x"), "expires_at": n},
		"no expires": {"session_id": text("x"), "session_owner": text("x"), "linked_until": n},
	} {
		item["id"] = text(id)
		_, err := f.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &f.table, Item: item})
		f.ok(err)
		if _, _, err := f.Ended(ctx, id); err == nil || !strings.Contains(err.Error(), `item "`+id+`": field "`) {
			t.Errorf("%s: Ended = %v", id, err)
		}
	}
}
