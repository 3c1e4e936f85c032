package storetest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"example.com/coatcheck/pkg/session"
)

// Benchmark measures the time and the allocations of each call of the store, each in
// its own sub-benchmark. One call runs at a time, and it succeeds. The user has ten
// sessions, as many as a [session.Manager] allows by default. Load measures a whole
// request as the Manager handles it. Contention has 32 writers update one session
// through the Manager, and reports how many of a thousand updates failed because
// others always came first, and how many updates there were. The sessions are not deleted, as with [Run].
func Benchmark(b *testing.B, store session.Store) {
	for _, c := range []struct {
		name string
		call func(ctx context.Context, store session.Store, s *session.Session) error
	}{
		{"Get", func(ctx context.Context, store session.Store, s *session.Session) error {
			_, err := store.Get(ctx, s.Key())
			return err
		}},
		{"Touch", func(ctx context.Context, store session.Store, s *session.Session) error {
			s.LastSeenAt, s.ExpiresAt = s.LastSeenAt.Add(time.Second), s.ExpiresAt.Add(time.Second)
			return store.Touch(ctx, s.Key(), s.LastSeenAt, s.ExpiresAt, lastIP, lastUserAgent)
		}},
		{"Update", func(ctx context.Context, store session.Store, s *session.Session) error {
			write, next := *s, newVersion()
			write.ExpiresAt = time.Time{}
			s.Version = next
			return store.Update(ctx, &write, s.LastSeenAt, next)
		}},
		{"List", func(ctx context.Context, store session.Store, s *session.Session) error {
			_, err := store.List(ctx, s.Key().Owner)
			return err
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := lastOfTen(b, store)
			b.ReportAllocs()
			for b.Loop() {
				must(b, c.call(b.Context(), store, s))
			}
		})
	}
	b.Run("Create", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			must(b, store.Create(b.Context(), newSession()))
		}
	})
	b.Run("Delete", func(b *testing.B) {
		s := lastOfTen(b, store)
		b.ReportAllocs()
		for b.Loop() {
			_, err := store.Delete(b.Context(), s.Key(), &s.Secret, s.LastSeenAt)
			must(b, err)
			b.StopTimer()
			s = sibling(s)
			must(b, store.Create(b.Context(), s))
			b.StartTimer()
		}
	})
	b.Run("Load", func(b *testing.B) { load(b, store) })
	b.Run("Contention", func(b *testing.B) { contention(b, store) })
}

// lastOfTen returns the last session of a new user who has ten.
func lastOfTen(b *testing.B, store session.Store) *session.Session {
	b.Helper()
	s := newSession()
	for range 9 {
		must(b, store.Create(b.Context(), sibling(s)))
	}
	must(b, store.Create(b.Context(), s))
	return s
}

func load(b *testing.B, store session.Store) {
	manager, err := session.New(store, session.Config{Logger: slog.New(slog.DiscardHandler)})
	must(b, err)
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
	user := newSession()
	_, err = manager.Create(w, r, session.User{ID: user.UserID, Roles: user.Roles, Values: user.Values})
	must(b, err)
	r.AddCookie(w.Result().Cookies()[0])
	b.ReportAllocs()
	for b.Loop() {
		_, err := manager.Load(r)
		must(b, err)
	}
}

// contention makes 32 writers update one session, a hundred times each and without a
// pause, as often as b asks. After a minute they begin no more updates.
func contention(b *testing.B, store session.Store) {
	const writers, updates = 32, 100
	manager, err := session.New(store, session.Config{Logger: slog.New(slog.DiscardHandler)})
	must(b, err)
	s, err := manager.Create(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), session.User{ID: newSession().UserID})
	must(b, err)
	var failed, total atomic.Int64
	for b.Loop() {
		end := time.Now().Add(time.Minute)
		inParallel(writers, func(i int) error {
			own := s.Clone()
			for n := 0; n < updates && time.Now().Before(end); n++ {
				total.Add(1)
				err := manager.Update(b.Context(), own, func(s *session.Session) { s.Values[fmt.Sprint(i)] = fmt.Sprint(n) })
				if errors.Is(err, session.ErrConflict) {
					failed.Add(1)
				} else if err != nil {
					b.Error(err)
				}
			}
			return nil
		})
	}
	b.ReportMetric(1000*float64(failed.Load())/float64(total.Load()), "failed/1000")
	b.ReportMetric(float64(total.Load()), "updates")
}

func must(b *testing.B, err error) {
	if err != nil {
		b.Helper()
		b.Fatal(err)
	}
}
