package redisstore_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/faults"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/redisstore"
)

// grace is how long Redis keeps a session after its expires_at.
const grace = time.Hour

// The format of the keys is public: programs in other languages read them.
func TestHash(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *fixture) {
		s := newSession()
		s.UserID = `"Zoë" <&>`
		s.Roles = []string{"b", "a", `<"é">`}
		s.Values = map[string]string{"theme": "dark", "empty": "", "<": "\u2028"}
		s.Version = 1<<63 - 1
		want(t, r.Store.Create(t.Context(), s), nil)
		got, err := r.client.HGetAll(t.Context(), r.key(s)).Result()
		want(t, err, nil)
		if fields := map[string]string{
			"secret":           "\x01" + string(make([]byte, 31)),
			"previous_secret":  "\x02" + string(make([]byte, 31)),
			"user_id":          `"Zoë" <&>`,
			"roles":            `["b","a","<\"é\">"]`,
			"values":           `{"<":"` + "\u2028" + `","empty":"","theme":"dark"}`,
			"created_at":       "4102538645678",
			"authenticated_at": "4102538645",
			"last_seen_at":     "4102542185",
			"expires_at":       "4102543985",
			"version":          "9223372036854775807",
			"ip":               "192.0.2.1",
			"user_agent":       "test/1.0",
		}; !maps.Equal(got, fields) {
			t.Errorf("the hash is\n\t%q\nwant\n\t%q", got, fields)
		}
		for ends, field := range map[time.Time]string{s.ExpiresAt.Add(time.Hour): "4102547585", {}: "0"} {
			other := s.Clone()
			other.ID, other.EndsAt = faults.ID(), s.ExpiresAt.Add(time.Minute)
			want(t, r.Store.Create(t.Context(), other), nil)
			if got, err := r.client.HGet(t.Context(), r.key(other), "ends_at").Result(); err != nil || got != "4102544045" {
				t.Errorf("a new session has the end %q, %v", got, err)
			}
			other.EndsAt = ends
			want(t, r.Store.Update(t.Context(), other, now, 7), nil)
			if got, err := r.client.HGet(t.Context(), r.key(other), "ends_at").Result(); err != nil || got != field {
				t.Errorf("after an Update with the end %v: %q, %v; want %q", ends, got, err, field)
			}
			want(t, revoke.Do(t.Context(), r.Store, other), nil)
		}
		r.wantExpiry(s, s.ExpiresAt.Add(grace))
		if index, err := r.client.ZRange(t.Context(), r.index(s), 0, -1).Result(); !slices.Equal(index, []string{s.ID}) {
			t.Errorf("the index is %q, %v", index, err)
		}
	})
}

// A touch adds the last client. It is optional: sessions of an earlier release lack it.
func TestLastClient(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *fixture) {
		s := r.Created()
		want(t, touch.Do(t.Context(), r.Store, s), nil)
		got, err := r.client.HMGet(t.Context(), r.key(s), "last_ip", "last_user_agent").Result()
		if want(t, err, nil); !slices.Equal(got, []any{"192.0.2.2", "test/2.0"}) {
			t.Errorf("the hash has the last client %q", got)
		}
		touched := faults.Touched(s)
		r.Holds(touched)
		want(t, r.client.HDel(t.Context(), r.key(s), "last_ip", "last_user_agent").Err(), nil)
		touched.LastIP, touched.LastUserAgent = "", ""
		r.Holds(touched)
	})
}

// wantExpiry reports an error unless Redis will remove s an hour after its ExpiresAt,
// and the index of s at the given time.
func (r *fixture) wantExpiry(s *session.Session, index time.Time) {
	r.Helper()
	for key, end := range map[string]time.Time{r.key(s): s.ExpiresAt.Add(grace), r.index(s): index} {
		got, err := r.client.PExpireTime(r.Context(), key).Result()
		want(r, err, nil)
		if ms := end.UnixMilli(); got.Milliseconds() != ms {
			r.Errorf("%s: removed at %d, want %d", key, got.Milliseconds(), ms)
		}
	}
}

// A session stays for an hour after it has expired. The index stays as long as its last
// session. The test uses a time in the year 2096 that Redis 7.2 would write as 4e+12.
func TestExpiry(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *fixture) {
		round := time.UnixMilli(4e12).UTC().Add(-grace)
		short := newSession()
		short.LastSeenAt, short.ExpiresAt = round.Add(-time.Hour), round
		want(t, r.Store.Create(t.Context(), short), nil)
		r.wantExpiry(short, round.Add(grace))

		long := short.Clone()
		long.ID, long.ExpiresAt = faults.ID(), round.Add(time.Hour)
		want(t, r.Store.Create(t.Context(), long), nil)
		r.wantExpiry(short, long.ExpiresAt.Add(grace))
		r.wantExpiry(long, long.ExpiresAt.Add(grace))

		short.LastSeenAt, short.ExpiresAt = round.Add(-time.Minute), round.Add(2*time.Hour)
		want(t, r.Store.Touch(t.Context(), short.Key(), short.LastSeenAt, short.ExpiresAt, "", ""), nil)
		r.wantExpiry(short, short.ExpiresAt.Add(grace))

		short.ExpiresAt = round
		want(t, r.Store.Update(t.Context(), short, short.LastSeenAt, short.Version+1), nil)
		r.wantExpiry(short, long.ExpiresAt.Add(grace))

		for _, s := range []*session.Session{long, short} {
			_, err := r.Store.Delete(t.Context(), s.Key(), nil, round.Add(-time.Hour))
			want(t, err, nil)
		}
		if n, err := r.client.Exists(t.Context(), r.index(short)).Result(); n != 0 {
			t.Errorf("the index outlives the last session: %v", err)
		}
	})
}

// Sessions that Redis itself has removed are not listed. The next List removes them from
// the index. The other sessions stay.
func TestRemovedByRedis(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *fixture) {
		first := newSession()
		want(t, r.Store.Create(t.Context(), first), nil)
		var removed []*session.Session
		for range 3 {
			s := first.Clone()
			s.ID = faults.ID()
			want(t, r.Store.Create(t.Context(), s), nil)
			removed = append(removed, s)
		}
		for _, s := range removed { // only now, or Redis could remove a session before all are created
			want(t, r.client.PExpire(t.Context(), r.key(s), time.Millisecond).Err(), nil)
			r.waitRemoved(r.key(s))
		}
		if n, err := r.client.ZCard(t.Context(), r.index(first)).Result(); n != 4 {
			t.Fatalf("the index has %d members, %v; want 4", n, err)
		}
		for range 2 {
			want(t, list.Do(t.Context(), r.Store, first), nil)
			if n, err := r.client.ZCard(t.Context(), r.index(first)).Result(); n != 1 {
				t.Errorf("the index has %d members, %v; want 1", n, err)
			}
		}
		for _, s := range removed {
			r.Gone(s)
			want(t, r.Store.Update(t.Context(), faults.Write(s, s.Version), s.LastSeenAt, 2), session.ErrNoSession)
			want(t, r.Store.Touch(t.Context(), s.Key(), now, now.Add(time.Hour), "", ""), session.ErrNoSession)
			want(t, revoke.Do(t.Context(), r.Store, s), session.ErrNoSession)
			r.Gone(s)
		}
		r.Holds(first)
	})
}

// Redis removes the index with its last session, even if List is never called.
func TestIndexRemovedByRedis(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *fixture) {
		s := newSession()
		s.ExpiresAt = time.Now().UTC().Truncate(time.Second).Add(time.Second - grace)
		want(t, r.Store.Create(t.Context(), s), nil)
		r.waitRemoved(r.index(s))
		r.waitRemoved(r.key(s))
		r.Gone(s)
	})
}

// Redis does not keep a session that expired more than an hour before it is created. The
// other sessions of its owner stay.
func TestLongDead(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *fixture) {
		s := newSession()
		dead := s.Clone()
		dead.ID, dead.ExpiresAt = faults.ID(), time.Now().UTC().Truncate(time.Second).Add(-2*grace)
		want(t, r.Store.Create(t.Context(), dead), nil)
		r.Gone(dead)
		want(t, r.Store.Create(t.Context(), s), nil)
		want(t, r.Store.Create(t.Context(), dead), nil)
		r.Gone(dead)
		r.Holds(s)
	})
}

// waitRemoved waits until Redis has removed the key.
func (r *fixture) waitRemoved(key string) {
	r.Helper()
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		n, err := r.client.Exists(r.Context(), key).Result()
		want(r, err, nil)
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			r.Fatalf("%s is still there after three minutes", key)
		}
	}
}

// If a session is missing in the index, for example after an eviction, the next write
// adds it again.
func TestIndexHeals(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *fixture) {
		for _, c := range []faults.Call{update, touch} {
			s := r.Created()
			want(t, r.client.Del(t.Context(), r.index(s)).Err(), nil)
			want(t, c.Do(t.Context(), r.Store, s), nil)
			r.Holds(c.Leaves(s))
		}
	})
}

// Stores with different prefixes can use the same database and have no common sessions.
func TestPrefix(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *fixture) {
		other := redisstore.New(r.client, r.prefix+"other:")
		s := r.Created()
		for _, c := range []faults.Call{get, update, touch, logout, revoke} {
			want(t, c.Do(t.Context(), other, s), session.ErrNoSession)
		}
		if all, err := other.List(t.Context(), s.Key().Owner); len(all) != 0 || err != nil {
			t.Errorf("List with another prefix: %v, %v", all, err)
		}
		want(t, create.Do(t.Context(), other, s), nil)
		want(t, revoke.Do(t.Context(), other, s), nil)
		r.Holds(s)
	})
}

// A field that a later release may add causes no error and is kept.
func TestUnknownFields(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *fixture) {
		s := r.Created()
		want(t, r.client.HSet(t.Context(), r.key(s), "later", "kept").Err(), nil)
		r.Holds(s)
		for _, c := range []faults.Call{get, list, update, touch} {
			want(t, c.Do(t.Context(), r.Store, s), nil)
		}
		if got, err := r.client.HGet(t.Context(), r.key(s), "later").Result(); got != "kept" {
			t.Errorf("the field is %q, %v after an Update and a Touch", got, err)
		}
	})
}

// Every call takes one round trip, for one script or one HGETALL, except List. List takes
// two. With more than 500 sessions it takes one more, and without sessions it takes only one.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *fixture) {
		site := faults.NewSite(r.Fixture, session.Config{})
		for range 12 { // the last two are one too many
			r.proxy.Take()
			site.Login("u1")
		}
		if calls := r.proxy.Take(); len(calls) != 2 {
			t.Errorf("a login that ends the oldest of eleven sessions took %d round trips, want 2", len(calls))
		}
		site.Login("u2")
		if calls := r.proxy.Take(); len(calls) != 1 {
			t.Errorf("a login took %d round trips, want 1", len(calls))
		}
		trips := func(what string, n int) {
			if got := len(r.proxy.Take()); got != n {
				t.Errorf("%s took %d round trips, want %d", what, got, n)
			}
		}
		s := newSession()
		want(t, list.Do(t.Context(), r.Store, s), errOutage) // an error because s is not in the list
		trips("an empty List", 1)
		for _, c := range []faults.Call{create, get, update, touch} {
			want(t, c.Do(t.Context(), r.Store, s), nil)
			trips(c.Method, 1)
		}
		for _, n := range []struct{ sessions, trips int }{{1, 2}, {500, 2}, {501, 3}} {
			for have, err := r.client.ZCard(t.Context(), r.index(s)).Result(); have < int64(n.sessions); have++ {
				want(t, err, nil)
				more := s.Clone()
				more.ID = faults.ID()
				want(t, r.Direct.Create(t.Context(), more), nil)
			}
			all, err := r.Store.List(t.Context(), s.Key().Owner)
			want(t, err, nil)
			trips("List", n.trips)
			if len(all) != n.sessions {
				t.Errorf("List returned %d sessions of %d", len(all), n.sessions)
			}
			if n.sessions == 1 {
				continue
			}
			listed := n.sessions + 1 // with the new one
			if n.sessions == 501 {
				listed = 0 // they are left to List
			}
			another := s.Clone()
			another.ID = faults.ID()
			all, err = r.Store.(session.CreateLister).CreateAndList(t.Context(), another)
			want(t, err, nil)
			trips("CreateAndList", 1)
			if len(all) != listed {
				t.Errorf("CreateAndList beside %d sessions returned %d, want %d", n.sessions, len(all), listed)
			}
			r.Holds(another)
			want(t, revoke.Do(t.Context(), r.Direct, another), nil)
		}
		want(t, logout.Do(t.Context(), r.Store, faults.Updated(s)), nil)
		trips("Delete", 1)
	})
}

// The keys of an owner are in the same slot, whatever the prefix.
func TestOneSlot(t *testing.T) {
	t.Parallel()
	r := newClusterFixture(t)
	s := newSession()
	var slots []int64
	for _, key := range []string{r.index(s), r.key(s), "other:{" + s.Key().Owner + "}"} {
		slots = append(slots, r.client.ClusterKeySlot(t.Context(), key).Val())
	}
	if slices.Min(slots) != slices.Max(slots) {
		t.Errorf("the keys are in slots %v", slots)
	}
}
