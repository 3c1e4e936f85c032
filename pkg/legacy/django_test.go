package legacy_test

import (
	"errors"
	"testing"

	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/legacy/legacytest"
)

// djangoTable is Django's table, with the key compared as MySQL does.
const djangoTable = `CREATE TABLE django_session (
	session_key varchar(40) COLLATE NOCASE PRIMARY KEY, session_data text NOT NULL, expire_date datetime NOT NULL)`

func TestDjangoDB(t *testing.T) {
	replay(t, func(t testing.TB, m *monolith, c *legacytest.Case) legacy.Source {
		return made(t)(legacy.NewDjangoDB(legacy.DjangoDB{Keys: m.keys(), SQL: djangoSQL(t, c)}))
	}, "django_db.json", "django_db_more.json", "django_cached_db_more.json")
}

func djangoSQL(t testing.TB, c *legacytest.Case) legacy.SQL {
	return legacy.SQL{DB: c.Database(t, "django_session", djangoTable)}
}

// TestDjangoCachedDB: the end of a session deletes what Django's cache has of it.
func TestDjangoCachedDB(t *testing.T) {
	const file = "testdata/django_cached_db_more.json"
	ended := 0
	for _, c := range legacytest.Cases(t, file) {
		if !c.Expect.OK {
			continue
		}
		var m monolith
		m.read(t, file, c)
		cache := c.KeyValue()
		source := made(t)(legacy.NewDjangoDB(legacy.DjangoDB{Keys: m.keys(), SQL: djangoSQL(t, c), Cache: cache}))
		claim, err := source.Open(t.Context(), map[string]string{"sessionid": c.Cookie}, c.Now)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		if _, _, err := cache.Get(t.Context(), c.Store.Key); err != nil {
			t.Fatalf("%s: the cache has no session before: %v", c.Name, err)
		}
		if err := claim.End(t.Context()); err != nil {
			t.Fatalf("%s: End: %v", c.Name, err)
		}
		if _, _, err := cache.Get(t.Context(), c.Store.Key); !errors.Is(err, legacy.ErrNoRow) {
			t.Errorf("%s: the cache has the session after End: %v", c.Name, err)
		}
		ended++
	}
	if ended == 0 {
		t.Error("no case has a session that can be ended")
	}
}

func TestDjangoCookies(t *testing.T) {
	replay(t, func(t testing.TB, m *monolith, _ *legacytest.Case) legacy.Source {
		return made(t)(legacy.NewDjangoCookies(legacy.DjangoCookies{Keys: m.keys(), Lifetime: m.lifetime()}))
	}, "django_signed_cookies.json", "django_signed_cookies_more.json")
}

func TestDjangoCache(t *testing.T) {
	replay(t, func(t testing.TB, m *monolith, c *legacytest.Case) legacy.Source {
		if m.SecretKey == "" {
			m.SecretKey = "django-insecure-0123456789abcdefghijklmnopqrstuvwxyz-2026" // as in django_db.json
		}
		return made(t)(legacy.NewDjangoCache(legacy.DjangoCache{Keys: m.keys(), Store: c.KeyValue()}))
	}, "django_cache_redis.json", "django_cache_more.json")
}
