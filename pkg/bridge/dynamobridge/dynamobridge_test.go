package dynamobridge_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/bridge/bridgetest"
	"example.com/coatcheck/pkg/bridge/dynamobridge"
	"example.com/coatcheck/pkg/session"
)

func TestMain(m *testing.M) { dynamotest.Main(m) }

func TestStore(t *testing.T) {
	bridgetest.Run(t, func(t *testing.T) bridge.Store {
		client := dynamotest.Client(t, dynamotest.Endpoint(t))
		return dynamobridge.New(client, newTable(t, client))
	})
}

// newTable creates a table as the documentation says, and returns its name.
func newTable(t *testing.T, client *dynamodb.Client) string {
	t.Helper()
	name := "bridge-" + rand.Text()
	if _, err := client.CreateTable(t.Context(), dynamobridge.CreateTableInput(name)); err != nil {
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
	*dynamobridge.Store
	proxy  *dynamotest.Proxy
	client *dynamodb.Client // not through the proxy
	table  string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{T: t, proxy: dynamotest.NewProxy(t), client: dynamotest.Client(t, dynamotest.Endpoint(t))}
	f.table = newTable(t, f.client)
	f.Store = dynamobridge.New(dynamotest.Client(t, f.proxy.URL), f.table)
	return f
}

func (f *fixture) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// wantCalls checks the calls since the last time.
func (f *fixture) wantCalls(want string) {
	f.Helper()
	var got []string
	for _, c := range f.proxy.Take() {
		got = append(got, c.Action)
	}
	if strings.Join(got, " ") != want {
		f.Fatalf("the calls were %q, want %q", got, want)
	}
}

func newLink() bridge.Link {
	return bridge.Link{ID: rand.Text(), Nonce: rand.Text(), Source: "shop", Session: session.Key{Owner: rand.Text(), ID: rand.Text()}, At: time.UnixMilli(1764230400123).UTC()}
}

// TestWritesRecogniseTheirOwnRetry loses the answer to each write, so that the SDK sends it
// again.
func TestWritesRecogniseTheirOwnRetry(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	lost := func(action string) { f.proxy.Fail(action, dynamotest.LoseAnswer) }
	l, end := newLink(), newLink()
	end.ID = l.ID

	lost("PutItem")
	stored, err := f.PutLink(ctx, l)
	if f.ok(err); stored != l {
		t.Errorf("PutLink returned %+v, want %+v", stored, l)
	}
	f.wantCalls("PutItem PutItem")

	other := newLink()
	other.ID = l.ID
	lost("PutItem")
	if stored, err := f.PutLink(ctx, other); !errors.Is(err, bridge.ErrExists) || stored != l {
		t.Errorf("PutLink of a taken ID = %+v, %v", stored, err)
	}
	f.wantCalls("PutItem PutItem")

	lost("UpdateItem")
	before, err := f.EndLink(ctx, end)
	if f.ok(err); before.Session != l.Session {
		t.Errorf("EndLink, sent twice, lost the session: %+v", before)
	}
	f.wantCalls("UpdateItem UpdateItem")

	lost("DeleteItem")
	f.ok(f.DeleteLink(ctx, l.ID, end.Nonce))
	f.wantCalls("DeleteItem DeleteItem")

	for _, write := range []func() error{
		func() error { return f.PutSeal(ctx, "owner", l.At) },
		func() error { _, err := f.OpenWindow(ctx, l.At); return err },
		func() error { return f.CloseWindow(ctx) },
	} {
		lost("UpdateItem")
		f.ok(write())
		f.wantCalls("UpdateItem UpdateItem")
	}
}

// TestOutage tests that no call takes an outage for an answer, and that errors name the
// table.
func TestOutage(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	l := newLink()
	_, err := f.PutLink(ctx, l)
	f.ok(err)
	f.proxy.FailAll(dynamotest.Refuse)
	for name, call := range map[string]func() error{
		"PutLink":     func() error { _, err := f.PutLink(ctx, l); return err },
		"GetLink":     func() error { _, err := f.GetLink(ctx, l.ID); return err },
		"DeleteLink":  func() error { return f.DeleteLink(ctx, l.ID, l.Nonce) },
		"EndLink":     func() error { _, err := f.EndLink(ctx, l); return err },
		"PutSeal":     func() error { return f.PutSeal(ctx, "owner", l.At) },
		"GetSeal":     func() error { _, err := f.GetSeal(ctx, "owner"); return err },
		"OpenWindow":  func() error { _, err := f.OpenWindow(ctx, l.At); return err },
		"GetWindow":   func() error { _, err := f.GetWindow(ctx); return err },
		"CloseWindow": func() error { return f.CloseWindow(ctx) },
		"Check":       func() error { return f.Check(ctx) },
		"Links": func() error {
			for _, err := range f.Links(ctx) {
				return err
			}
			return nil
		},
	} {
		if err := call(); err == nil || errors.Is(err, bridge.ErrExists) || errors.Is(err, bridge.ErrNotFound) || !strings.Contains(err.Error(), f.table) {
			t.Errorf("%s in an outage = %v, want an error that names the table", name, err)
		}
	}
}

// TestReadsConsistently: an eventually consistent read of a small item takes half a unit.
func TestReadsConsistently(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	l := newLink()
	_, err := f.PutLink(ctx, l)
	f.ok(err)
	f.ok(f.PutSeal(ctx, "owner", l.At))
	_, err = f.OpenWindow(ctx, l.At)
	f.ok(err)
	f.proxy.Take()
	_, err = f.GetLink(ctx, l.ID)
	f.ok(err)
	_, err = f.GetSeal(ctx, "owner")
	f.ok(err)
	_, err = f.GetWindow(ctx)
	f.ok(err)
	f.ok(f.Check(ctx))
	for range f.Links(ctx) {
	}
	calls := f.proxy.Take()
	if len(calls) != 5 {
		t.Fatalf("%d calls, want 5", len(calls))
	}
	for _, c := range calls {
		if c.Read != 1 {
			t.Errorf("%s took %v units, want 1", c.Action, c.Read)
		}
	}
}

// TestWritesAreSmall tests that each record is one write unit.
func TestWritesAreSmall(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	l := newLink()
	_, err := f.PutLink(ctx, l)
	f.ok(err)
	_, err = f.EndLink(ctx, l)
	f.ok(err)
	f.ok(f.PutSeal(ctx, "owner", l.At))
	f.ok(f.DeleteLink(ctx, l.ID, l.Nonce))
	for _, c := range f.proxy.Take() {
		if c.Write != 1 {
			t.Errorf("%s took %v units, want 1", c.Action, c.Write)
		}
	}
}

func TestCheck(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.ok(f.Check(ctx))
	_, err := f.OpenWindow(ctx, time.Now())
	f.ok(err)
	f.ok(f.Check(ctx))
	if err := dynamobridge.New(f.client, "none").Check(ctx); err == nil || !strings.Contains(err.Error(), `"none"`) {
		t.Errorf("Check of a missing table = %v", err)
	}
}

// TestDamage tests that a damaged record is an outage that says where the damage is: neither
// a link that is not there nor a user without a seal.
func TestDamage(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	put := func(item map[string]types.AttributeValue) {
		_, err := f.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &f.table, Item: item})
		f.ok(err)
	}
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	put(map[string]types.AttributeValue{"id": text("link#a"), "nonce": text("n")})
	put(map[string]types.AttributeValue{"id": text("link#c"), "nonce": text("n")})
	put(map[string]types.AttributeValue{"id": text("seal#b"), "written_at": text("today")})
	put(map[string]types.AttributeValue{"id": text("window")})
	good := newLink()
	_, err := f.PutLink(ctx, good)
	f.ok(err)
	for item, call := range map[string]func() error{
		`item "link#a": field "source" is missing`:                      func() error { _, err := f.GetLink(ctx, "a"); return err },
		`item "link#a": field "source"`:                                 func() error { _, err := f.PutLink(ctx, bridge.Link{ID: "a"}); return err },
		`item "seal#b": field "written_at" is of type S, want N`:        func() error { _, err := f.GetSeal(ctx, "b"); return err },
		`item "window": field "ends_at" is missing`:                     func() error { _, err := f.GetWindow(ctx); return err },
		fmt.Sprintf(`table %q, item "link#c": field "source"`, f.table): func() error { _, err := f.EndLink(ctx, bridge.Link{ID: "c", Nonce: "n"}); return err },
	} {
		if err := call(); err == nil || !strings.Contains(err.Error(), item) || errors.Is(err, bridge.ErrExists) || errors.Is(err, bridge.ErrNotFound) {
			t.Errorf("a damaged record: %v, want %s", err, item)
		}
	}
	found, damaged := 0, 0
	for l, err := range f.Links(ctx) {
		if err != nil {
			damaged++
		} else if l == good {
			found++
		}
	}
	if found != 1 || damaged != 1 {
		t.Errorf("%d good links and %d damaged ones, want one each", found, damaged)
	}
}

// TestLinksReadsEveryPage has links of 380 KB, of which a page of one megabyte has two.
func TestLinksReadsEveryPage(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	const n = 5
	for range n {
		l := newLink()
		l.Source = strings.Repeat("x", 380<<10)
		_, err := f.PutLink(ctx, l)
		f.ok(err)
	}
	f.proxy.Take()
	found := 0
	for _, err := range f.Links(ctx) {
		f.ok(err)
		found++
	}
	if calls := f.proxy.Take(); found != n || len(calls) < 2 {
		t.Errorf("%d links by %d calls, want %d by several", found, len(calls), n)
	}
}
