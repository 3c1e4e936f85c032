package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/session/redisstore"
)

func TestMain(m *testing.M) { redistest.Main(m) }

// touched is a store in which a touch of each session is due, and waits before it is carried out.
type touched struct {
	session.Store
	wait func()
}

func (t touched) Create(ctx context.Context, s *session.Session) error {
	s = s.Clone()
	s.LastSeenAt = s.LastSeenAt.Add(-time.Second) // what coatcheckOn has between two touches
	return t.Store.Create(ctx, s)
}

func (t touched) Touch(ctx context.Context, k session.Key, now, expires time.Time, ip, agent string) error {
	t.wait()
	return t.Store.Touch(ctx, k, now, expires, ip, agent)
}

// touchedServer is Coatcheck with a request whose work is between reading the session and its touch.
func touchedServer(onRedis bool) maker {
	return func(redis string, work func()) (http.Handler, error) {
		var store session.Store = memstore.New()
		if onRedis {
			store = redisstore.New(goredis.NewClient(&goredis.Options{Addr: redis}), "touched:")
		}
		return coatcheckOn(touched{store, work}, func() {})
	}
}

// TestRace holds each request after it has read the session, until the logout is answered. So
// every race is one that can undo the logout: it is where a library saves without a condition, and
// never with ours.
func TestRace(t *testing.T) {
	const races = 5
	for name, test := range map[string]struct {
		open maker
		path string
		want int
	}{
		"coatcheck, memory, reads":   {coatcheckServer(false), "/plain", 0},
		"coatcheck, memory, changes": {coatcheckServer(false), "/change", 0},
		"coatcheck, Redis, reads":    {coatcheckServer(true), "/plain", 0},
		"coatcheck, Redis, changes":  {coatcheckServer(true), "/change", 0},
		"coatcheck, memory, touches": {touchedServer(false), "/plain", 0},
		"coatcheck, Redis, touches":  {touchedServer(true), "/plain", 0},
		"scs, reads":                 {scsServer(false, 0), "/plain", 0},
		"scs, reads, idle timeout":   {scsServer(false, idleOfReadme), "/plain", races},
		"scs, changes":               {scsServer(false, 0), "/change", races},
		"gorilla, changes":           {gorillaServer, "/change", races},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			held, inside, released := false, make(chan bool), make(chan bool)
			handler, err := test.open(redistest.Options(t).Addr, func() {
				if held {
					held = false
					inside <- true
					<-released
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(handler)
			defer server.Close()
			p := newPeer(server.URL)
			if err := p.works(test.path); err != nil {
				t.Fatal(err)
			}
			got := 0
			for range races {
				cookie, err := p.signIn()
				if err != nil {
					t.Fatal(err)
				}
				held = true
				again, err := p.race(cookie, test.path, func() { <-inside }, func() { released <- true })
				if err != nil {
					t.Fatal(err)
				}
				if again {
					got++
				}
			}
			if got != test.want {
				t.Errorf("after %d of %d logouts the old cookie is signed in, want %d", got, races, test.want)
			}
		})
	}
}
