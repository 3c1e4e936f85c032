package legacyconfig

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/coatcheck/pkg/legacy"
)

// kind is a kind of source. Its own fields have blanks between them, and a star behind
// those that are required.
type kind struct {
	own  string
	open func(e *entry) (legacy.Source, error)
}

func (k kind) fields() []string { return strings.Fields(strings.ReplaceAll(k.own, "*", "")) }

func (k kind) required() (names []string) {
	for _, field := range strings.Fields(k.own) {
		if name, ok := strings.CutSuffix(field, "*"); ok {
			names = append(names, name)
		}
	}
	return names
}

var kinds = map[string]kind{
	"flask":              {"cookie keys* user lifetime", openFlask},
	"flask-session":      {"cookie keys store* prefix user", withRedis(openFlaskSession)},
	"django":             {"cookie keys* store* table cache cache_prefix", withSQL(openDjango)},
	"django-cache":       {"cookie keys* store* prefix", withRedis(openDjangoCache)},
	"django-cookies":     {"cookie keys* lifetime", openDjangoCookies},
	"express":            {"cookie keys* store* prefix user rolling", withRedis(openExpress)},
	"cookie-session":     {"cookie keys* user", openCookieSession},
	"rails":              {"cookie* keys* user", openRails},
	"rails-session-id":   {"cookie keys* store* table lifetime", withSQL(openRailsSessionID)},
	"rails-activerecord": {"cookie* store* table user lifetime", withSQL(openRailsActiveRecord)},
	"laravel":            {"cookie keys* store* table guard unbound lifetime", withSQL(openLaravel)},
	"laravel-redis":      {"cookie keys* store* prefix* guard unbound", withRedis(openLaravelRedis)},
	"php":                {"cookie store* prefix handler user*", withRedis(openPHP)},
	"spring":             {"cookie store* table users", withSQL(openSpring)},
	"scs":                {"cookie store* prefix hash_token user*", withRedis(openSCS)},
	"gorilla":            {"cookie* keys* user* lifetime", openGorilla},
	"introspect":         {"cookies* url* keys* timeout", openIntrospect},
}

// withSQL opens the SQL database at store.
func withSQL(open func(*entry, legacy.SQL) (legacy.Source, error)) func(*entry) (legacy.Source, error) {
	return func(e *entry) (legacy.Source, error) {
		db, err := e.stores.sql("store", e.Store)
		if err != nil {
			return nil, err
		}
		return open(e, db.SQL)
	}
}

// withRedis opens the Redis at store.
func withRedis(open func(*entry, legacy.KeyValue) (legacy.Source, error)) func(*entry) (legacy.Source, error) {
	return func(e *entry) (legacy.Source, error) {
		kv, err := e.stores.redis("store", e.Store)
		if err != nil {
			return nil, err
		}
		return open(e, kv)
	}
}

// keys returns the keys as bytes.
func (e *entry) keys() (keys [][]byte) {
	for _, key := range e.Keys {
		keys = append(keys, []byte(key))
	}
	return keys
}

func (e *entry) lifetime() time.Duration { return time.Duration(e.Lifetime) }

func openFlask(e *entry) (legacy.Source, error) {
	return legacy.NewFlask(legacy.Flask{Cookie: e.Cookie, Keys: e.keys(), User: e.User, Lifetime: e.lifetime()})
}

func openFlaskSession(e *entry, kv legacy.KeyValue) (legacy.Source, error) {
	return legacy.NewFlaskSession(legacy.FlaskSession{Cookie: e.Cookie, Keys: e.keys(), Store: kv, Prefix: e.Prefix, User: e.User})
}

func openDjango(e *entry, db legacy.SQL) (legacy.Source, error) {
	options := legacy.DjangoDB{Cookie: e.Cookie, Keys: e.keys(), SQL: db, Table: e.Table, CachePrefix: e.CachePrefix}
	if e.Cache != "" {
		cache, err := e.stores.redis("cache", e.Cache)
		if err != nil {
			return nil, err
		}
		options.Cache = cache
	}
	return legacy.NewDjangoDB(options)
}

func openDjangoCache(e *entry, kv legacy.KeyValue) (legacy.Source, error) {
	return legacy.NewDjangoCache(legacy.DjangoCache{Cookie: e.Cookie, Keys: e.keys(), Store: kv, Prefix: e.Prefix})
}

func openDjangoCookies(e *entry) (legacy.Source, error) {
	return legacy.NewDjangoCookies(legacy.DjangoCookies{Cookie: e.Cookie, Keys: e.keys(), Lifetime: e.lifetime()})
}

func openExpress(e *entry, kv legacy.KeyValue) (legacy.Source, error) {
	return legacy.NewExpress(legacy.Express{Cookie: e.Cookie, Keys: e.keys(), Store: kv, Prefix: e.Prefix, User: e.User, Rolling: e.Rolling})
}

func openCookieSession(e *entry) (legacy.Source, error) {
	return legacy.NewCookieSession(legacy.CookieSession{Cookie: e.Cookie, Keys: e.keys(), User: e.User})
}

func openRails(e *entry) (legacy.Source, error) {
	return legacy.NewRailsCookie(legacy.RailsCookie{Cookie: e.Cookie, Keys: e.keys(), User: e.User})
}

func openRailsSessionID(e *entry, db legacy.SQL) (legacy.Source, error) {
	return legacy.NewRailsSessionID(legacy.RailsSessionID{Cookie: e.Cookie, Keys: e.keys(), SQL: db, Table: e.Table, Lifetime: e.lifetime()})
}

func openRailsActiveRecord(e *entry, db legacy.SQL) (legacy.Source, error) {
	return legacy.NewRailsActiveRecord(legacy.RailsActiveRecord{Cookie: e.Cookie, SQL: db, Table: e.Table, User: e.User, Lifetime: e.lifetime()})
}

func (e *entry) laravel() legacy.LaravelApp {
	return legacy.LaravelApp{Cookie: e.Cookie, Keys: e.keys(), Guard: e.Guard, Unbound: e.Unbound}
}

func openLaravel(e *entry, db legacy.SQL) (legacy.Source, error) {
	return legacy.NewLaravelDatabase(legacy.LaravelDatabase{LaravelApp: e.laravel(), SQL: db, Table: e.Table, Lifetime: e.lifetime()})
}

func openLaravelRedis(e *entry, kv legacy.KeyValue) (legacy.Source, error) {
	return legacy.NewLaravelRedis(legacy.LaravelRedis{LaravelApp: e.laravel(), Store: kv, Prefix: e.Prefix})
}

func openPHP(e *entry, kv legacy.KeyValue) (legacy.Source, error) {
	return legacy.NewPHPRedis(legacy.PHPRedis{Cookie: e.Cookie, Store: kv, Prefix: e.Prefix, Handler: e.Handler, User: e.User})
}

func openSpring(e *entry, db legacy.SQL) (legacy.Source, error) {
	return legacy.NewSpringJDBC(legacy.SpringJDBC{Cookie: e.Cookie, SQL: db, Table: e.Table, Users: e.Users})
}

func openSCS(e *entry, kv legacy.KeyValue) (legacy.Source, error) {
	return legacy.NewSCS(legacy.SCS{Cookie: e.Cookie, Store: kv, Prefix: e.Prefix, HashTokenInStore: e.HashToken, User: e.User})
}

func openGorilla(e *entry) (legacy.Source, error) {
	keys := e.keys()
	for i, key := range e.Keys {
		encoded, ok := strings.CutPrefix(key, "base64:")
		if !ok {
			continue
		}
		content, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return nil, fmt.Errorf(`the field "keys": what follows "base64:" in number %d is no standard base64`, i+1)
		}
		keys[i] = content
	}
	return legacy.NewGorilla(legacy.Gorilla{Cookie: e.Cookie, Keys: keys, User: e.User, MaxAge: e.lifetime()})
}

func openIntrospect(e *entry) (legacy.Source, error) {
	if len(e.Keys) != 1 {
		return nil, errors.New(`the field "keys" should have one key`)
	}
	return legacy.NewIntrospect(legacy.Introspect{URL: e.URL, Key: []byte(e.Keys[0]), Cookies: e.Cookies, Timeout: time.Duration(e.Timeout)})
}
