//go:build !nopostgres

package storeconfig

import (
	"database/sql"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/pkg/accounts"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// TestConnectionsAreBounded: many requests that wait for one lock take as many
// connections as are allowed, and not all that the server has.
func TestConnectionsAreBounded(t *testing.T) {
	for value, limit := range map[string]int{"": 10, "3": 3} {
		t.Run("STORE_CONNECTIONS="+value, func(t *testing.T) {
			t.Setenv("STORE_CONNECTIONS", value)
			dsn := postgrestest.DSN(t)
			s, err := Open(t.Context(), dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := Prepare(t.Context(), s, true); err != nil {
				t.Fatal(err)
			}
			other, err := sql.Open("pgx", dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			lock, err := other.Begin()
			if err != nil {
				t.Fatal(err)
			}
			defer lock.Rollback()
			if _, err := lock.Exec("LOCK TABLE coatcheck_users"); err != nil {
				t.Fatal(err)
			}
			users, err := s.Users()
			if err != nil {
				t.Fatal(err)
			}
			const requests = 40
			var waiting sync.WaitGroup
			for range requests {
				waiting.Go(func() {
					if _, err := users.Get(t.Context(), "nobody"); err != accounts.ErrNotFound {
						t.Error(err)
					}
				})
			}
			pool := s.(*sqlStores).db
			for end := time.Now().Add(3 * time.Minute); ; time.Sleep(time.Millisecond) {
				stats := pool.Stats()
				if stats.InUse+int(stats.WaitCount) >= requests { // every request has a connection, or has asked for one
					if stats.OpenConnections != limit {
						t.Errorf("%d connections are open, want %d", stats.OpenConnections, limit)
					}
					break
				}
				if time.Now().After(end) {
					t.Fatalf("the requests do not come: %+v", stats)
				}
			}
			lock.Rollback()
			waiting.Wait()
		})
	}
}

func TestConnectionsAreANumber(t *testing.T) {
	for _, value := range []string{"0", "-1", "ten", "1.5"} {
		t.Setenv("STORE_CONNECTIONS", value)
		if _, err := Open(t.Context(), "postgres://localhost/x"); err == nil || !strings.Contains(err.Error(), "STORE_CONNECTIONS") || !strings.Contains(err.Error(), value) {
			t.Errorf("%q: %v", value, err)
		}
	}
}
