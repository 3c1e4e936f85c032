package memstore

import (
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/session"
)

// A session comes back as it was stored: with texts of any length, and with times that a
// count of nanoseconds would not hold.
func TestSessionsComeBackWhole(t *testing.T) {
	for _, length := range []int{0, 1, 127, 128, 1 << 14, 1 << 21} {
		long := strings.Repeat("\x00é", length)[:length]
		s := numbered(1, 1, start(), time.Hour)
		s.Roles = []string{"", long, "reader"}
		s.Values = map[string]string{"": long, long + "x": "", "theme": "dark"}
		s.IP, s.UserAgent, s.LastIP, s.LastUserAgent = "", long, long, ""
		s.EndsAt = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
		s.AuthenticatedAt = time.Unix(0, 0).UTC()
		m := New()
		create(t, m, s)
		if got, err := m.Get(t.Context(), s.Key()); err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("with texts of %d bytes another session came back than %q: %v", length, s.ID, err)
		}
		s.EndsAt, s.Roles, s.Values = time.Time{}, nil, map[string]string{}
		if err := m.Update(t.Context(), s, start(), 2); err != nil {
			t.Error(err)
		}
		s.Version = 2
		if got, err := m.Get(t.Context(), s.Key()); err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("after an Update of it another session came back than %q: %v", s.ID, err)
		}
	}
}

// The Values of a session can be written, also if there were none.
func TestValuesAreNeverNil(t *testing.T) {
	m, s := New(), numbered(1, 1, start(), time.Hour)
	create(t, m, s)
	if got, err := m.Get(t.Context(), s.Key()); err != nil || got.Values == nil {
		t.Errorf("a session without values came back with %v, %v", got, err)
	}
}

// The sessions of a user are deleted in every order. List has the others each time.
func TestDeletesInEveryOrder(t *testing.T) {
	const total = 5
	for order := range permutations([]int{0, 1, 2, 3, 4}) {
		m, left := New(), map[string]bool{}
		for i := range total {
			create(t, m, numbered(i, 1, start(), time.Hour))
			left[fmt.Sprint(i)] = true
		}
		for _, i := range order {
			s := numbered(i, 1, start(), time.Hour)
			remove(t, m, s)
			delete(left, s.ID)
			all, err := m.List(t.Context(), s.Key().Owner)
			ids := map[string]bool{}
			for _, s := range all {
				ids[s.ID] = true
			}
			if err != nil || len(all) != len(left) || !maps.Equal(ids, left) {
				t.Fatalf("after deletes in the order %v up to %d List has %v instead of %v", order, i, ids, left)
			}
		}
	}
}

// permutations returns all orders of list.
func permutations(list []int) func(yield func([]int) bool) {
	return func(yield func([]int) bool) {
		if len(list) == 0 {
			yield(nil)
			return
		}
		for i := range list {
			for rest := range permutations(slices.Delete(slices.Clone(list), i, i+1)) {
				if !yield(append([]int{list[i]}, rest...)) {
					return
				}
			}
		}
	}
}

// A session takes little more memory than its texts.
func TestMemory(t *testing.T) {
	const total, limit = 20_000, 600
	for _, each := range []int{1, 10} {
		m, before := New(), heap()
		for i := range total {
			create(t, m, ordinary(i, i/each))
		}
		if bytes := (heap() - before) / total; bytes > limit {
			t.Errorf("a session takes %d bytes, more than %d, if a user has %d", bytes, limit, each)
		}
		runtime.KeepAlive(m)
	}
}

// A browser can send megabytes as its User-Agent, of which a session has a short part. The
// Store must not keep the rest.
func TestNothingElseOfTheRequestIsKept(t *testing.T) {
	const total, size = 20, 1 << 20
	part := func() string { return strings.Repeat("u", size)[:200] }
	tests := map[string]func(*testing.T, *Store, *session.Session){
		"Create": func(*testing.T, *Store, *session.Session) {},
		"Touch": func(t *testing.T, m *Store, s *session.Session) {
			if err := m.Touch(t.Context(), s.Key(), start().Add(time.Second), s.ExpiresAt, part(), part()); err != nil {
				t.Error(err)
			}
		},
		"Update": func(t *testing.T, m *Store, s *session.Session) {
			s.Roles, s.Values = []string{part()}, map[string]string{part(): part()}
			if err := m.Update(t.Context(), s, start(), 2); err != nil {
				t.Error(err)
			}
		},
	}
	for name, call := range tests {
		m, before := New(), heap()
		for i := range total {
			s := numbered(i, i, start(), time.Hour)
			s.UserAgent = part()
			create(t, m, s)
			call(t, m, s)
		}
		if grown := heap() - before; grown > total*size/10 {
			t.Errorf("%s: %d sessions keep %d bytes", name, total, grown)
		}
		runtime.KeepAlive(m)
	}
}

// ordinary returns a session with five values, as a Manager makes it.
func ordinary(i, user int) *session.Session {
	s := numbered(i, user, start(), time.Hour)
	s.ID = fmt.Sprintf("%022d", i)
	s.Values = map[string]string{"username": "alice", "display_name": "Alice", "theme": "dark", "language": "en", "team": "blue"}
	s.IP = fmt.Sprintf("192.0.2.%d", i%256)
	s.UserAgent = fmt.Sprintf("browser/%d", i)
	return s
}
