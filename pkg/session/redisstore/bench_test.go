package redisstore_test

import (
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/redistest"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/redisstore"
)

// The allocations are those of go-redis and ours; the time is mostly the round trip.

func benchStore(b *testing.B) *redisstore.Store {
	b.Helper()
	b.ReportAllocs()
	client := redis.NewClient(redistest.Options(b))
	b.Cleanup(func() { client.Close() })
	return redisstore.New(client, redistest.Prefix(b))
}

func benchCreate(b *testing.B, store *redisstore.Store) *session.Session {
	b.Helper()
	s := newSession()
	check(b, store.Create(b.Context(), s))
	return s
}

func check(b *testing.B, err error) {
	if err != nil {
		b.Fatal(err)
	}
}

func BenchmarkGet(b *testing.B) {
	store := benchStore(b)
	key := benchCreate(b, store).Key()
	for b.Loop() {
		_, err := store.Get(b.Context(), key)
		check(b, err)
	}
}

func BenchmarkTouch(b *testing.B) {
	store := benchStore(b)
	s := benchCreate(b, store)
	key, seen := s.Key(), s.LastSeenAt
	for b.Loop() {
		seen = seen.Add(time.Second)
		check(b, store.Touch(b.Context(), key, seen, seen.Add(30*time.Minute)))
	}
}

func BenchmarkUpdate(b *testing.B) {
	store := benchStore(b)
	s := benchCreate(b, store)
	s.ExpiresAt = time.Time{}
	for b.Loop() {
		check(b, store.Update(b.Context(), s, now, s.Version+1))
		s.Version++
	}
}

func BenchmarkCreate(b *testing.B) {
	store := benchStore(b)
	for b.Loop() {
		benchCreate(b, store)
	}
}

func BenchmarkDelete(b *testing.B) {
	store := benchStore(b)
	for b.Loop() {
		b.StopTimer()
		s := benchCreate(b, store)
		b.StartTimer()
		check(b, store.Delete(b.Context(), s.Key(), &s.Secret, now))
	}
}

// BenchmarkList lists as many sessions as a user may have by default.
func BenchmarkList(b *testing.B) {
	store := benchStore(b)
	s := benchCreate(b, store)
	for range 9 {
		s.ID = random(16)
		check(b, store.Create(b.Context(), s))
	}
	for b.Loop() {
		_, err := store.List(b.Context(), s.Key().Owner)
		check(b, err)
	}
}

func BenchmarkLoad(b *testing.B) {
	m, err := session.New(benchStore(b), session.Config{Logger: slog.New(slog.DiscardHandler)})
	check(b, err)
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "https://app.example/", nil)
	_, err = m.Create(w, r, session.User{ID: "u1", Roles: []string{"reader"}})
	check(b, err)
	r.AddCookie(w.Result().Cookies()[0])
	for b.Loop() {
		_, err := m.Load(r)
		check(b, err)
	}
}
