package bench_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// operation is one that every library is asked for. Each begins with what the one before it has
// left behind, in this order.
type operation struct {
	name    string
	handler func(l library) http.Handler
}

var operations = []operation{
	{"login", func(l library) http.Handler { return l.login }},
	{"read", func(l library) http.Handler { return l.read }},
	{"update", func(l library) http.Handler { return l.update }},
	{"list of one", func(l library) http.Handler {
		if l.list == nil {
			return nil
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			found, err := l.list(r.Context(), r.Header.Get("User"))
			if err == nil && found != 1 {
				err = fmt.Errorf("%d sessions", found)
			}
			answer(w, "somebody", err)
		})
	}},
	{"logout", func(l library) http.Handler { return l.logout }},
}

// backend is one kind of store. Open returns the libraries that can use it, beginning with ours,
// connected through the address that through returns. Through is nil if there is no network.
type backend struct {
	count int // operations in a turn
	open  func(t *testing.T, through func(network, address string) (other string)) []library
}

// measure is the same for every kind of store.
func (b backend) measure(t *testing.T) grid {
	g := grid{head: []string{"", "round trips", "one at a time", "µs", "CPU µs", "eight at once", "µs"}}
	libraries := b.open(t, func(_, address string) string { return address })
	trips := b.trips(t)
	alone, together := b.rounds(t, libraries, 1), b.rounds(t, libraries, 8)
	for o, operation := range operations {
		for i, l := range libraries {
			if operation.handler(l) == nil {
				continue
			}
			g.add(operation.name+": "+l.name, trips[o][i],
				times(alone[o][i].ratio(alone[o][0], wall)), number(alone[o][i].median(wall)/1000), number(alone[o][i].median(cpu)/1000),
				times(together[o][i].ratio(together[o][0], wall)), number(together[o][i].median(wall)/1000))
		}
	}
	return g
}

// rounds measures every operation of every library: so many workers at once, and the libraries in
// turn. The result is by operation and library.
func (b backend) rounds(t *testing.T, libraries []library, workers int) [][]samples {
	all := make([][]samples, len(operations))
	for o := range operations {
		all[o] = make([]samples, len(libraries))
	}
	n := b.count * min(workers, 2)
	if trying() {
		n = workers
	}
	for round := range max(1, turns**rounds) + 1 { // the first one opens connections and is not counted
		for i, l := range libraries {
			v := newVisitors(fmt.Sprint(round, "-", workers, "-"), n)
			for o, operation := range operations {
				handler := operation.handler(l)
				if handler == nil {
					continue
				}
				c := measure(n, func(int) { v.all(t, operation.name+": "+l.name, handler, workers) })
				if round > 0 {
					all[o][i] = append(all[o][i], c)
				}
			}
		}
	}
	return all
}

// visitors are users with their cookies.
type visitors struct {
	names   []string
	cookies [][]*http.Cookie
}

func newVisitors(prefix string, n int) *visitors {
	v := &visitors{cookies: make([][]*http.Cookie, n)}
	for i := range n {
		v.names = append(v.names, prefix+strconv.Itoa(i))
	}
	return v
}

// all sends one request for each user, and keeps the cookies of the answers. The context of a
// request can end, as that of every request of a server: to watch it while a store is asked is a
// part of the cost.
func (v *visitors) all(t *testing.T, what string, handler http.Handler, workers int) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(v.names); i = int(next.Add(1)) - 1 {
				ctx, cancel := context.WithCancel(t.Context())
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, newRequest(v.names[i], v.cookies[i]...).WithContext(ctx))
				cancel()
				if w.Code != http.StatusNoContent {
					t.Errorf("%s: answered %d", what, w.Code)
					return
				}
				if set := w.Result().Cookies(); len(set) > 0 {
					v.cookies[i] = set
				}
			}
		})
	}
	wg.Wait()
}

// trips counts the round trips of every operation, by operation and library.
func (b backend) trips(t *testing.T) [][]string {
	var taps []*tap
	libraries := b.open(t, func(network, address string) string {
		taps = append(taps, newTap(t, network, address))
		return taps[len(taps)-1].address
	})
	counted := func() (sum int64) {
		for _, tap := range taps {
			sum += tap.trips.Load()
		}
		return sum
	}
	const n = 10
	all := make([][]string, len(operations))
	for o := range operations {
		all[o] = make([]string, len(libraries))
	}
	for i, l := range libraries {
		for _, name := range []string{"warm", "counted"} { // the first one opens connections
			v := newVisitors(name+"-", n)
			for o, operation := range operations {
				before := counted()
				if handler := operation.handler(l); handler != nil {
					v.all(t, operation.name+": "+l.name, handler, 1)
				}
				all[o][i] = number(float64(counted()-before) / n)
				if len(taps) == 0 {
					all[o][i] = "–"
				}
			}
		}
	}
	return all
}

// tap is a proxy that counts round trips: how often the client begins to send after the server has
// sent something.
type tap struct {
	address string
	trips   atomic.Int64
}

func newTap(t *testing.T, network, address string) *tap {
	t.Helper()
	p := &tap{}
	own := "127.0.0.1:0"
	if network == "unix" { // the path must be short, and end as the server's
		folder, err := os.MkdirTemp("", "tap")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(folder) })
		own = filepath.Join(folder, filepath.Base(address))
	}
	listener, err := net.Listen(network, own)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	p.address = listener.Addr().String()
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial(network, address)
			if err != nil {
				client.Close()
				return
			}
			var asked atomic.Bool
			go pass(server, client, func() {
				if asked.CompareAndSwap(false, true) {
					p.trips.Add(1)
				}
			})
			go pass(client, server, func() { asked.Store(false) })
		}
	}()
	return p
}

// pass hands on what comes until one of both is closed, and calls each before it does.
func pass(to, from net.Conn, each func()) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			each()
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func TestTap(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }))
	defer server.Close()
	tap := newTap(t, "tcp", server.Listener.Addr().String())
	for range 3 {
		response, err := http.Get("http://" + tap.address)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	if got := tap.trips.Load(); got != 3 {
		t.Errorf("three requests are %d round trips", got)
	}
}

// waiting is how long a call on this machine may take at the most.
func waiting(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	tb.Cleanup(cancel)
	return ctx
}
