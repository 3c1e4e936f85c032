package dynamostore_test

import (
	"context"
	"iter"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/internal/testing/faults"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/dynamostore"
	"example.com/coatcheck/pkg/session/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	r := newFixture(t)
	storetest.Run(t, func(*testing.T) session.Store { return r.Direct })
}

// The format of the item is public: programs in other languages read it.
func TestItem(t *testing.T) {
	t.Parallel()
	r := newFixture(t)
	s := newSession()
	s.Values = map[string]string{"theme": "dark", "empty": ""}
	s.Version = 1<<63 - 1
	want(t, r.Store.Create(t.Context(), s), nil)
	item := attributes{
		"owner":            text(s.Key().Owner),
		"id":               text(s.ID),
		"secret":           binary(append([]byte{1}, make([]byte, 31)...)...),
		"previous_secret":  binary(append([]byte{2}, make([]byte, 31)...)...),
		"user_id":          text(s.UserID),
		"roles":            &types.AttributeValueMemberL{Value: []types.AttributeValue{text("reader")}},
		"values":           &types.AttributeValueMemberM{Value: attributes{"theme": text("dark"), "empty": text("")}},
		"created_at":       number("4102538645678"),
		"authenticated_at": number("4102538645"),
		"last_seen_at":     number("4102542185"),
		"expires_at":       number("4102543985"),
		"version":          number("9223372036854775807"),
		"ip":               text("192.0.2.1"),
		"user_agent":       text("test/1.0"),
	}
	if got := r.item(s.Key()); !reflect.DeepEqual(got, item) {
		t.Errorf("the item is\n\t%+v\nwant\n\t%+v", got, item)
	}

	s.ID, s.Persistent = faults.ID(), true
	want(t, r.Store.Create(t.Context(), s), nil)
	item["id"], item["persistent"] = text(s.ID), &types.AttributeValueMemberBOOL{Value: true}
	if got := r.item(s.Key()); !reflect.DeepEqual(got, item) {
		t.Errorf("the item of a persistent session is\n\t%+v\nwant\n\t%+v", got, item)
	}

	s.ID, s.EndsAt = faults.ID(), s.ExpiresAt.Add(time.Hour)
	want(t, r.Store.Create(t.Context(), s), nil)
	item["id"], item["ends_at"] = text(s.ID), number("4102547585")
	if got := r.item(s.Key()); !reflect.DeepEqual(got, item) {
		t.Errorf("the item of a session that continues another is\n\t%+v\nwant\n\t%+v", got, item)
	}
	s.EndsAt = time.Time{}
	want(t, r.Store.Update(t.Context(), s, now, 7), nil)
	delete(item, "ends_at")
	item["version"] = number("7")
	if got := r.item(s.Key()); !reflect.DeepEqual(got, item) {
		t.Errorf("when that has been dropped, the item is\n\t%+v\nwant\n\t%+v", got, item)
	}
}

// A touch adds the last client. It is optional: sessions of an earlier release lack it.
func TestLastClient(t *testing.T) {
	t.Parallel()
	r := newFixture(t)
	s := r.Created()
	want(t, touch.Do(t.Context(), r.Store, s), nil)
	item := r.item(s.Key())
	if got := []types.AttributeValue{item["last_ip"], item["last_user_agent"]}; !reflect.DeepEqual(got, []types.AttributeValue{text("192.0.2.2"), text("test/2.0")}) {
		t.Errorf("the item has the last client %v", got)
	}
	touched := faults.Touched(s)
	r.Holds(touched)
	for _, field := range []string{"last_ip", "last_user_agent"} {
		r.change(s.Key(), "REMOVE #f", field, nil)
	}
	touched.LastIP, touched.LastUserAgent = "", ""
	r.Holds(touched)

	r.set(s.Key(), "last_ip", number("1"))
	_, err := r.Store.Get(t.Context(), s.Key())
	if want(t, err, errOutage); !strings.Contains(err.Error(), `field "last_ip" is of type N, want S`) {
		t.Errorf("%v; want the damaged field in it", err)
	}
}

// A field that a later release may add causes no error and is kept.
func TestUnknownFields(t *testing.T) {
	t.Parallel()
	r := newFixture(t)
	s := r.Created()
	r.set(s.Key(), "later", text("kept"))
	r.Holds(s)
	for _, c := range []faults.Call{get, list, update, touch} {
		want(t, c.Do(t.Context(), r.Store, s), nil)
	}
	if got := r.item(s.Key())["later"]; !reflect.DeepEqual(got, text("kept")) {
		t.Errorf("the field is %v after an Update and a Touch", got)
	}
}

// List reads all pages, each with a strongly consistent read. A page has at most one
// megabyte.
func TestListPages(t *testing.T) {
	t.Parallel()
	r := newFixture(t)
	const n, bytes = 270, 4 << 10 // together more than a megabyte
	first := newSession()
	first.Values["padding"] = strings.Repeat("x", bytes)
	sessions := make([]*session.Session, n)
	ids := make([]string, n)
	for i := range n {
		sessions[i] = first.Clone()
		sessions[i].ID = faults.ID()
		ids[i] = sessions[i].ID
	}
	var wg sync.WaitGroup
	for part := range slices.Chunk(sessions, n/8+1) {
		wg.Go(func() {
			for _, s := range part {
				if err := r.Direct.Create(t.Context(), s); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()

	r.proxy.Fail("Query", dynamotest.None, dynamotest.LoseAnswer) // the second page succeeds at the second try
	got, err := r.Store.List(t.Context(), first.Key().Owner)
	want(t, err, nil)
	var listed []string
	for _, s := range got {
		listed = append(listed, s.ID)
	}
	slices.Sort(ids)
	slices.Sort(listed)
	if !slices.Equal(listed, ids) {
		t.Errorf("List returned %d sessions, want the %d that were created", len(got), n)
	}

	calls := r.proxy.Take()
	units := 0.0
	for _, c := range calls {
		if c.Fault == dynamotest.None {
			units += c.Read
		}
	}
	if len(calls) != 3 || units < n*bytes/(4<<10) {
		t.Errorf("%d calls with %v read units; want 3 for 2 pages, and a unit for every 4 KB: an eventually consistent read takes half", len(calls), units)
	}
}

// A missing table is an outage whose error names the table.
func TestMissingTable(t *testing.T) {
	t.Parallel()
	store := dynamostore.New(dynamotest.Client(t, dynamotest.Endpoint(t)), "no-such-table")
	for _, c := range faults.All {
		err := c.Do(t.Context(), store, newSession())
		if want(t, err, errOutage); !strings.Contains(err.Error(), "no-such-table") {
			t.Errorf("%s: %v; want the table's name in it", c.Method, err)
		}
	}
}

// The allocations are those of the SDK and ours. Most of the time is spent in DynamoDB
// Local.
func BenchmarkStore(b *testing.B) {
	client := dynamotest.Client(b, dynamotest.Endpoint(b))
	storetest.Benchmark(b, dynamostore.New(client, newTable(b, client)))
}

func TestAll(t *testing.T) {
	t.Parallel()
	r := newFixture(t)
	storetest.RunAll(t, func(*testing.T) (session.Store, func(context.Context) iter.Seq2[*session.Session, error]) {
		return r.Direct, func(ctx context.Context) iter.Seq2[*session.Session, error] {
			return dynamostore.All(ctx, r.client, r.table)
		}
	})
}
