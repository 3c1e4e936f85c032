package dynamostore_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/testing/faults"
	"example.com/coatcheck/pkg/session"
)

// damage is something wrong with one field of an item, and what an error says of it.
type damage struct {
	field string
	value types.AttributeValue // nil: the field is missing
	says  string
}

var null = &types.AttributeValueMemberNULL{Value: true}

// damages returns what can be wrong with an item: each of its fields missing or
// of another type, and what only some fields can suffer.
func damages(item attributes) []damage {
	list := []damage{
		{"secret", binary(make([]byte, 31)...), "has 31 bytes, want 32"},
		{"secret", binary(make([]byte, 33)...), "has 33 bytes, want 32"},
		{"previous_secret", binary(0), "has 1 bytes, want 32"},
		{"roles", &types.AttributeValueMemberSS{Value: []string{"reader"}}, "is of type SS, want L"},
		{"roles", &types.AttributeValueMemberL{Value: []types.AttributeValue{text("reader"), null}}, "holds an element of type NULL, want S"},
		{"values", &types.AttributeValueMemberM{Value: attributes{"count": number("1")}}, "holds an element of type N, want S"},
		{"created_at", number("4102538645.678"), "is not a whole number of 64 bits"},
		{"expires_at", number("9223372036854775808"), "is not a whole number of 64 bits"},
		{"expires_at", text("4102543985"), "is of type S, want N"},
		{"version", number("-9223372036854775809"), "is not a whole number of 64 bits"},
	}
	for field := range item {
		if field != "owner" && field != "id" { // DynamoDB itself keeps keys in order
			list = append(list, damage{field, nil, "is missing"}, damage{field, null, "is of type NULL"})
		}
	}
	return list
}

func (r *fixture) damage(key session.Key, d damage) {
	r.Helper()
	if d.value == nil {
		r.change(key, "REMOVE #f", d.field, nil)
		return
	}
	r.set(key, d.field, d.value)
}

// Damage is an error that says where it is. It is not a missing session, which
// would sign the user out.
func TestDamagedItems(t *testing.T) {
	t.Parallel()
	r := newFixture(t)
	s := r.Created()
	stale := s.Clone()
	stale.Version = 7 // fails its condition, so that Update must look at what is stored
	ctx, intact := t.Context(), r.item(s.Key())
	for _, d := range damages(intact) {
		r.damage(s.Key(), d)
		_, errGet := r.Store.Get(ctx, s.Key())
		_, errList := r.Store.List(ctx, s.Key().Owner)
		for method, err := range map[string]error{
			"Get": errGet, "List": errList,
			"Update": r.Store.Update(ctx, stale, now, 8),
			"Touch":  r.Store.Touch(ctx, s.Key(), s.LastSeenAt, s.ExpiresAt), // comes late, so it looks at what is stored too
		} {
			says := `table "` + r.table + `", item "` + s.Key().Owner + "/" + s.ID + `": field "` + d.field + `" ` + d.says
			if want(t, err, errOutage); !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v\nwant: %s", method, err, says)
			}
		}
		r.set(s.Key(), d.field, intact[d.field])
	}
	r.Holds(s)
}

// A damaged session hides no other of its user, so that those can be ended.
func TestListBesideDamage(t *testing.T) {
	t.Parallel()
	r := newFixture(t)
	s := r.Created()
	healthy := s.Clone()
	healthy.ID = strings.Repeat("A", 22)
	want(t, r.Store.Create(t.Context(), healthy), nil)
	r.damage(s.Key(), damage{field: "version"})
	listed, err := r.Store.List(t.Context(), s.Key().Owner)
	want(t, err, errOutage)
	if len(listed) != 1 || listed[0].ID != healthy.ID {
		t.Errorf("List returned %v, want the other session", listed)
	}
}

// Whatever is wrong with a session, it can be revoked. A logout that does not
// match it fails, since the stored secret may be what is wrong.
func TestDeleteOfDamagedItems(t *testing.T) {
	t.Parallel()
	r := newFixture(t)
	s, wrong := r.Created(), [32]byte{9}
	for _, d := range damages(r.item(s.Key())) {
		r.damage(s.Key(), d)
		want(t, r.Store.Delete(t.Context(), s.Key(), &wrong, now), errOutage)
		want(t, revoke.Do(t.Context(), r.Store, s), nil)
		r.Gone(s)
		want(t, r.Direct.Create(t.Context(), s), nil)
	}
}

// A damaged item answers as an outage does: the cookie stays, since the damage
// may be repaired.
func TestDamageKeepsTheCookie(t *testing.T) {
	t.Parallel()
	site, r := newSite(t, session.Config{})
	s, token := site.Login("u1")
	r.damage(s.Key(), damage{field: "previous_secret"})
	_, err := site.Load(site.Request(token))
	want(t, err, errOutage)
	w := httptest.NewRecorder()
	site.Require(nil).ServeHTTP(w, site.Request(token))
	if w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("status %d, Retry-After %q; want 503 and a number", w.Code, w.Header().Get("Retry-After"))
	}
	faults.NoCookie(t, w)
	r.set(s.Key(), "previous_secret", binary(make([]byte, 32)...))
	site.Alive(token)
}
