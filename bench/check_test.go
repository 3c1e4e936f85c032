package bench_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2/memstore"
	"github.com/gorilla/sessions"

	"example.com/coatcheck/pkg/session"
	ours "example.com/coatcheck/pkg/session/memstore"
)

// checkTable is the request that every page makes: who is it? All sessions are in memory.
var checkTable = table{
	name:    "check",
	modules: []string{"github.com/alexedwards/scs/v2", "github.com/gorilla/sessions", "github.com/golang-jwt/jwt/v5"},
	measure: func(t *testing.T) grid {
		g := grid{head: []string{"", "valid", "CPU ns", "bytes", "allocations", "no cookie", "CPU ns", "allocations", "forged", "CPU ns", "allocations"}}
		libraries := []library{
			coatcheck(t, "Coatcheck", ours.New(), nil),
			coatcheck(t, "Coatcheck, signed", ours.New(), signedBy("a")),
			coatcheck(t, "Coatcheck, signed, two keys", ours.New(), signedBy("a", "b")),
			jwtLibrary(),
			scsLibrary("scs", memstore.NewWithCleanupInterval(0), 0),
			scsLibrary("scs with an idle timeout", memstore.NewWithCleanupInterval(0), 30*time.Minute),
			gorilla("gorilla CookieStore", sessions.NewCookieStore(signingKey("k"))),
			{name: "(a handler that checks nothing)", read: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusNoContent)
			})},
		}
		var cases []func(n int)
		for _, l := range libraries {
			cases = append(cases, l.checks(t)...)
		}
		measured := inTurn(cases)
		for i, l := range libraries {
			row := []string{l.name}
			for kind := range 3 {
				s := measured[3*i+kind]
				row = append(row, times(s.ratio(measured[kind], cpu)), number(s.quiet(cpu)))
				if kind == 0 {
					row = append(row, number(s.median(heap)))
				}
				row = append(row, number(s.median(allocs)))
			}
			g.add(row...)
		}
		return g
	},
}

// users is how many have a session.
func users() int {
	if trying() {
		return 10
	}
	return 10_000
}

func signedBy(letters ...string) func(*session.Config) {
	return func(c *session.Config) {
		for _, letter := range letters {
			c.SigningKeys = append(c.SigningKeys, signingKey(letter))
		}
	}
}

// checks returns requests to l with a valid cookie, without one, and with a forged one.
func (l library) checks(t *testing.T) []func(n int) {
	if l.login == nil {
		return []func(n int){l.check(t, newRequest(""), 204), l.check(t, newRequest(""), 204), l.check(t, newRequest(""), 204)}
	}
	var cookies []*http.Cookie
	for user := range users() {
		cookies = l.signIn(t, strconv.Itoa(user))
	}
	forged := *cookies[0]
	forged.Value = forge(forged.Value)
	return []func(n int){
		l.check(t, newRequest("", cookies...), http.StatusNoContent),
		l.check(t, newRequest(""), http.StatusUnauthorized),
		l.check(t, newRequest("", &forged), http.StatusUnauthorized),
	}
}

// forge changes a character near the end, which belongs to what proves the cookie.
func forge(value string) string {
	i := len(value) - 6
	other := "A"
	if value[i] == 'A' {
		other = "B"
	}
	return value[:i] + other + value[i+1:]
}

// check returns a func that sends the request n times to l.read. Each is a copy of its own,
// because some libraries keep what they have read in the context of the request.
func (l library) check(t *testing.T, request *http.Request, want int) func(n int) {
	return func(n int) {
		w := &writer{header: http.Header{}}
		for range n {
			r := *request
			w.reset()
			l.read.ServeHTTP(w, &r)
			if w.status != want {
				t.Fatalf("%s answered %d, want %d", l.name, w.status, want)
			}
		}
	}
}

// writer is a ResponseWriter that keeps the status and drops the body.
type writer struct {
	header http.Header
	status int
}

func (w *writer) reset() {
	clear(w.header)
	w.status = 0
}

func (w *writer) Header() http.Header { return w.header }

func (w *writer) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *writer) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return len(b), nil
}
