package dynamostore_test

import (
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"example.com/coatcheck/internal/dynamotest"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/dynamostore"
)

// The allocations are the SDK's and ours; the time is mostly DynamoDB Local's.

func benchStore(b *testing.B) *dynamostore.Store {
	b.Helper()
	b.ReportAllocs()
	return dynamostore.New(dynamotest.Client(b, dynamotest.Endpoint(b)), dynamotest.Tables(b)["SessionsTable"])
}

func benchCreate(b *testing.B, store *dynamostore.Store) *session.Session {
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
	for b.Loop() {
		check(b, store.Update(b.Context(), write(s, s.Version), now, s.Version+1))
		s.Version++
	}
}

func BenchmarkCreate(b *testing.B) {
	store := benchStore(b)
	s := newSession()
	for b.Loop() {
		s.ID = random(16)
		check(b, store.Create(b.Context(), s))
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
