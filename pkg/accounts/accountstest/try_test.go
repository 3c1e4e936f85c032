package accountstest_test

import (
	"database/sql"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"example.com/coatcheck/internal/testing/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func TestTry(t *testing.T) {
	db, err := sql.Open("pgx", postgrestest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(foreignSchema + `INSERT INTO users (email, password, tenant, is_active) VALUES ('Alice@Example.com', '$2b$x', 'T', true)`); err != nil {
		t.Fatal(err)
	}
	f := foreign{db}
	a, err := f.Get(t.Context(), "alice@example.com")
	t.Logf("%+v %v", a, err)
	a.Version++
	t.Log(f.Update(t.Context(), a, "r2"))
	b, err := f.FindID(t.Context(), a.UserID)
	t.Logf("%+v %v", b, err)
	t.Log(f.Update(t.Context(), a, "r2"), f.Update(t.Context(), a, "r3"))
	t.Log(f.SetPreferences(t.Context(), a.Name, a.UserID, map[string]string{"a": "b"}, "r4"))
	b, err = f.FindID(t.Context(), a.UserID)
	t.Logf("%+v %v", b, err)
}
