package memstore

import (
	"fmt"
	"runtime"
	"testing"

	"example.com/coatcheck/pkg/session"
)

// BenchmarkMemory measures how long a full collection of the garbage collector takes with
// many sessions, and reports how many bytes each takes. The users have one session each, or
// ten:
//
//	go test -run=^$ -bench=Memory -benchtime=3x ./pkg/session/memstore
func BenchmarkMemory(b *testing.B) {
	for _, total := range []int{10_000, 100_000, 1_000_000} {
		for _, each := range []int{1, 10} {
			b.Run(fmt.Sprintf("%d sessions, %d each", total, each), func(b *testing.B) {
				before := heap()
				m := filled(b, total, each)
				bytes := heap() - before
				for b.Loop() {
					runtime.GC()
				}
				b.ReportMetric(float64(bytes)/float64(total), "B/session")
				runtime.KeepAlive(m)
			})
		}
	}
}

// BenchmarkGrowth reads one session after the other in stores of different sizes, and lists
// the sessions of users who have different numbers of them.
func BenchmarkGrowth(b *testing.B) {
	for _, total := range []int{1000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("Get, %d sessions", total), func(b *testing.B) {
			m, keys := filled(b, total, 1), make([]session.Key, total)
			for i := range keys {
				keys[i] = ordinary(i, i).Key()
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i = (i + 7919) % total { // a prime, so that neighbours are far apart
				if _, err := m.Get(b.Context(), keys[i]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, each := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("List, %d of one user", each), func(b *testing.B) {
			m, owner := filled(b, 10_000, each), ordinary(0, 0).Key().Owner
			b.ReportAllocs()
			for b.Loop() {
				if all, err := m.List(b.Context(), owner); err != nil || len(all) != each {
					b.Fatal(len(all), err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*each), "ns/session")
		})
	}
}

// filled returns a Store with sessions, of which each user has so many.
func filled(b *testing.B, total, each int) *Store {
	m := New()
	for i := range total {
		if err := m.Create(b.Context(), ordinary(i, i/each)); err != nil {
			b.Fatal(err)
		}
	}
	return m
}
