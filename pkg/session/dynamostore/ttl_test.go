package dynamostore_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/dynamostore"
)

// DynamoDB may take days to remove an expired item. Until then the session is still
// refused, and no write makes it live again.
func TestExpiredButPresent(t *testing.T) {
	t.Parallel()
	site, r := newSite(t, session.Config{})
	s, token := site.Login("u1")
	r.set(s.Key(), dynamostore.TTLAttribute, number(fmt.Sprint(time.Now().Unix())))
	item := r.item(s.Key())
	site.Dead(token)
	want(t, site.Update(t.Context(), s, func(*session.Session) {}), session.ErrNoSession)
	want(t, r.Store.Touch(t.Context(), s.Key(), time.Now().Add(time.Second), time.Now().Add(time.Hour), "", ""), session.ErrNoSession)
	if live, err := site.List(t.Context(), "u1"); err != nil || len(live) != 0 {
		t.Errorf("List = %v, %v; want no live session", live, err)
	}
	if after := r.item(s.Key()); !reflect.DeepEqual(after, item) {
		t.Errorf("the item changed from %v to %v", item, after)
	}
	want(t, site.Revoke(t.Context(), "u1", s.ID), session.ErrNoSession)
}

func TestTTLRemovesExpired(t *testing.T) {
	t.Parallel()
	client := dynamotest.Client(t, dynamotest.Endpoint(t))
	table := newTable(t, client)
	_, err := client.UpdateTimeToLive(t.Context(), dynamostore.UpdateTimeToLiveInput(table))
	want(t, err, nil)
	store := dynamostore.New(client, table)
	live, expired := newSession(), newSession()
	live.ExpiresAt = time.Now().Add(time.Hour)
	expired.ExpiresAt = time.Now().Add(-time.Minute)
	want(t, store.Create(t.Context(), live), nil)
	want(t, store.Create(t.Context(), expired), nil)
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		_, err := store.Get(t.Context(), expired.Key())
		if errors.Is(err, session.ErrNoSession) {
			break
		}
		if want(t, err, nil); time.Now().After(deadline) {
			t.Fatal("the expired session is still there after three minutes")
		}
	}
	_, err = store.Get(t.Context(), live.Key())
	want(t, err, nil)
}
