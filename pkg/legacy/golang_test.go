package legacy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/legacy/legacytest"
)

// written writes a vectors file that has the content of another one in the shape of
// legacytest.
func written(t testing.TB, vectors any) (file string) {
	t.Helper()
	content, err := json.Marshal(vectors)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "vectors.json")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestSCS: the values that scs keeps in Redis, also with types of the program's own, which
// encoding/gob cannot read here.
func TestSCS(t *testing.T) {
	legacytest.Run(t, "testdata/scs_2.9.json", func(t testing.TB, c *legacytest.Case) legacy.Source {
		var given struct {
			Hashed bool
			User   string
		}
		c.Decode(t, &given)
		return made(t)(legacy.NewSCS(legacy.SCS{
			Store: c.KeyValue(), Prefix: "shop:", HashTokenInStore: given.Hashed, User: given.User,
		}))
	})
}

// TestGorilla: the cookies of gorilla/sessions' CookieStore.
func TestGorilla(t *testing.T) {
	legacytest.Run(t, "testdata/gorilla_1.4.json", func(t testing.TB, c *legacytest.Case) legacy.Source {
		var given struct{ Keys [][]byte }
		c.Decode(t, &given)
		return made(t)(legacy.NewGorilla(legacy.Gorilla{Cookie: "shop", Keys: given.Keys, User: "user_id"}))
	})
}

// TestSCSExamples: the rows of scs that go_scs_securecookie.json has, with and without
// HashTokenInStore.
func TestSCSExamples(t *testing.T) {
	var given struct {
		SCS []map[string]any
	}
	legacytest.Config(t, "testdata/go_scs_securecookie.json", &given)
	for _, key := range []string{"redis_key", "redis_key_if_HashTokenInStore"} {
		for _, c := range given.SCS {
			c["store"] = map[string]any{"key": given.SCS[0][key], "value_base64": c["value_base64_gob"], "ttl": -1}
		}
		legacytest.Run(t, written(t, map[string]any{"cases": given.SCS}), func(t testing.TB, c *legacytest.Case) legacy.Source {
			return made(t)(legacy.NewSCS(legacy.SCS{Store: c.KeyValue(), User: "userID", HashTokenInStore: key != "redis_key"}))
		})
	}
}

// TestGorillaExamples: the cookies of gorilla/securecookie in go_scs_securecookie.json.
func TestGorillaExamples(t *testing.T) {
	var given struct {
		SecureCookie struct {
			Cases []map[string]any
			Keys  []struct {
				Block []byte `json:"block_key_base64"`
				Hash  []byte `json:"hash_key_base64"`
			}
			MaxAge int `json:"max_age_seconds"`
		}
	}
	legacytest.Config(t, "testdata/go_scs_securecookie.json", &given)
	g := given.SecureCookie
	legacytest.Run(t, written(t, map[string]any{"cases": g.Cases}), func(t testing.TB, c *legacytest.Case) legacy.Source {
		name := "session"
		if c.Name == "3_wrong_name" {
			name = "other"
		}
		return made(t)(legacy.NewGorilla(legacy.Gorilla{
			Cookie: name, Keys: [][]byte{g.Keys[0].Hash, g.Keys[0].Block}, User: "user_id", MaxAge: seconds(g.MaxAge),
		}))
	})
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
