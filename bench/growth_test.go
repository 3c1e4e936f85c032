package bench_test

import (
	"context"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/alexedwards/scs/v2/memstore"

	"example.com/coatcheck/pkg/session"
	ours "example.com/coatcheck/pkg/session/memstore"
)

// growthTables are what becomes of the figures when there are more sessions.
var growthTables = []table{
	{name: "growth", modules: []string{"github.com/alexedwards/scs/v2"}, measure: growth},
	{name: "list", measure: list},
}

// inMemory are the libraries that keep sessions in memory.
var inMemory = []struct {
	name string
	open func(t *testing.T) library
}{
	{"Coatcheck", func(t *testing.T) library { return coatcheck(t, "Coatcheck", ours.New(), nil) }},
	{"scs", func(*testing.T) library { return scsLibrary("scs", memstore.NewWithCleanupInterval(0), 0) }},
}

// size is a number of sessions. A case that is only tried has fewer than it says.
type size struct {
	says string
	n    int
}

func sizes(all ...int) (sizes []size) {
	for i, n := range all {
		s := size{number(float64(n)) + " sessions", n}
		if trying() {
			s.n = 10 * (i + 1)
		}
		sizes = append(sizes, s)
	}
	return sizes
}

// growth is what a session takes of the memory, what a full collection of all sessions takes, and a
// check among them, by a thousand users in turn.
func growth(t *testing.T) grid {
	g := grid{head: []string{"", "memory", "bytes a session", "a full collection", "CPU ms", "a check", "CPU ns"}, plot: &plot{
		file: "check-growth.svg", title: "A check among more sessions", across: "sessions in memory", up: "CPU nanoseconds a check",
	}}
	var all [][]stage
	for _, library := range inMemory {
		all = append(all, grow(t, library.open))
		runtime.GC()
	}
	for i := range all[0] {
		for j, library := range inMemory {
			s, base := all[j][i], all[0][i]
			g.add(s.size.says+": "+library.name, times(s.bytes/base.bytes), number(s.bytes),
				times(s.collection/base.collection), number(s.collection/1e6), times(s.ratio), number(s.check))
		}
	}
	for j, library := range inMemory {
		line := line{name: library.name}
		for _, s := range all[j] {
			line.points = append(line.points, [2]float64{float64(s.size.n), s.check})
		}
		g.plot.lines = append(g.plot.lines, line)
	}
	return g
}

// stage is what was measured when a library had so many sessions.
type stage struct {
	size              size
	bytes             float64 // a session
	collection, check float64 // CPU nanoseconds
	ratio             float64 // of the check to one among the fewest sessions
}

// grow signs in more and more users. Each check takes turns with one of another store of the same
// library, which has as many sessions as the first stage.
func grow(t *testing.T, open func(t *testing.T) library) (stages []stage) {
	all := sizes(1_000, 10_000, 100_000, 1_000_000)
	few := open(t)
	fewest := few.checkAll(t, fill(t, few, 0, all[0].n))
	before := liveBytes()
	l, last := open(t), 0
	var cookies []string
	for _, size := range all {
		cookies = append(cookies, fill(t, l, last, size.n)...)
		last = size.n
		held := before
		for _, cookie := range cookies {
			held += int64(len(cookie)) + 16 // a string's own
		}
		s := stage{size: size, bytes: float64(liveBytes()-held) / float64(size.n)}
		var collections samples
		for range min(3, max(1, *rounds)) { // a large one takes seconds
			collections = append(collections, measure(1, func(int) { runtime.GC() }))
		}
		s.collection = collections.quiet(cpu)
		checks := inTurn([]func(n int){fewest, l.checkAll(t, cookies)})
		s.check, s.ratio = checks[1].quiet(cpu), checks[1].ratio(checks[0], cpu)
		stages = append(stages, s)
	}
	runtime.KeepAlive(l)
	return stages
}

// liveBytes returns how much of the heap is in use after a collection.
func liveBytes() int64 {
	runtime.GC()
	runtime.GC() // the first one leaves what has just become free
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	return int64(now.HeapAlloc)
}

// fill signs in the users from one number to another, and returns the cookies of a thousand of them.
func fill(t *testing.T, l library, from, to int) (cookies []string) {
	t.Helper()
	kept := max(1, (to-from)/1000)
	w := &writer{header: http.Header{}}
	login := newRequest("")
	for user := from; user < to; user++ {
		w.reset()
		login.Header.Set("User", strconv.Itoa(user))
		r := *login
		l.login.ServeHTTP(w, &r)
		if w.status != http.StatusNoContent {
			t.Fatalf("%s: login %d answered %d", l.name, user, w.status)
		}
		if user%kept == 0 {
			cookie, _, _ := strings.Cut(w.header.Get("Set-Cookie"), ";")
			cookies = append(cookies, strings.Clone(cookie))
		}
	}
	return cookies
}

// checkAll returns a func that sends n requests with the cookies, in turn.
func (l library) checkAll(t *testing.T, cookies []string) func(n int) {
	var checks []func(n int)
	for _, cookie := range cookies {
		r := newRequest("")
		r.Header.Set("Cookie", cookie)
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
		user := "user of " + size.says
		for range size.n {
			l.signIn(t, user)
		}
		cases = append(cases, func(n int) {
			for range n {
				if found, err := l.list(context.Background(), user); err != nil || found != size.n {
					t.Fatalf("%d sessions listed, %v; want %d", found, err, size.n)
				}
			}
		})
	}
	measured, line := inTurn(cases), line{name: "Coatcheck"}
	for i, size := range all {
		for j := range measured[i] {
			measured[i][j] = measured[i][j].each(size.n)
		}
		s := measured[i]
		g.add(size.says, times(s.ratio(measured[0], cpu)), number(s.quiet(cpu)), number(s.quiet(cpu)*float64(size.n)/1000), number(s.median(heap)))
		line.points = append(line.points, [2]float64{float64(size.n), s.quiet(cpu)})
	}
	g.plot.lines = append(g.plot.lines, line)
	return g
}
