package dynamoaudit_test

import (
	"go/doc/comment"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/local/samtemplate"
	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/audit/dynamoaudit"
)

// fixture is a store behind a proxy.
type fixture struct {
	*testing.T
	*dynamoaudit.Store
	proxy  *dynamotest.Proxy
	client *dynamodb.Client // not through the proxy
	table  string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{T: t, proxy: dynamotest.NewProxy(t), client: dynamotest.Client(t, dynamotest.Endpoint(t)), table: dynamotest.Table(t, "AuditTable")}
	f.Store = dynamoaudit.New(dynamotest.Client(t, f.proxy.URL), f.table)
	return f
}

func newEntry(n int) audit.Entry {
	at := time.Date(2026, 11, 27, 12, 30, n, 678_000_000, time.UTC)
	return audit.Entry{UserID: "u1", At: at, ID: "n4bQgYhMfWWaL-qgxVrQFa", Event: "session_ended", ExpiresAt: time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC)}
}

func (f *fixture) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// wantCalls checks the calls since the last time, and what they take.
func (f *fixture) wantCalls(want string, read, write float64) {
	f.Helper()
	var got []string
	for _, c := range f.proxy.Take() {
		got = append(got, c.Action)
		read, write = read-c.Read, write-c.Write
	}
	if strings.Join(got, " ") != want || read != 0 || write != 0 {
		f.Errorf("the calls were %q, want %q; units left over: %g to read, %g to write", got, want, read, write)
	}
}

// Each method makes the calls that the documentation names, and no others.
func TestCalls(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	for n := range 5 {
		f.ok(f.Append(ctx, newEntry(n)))
		f.wantCalls("PutItem", 0, 1)
	}
	page, err := f.List(ctx, "u1", "", 3)
	f.ok(err)
	f.wantCalls("Query", 1, 0)
	_, err = f.List(ctx, "u1", page[2].Key(), 2)
	f.ok(err)
	f.wantCalls("Query", 1, 0)
	f.ok(f.Check(ctx))
	f.proxy.Take()
	for _, err := range f.All(ctx) {
		f.ok(err)
	}
	f.wantCalls("Scan", 1, 0)
}

// A put whose answer is lost is sent again, and leaves one entry.
func TestLostAnswer(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.proxy.Fail("PutItem", dynamotest.LoseAnswer)
	f.ok(f.Append(ctx, newEntry(1)))
	if calls := f.proxy.Take(); len(calls) != 2 || calls[1].ReturnValues != "NONE" || calls[1].Returns != "" {
		t.Errorf("the calls were %+v, want two that ask for nothing", calls)
	}
	if list, err := f.List(ctx, "u1", "", 10); err != nil || !reflect.DeepEqual(list, []audit.Entry{newEntry(1)}) {
		t.Errorf("stored: %+v, %v", list, err)
	}
}

// No call takes an outage for an answer, and errors name the table.
func TestOutage(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.proxy.FailAll(dynamotest.Refuse)
	for what, store := range map[string]*dynamoaudit.Store{"in an outage": f.Store, "without the table": dynamoaudit.New(f.client, "none-"+f.table)} {
		for name, call := range map[string]func() error{
			"Append": func() error { return store.Append(ctx, newEntry(1)) },
			"List":   func() error { _, err := store.List(ctx, "u1", "", 1); return err },
			"Check":  func() error { return store.Check(ctx) },
			"All": func() (last error) {
				for _, err := range store.All(ctx) {
					last = err
				}
				return last
			},
		} {
			if err := call(); err == nil || !strings.Contains(err.Error(), f.table) {
				t.Errorf("%s %s = %v, want an error that names the table", name, what, err)
			}
		}
	}
}

// An item has the attributes that the documentation names. Those that are empty are there
// too, for the pipe that reads them from the table's stream.
func TestItem(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	e := newEntry(1)
	f.ok(f.Append(ctx, e))
	e.ID, e.SessionID, e.IP, e.UserAgent, e.Reason, e.Actor = strings.Repeat("A", 22), "s1", "192.0.2.7", "Firefox", "revoked", "ops"
	e.Details = map[string]string{"by_session_id": "s2"}
	f.ok(f.Append(ctx, e))
	out, err := f.client.Scan(ctx, &dynamodb.ScanInput{TableName: &f.table})
	f.ok(err)
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	short := map[string]types.AttributeValue{
		"user_id": text("u1"), "key": text("2026-11-27T12:30:01.678Z#n4bQgYhMfWWaL-qgxVrQFa"), "event": text("session_ended"),
		"session_id": text(""), "ip": text(""), "user_agent": text(""), "reason": text(""), "actor": text(""),
		"expires_at": &types.AttributeValueMemberN{Value: "7226582400"},
	}
	long := map[string]types.AttributeValue{
		"user_id": text("u1"), "key": text("2026-11-27T12:30:01.678Z#" + e.ID), "event": text("session_ended"), "session_id": text("s1"), "ip": text("192.0.2.7"),
		"user_agent": text("Firefox"), "reason": text("revoked"), "actor": text("ops"), "expires_at": short["expires_at"],
		"details": &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"by_session_id": text("s2")}},
	}
	if len(out.Items) != 2 || !reflect.DeepEqual(out.Items[0], long) || !reflect.DeepEqual(out.Items[1], short) {
		t.Errorf("stored: %v", out.Items)
	}
	documented := block(t, "may be empty; see audit.Entry")
	for name := range long {
		if !strings.Contains(documented, name) {
			t.Errorf("the documentation does not name the attribute %s:\n%s", name, documented)
		}
	}
}

// A damaged item is an error that says where it is, and stops nobody from reading the others
// by All.
func TestDamage(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.ok(f.Append(ctx, newEntry(1)))
	_, err := f.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &f.table, Item: map[string]types.AttributeValue{
		"user_id": &types.AttributeValueMemberS{Value: "u1"}, "key": &types.AttributeValueMemberS{Value: "yesterday"},
		"event": &types.AttributeValueMemberS{Value: "x"}, "expires_at": &types.AttributeValueMemberN{Value: "7226582400"},
	}})
	f.ok(err)
	if list, err := f.List(ctx, "u1", "", 10); err == nil || !strings.Contains(err.Error(), f.table) || !strings.Contains(err.Error(), `"yesterday" is not the key of an entry`) {
		t.Errorf("List = %+v, %v", list, err)
	}
	good, bad := 0, 0
	for _, err := range f.All(ctx) {
		if err != nil {
			bad++
		} else {
			good++
		}
	}
	if good != 1 || bad != 1 {
		t.Errorf("All returned %d entries and %d errors, want one of each", good, bad)
	}
}

// block returns the code block of the package's documentation that contains the text.
func block(t *testing.T, text string) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range new(comment.Parser).Parse(file.Doc.Text()).Content {
		if code, ok := part.(*comment.Code); ok && strings.Contains(code.Text, text) {
			return code.Text
		}
	}
	t.Fatalf("the documentation has no block with %q", text)
	return ""
}

// The table is the same, whoever makes it: the functions here, template.yaml, and what the
// documentation says for CloudFormation.
func TestTable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "template.yaml")
	documented := regexp.MustCompile(`(?m)^`).ReplaceAllString(block(t, "AWS::DynamoDB::Table"), "  ")
	if err := os.WriteFile(file, []byte("Resources:\n"+documented), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, id := range map[string]string{"../../../template.yaml": "AuditTable", file: "Trail"} {
		template, err := samtemplate.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		table := template.Tables[id]
		if !reflect.DeepEqual(table.CreateInput("trail"), dynamoaudit.CreateTableInput("trail")) || !reflect.DeepEqual(table.TTLInput("trail"), dynamoaudit.UpdateTimeToLiveInput("trail")) {
			t.Errorf("%s has another table: %+v", file, table)
		}
	}
}
