package legacy_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/legacy/legacytest"
)

// notedStore is a store that has nothing, and notes what it is asked for.
type notedStore struct{ keys []string }

// Get implements [legacy.KeyValue].
func (a *notedStore) Get(_ context.Context, key string) ([]byte, time.Time, error) {
	a.keys = append(a.keys, key)
	return nil, time.Time{}, legacy.ErrNoRow
}

// Delete implements [legacy.KeyValue].
func (*notedStore) Delete(context.Context, string) error { return nil }

// TestStoreKeys: only what looks like an ID of a session chooses a key in the store.
func TestStoreKeys(t *testing.T) {
	for _, c := range []struct {
		name string
		open func(legacy.KeyValue) (legacy.Source, error)
		good string
	}{
		{"Flask-Session", func(kv legacy.KeyValue) (legacy.Source, error) {
			return legacy.NewFlaskSession(legacy.FlaskSession{Store: kv})
		}, "TUwR8lhDhjfOWsRJhaxJyOzFEVf4FFbZYYpdPPdl9J8"},
		{"Django", func(kv legacy.KeyValue) (legacy.Source, error) {
			return legacy.NewDjangoCache(legacy.DjangoCache{Keys: texts("an invented key"), Store: kv})
		}, "xlipvnz5fiinovvjvtduem0mpswvrcmu"},
		{"PHP", func(kv legacy.KeyValue) (legacy.Source, error) {
			return legacy.NewPHPRedis(legacy.PHPRedis{Store: kv, User: "user_id"})
		}, "n7h2kq0v5m3d1c9b8a6f4e2s0r7h2kq0"},
		{"scs", func(kv legacy.KeyValue) (legacy.Source, error) {
			return legacy.NewSCS(legacy.SCS{Store: kv, User: "userID"})
		}, "TUwR8lhDhjfOWsRJhaxJyOzFEVf4FFbZYYpdPPdl9J8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := new(notedStore)
			source := made(t)(c.open(store))
			open := func(value string) {
				_, err := source.Open(t.Context(), map[string]string{source.Cookies()[0]: value}, time.Unix(1764000000, 0))
				if !errors.Is(err, legacy.ErrRejected) {
					t.Errorf("%q: %v, want %v", value, err, legacy.ErrRejected)
				}
			}
			for _, value := range []string{
				"a:", c.good + ":other", "*" + c.good[1:], c.good + "\n", "\n" + c.good, c.good + "*", c.good[:30] + "é", c.good + ".", "../" + c.good, strings.Repeat("a", 4000),
			} {
				open(value)
			}
			if c.name != "PHP" { // where an application may choose its own
				open("a")
			}
			if len(store.keys) > 0 {
				t.Errorf("the store was asked for %q", store.keys)
			}
			open(c.good)
			if len(store.keys) != 1 || !strings.HasSuffix(store.keys[0], c.good) {
				t.Errorf("the store was asked for %q, want one key with %s", store.keys, c.good)
			}
		})
	}
}

// TestExpressPlus: a plus sign in a cookie is base64, also where somebody has decoded it on
// the way. It is the same session.
func TestExpressPlus(t *testing.T) {
	const file = "testdata/express_session_redis.json"
	tried := 0
	for _, c := range legacytest.Cases(t, file) {
		if !c.Expect.OK || !strings.Contains(c.Cookie, "%2B") {
			continue
		}
		var m monolith
		m.read(t, file, c)
		source := made(t)(legacy.NewExpress(legacy.Express{Keys: texts(m.Secrets...), Store: c.KeyValue()}))
		plus := strings.ReplaceAll(c.Cookie, "%2B", "+")
		claim, err := source.Open(t.Context(), map[string]string{"connect.sid": plus}, c.Now)
		if err != nil || claim.Identity == "" || !strings.Contains(c.Cookie, claim.Identity) {
			t.Errorf("%s: identity %q, %v", c.Name, claim.Identity, err)
		}
		tried++
	}
	if tried == 0 {
		t.Error("no case has a plus sign")
	}
}

// TestOptions: what a source can not do without is missed when it is made.
func TestOptions(t *testing.T) {
	keys, empty := texts("an invented key"), texts("an invented key", "")
	for name, made := range map[string]func() (legacy.Source, error){
		"Flask: Keys: at least one key is needed": func() (legacy.Source, error) { return legacy.NewFlask(legacy.Flask{}) },
		"Flask: Keys: number 2 is empty":          func() (legacy.Source, error) { return legacy.NewFlask(legacy.Flask{Keys: empty}) },
		"Flask: Lifetime: -1s is negative": func() (legacy.Source, error) {
			return legacy.NewFlask(legacy.Flask{Keys: keys, Lifetime: -time.Second})
		},
		"FlaskSession: Store is missing": func() (legacy.Source, error) { return legacy.NewFlaskSession(legacy.FlaskSession{}) },
		"FlaskSession: Keys: number 2 is empty": func() (legacy.Source, error) {
			return legacy.NewFlaskSession(legacy.FlaskSession{Store: new(notedStore), Keys: empty})
		},
		"DjangoDB: Keys: at least one key is needed": func() (legacy.Source, error) { return legacy.NewDjangoDB(legacy.DjangoDB{}) },
		"DjangoDB: SQL.DB is missing":                func() (legacy.Source, error) { return legacy.NewDjangoDB(legacy.DjangoDB{Keys: keys}) },
		"DjangoCache: Store is missing":              func() (legacy.Source, error) { return legacy.NewDjangoCache(legacy.DjangoCache{Keys: keys}) },
		"DjangoCache: Keys: at least one key is needed": func() (legacy.Source, error) {
			return legacy.NewDjangoCache(legacy.DjangoCache{Store: new(notedStore)})
		},
		"DjangoCookies: Keys: at least one key is needed": func() (legacy.Source, error) { return legacy.NewDjangoCookies(legacy.DjangoCookies{}) },
		"Express: Store is missing":                       func() (legacy.Source, error) { return legacy.NewExpress(legacy.Express{Keys: keys}) },
		"Express: Keys: at least one key is needed":       func() (legacy.Source, error) { return legacy.NewExpress(legacy.Express{Store: new(notedStore)}) },
		"CookieSession: Keys: at least one key is needed": func() (legacy.Source, error) { return legacy.NewCookieSession(legacy.CookieSession{}) },
	} {
		if source, err := made(); source != nil || err == nil || err.Error() != name {
			t.Errorf("%v, %v; want the error %q", source, err, name)
		}
	}
}

// TestEarlierKeysStay: the order of the keys does not matter, and neither does one more.
func TestEarlierKeysStay(t *testing.T) {
	const file = "testdata/flask_signed_cookie.json"
	c := legacytest.Cases(t, file)[0]
	var m monolith
	m.read(t, file, c)
	keys := append(texts("a newer key", "another"), m.keys()...)
	for range keys {
		keys = slices.Concat(keys[1:], keys[:1])
		before := slices.Clone(keys)
		source := made(t)(legacy.NewFlask(legacy.Flask{Keys: keys}))
		if claim, err := source.Open(t.Context(), map[string]string{"session": c.Cookie}, c.Now); err != nil || claim.UserID != c.Expect.UserID {
			t.Errorf("user %q, %v", claim.UserID, err)
		}
		if !slices.EqualFunc(keys, before, bytes.Equal) {
			t.Error("the source has changed its keys")
		}
	}
}
