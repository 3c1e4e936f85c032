package redisstore_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/testing/faults"
	"example.com/coatcheck/pkg/session"
)

// damage is a change that damages one field of a hash, and the text of the error.
type damage struct {
	field, value string
	says         string // "is missing" removes the field
}

// damages returns the ways in which a hash can be damaged. Each field can be missing.
// Some fields can also have a bad value.
func damages(hash map[string]string) []damage {
	list := []damage{
		{"secret", strings.Repeat("s", 31), "has 31 bytes, want 32"},
		{"secret", strings.Repeat("s", 33), "has 33 bytes, want 32"},
		{"previous_secret", "", "has 0 bytes, want 32"},
		{"roles", "reader", "is not a JSON array of strings"},
		{"roles", "null", "is not a JSON array of strings"},
		{"roles", `{"a":"b"}`, "is not a JSON array of strings"},
		{"roles", `["a",1]`, "is not a JSON array of strings"},
		{"roles", `["a"] ` + "\xff", "is not a JSON array of strings"},
		{"roles", `["reader",null]`, "is not a JSON array of strings"},
		{"values", " null", "is not a JSON object of strings"},
		{"values", "", "is not a JSON object of strings"},
		{"values", `[]`, "is not a JSON object of strings"},
		{"values", `{"a":{}}`, "is not a JSON object of strings"},
		{"values", `{"a":"1","a":"2"}`, "is not a JSON object of strings"},
		{"values", `{"a":null}`, "is not a JSON object of strings"},
		{"created_at", "4102538645.678", "is not a whole number of 64 bits"},
		{"version", "9223372036854775808", "is not a whole number of 64 bits"},
		{"persistent", "true", "is not 1 or 0"},
		{"persistent", "", "is not 1 or 0"},
		{"ends_at", "", "is not a whole number of 64 bits"},
		{"ends_at", "never", "is not a whole number of 64 bits"},
		{"ends_at", "9223372036854775808", "is not a whole number of 64 bits"},
		{"version", "", "is not a whole number of 64 bits"},
	}
	for _, number := range []string{"", "x", "nan", "inf", "0xfffffffff", "4102543985.5", "9223372036854775808"} {
		list = append(list, damage{"expires_at", number, "is not a whole number of 64 bits"})
	}
	for field := range hash {
		list = append(list, damage{field, "", "is missing"})
	}
	return list
}

func (r *fixture) damage(s *session.Session, d damage) {
	r.Helper()
	if d.says == "is missing" {
		want(r, r.client.HDel(r.Context(), r.key(s), d.field).Err(), nil)
		return
	}
	want(r, r.client.HSet(r.Context(), r.key(s), d.field, d.value).Err(), nil)
}

func (r *fixture) hash(s *session.Session) map[string]string {
	r.Helper()
	hash, err := r.client.HGetAll(r.Context(), r.key(s)).Result()
	want(r, err, nil)
	return hash
}

// A damaged field is an error that names the field. It is not ErrNoSession, which would
// sign the user out.
func TestDamagedHashes(t *testing.T) {
	t.Parallel()
	r := newFixture(t)
	s := r.Created()
	stale := s.Clone()
	stale.Version = 7 // fails the condition of Update, so that Update must read what is stored
	ctx, intact := t.Context(), r.hash(s)
	for _, d := range damages(intact) {
		r.damage(s, d)
		_, errGet := r.Store.Get(ctx, s.Key())
		_, errList := r.Store.List(ctx, s.Key().Owner)
		for method, err := range map[string]error{
			"Get": errGet, "List": errList,
			"Update": r.Store.Update(ctx, stale, now, 8),
			"Touch":  r.Store.Touch(ctx, s.Key(), s.LastSeenAt, s.ExpiresAt, "", ""), // not newer than what is stored, so that Touch must read it too
		} {
			says := `key "` + r.key(s) + `": field "` + d.field + `" ` + d.says
			if want(t, err, errOutage); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s with %s %q: %v\nwant: %s", method, d.field, d.value, err, says)
			}
		}
		if _, had := intact[d.field]; !had {
			want(t, r.client.HDel(ctx, r.key(s), d.field).Err(), nil)
			continue
		}
		want(t, r.client.HSet(ctx, r.key(s), d.field, intact[d.field]).Err(), nil)
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
	r.damage(s, damage{field: "version", value: "x"})
	listed, err := r.Store.List(t.Context(), s.Key().Owner)
	want(t, err, errOutage)
	if len(listed) != 1 || listed[0].ID != healthy.ID {
		t.Errorf("List returned %v, want the other session", listed)
	}
}

// CreateAndList stores its session beside damaged ones and beside a key that holds something
// else. It returns the session and the healthy ones, and names the others in its error. What
// Redis has removed is no longer in the index.
func TestCreateAndListBesideDamage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *fixture) {
		healthy := r.Created()
		sibling := func() *session.Session {
			s := healthy.Clone()
			s.ID = faults.ID()
			return s
		}
		damaged, foreign, removed, created := sibling(), sibling(), sibling(), sibling()
		for _, s := range []*session.Session{damaged, foreign, removed} {
			want(t, r.Direct.Create(t.Context(), s), nil)
		}
		r.damage(damaged, damage{field: "version", value: "x"})
		want(t, r.client.Del(t.Context(), r.key(removed)).Err(), nil)
		want(t, r.client.Del(t.Context(), r.key(foreign)).Err(), nil)
		want(t, r.client.Set(t.Context(), r.key(foreign), "text", 0).Err(), nil)
		all, err := r.Store.(session.CreateLister).CreateAndList(t.Context(), created)
		if want(t, err, errOutage); len(all) != 2 || all[0].ID != created.ID || all[1].ID != healthy.ID {
			t.Errorf("CreateAndList returned %v, want the new session and the healthy one", all)
		}
		for _, key := range []string{r.key(damaged) + `": field "version"`, r.key(foreign) + `": WRONGTYPE`} {
			if !strings.Contains(err.Error(), key) {
				t.Errorf("%v; want %s in it", err, key)
			}
		}
		_, err = r.client.ZScore(t.Context(), r.index(healthy), removed.ID).Result()
		if want(t, err, redis.Nil); len(r.proxy.Take()) != 1 {
			t.Error("that was not one call")
		}
		want(t, get.Do(t.Context(), r.Store, created), nil)
	})
}

// If expires_at is a value that PEXPIREAT would refuse, Update and Touch change nothing.
func TestDamagedTimes(t *testing.T) {
	t.Parallel()
	r := newFixture(t)
	s := r.Created()
	for _, end := range []string{"inf", "nan", "1e12", "9223372036854775808"} {
		r.damage(s, damage{field: "expires_at", value: end})
		before := r.hash(s)
		want(t, update.Do(t.Context(), r.Store, s), errOutage)
		want(t, touch.Do(t.Context(), r.Store, s), errOutage)
		if after := r.hash(s); after["version"] != before["version"] || after["expires_at"] != end {
			t.Errorf("the hash changed from %q to %q", before, after)
		}
	}
}

// Every damaged session can be ended.
func TestDeleteOfDamagedHashes(t *testing.T) {
	t.Parallel()
	r := newFixture(t)
	s := r.Created()
	for _, d := range damages(r.hash(s)) {
		r.damage(s, d)
		want(t, revoke.Do(t.Context(), r.Store, s), nil)
		r.Gone(s)
		want(t, r.Direct.Create(t.Context(), s), nil)
	}
}

// If a key has a value that is not ours, the error names the key, and nothing is
// written.
func TestForeignKeys(t *testing.T) {
	t.Parallel()
	r := newFixture(t)
	spoil := func(key string) { want(t, r.client.Set(t.Context(), key, "text", 0).Err(), nil) }
	for _, c := range faults.Repeatable {
		s := r.Created()
		spoil(r.key(s))
		wantKeyNamed(t, c.Do(t.Context(), r.Store, s), r.index(s))
	}
	for _, c := range r.Calls() {
		s := r.Subject(c)
		spoil(r.index(s))
		if c.Method == get.Method {
			want(t, c.Do(t.Context(), r.Store, s), nil)
			continue
		}
		before := r.hash(s)
		wantKeyNamed(t, c.Do(t.Context(), r.Store, s), r.index(s))
		if after := r.hash(s); !maps.Equal(before, after) {
			t.Errorf("%s changed the session from %q to %q", c.Method, before, after)
		}
	}
}

// wantKeyNamed reports an error unless err is an outage that names a key that begins
// with key.
func wantKeyNamed(t *testing.T, err error, key string) {
	t.Helper()
	if want(t, err, errOutage); err == nil || !strings.Contains(err.Error(), `"`+key) {
		t.Errorf("%v; want %q in it", err, key)
	}
}

// Text that JSON cannot represent is refused before anything is sent.
func TestUnstorableText(t *testing.T) {
	t.Parallel()
	r := newFixture(t)
	for _, spoil := range []func(*session.Session){
		func(s *session.Session) { s.Roles = []string{"\xff"} },
		func(s *session.Session) { s.Values["\xff"] = "v" },
	} {
		s := newSession()
		spoil(s)
		for _, err := range []error{r.Store.Create(t.Context(), s), r.Store.Update(t.Context(), s, now, 2)} {
			if want(t, err, errOutage); !strings.Contains(err.Error(), s.ID) {
				t.Errorf("%v; want the session's ID in it", err)
			}
		}
	}
	if calls := r.proxy.Take(); len(calls) != 0 {
		t.Errorf("%d calls were sent", len(calls))
	}
}
