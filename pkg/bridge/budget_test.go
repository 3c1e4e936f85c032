package bridge_test

import (
	"crypto/rand"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/internal/testing/testenv"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/dynamoaccounts"
	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/bridge/dynamobridge"
	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/dynamostore"
)

// TestCalls counts what a conversion and a logout ask DynamoDB. The calls of a wave are made
// at the same time: the proxy answers none before all have come. What the monolith is asked
// comes on top.
func TestCalls(t *testing.T) {
	testenv.Log(t)
	proxy := dynamotest.NewProxy(t)
	client := dynamotest.Client(t, proxy.URL)
	direct := dynamotest.Client(t, dynamotest.Endpoint(t))
	sessionsTable, records := newTables(t, direct)
	users := dynamobridge.CreateTableInput("users-" + rand.Text()) // that of the users has another key
	users.KeySchema[0].AttributeName, users.AttributeDefinitions[0].AttributeName = new("name"), new("name")
	newTable(t, direct, users)
	store := dynamobridge.New(client, records)
	sessions, err := session.New(dynamostore.New(client, sessionsTable), session.Config{BeforeEnding: bridge.BeforeEnding(store, true)})
	if err != nil {
		t.Fatal(err)
	}
	directory := accounts.NewRegistrar(dynamoaccounts.New(client, *users.TableName), accounts.Config{})
	if err := directory.Prepare(t.Context(), func(func(*accounts.Account, error) bool) {}); err != nil {
		t.Fatal(err)
	}
	user, err := directory.Imported("alice", "", nil, "plain$$an orchid, a tram and rain", "u1")
	if err != nil {
		t.Fatal(err)
	}
	if err := directory.Add(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	m := newMonolith("mono")
	m.signIn("row", legacy.Claim{UserID: "u1", Identity: "row", SignedInAt: time.Now()})
	m.signIn("bare", legacy.Claim{UserID: "u1"})
	m.rows["row"] = true
	b, err := bridge.New(t.Context(), bridge.Config{
		Sessions: sessions, Users: directory, Store: store, EndsAt: time.Now().Add(time.Hour),
		Sources: []bridge.Source{{Source: m, Name: "shop"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	convert := func(cookie string) func() error {
		return func() error {
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/convert", nil)
			r.Header.Set("Cookie", cookie)
			_, err := b.Convert(httptest.NewRecorder(), r)
			return err
		}
	}
	end := func(cookie string) func() error {
		return func() error {
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/convert/end", nil)
			r.Header.Set("Cookie", cookie)
			return b.End(r)
		}
	}
	for _, tt := range []struct {
		name          string
		do            func() error
		waves         []string
		reads, writes float64
		good          bool
	}{
		// the seal, the window and whose the ID is; the account; the link; the session; the
		// account, the seal and the link again, beside the sessions of the user, and beside the
		// write that the user was here on that day
		{"a conversion", convert("mono=row"), []string{"GetItem GetItem GetItem", "GetItem", "PutItem", "PutItem", "GetItem GetItem GetItem Query UpdateItem"}, 8, 3, true},
		{"a cookie that proves nothing", convert("mono=forged"), nil, 0, 0, false},
		{"no cookie", convert("session=row"), nil, 0, 0, false},
		{"one that was converted before", convert("mono=row"), nil, 0, 0, false}, // its row is gone
		{"a copy without an identity", convert("mono=bare"), []string{"GetItem GetItem GetItem", "GetItem", "PutItem", "PutItem", "GetItem GetItem GetItem Query"}, 8, 2, true},
		{"the copy again", convert("mono=bare"), []string{"GetItem GetItem GetItem", "GetItem", "PutItem"}, 4, 0, false},
		// the seal; the link; the session
		{"the logout of a copy", end("mono=bare"), []string{"UpdateItem", "UpdateItem", "DeleteItem"}, 0, 3, true},
		{"a copy after the seal", convert("mono=bare"), []string{"GetItem GetItem GetItem", "GetItem"}, 4, 0, false},
		{"the logout of one whose row is gone", end("mono=row"), []string{"GetItem", "UpdateItem", "DeleteItem"}, 1, 2, true},
		{"the logout of what proves nothing", end("mono=forged"), nil, 0, 0, true},
	} {
		proxy.Take()
		proxy.Expect(tt.waves...)
		if err := tt.do(); (err == nil) != tt.good {
			t.Errorf("%s: %v", tt.name, err)
		}
		var reads, writes float64
		var tables []string
		for _, c := range proxy.Take() {
			reads, writes = reads+c.Read, writes+c.Write
			tables = append(tables, c.Action)
		}
		if reads != tt.reads || writes != tt.writes {
			t.Errorf("%s takes %v units read and %v written, want %v and %v: %q", tt.name, reads, writes, tt.reads, tt.writes, slices.Sorted(slices.Values(tables)))
		}
	}
}
