package legacy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/legacy/legacytest"
)

// laravel is what a vectors file of Laravel, or one case of it, says about the application.
type laravel struct {
	Config struct {
		Key        string `json:"app_key"`
		CookieName string `json:"cookie_name"`
		Prefix     string
	}
	PreviousKeys []string `json:"previous_keys"`
	Bound        *bool    // whether the application uses auth.session
	Guard        string
}

func (l *laravel) app(t testing.TB, file string, c *legacytest.Case) legacy.LaravelApp {
	t.Helper()
	legacytest.Config(t, file, l)
	c.Decode(t, l)
	unbound := !strings.Contains(c.Name, "valid_php") && !strings.Contains(c.Name, "valid_json") && !strings.Contains(c.Name, "password_changed")
	if l.Bound != nil {
		unbound = !*l.Bound
	}
	return legacy.LaravelApp{
		Cookie: l.Config.CookieName, Keys: texts(append([]string{l.Config.Key}, l.PreviousKeys...)...), Unbound: unbound, Guard: l.Guard,
	}
}

const laravelTable = `CREATE TABLE sessions (id varchar(255) COLLATE NOCASE PRIMARY KEY, user_id INTEGER, ip_address text, user_agent text, payload text NOT NULL,
	last_activity INTEGER NOT NULL)`

// TestLaravelDatabase: the rows that Laravel keeps in a table.
func TestLaravelDatabase(t *testing.T) {
	for _, file := range []string{"testdata/laravel_database.json", "testdata/laravel_8.83_database.json"} {
		legacytest.Run(t, file, func(t testing.TB, c *legacytest.Case) legacy.Source {
			var l laravel
			app := l.app(t, file, c)
			return made(t)(legacy.NewLaravelDatabase(legacy.LaravelDatabase{
				LaravelApp: app, SQL: legacy.SQL{DB: c.Database(t, "sessions", laravelTable)},
			}))
		})
	}
}

// TestLaravelRedis: the values that Laravel keeps in Redis.
func TestLaravelRedis(t *testing.T) {
	const file = "testdata/laravel_8.83_redis.json"
	legacytest.Run(t, file, func(t testing.TB, c *legacytest.Case) legacy.Source {
		var l laravel
		app := l.app(t, file, c)
		return made(t)(legacy.NewLaravelRedis(legacy.LaravelRedis{LaravelApp: app, Store: c.KeyValue(), Prefix: l.Config.Prefix}))
	})
}

// TestLaravelRedisExample: the one row on Redis that laravel_database.json has.
func TestLaravelRedisExample(t *testing.T) {
	const file = "testdata/laravel_database.json"
	var given struct {
		Config  json.RawMessage
		Example struct {
			Cookie string `json:"cookie_raw"`
			Keys   []struct {
				Key   string
				Value string `json:"value_base64"`
				TTL   int
			}
		} `json:"redis_store_example"`
	}
	legacytest.Config(t, file, &given)
	row := given.Example.Keys[0]
	reshaped := written(t, map[string]any{
		"config": given.Config,
		"cases": []any{map[string]any{
			"cookie": given.Example.Cookie, "store": map[string]any{"key": row.Key, "value_base64": row.Value, "ttl": row.TTL},
			"expect": map[string]any{"ok": true, "user_id": "7"},
		}},
	})
	legacytest.Run(t, reshaped, func(t testing.TB, c *legacytest.Case) legacy.Source {
		var l laravel
		return made(t)(legacy.NewLaravelRedis(legacy.LaravelRedis{
			LaravelApp: l.app(t, reshaped, c), Store: c.KeyValue(), Prefix: "laravel-database-laravel-cache-",
		}))
	})
}
