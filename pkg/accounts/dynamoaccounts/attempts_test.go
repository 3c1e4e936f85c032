package dynamoaccounts

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/accounts/accountstest"
	"example.com/coatcheck/pkg/accounts/throttle"
)

func newAttempts(t *testing.T, endpoint string) *Attempts {
	return NewAttempts(dynamotest.Client(t, endpoint), dynamotest.Tables(t)["AttemptsTable"])
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

// Withdraw is sent only once: a second try could take back somebody else's attempt.
func TestAttemptsAreWithdrawnOnce(t *testing.T) {
	store, proxy := attemptsBehindProxy(t)
	proxy.Fail("UpdateItem", dynamotest.LoseAnswer)
	if err := store.Withdraw(t.Context(), "a"); err == nil {
		t.Error("a withdrawal whose answer was lost is no outage")
	}
	if calls := proxy.Take(); len(calls) != 1 {
		t.Errorf("%d calls, want 1", len(calls))
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
}

func TestAttemptsOutage(t *testing.T) {
	store, proxy := attemptsBehindProxy(t)
	proxy.FailAll(dynamotest.Refuse)
	if _, counted, err := store.Count(t.Context(), accountstest.AttemptAt("a", 0)); counted || err == nil {
		t.Errorf("Count = %v, %v; want an outage", counted, err)
	}
	for _, method := range []func(context.Context, string) error{store.Clear, store.Withdraw, store.Keep} {
		if err := method(t.Context(), "a"); err == nil {
			t.Error("want an outage")
		}
	}
}

// A damaged counter admits no attempt. The error names the damaged field.
func TestAttemptsReportDamage(t *testing.T) {
	client, table := dynamotest.Client(t, dynamotest.Endpoint(t)), dynamotest.Tables(t)["AttemptsTable"]
	store := NewAttempts(client, table)
	_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: map[string]types.AttributeValue{
		"key": &types.AttributeValueMemberS{Value: "a"}, "failures": &types.AttributeValueMemberS{Value: "none"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	_, counted, err := store.Count(t.Context(), accountstest.AttemptAt("a", 0))
	if counted || err == nil || !strings.Contains(err.Error(), table) || !strings.Contains(err.Error(), "failures") {
		t.Errorf("Count = %v, %v; want an error with the table and the field", counted, err)
	}
}
