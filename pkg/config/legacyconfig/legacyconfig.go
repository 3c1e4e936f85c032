// Package legacyconfig makes the sources of a bridge, whose sessions of a monolith become
// ours, from the environment variable LEGACY_SOURCES. It has the monolith's keys and the
// addresses of its stores, so treat it as a secret.
//
// It is a JSON list with an object for each kind of session cookie that the monolith has:
//
//	[{"kind": "flask", "namespace": "desk:", "keys": ["the SECRET_KEY", "the one before"], "values": ["cart_id"]},
//	 {"kind": "django", "keys": ["…"], "store": "mysql://user:password@db.internal/shop",
//	  "namespace": "shop:", "passwords": "SELECT password FROM auth_user WHERE id = ?"}]
//
// These fields are of every kind. Only kind is required:
//
//   - kind: one of those below
//   - name: stands in links and logs; default the kind. Two entries must not have the same, and
//     it must not change while the bridge is open
//   - namespace: begins the IDs that the users have here; default "". Of several sources none
//     may have one with which that of another begins
//   - values: the names of the values of the monolith's session that go along; default none
//
// These kinds have the fields beside them, and those with a star are required. What a field
// means, and its default, stands at the field of the same name of the type in package legacy:
//
//	flask                cookie, keys*, user, lifetime                        legacy.Flask
//	flask-session        cookie, keys, store*, prefix, user                   legacy.FlaskSession
//	django               cookie, keys*, store*, table, cache, cache_prefix    legacy.DjangoDB
//	django-cache         cookie, keys*, store*, prefix                        legacy.DjangoCache
//	django-cookies       cookie, keys*, lifetime                              legacy.DjangoCookies
//	express              cookie, keys*, store*, prefix, user, rolling         legacy.Express
//	cookie-session       cookie, keys*, user                                  legacy.CookieSession
//	rails                cookie*, keys*, user                                 legacy.RailsCookie
//	rails-session-id     cookie, keys*, store*, table, lifetime               legacy.RailsSessionID
//	rails-activerecord   cookie*, store*, table, user, lifetime               legacy.RailsActiveRecord
//	laravel              cookie, keys*, store*, table, guard, unbound, lifetime   legacy.LaravelDatabase
//	laravel-redis        cookie, keys*, store*, prefix*, guard, unbound       legacy.LaravelRedis
//	php                  cookie, store*, prefix, handler, user*               legacy.PHPRedis
//	spring               cookie, store*, table, users                         legacy.SpringJDBC
//	scs                  cookie, store*, prefix, hash_token, user*            legacy.SCS
//	gorilla              cookie*, keys*, user*, lifetime                      legacy.Gorilla
//	introspect           cookies*, url*, keys*, timeout                       legacy.Introspect
//
// The fields are texts, but for keys, cookies and values, which are lists of texts, and rolling,
// unbound and hash_token, which are true or false. lifetime and timeout are Go durations such
// as "744h". introspect has one key.
//
// Keys are texts as the monolith has them. A key of gorilla that begins with "base64:" is the
// bytes whose standard base64 follows.
//
// A store is an address. django, laravel, rails-session-id, rails-activerecord and spring keep
// sessions in SQL:
//
//	postgres://user:password@host:5432/database
//	mysql://user:password@host:3306/database      with ?tls=true for TLS; also MariaDB
//	sqlite:PATH
//
// and flask-session, django-cache, express, laravel-redis, php, scs and the cache of django in
// Redis:
//
//	redis://user:password@host:6379/0             or rediss:// for TLS
//
// Passwords in an address are percent-encoded. The bridge reads a session and deletes it, and
// reads a password's hash: it needs no other rights.
//
// The kinds that bind sessions to passwords (the three of Django, rails and rails-activerecord
// with Devise, and the two of Laravel unless unbound) also need passwords. It is a SQL
// statement with one question mark for the user's ID, which selects the column that has the
// password's hash. It runs in the database at password_store, which may be left out if store
// is a SQL database. Or passwords is "imported": then no password may change at the monolith
// any more, and sessions must be bound to the hash that was imported.
//
// This package may still change in ways that break programs.
package legacyconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/coatcheck/internal/lazily"
	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/legacy"
)

// Variable is the environment variable that has the sources.
const Variable = "LEGACY_SOURCES"

// Sources reads LEGACY_SOURCES. It makes the pools of the drivers, which connect when they
// are needed first. An error names the entry and its field, and quotes no key and no
// address.
func Sources() ([]bridge.Source, error) {
	value, err := config.Required(Variable)
	if err != nil {
		return nil, err
	}
	sources, err := Parse(value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Variable, err)
	}
	return sources, nil
}

// Parse does what [Sources] does, with a text in the place of the variable.
func Parse(text string) ([]bridge.Source, error) {
	var entries []fields
	if err := json.Unmarshal([]byte(text), &entries); err != nil {
		return nil, explain(err)
	}
	if len(entries) == 0 {
		return nil, errors.New("it has no sources")
	}
	var sources []bridge.Source
	open := stores{}
	for i, entry := range entries {
		source, err := parseEntry(entry, open)
		if err != nil {
			return nil, fmt.Errorf("entry %d%s: %w", i+1, called(entry), err)
		}
		for _, other := range sources {
			if other.Name == source.Name {
				return nil, fmt.Errorf("entry %d: an entry before has the name %q too; give it another name", i+1, source.Name)
			}
		}
		sources = append(sources, source)
	}
	return sources, nil
}

// fields has the fields of an entry, not read yet.
type fields map[string]json.RawMessage

// twiceError is about a field that an entry has twice. One of them would be ignored, such as
// the older keys.
type twiceError string

func (e twiceError) Error() string { return fmt.Sprintf("an entry has the field %q twice", string(e)) }

// UnmarshalJSON implements [json.Unmarshaler].
func (f *fields) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, (*map[string]json.RawMessage)(f)); err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.Token() // the brace: it was an object just now
	for seen := map[string]bool{}; decoder.More(); {
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		if seen[name.(string)] {
			return twiceError(name.(string))
		}
		seen[name.(string)] = true
		if err := decoder.Decode(new(json.RawMessage)); err != nil {
			return err
		}
	}
	return nil
}

// explain says where the text is no list of objects. The error itself may quote a value.
func explain(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("it is no JSON from byte %d on", syntax.Offset)
	}
	if twice, ok := errors.AsType[twiceError](err); ok {
		return twice
	}
	return errors.New("it should be a JSON list of objects")
}

// called returns the kind of an entry for an error, if there is such a kind.
func called(fields fields) string {
	var name string
	if json.Unmarshal(fields["kind"], &name) != nil || kinds[name].open == nil {
		return ""
	}
	return " (" + name + ")"
}

// entry has the fields of an entry of any kind.
type entry struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`

	Values    []string `json:"values"`
	Passwords string   `json:"passwords"`
	Cookie    string   `json:"cookie"`
	Cookies   []string `json:"cookies"`
	Keys      []string `json:"keys"`
	User      string   `json:"user"`
	Users     string   `json:"users"`
	Lifetime  duration `json:"lifetime"`
	Timeout   duration `json:"timeout"`

	Store         string `json:"store"`
	PasswordStore string `json:"password_store"`
	Cache         string `json:"cache"`
	Prefix        string `json:"prefix"`
	CachePrefix   string `json:"cache_prefix"`
	Table         string `json:"table"`

	Rolling   bool   `json:"rolling"`
	Unbound   bool   `json:"unbound"`
	HashToken bool   `json:"hash_token"`
	Guard     string `json:"guard"`
	Handler   string `json:"handler"`
	URL       string `json:"url"`

	stores stores
}

// duration is written as Go writes it.
type duration time.Duration

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err == nil && parsed <= 0 {
		err = errors.New("it is not positive")
	}
	*d = duration(parsed)
	return err
}

// common are the fields of every kind.
var common = []string{"kind", "name", "namespace", "values", "passwords", "password_store"}

// parseEntry makes the source of an entry.
func parseEntry(fields fields, stores stores) (bridge.Source, error) {
	e := entry{stores: stores}
	if err := e.field("kind", fields["kind"]); err != nil {
		return bridge.Source{}, err
	}
	k, ok := kinds[e.Kind]
	if !ok {
		return bridge.Source{}, fmt.Errorf("there is no kind %q; it should be one of %s", e.Kind, strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(common, name) && !slices.Contains(k.fields(), name) {
			return bridge.Source{}, fmt.Errorf("the kind has no field %q; it has %s", name, strings.Join(slices.Concat(common, k.fields()), ", "))
		}
		if err := e.field(name, fields[name]); err != nil {
			return bridge.Source{}, err
		}
	}
	for _, name := range k.required() {
		if value := string(fields[name]); value == "" || value == `""` || value == "[]" || value == "null" {
			return bridge.Source{}, fmt.Errorf("the field %q is missing", name)
		}
	}
	for _, name := range k.fields() {
		if string(fields[name]) == `""` {
			return bridge.Source{}, fmt.Errorf("the field %q is empty; leave it out, and it has its default", name)
		}
	}
	return e.source(k)
}

// field reads one field.
func (e *entry) field(name string, value json.RawMessage) error {
	if value == nil {
		return fmt.Errorf("the field %q is missing", name)
	}
	object, err := json.Marshal(map[string]json.RawMessage{name: value})
	if err == nil {
		err = json.Unmarshal(object, e)
	}
	if err == nil {
		return nil
	}
	switch name {
	case "keys", "cookies", "values":
		return fmt.Errorf("the field %q should be a list of texts", name)
	case "rolling", "unbound", "hash_token":
		return fmt.Errorf("the field %q should be true or false", name)
	case "lifetime", "timeout":
		return fmt.Errorf("the field %q should be a positive Go duration, such as \"744h\"", name)
	}
	return fmt.Errorf("the field %q should be a text", name)
}

// cookieName is what the name of a cookie looks like (RFC 6265, section 4.1.1).
var cookieName = lazily.Regexp("\\A[0-9A-Za-z!#$%&'*+.^_`|~-]+\\z")

// source opens the source, and what tells its users' passwords.
func (e *entry) source(k kind) (bridge.Source, error) {
	reader, err := k.open(e)
	if err != nil {
		return bridge.Source{}, err
	}
	for _, name := range reader.Cookies() {
		if !cookieName().MatchString(name) {
			return bridge.Source{}, fmt.Errorf("no cookie can have the name %q", name)
		}
	}
	s := bridge.Source{Source: reader, Name: e.Name, Namespace: e.Namespace, Values: e.Values}
	if s.Name == "" {
		s.Name = e.Kind
	}
	binder, _ := reader.(legacy.Binder)
	switch binds := binder != nil && binder.Binds(); {
	case !binds && e.Passwords+e.PasswordStore != "":
		return s, errors.New(`the fields "passwords" and "password_store" are of no use: this source does not bind sessions to passwords`)
	case binds && e.Passwords == "":
		return s, errors.New(`the field "passwords" is missing: a statement such as SELECT password FROM users WHERE id = ?, or "imported"`)
	case binds && e.Passwords == "imported" && e.PasswordStore != "":
		return s, errors.New(`the field "password_store" is of no use: imported passwords are here`)
	case binds && e.Passwords == "imported":
		s.ImportedPasswords = true
	case binds:
		s.Password, err = e.passwords()
	}
	return s, err
}
