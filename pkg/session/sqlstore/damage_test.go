package sqlstore_test

import (
	"strings"
	"testing"
)

const (
	noArray  = "is not a JSON array of strings"
	noObject = "is not a JSON object of strings"
)

// damages are the ways in which a field can be damaged, and the text of the error. The
// types of the columns prevent all others.
var damages = []struct {
	field string
	value any
	says  string
}{
	{"roles", "", noArray},
	{"roles", "reader", noArray},
	{"roles", `["reader"`, noArray},
	{"roles", `["reader"]x`, noArray},
	{"roles", `{"reader": "1"}`, noArray},
	{"roles", `[1]`, noArray},
	{"roles", `["reader", null]`, noArray},
	{"roles", `null`, noArray},
	{"values", "", noObject},
	{"values", `["a"]`, noObject},
	{"values", `{"a": "1"`, noObject},
	{"values", `{"a": 1}`, noObject},
	{"values", `{"a": null}`, noObject},
	{"values", `{"a": {}}`, noObject},
	{"values", `{"a": "1", "a": "2"}`, noObject},
	{"values", `null`, noObject},
	{"secret", make([]byte, 31), "has 31 bytes, want 32"},
	{"secret", make([]byte, 33), "has 33 bytes, want 32"},
	{"previous_secret", []byte{}, "has 0 bytes, want 32"},
}

// A damaged field is an error that names the field. It is not ErrNoSession, which would
// sign the user out.
func TestDamagedRows(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server server) {
		r := newFixture(t, server)
		for _, d := range damages {
			s := r.Created()
			r.exec(`UPDATE coatcheck_sessions SET "`+d.field+`" = $1 WHERE id = $2`, d.value, s.ID)
			_, errGet := r.store.Get(t.Context(), s.Key())
			_, errList := r.store.List(t.Context(), s.Key().Owner)
			for method, err := range map[string]error{"Get": errGet, "List": errList} {
				says := "sqlstore: " + method + ` on table coatcheck_sessions: row "` + s.Key().Owner + "/" + s.ID + `": field "` + d.field + `" ` + d.says
				if want(t, err, errOutage); err.Error() != says {
					t.Errorf("%s: %v\nwant: %s", method, err, says)
				}
			}
			// List still returns the other sessions of the user.
			healthy := s.Clone()
			healthy.ID = strings.Repeat("A", 22)
			want(t, r.store.Create(t.Context(), healthy), nil)
			if listed, err := r.store.List(t.Context(), s.Key().Owner); err == nil || len(listed) != 1 || listed[0].ID != healthy.ID {
				t.Errorf("List beside a damaged session: %v, %v; want the other one and an error", listed, err)
			}
			// Every damaged session can be ended.
			want(t, revoke.Do(t.Context(), r.store, s), nil)
			r.Gone(s)
		}
	})
}

// A table that somebody has changed is also an error, which names the column.
func TestDamagedTable(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server server) {
		r := newFixture(t, server)
		s := r.Created()
		r.exec(`ALTER TABLE coatcheck_sessions RENAME COLUMN created_at TO made_at`)
		r.exec(`ALTER TABLE coatcheck_sessions ADD COLUMN created_at TEXT`)
		_, errGet := r.store.Get(t.Context(), s.Key())
		_, errList := r.store.List(t.Context(), s.Key().Owner)
		for method, err := range map[string]error{"Get": errGet, "List": errList} {
			if want(t, err, errOutage); !strings.Contains(err.Error(), method+" on table coatcheck_sessions: ") || !strings.Contains(err.Error(), "created_at") {
				t.Errorf("%v; want method, table and field in it", err)
			}
		}
	})
}

// A session that JSON cannot represent is refused, not stored with changes. The Manager
// never passes such a session to a Store.
func TestUnstorable(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server server) {
		r := newFixture(t, server)
		s := newSession()
		s.Roles = []string{"bad \xff"}
		want(t, r.store.Create(t.Context(), s), errOutage)
		r.Gone(s)

		s = r.Created()
		bad := s.Clone()
		bad.Values = map[string]string{"a": "bad \xff"}
		want(t, r.store.Update(t.Context(), bad, now, 2), errOutage)
		r.Holds(s)
	})
}
