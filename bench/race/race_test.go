package main

import (
	"net/http/httptest"
	"testing"

	"example.com/coatcheck/internal/testing/redistest"
)

func TestMain(m *testing.M) { redistest.Main(m) }

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
