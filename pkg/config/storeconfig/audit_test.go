//go:build !nosqlite && !nopostgres && !noredis && !nodynamodb

package storeconfig

import (
	"crypto/rand"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/internal/stores/sqldb"
	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/pkg/audit"
)

// TestAudit: there is a trail at every address, which keeps what is appended, unless
// AUDIT_DAYS is 0. Its tables are made and checked only if there is one. In DynamoDB it needs
// the name of a table, and in no other store.
func TestAudit(t *testing.T) {
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AUDIT_TABLE", "")
	at := time.Date(2026, 11, 26, 12, 30, 45, 678e6, time.UTC)
	for address, kept := range map[string]bool{"memory": true, "sqlite:" + filepath.Join(t.TempDir(), "x.db"): true, postgrestest.DSN(t): true, "redis://127.0.0.1:1": true, "dynamodb": false} {
		kind, _, _ := strings.Cut(address, ":")
		t.Run(kind, func(t *testing.T) {
			s, err := Open(t.Context(), address)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			t.Setenv("AUDIT_DAYS", "0")
			if trail, err := s.Audit(); trail != nil || err != nil {
				t.Errorf("AUDIT_DAYS=0: %v, %v; want no trail", trail, err)
			}
			hasTables := kind == "sqlite" || kind == "postgres"
			if hasTables {
				if err := Prepare(t.Context(), s, true); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("AUDIT_DAYS", "x")
			if _, err := s.Audit(); err == nil || !strings.Contains(err.Error(), `AUDIT_DAYS is "x"`) {
				t.Errorf("AUDIT_DAYS=x: %v", err)
			}
			if err := s.Check(t.Context()); kind != "memory" && (err == nil || !strings.Contains(err.Error(), `AUDIT_DAYS is "x"`)) {
				t.Errorf("Check with AUDIT_DAYS=x: %v", err)
			}
			t.Setenv("AUDIT_DAYS", "")
			trail, err := s.Audit()
			if err != nil || (trail != nil) != kept {
				t.Fatalf("Audit returned %v, %v; want a trail: %t", trail, err, kept)
			}
			if hasTables {
				if err := Prepare(t.Context(), s, false); !errors.Is(err, sqldb.ErrOlder) || !strings.Contains(err.Error(), "coatcheck_audit") {
					t.Errorf("without the table of the trail: %v", err)
				}
				if err := Prepare(t.Context(), s, true); err != nil {
					t.Fatal(err)
				}
			}
			if kind == "redis" || kind == "dynamodb" { // the server's tests have them
				return
			}
			e := audit.Entry{UserID: "u", At: at, ID: rand.Text()[:22], Event: "session_ended", ExpiresAt: at.AddDate(100, 0, 0)}
			if err := trail.Append(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			if list, err := trail.List(t.Context(), "u", "", 1); err != nil || len(list) != 1 || list[0].ID != e.ID {
				t.Errorf("List: %v, %v", list, err)
			}
		})
	}
	t.Setenv("AUDIT_TABLE", "x")
	s, err := Open(t.Context(), DynamoDB)
	if err != nil {
		t.Fatal(err)
	}
	if trail, err := s.Audit(); trail == nil || err != nil {
		t.Errorf("with AUDIT_TABLE: %v, %v", trail, err)
	}
}
