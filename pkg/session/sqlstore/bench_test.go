package sqlstore_test

import (
	"testing"
	"time"
)

// The time is mostly the database's: for SQLite that of its disk, while the
// tests' own PostgreSQL does not wait for one.

func onEachBench(b *testing.B, bench func(*testing.B, *rig)) {
	for _, s := range servers {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			bench(b, newRig(b, s))
		})
	}
}

func BenchmarkGet(b *testing.B) {
	onEachBench(b, func(b *testing.B, r *rig) {
		key := r.created().Key()
		for b.Loop() {
			if _, err := r.store.Get(b.Context(), key); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkTouch(b *testing.B) {
	onEachBench(b, func(b *testing.B, r *rig) {
		s := r.created()
		key, seen := s.Key(), s.LastSeenAt
		for b.Loop() {
			seen = seen.Add(time.Second)
			if err := r.store.Touch(b.Context(), key, seen, seen.Add(30*time.Minute)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkUpdate(b *testing.B) {
	onEachBench(b, func(b *testing.B, r *rig) {
		s := r.created()
		for b.Loop() {
			if err := r.store.Update(b.Context(), s, now, s.Version+1); err != nil {
				b.Fatal(err)
			}
			s.Version++
		}
	})
}

func BenchmarkCreate(b *testing.B) {
	onEachBench(b, func(b *testing.B, r *rig) {
		s := newSession()
		for b.Loop() {
			s.ID = randomID()
			if err := r.store.Create(b.Context(), s); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkDelete(b *testing.B) {
	onEachBench(b, func(b *testing.B, r *rig) {
		for b.Loop() {
			b.StopTimer()
			s := r.created()
			b.StartTimer()
			if err := r.store.Delete(b.Context(), s.Key(), &s.Secret, now); err != nil {
				b.Fatal(err)
			}
		}
	})
}
