package legacy_test

import (
	"testing"

	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/legacy/legacytest"
)

// djangoTable is Django's table, with the key compared as MySQL does.
const djangoTable = `CREATE TABLE django_session (
	session_key varchar(40) COLLATE NOCASE PRIMARY KEY, session_data text NOT NULL, expire_date datetime NOT NULL)`

func TestDjangoDB(t *testing.T) {
	const file = "testdata/django_db.json"
	legacytest.Run(t, file, func(t testing.TB, c *legacytest.Case) legacy.Source {
		var m monolith
		m.read(t, file, c)
		return made(t)(legacy.NewDjangoDB(legacy.DjangoDB{
			Keys: m.keys(), SQL: legacy.SQL{DB: c.Database(t, "django_session", djangoTable)},
		}))
	})
}

func TestDjangoCookies(t *testing.T) {
	const file = "testdata/django_signed_cookies.json"
	legacytest.Run(t, file, func(t testing.TB, c *legacytest.Case) legacy.Source {
		var m monolith
		m.read(t, file, c)
		return made(t)(legacy.NewDjangoCookies(legacy.DjangoCookies{Keys: m.keys()}))
	})
}

func TestDjangoCache(t *testing.T) {
	const file = "testdata/django_cache_redis.json"
	legacytest.Run(t, file, func(t testing.TB, c *legacytest.Case) legacy.Source {
		var m monolith
		m.read(t, file, c)
		if m.SecretKey == "" {
			m.SecretKey = "django-insecure-0123456789abcdefghijklmnopqrstuvwxyz-2026" // as in django_db.json
		}
		return made(t)(legacy.NewDjangoCache(legacy.DjangoCache{Keys: m.keys(), Store: c.KeyValue()}))
	})
}
