package main

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/internal/testing/redistest"
)

// TestOutageTellsNoAddress: while the store refuses connections, the log says so and
// says nothing of the store's address.
func TestOutageTellsNoAddress(t *testing.T) {
	postgres := postgrestest.NewProxy(t, postgrestest.DSN(t))
	u, err := url.Parse(postgres.DSN)
	if err != nil {
		t.Fatal(err)
	}
	folder := u.Query().Get("host")
	redis := redistest.Start(t)
	const typed = "MyRealPassw0rd"
	for name, tt := range map[string]struct {
		address string
		stop    func()
		hidden  []string
		says    string
	}{
		"PostgreSQL": {postgrestest.With(postgres.DSN, "password", canary), func() { postgres.FailAll(postgrestest.Refuse) },
			[]string{folder, filepath.Base(folder), "user=", "database=", "search_path"}, "PostgreSQL server at the store's address cannot be used"},
		"Redis": {"redis://" + redis.Options().Addr, redis.Kill, []string{redis.Options().Addr}, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, []string{"STORE=" + tt.address}, "-demo", "-tables")
			b := newBrowser(t)
			signIn(t, b, p.url, demoPassword)
			tt.stop()
			for range 15 { // there are at most 10 open connections; then the requests find no new one
				if got := b.get(p.url + "/profile"); got.status != 503 {
					t.Errorf("answered %d", got.status)
				}
			}
			// What is typed as a name may be a password.
			b.post(p.url+"/login", url.Values{"username": {typed}, "password": {demoPassword}})
			log := p.stderr.String()
			if !strings.Contains(log, "sys_failure") || !strings.Contains(log, tt.says) {
				t.Errorf("the log does not say %q: %s", tt.says, log)
			}
			for _, hidden := range append(tt.hidden, canary, typed) {
				if strings.Contains(strings.ToLower(log), strings.ToLower(hidden)) {
					t.Errorf("the log has %q: %s", hidden, log)
				}
			}
		})
	}
}
