package dynamostore_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/testing/faults"
	"example.com/coatcheck/pkg/session"
)

// damage is a change that damages one field of an item, and the text of the error.
type damage struct {
	field string
	value types.AttributeValue // nil: the field is missing
	says  string
}

var null = &types.AttributeValueMemberNULL{Value: true}

// damages returns the ways in which an item can be damaged. Each field can be missing or
// have another type. Some fields can also have a bad value.
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
		{"persistent", text("true"), "is of type S, want BOOL"},
		{"ends_at", text("4102543985"), "is of type S, want N"},
		{"ends_at", null, "is of type NULL, want N"},
		{"ends_at", number("4102538645.678"), "is not a whole number of 64 bits"},
		{"version", number("-9223372036854775809"), "is not a whole number of 64 bits"},
	}
	for field := range item {
		if field != "owner" && field != "id" { // DynamoDB itself checks the keys
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

// A damaged field is an error that names the field. It is not ErrNoSession, which would
// sign the user out.
func TestDamagedItems(t *testing.T) {
	t.Parallel()
	r := newFixture(t)
	s := r.Created()
	stale := s.Clone()
	stale.Version = 7 // fails the condition of Update, so that Update must read what is stored
	ctx, intact := t.Context(), r.item(s.Key())
	for _, d := range damages(intact) {
		r.damage(s.Key(), d)
		_, errGet := r.Store.Get(ctx, s.Key())
		_, errList := r.Store.List(ctx, s.Key().Owner)
		for method, err := range map[string]error{
			"Get": errGet, "List": errList,
			"Update": r.Store.Update(ctx, stale, now, 8),
			"Touch":  r.Store.Touch(ctx, s.Key(), s.LastSeenAt, s.ExpiresAt, "", ""), // not newer than what is stored, so that Touch must read it too
		} {
			says := `table "` + r.table + `", item "` + s.Key().Owner + "/" + s.ID + `": field "` + d.field + `" ` + d.says
			if want(t, err, errOutage); !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v\nwant: %s", method, err, says)
			}
		}
		if _, had := intact[d.field]; !had {
			r.change(s.Key(), "REMOVE #f", d.field, nil)
			continue
		}
		r.set(s.Key(), d.field, intact[d.field])
	}
	r.Holds(s)
}

// List returns the other sessions beside a damaged one, so that they can be ended.
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

// Every damaged session can be revoked. A logout with a secret that does not match is an
// error, because the stored secret may be the damaged field.
func TestDeleteOfDamagedItems(t *testing.T) {
	t.Parallel()
	r := newFixture(t)
	s, wrong := r.Created(), [32]byte{9}
	for _, d := range damages(r.item(s.Key())) {
		r.damage(s.Key(), d)
		_, err := r.Store.Delete(t.Context(), s.Key(), &wrong, now)
		want(t, err, errOutage)
		want(t, revoke.Do(t.Context(), r.Store, s), nil)
		r.Gone(s)
		want(t, r.Direct.Create(t.Context(), s), nil)
	}
}

// A damaged item gets the same answer as an outage. The cookie stays, because the damage
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
