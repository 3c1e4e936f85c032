package dynamostore_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/testing/faults"
	"example.com/coatcheck/pkg/session"
)

// wantCalls reports an error unless exactly these calls were made since its last call.
// Each is an action and the units that DynamoDB counted for it. Their order does not
// matter, because some calls may be made at the same time.
func (r *fixture) wantCalls(want ...string) {
	r.Helper()
	var got []string
	for _, c := range r.proxy.Take() {
		line := c.Action
		if c.Read > 0 {
			line += fmt.Sprintf(", %v read", c.Read)
		}
		if c.Write > 0 {
			line += fmt.Sprintf(", %v write", c.Write)
		}
		got = append(got, line)
	}
	slices.Sort(got)
	if !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		r.Errorf("calls: %q, want %q", got, want)
	}
}

// TestBudget tests what each request costs. A read of one unit is a strongly consistent
// read: an eventually consistent read takes half a unit.
func TestBudget(t *testing.T) {
	t.Parallel()
	const (
		read, query         = "GetItem, 1 read", "Query, 1 read"
		put, change, remove = "PutItem, 1 write", "UpdateItem, 1 write", "DeleteItem, 1 write"
	)
	site, r := newSite(t, session.Config{SigningKeys: [][]byte{make([]byte, 32)}})
	s, token := site.Login("u1")
	r.wantCalls(put, query)

	site.Alive(token)
	r.wantCalls(read)

	r.set(s.Key(), "last_seen_at", number(fmt.Sprint(time.Now().Add(-4*time.Minute).Unix())))
	site.Alive(token)
	r.wantCalls(read, change)
	site.Alive(token)
	r.wantCalls(read)

	w := httptest.NewRecorder()
	want(t, site.Update(t.Context(), s, func(s *session.Session) { s.Values["theme"] = "dark" }), nil)
	r.wantCalls(change)
	want(t, site.Renew(t.Context(), w, s), nil)
	r.wantCalls(change)
	want(t, site.Reauthenticate(t.Context(), w, s), nil)
	r.wantCalls(change)

	want(t, site.ReauthenticateAlone(t.Context(), w, s), nil)
	r.wantCalls(change, query)
	token = site.Cookie(w).Value

	_, err := site.Create(w, site.Request(token), session.User{ID: "u1"})
	want(t, err, nil)
	r.wantCalls(put, query, remove)
	token = site.Cookie(w).Value
	want(t, site.Destroy(w, site.Request(token)), nil)
	r.wantCalls(remove)

	for range 3 {
		s, _ = site.Login("u1")
		r.wantCalls(put, query)
	}
	_, err = site.List(t.Context(), "u1")
	want(t, err, nil)
	r.wantCalls(query)
	want(t, site.Revoke(t.Context(), "u1", s.ID), nil)
	r.wantCalls(remove)
	want(t, site.RevokeAll(t.Context(), "u1"), nil)
	r.wantCalls(query, remove, remove)

	for range 10 {
		site.Login("u1")
	}
	r.proxy.Take()
	site.Login("u1") // one session more than the limit
	r.wantCalls(put, query, remove)

	r.Inject(faults.Create, faults.Lost)
	site.Login("u2")
	r.wantCalls(put, remove, put, query)
}

// A token that cannot be ours costs no call, except for a logout: this has to end what
// another process may accept. It makes one call for each well-shaped token.
func TestBudgetOfStrangers(t *testing.T) {
	t.Parallel()
	const remove = "DeleteItem" // DynamoDB Local does not say what a Delete costs whose condition fails
	site, r := newSite(t, session.Config{SigningKeys: [][]byte{make([]byte, 32)}})
	_, token := site.Login("u1")
	forged := token[:50] + "A" + token[51:] // with another secret, which the MAC does not match
	if forged == token {
		forged = token[:50] + "B" + token[51:]
	}
	for name, tt := range map[string]struct {
		tokens []string
		logout []string
	}{
		"no cookie":     {nil, nil},
		"empty":         {[]string{""}, nil},
		"malformed":     {[]string{"token"}, nil},
		"cut":           {[]string{token[:len(token)-1]}, nil},
		"unsigned":      {[]string{forged[:89]}, []string{remove}},
		"forged MAC":    {[]string{forged}, []string{remove}},
		"two different": {[]string{forged, forged[:89]}, []string{remove, remove}},
		"one twice":     {[]string{"token", forged, forged}, []string{remove}},
	} {
		t.Run(name, func(t *testing.T) {
			r.proxy.Take()
			_, err := site.Load(site.Request(tt.tokens...))
			want(t, err, session.ErrNoSession)
			r.wantCalls()
			want(t, site.Destroy(httptest.NewRecorder(), site.Request(tt.tokens...)), nil)
			r.wantCalls(tt.logout...)
		})
	}
	site.Alive(token)
}

// A write unit is 1 KB. In ordinary use an item has at most 500 bytes. With the longest
// user agent that is kept, it still has less than one unit, also when another client
// with such a user agent has touched it, and also if the session is persistent, which
// takes 11 bytes, and continues another, which takes 13.
func TestItemSize(t *testing.T) {
	t.Parallel()
	site, r := newSite(t, session.Config{PersistentIdleTimeout: 30 * 24 * time.Hour, PersistentLifetime: 30 * 24 * time.Hour})
	const browser = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"
	for _, test := range []struct {
		name, userAgent string
		persistent      bool
		endsAt          time.Time
		most            int
	}{
		{"ordinary use", browser, false, time.Time{}, 500},
		{"persistent", browser, true, time.Time{}, 511},
		{"continues another", browser, true, time.Now().Add(time.Hour), 524},
		{"long user agent", strings.Repeat("x", 1000), true, time.Now().Add(time.Hour), 1023},
	} {
		request := site.Request()
		request.RemoteAddr = "[2001:db8:85a3:8d3:1319:8a2e:370:7348]:65535"
		request.Header.Set("User-Agent", test.userAgent)
		s, err := site.Create(httptest.NewRecorder(), request, session.User{
			ID: faults.ID(), Roles: []string{"admin"}, Persistent: test.persistent, EndsAt: test.endsAt, Values: map[string]string{"username": "alice", "display_name": "Alice Example", "theme": "system"},
		})
		want(t, err, nil)
		if size := r.size(r.item(s.Key())); size > test.most {
			t.Errorf("%s: the item has %d bytes, want at most %d", test.name, size, test.most)
		}
		want(t, r.Direct.Touch(t.Context(), s.Key(), time.Now().Add(time.Minute), time.Now().Add(time.Hour), "2001:db8:85a3:8d3:1319:8a2e:370:7349", strings.Repeat("y", len(s.UserAgent))), nil)
		if size := r.size(r.item(s.Key())); size > 1023 {
			t.Errorf("%s, touched by another client: the item has %d bytes, want less than a unit", test.name, size)
		}
	}
}

// size returns how many bytes an item has as DynamoDB counts them. It adds padding until
// a write takes a second unit, which is the case above 1,024 bytes. For a larger item
// size returns 1,024. The item is deleted before each write, because DynamoDB also counts
// what a write replaces.
func (r *fixture) size(item attributes) int {
	const unit = 1 << 10
	padding := sort.Search(unit, func(n int) bool {
		_, err := r.client.DeleteItem(r.Context(), &dynamodb.DeleteItemInput{
			TableName: &r.table, Key: attributes{"owner": item["owner"], "id": item["id"]},
		})
		want(r, err, nil)
		item["p"] = text(strings.Repeat("x", n))
		out, err := r.client.PutItem(r.Context(), &dynamodb.PutItemInput{
			TableName: &r.table, Item: item, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		})
		want(r, err, nil)
		return *out.ConsumedCapacity.CapacityUnits > 1
	})
	return unit - padding
}
