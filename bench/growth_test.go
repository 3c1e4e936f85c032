package bench_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"testing"

	"github.com/alexedwards/scs/v2/memstore"

	"example.com/coatcheck/pkg/session"
	ours "example.com/coatcheck/pkg/session/memstore"
)

// growthTables are what becomes of the figures when there are more sessions.
var growthTables = []table{
	{name: "memory", modules: []string{"github.com/alexedwards/scs/v2"}, measure: memory},
	{name: "growth", modules: []string{"github.com/alexedwards/scs/v2"}, measure: growth},
	{name: "list", measure: list},
}

// inMemory returns libraries that keep sessions in memory.
var inMemory = []func(t *testing.T) library{
	func(t *testing.T) library { return coatcheck(t, "Coatcheck", ours.New(), nil) },
	func(*testing.T) library { return scsLibrary("scs", memstore.NewWithCleanupInterval(0), 0) },
}

// sizes returns numbers of sessions, or small ones if the cases are only tried.
func sizes(all ...int) []int {
	if trying() {
		for i := range all {
			all[i] = (i + 1) * 10
		}
	}
	return all
}

// memory is what a session takes of it, and what a full collection of all takes.
func memory(t *testing.T) grid {
	g := grid{head: []string{"", "memory", "bytes a session", "a full collection", "CPU ms"}}
	for _, size := range sizes(10_000, 100_000, 1_000_000) {
		var bytes, collections []samples
		for _, open := range inMemory {
			before := liveBytes()
			l := open(t)
			fill(t, l, size)
			bytes = append(bytes, samples{{bytes: float64(liveBytes()-before) / float64(size)}})
			var s samples
			for range max(1, *rounds) {
				s = append(s, measure(1, func(int) { runtime.GC() }))
			}
			collections = append(collections, s)
			runtime.KeepAlive(l)
		}
		for i, name := range []string{"Coatcheck", "scs"} {
			g.add(count(size)+" sessions: "+name, times(bytes[i].ratio(bytes[0], heap)), number(bytes[i].median(heap)),
				times(collections[i].quiet(cpu)/collections[0].quiet(cpu)), number(collections[i].quiet(cpu)/1e6))
		}
	}
	return g
}

// liveBytes returns how much of the heap is in use after a collection.
func liveBytes() int64 {
	runtime.GC()
	runtime.GC() // the first one leaves what has just become free
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	return int64(now.HeapAlloc)
}

// fill signs in so many users, and returns the requests of a thousand of them.
func fill(t *testing.T, l library, size int) (requests []*http.Request) {
	t.Helper()
	kept := max(1, size/1000)
	w := &writer{header: http.Header{}}
	login := newRequest("")
	for user := range size {
		w.reset()
		login.Header.Set("User", strconv.Itoa(user))
		r := *login
		l.login.ServeHTTP(w, &r)
		if w.status != http.StatusNoContent {
			t.Fatalf("%s: login %d answered %d", l.name, user, w.status)
		}
		if user%kept == 0 {
			requests = append(requests, newRequest("", (&http.Response{Header: w.header}).Cookies()...))
		}
	}
	return requests
}

// growth is a check among so many sessions, by a thousand of the users in turn.
func growth(t *testing.T) grid {
	g := grid{head: []string{"", "CPU", "CPU ns"}, plot: &plot{
		file: "check-growth.svg", title: "A check among more sessions", across: "sessions in memory", up: "CPU nanoseconds a check",
	}}
	all := sizes(1_000, 100_000, 1_000_000)
	for _, open := range inMemory {
		var cases []func(n int)
		var name string
		for _, size := range all {
			l := open(t)
			cases, name = append(cases, l.checkAll(t, fill(t, l, size))), l.name
		}
		measured, line := inTurn(cases), line{name: name}
		for i, s := range measured {
			g.add(count(all[i])+" sessions: "+name, times(s.ratio(measured[0], cpu)), number(s.quiet(cpu)))
			line.points = append(line.points, [2]float64{float64(all[i]), s.quiet(cpu)})
		}
		g.plot.lines = append(g.plot.lines, line)
	}
	return g
}

// checkAll returns a func that sends n of the requests, in turn.
func (l library) checkAll(t *testing.T, requests []*http.Request) func(n int) {
	var checks []func(n int)
	for _, r := range requests {
		checks = append(checks, l.check(t, r, http.StatusNoContent))
	}
	next := 0
	return func(n int) {
		for range n {
			checks[next%len(checks)](1)
			next++
		}
	}
}

// list is all sessions of one user, of whom there are more and more.
func list(t *testing.T) grid {
	g := grid{head: []string{"", "CPU a session", "CPU ns a session", "CPU µs", "bytes a session"}, plot: &plot{
		file: "list-growth.svg", title: "A list of more sessions of one user", across: "sessions of the user", up: "CPU nanoseconds a session listed",
	}}
	l := coatcheck(t, "Coatcheck", ours.New(), func(c *session.Config) { c.MaxSessions = -1 })
	all := sizes(10, 100, 1_000)
	var cases []func(n int)
	for _, size := range all {
		user := fmt.Sprint("user of ", size)
		for range size {
			l.signIn(t, user)
		}
		cases = append(cases, func(n int) {
			for range n {
				if found, err := l.list(context.Background(), user); err != nil || found != size {
					t.Fatalf("%d sessions listed, %v; want %d", found, err, size)
				}
			}
		})
	}
	measured, line := inTurn(cases), line{name: "Coatcheck"}
	for i, size := range all {
		for j := range measured[i] {
			measured[i][j] = measured[i][j].each(size)
		}
		s := measured[i]
		g.add(count(size)+" sessions", times(s.ratio(measured[0], cpu)), number(s.quiet(cpu)), number(s.quiet(cpu)*float64(size)/1000), number(s.median(heap)))
		line.points = append(line.points, [2]float64{float64(size), s.quiet(cpu)})
	}
	g.plot.lines = append(g.plot.lines, line)
	return g
}

func count(n int) string { return number(float64(n)) }
