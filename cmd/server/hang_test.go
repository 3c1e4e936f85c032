package main

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/internal/testing/redistest"
)

// hangingPostgreSQL returns the address of a PostgreSQL, and a function that says
// whether it hangs from now on: it takes connections and statements, and answers none.
func hangingPostgreSQL(t *testing.T) (address string, hang func(bool)) {
	proxy := postgrestest.NewProxy(t, postgrestest.DSN(t))
	return proxy.DSN, func(hangs bool) {
		proxy.FailAll(map[bool]postgrestest.Fault{true: postgrestest.Hang, false: postgrestest.None}[hangs])
	}
}

// hangingRedis is hangingPostgreSQL for Redis.
func hangingRedis(t *testing.T) (address string, hang func(bool)) {
	proxy := redistest.NewProxy(t)
	conn, err := proxy.Dial(t.Context(), "tcp", redistest.Start(t).Options().Addr)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	return "redis://" + conn.RemoteAddr().String(), func(hangs bool) {
		proxy.FailAll(map[bool]redistest.Fault{true: redistest.Hang, false: redistest.None}[hangs])
	}
}

// TestHangingStore tests the server while its store takes calls and answers none. Every
// request must be answered 503, and no session may be lost.
func TestHangingStore(t *testing.T) {
	for name, open := range map[string]func(*testing.T) (string, func(bool)){
		"PostgreSQL": hangingPostgreSQL, "Redis": hangingRedis,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, hang := open(t)
			p := start(t, []string{"STORE=" + address}, "-demo", "-tables")
			b := newBrowser(t)
			signIn(t, b, p.url, demoPassword)
			cookie := b.cookie(p.url)

			hang(true)
			var wg sync.WaitGroup
			for what, send := range map[string]func() answer{
				"profile": func() answer { return b.get(p.url + "/profile") },
				"login": func() answer {
					return b.post(p.url+"/login", url.Values{"username": {demoUser}, "password": {demoPassword}})
				},
				"logout": func() answer { return b.post(p.url+"/logout", nil) },
			} {
				wg.Go(func() {
					got := send()
					if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || got.header.Get("Set-Cookie") != "" || !strings.Contains(got.body, "try again") {
						t.Errorf("%s: %d %v %s", what, got.status, got.header, got.body)
					}
				})
			}
			wg.Wait()
			if after := b.cookie(p.url); after != cookie {
				t.Errorf("the browser kept %q, not its cookie", after)
			}

			hang(false)
			if got := b.get(p.url + "/profile"); got.status != 200 || got.path != "/profile" {
				t.Errorf("after it: %d at %s", got.status, got.path)
			}
		})
	}
}
