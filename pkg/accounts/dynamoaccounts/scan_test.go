package dynamoaccounts

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/accountstest"
)

// A page has at most one megabyte, so five accounts of 380 KB need more than one.
func TestAllReadsEveryPage(t *testing.T) {
	proxy := dynamotest.NewProxy(t)
	client, table := dynamotest.Client(t, proxy.URL), dynamotest.Table(t, "UsersTable")
	store := New(client, table)
	want := map[string]*accounts.Account{}
	for i := range 5 {
		a := accountstest.Sample(fmt.Sprintf("user %d", i))
		a.PasswordHash = strings.Repeat("x", 380<<10)
		accountstest.Create(t, store, a)
		want[a.Name] = a
	}
	proxy.Take()
	for a, err := range All(t.Context(), client, table) {
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, want[a.Name]) {
			t.Errorf("%s is not as it was stored, or came twice", a.Name)
		}
		delete(want, a.Name)
	}
	if len(want) > 0 {
		t.Errorf("%d accounts are missing", len(want))
	}
	calls := proxy.Take()
	if len(calls) < 2 {
		t.Fatalf("%d calls, want 2 or more: there was one page", len(calls))
	}
	if first := calls[0]; first.Action != "Scan" || first.Read < 200 {
		t.Errorf("%s of %v units; a consistent one of a megabyte takes 250", first.Action, first.Read)
	}
	for range All(t.Context(), client, table) {
		break // no further page is read, and no further account is returned
	}
	if calls := proxy.Take(); len(calls) != 1 {
		t.Errorf("%d calls for the first account, want 1", len(calls))
	}
}

func TestAllGoesOnAfterADamagedItem(t *testing.T) {
	proxy := dynamotest.NewProxy(t)
	client, table := dynamotest.Client(t, proxy.URL), dynamotest.Table(t, "UsersTable")
	store := New(client, table)
	for _, name := range []string{"a", "b", "c"} {
		accountstest.Create(t, store, accountstest.Sample(name))
	}
	item := encode(accountstest.Sample("b"))
	item["version"] = &types.AttributeValueMemberS{Value: "1"}
	if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item}); err != nil {
		t.Fatal(err)
	}
	count := func() (good int, bad []string) {
		for a, err := range All(t.Context(), client, table) {
			if err != nil {
				bad = append(bad, err.Error())
			} else if a != nil {
				good++
			}
		}
		return good, bad
	}
	if good, bad := count(); good != 2 || len(bad) != 1 || !strings.Contains(bad[0], `item "b": field "version"`) {
		t.Errorf("%d accounts and %q, want 2 and the damage of b", good, bad)
	}
	proxy.FailAll(dynamotest.Refuse)
	if good, bad := count(); good != 0 || len(bad) != 1 || !strings.Contains(bad[0], table) {
		t.Errorf("%d accounts and %q, want an outage that names the table", good, bad)
	}
}
