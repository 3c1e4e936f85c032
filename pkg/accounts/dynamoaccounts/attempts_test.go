package dynamoaccounts

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/accounts/accountstest"
	"example.com/coatcheck/pkg/accounts/throttle"
)

func newAttempts(t *testing.T, endpoint string) *Attempts {
	return NewAttempts(dynamotest.Client(t, endpoint), dynamotest.Table(t, "AttemptsTable"))
}

func TestAttempts(t *testing.T) {
	accountstest.RunAttempts(t, func(t *testing.T) throttle.Store { return newAttempts(t, dynamotest.Endpoint(t)) })
}

// attemptsBehindProxy returns a store and the proxy that its calls go through.
func attemptsBehindProxy(t *testing.T) (*Attempts, *dynamotest.Proxy) {
	proxy := dynamotest.NewProxy(t)
	return newAttempts(t, proxy.URL), proxy
}

// If the answer to Count is lost, the attempt is still counted only once, whether it is
// admitted or refused.
func TestAttemptsAreCountedOnce(t *testing.T) {
	store, proxy := attemptsBehindProxy(t)
	for n := range 2 {
		proxy.Fail("UpdateItem", dynamotest.LoseAnswer)
		counter, counted, err := store.Count(t.Context(), accountstest.AttemptAt("a", 0))
		if err != nil || !counted || counter.Failures != n+1 {
			t.Fatalf("Count = %+v, %v, %v; want %d failures", counter, counted, err, n+1)
		}
		if calls := proxy.Take(); len(calls) != 2 {
			t.Fatalf("%d calls, want 2: no answer was lost", len(calls))
		}
	}
	proxy.Fail("UpdateItem", dynamotest.LoseAnswer)
	if counter, counted, err := store.Count(t.Context(), accountstest.AttemptAt("a", 0)); counted || counter.Failures != 2 || err != nil {
		t.Errorf("Count = %+v, %v, %v; want a refusal", counter, counted, err)
	}
}

// A counter that has expired and is not yet removed starts again at one, also if the
// answer is lost.
func TestAttemptsStartAgainOnce(t *testing.T) {
	store, proxy := attemptsBehindProxy(t)
	for range 2 {
		if _, _, err := store.Count(t.Context(), accountstest.AttemptAt("a", 0)); err != nil {
			t.Fatal(err)
		}
	}
	late := accountstest.AttemptAt("a", 31*24*time.Hour)
	late.Expires = late.At.Add(time.Hour)
	proxy.Take()
	proxy.Fail("UpdateItem", dynamotest.None, dynamotest.LoseAnswer)
	if counter, counted, err := store.Count(t.Context(), late); !counted || counter.Failures != 1 || err != nil {
		t.Errorf("Count = %+v, %v, %v; want one failure", counter, counted, err)
	}
	if calls := proxy.Take(); len(calls) != 3 {
		t.Errorf("%d calls, want 3", len(calls))
	}
}

// Withdraw sends each call only once: a second try could take back somebody else's
// attempt.
func TestAttemptsAreWithdrawnOnce(t *testing.T) {
	for call, before := range map[string]int{"DeleteItem": 0, "UpdateItem": 1} {
		store, proxy := attemptsBehindProxy(t)
		last := accountstest.AttemptAt("a", 0)
		for _, c := range append(make([]throttle.Count, 0), accountstest.AttemptAt("a", 0), last)[1-before:] {
			if _, _, err := store.Count(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		proxy.Take()
		proxy.Fail(call, dynamotest.LoseAnswer)
		if err := store.Withdraw(t.Context(), "a", last.ID, true); err == nil {
			t.Errorf("%s: a withdrawal whose answer was lost is no outage", call)
		}
		if calls := proxy.Take(); len(calls) != 1+before {
			t.Errorf("%s: %d calls, want %d", call, len(calls), 1+before)
		}
	}
}

func TestAttemptsCost(t *testing.T) {
	store, proxy := attemptsBehindProxy(t)
	if _, _, err := store.Count(t.Context(), accountstest.AttemptAt("name/"+strings.Repeat("x", 43), 0)); err != nil {
		t.Fatal(err)
	}
	if calls := proxy.Take(); len(calls) != 1 || calls[0].Action != "UpdateItem" || calls[0].Write != 1 {
		t.Errorf("calls %+v, want one UpdateItem of one unit", calls)
	}
	only := accountstest.AttemptAt("network/192.0.2.1/1", 0)
	if _, _, err := store.Count(t.Context(), only); err != nil {
		t.Fatal(err)
	}
	proxy.Take()
	if err := store.Withdraw(t.Context(), only.Key, only.ID, true); err != nil {
		t.Fatal(err)
	}
	if calls := proxy.Take(); len(calls) != 1 || calls[0].Action != "DeleteItem" || calls[0].Write != 1 {
		t.Errorf("calls %+v, want one DeleteItem of one unit", calls)
	}
}

func TestAttemptsOutage(t *testing.T) {
	store, proxy := attemptsBehindProxy(t)
	proxy.FailAll(dynamotest.Refuse)
	if _, counted, err := store.Count(t.Context(), accountstest.AttemptAt("a", 0)); counted || err == nil {
		t.Errorf("Count = %v, %v; want an outage", counted, err)
	}
	_, unread := store.Get(t.Context(), []string{"a"})
	for _, err := range []error{store.Clear(t.Context(), "a"), store.Withdraw(t.Context(), "a", "id", true), store.Keep(t.Context(), "a"), unread} {
		if err == nil {
			t.Error("want an outage")
		}
	}
}

// A damaged counter admits no attempt. The error names the damaged field.
func TestAttemptsReportDamage(t *testing.T) {
	client, table := dynamotest.Client(t, dynamotest.Endpoint(t)), dynamotest.Table(t, "AttemptsTable")
	store := NewAttempts(client, table)
	_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: map[string]types.AttributeValue{
		"key": &types.AttributeValueMemberS{Value: "a"}, "failures": &types.AttributeValueMemberS{Value: "none"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	_, counted, err := store.Count(t.Context(), accountstest.AttemptAt("a", 0))
	if counted {
		t.Error("a damaged counter admits an attempt")
	}
	_, unread := store.Get(t.Context(), []string{"a"})
	for method, err := range map[string]error{"Count": err, "Withdraw": store.Withdraw(t.Context(), "a", "id", true), "Get": unread} {
		if err == nil || !strings.Contains(err.Error(), table) || !strings.Contains(err.Error(), "failures") {
			t.Errorf("%s = %v; want an error with the table and the field", method, err)
		}
	}
}
