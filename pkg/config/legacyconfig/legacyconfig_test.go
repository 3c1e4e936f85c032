package legacyconfig_test

import (
	"strings"
	"testing"

	"example.com/coatcheck/pkg/config/legacyconfig"
)

// secret stands in every key and address of these tests, and in no error.
const secret = "Inv3nted"

// TestKinds: an entry of each kind with all of its fields is accepted.
func TestKinds(t *testing.T) {
	for kind, fields := range map[string]string{
		"flask":              `"cookie": "s", "keys": ["Inv3nted", "old"], "user": "user_id", "lifetime": "744h"`,
		"flask-session":      `"cookie": "s", "keys": ["Inv3nted"], "store": "redis://u:Inv3nted@127.0.0.1:1/0", "prefix": "p:", "user": "user_id"`,
		"django":             `"cookie": "s", "keys": ["Inv3nted"], "store": "mysql://u:Inv3nted@127.0.0.1:1/db?tls=true", "table": "t", "cache": "rediss://127.0.0.1:1", "cache_prefix": "c:1:", "passwords": "SELECT password FROM auth_user WHERE id = ?"`,
		"django-cache":       `"cookie": "s", "keys": ["Inv3nted"], "store": "redis://127.0.0.1:1", "prefix": ":1:", "passwords": "imported"`,
		"django-cookies":     `"cookie": "s", "keys": ["Inv3nted"], "lifetime": "336h", "passwords": "SELECT password FROM auth_user WHERE id = ?", "password_store": "postgres://u:Inv3nted@127.0.0.1:1/db"`,
		"express":            `"cookie": "s", "keys": ["Inv3nted"], "store": "redis://127.0.0.1:1", "prefix": "p:", "user": "userId", "rolling": true`,
		"cookie-session":     `"cookie": "s", "keys": ["Inv3nted"], "user": "userId"`,
		"rails":              `"cookie": "s", "keys": ["Inv3ntedInv3ntedInv3ntedInv3nted"], "user": "user_id"`,
		"rails-session-id":   `"cookie": "s", "keys": ["Inv3ntedInv3ntedInv3ntedInv3nted"], "store": "sqlite:x.db", "table": "t", "lifetime": "720h"`,
		"rails-activerecord": `"cookie": "s", "store": "postgresql://127.0.0.1:1/db", "table": "t", "user": "user_id", "lifetime": "720h"`,
		"laravel":            `"cookie": "s", "keys": ["base64:S0tLS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0s="], "store": "sqlite:x.db", "table": "t", "guard": "web", "unbound": true, "lifetime": "2h"`,
		"laravel-redis":      `"cookie": "s", "keys": ["base64:S0tLS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0s="], "store": "redis://127.0.0.1:1", "prefix": "p:", "guard": "web", "unbound": false, "passwords": "imported"`,
		"php":                `"cookie": "s", "store": "redis://127.0.0.1:1", "prefix": "p:", "handler": "php", "user": "user_id"`,
		"spring":             `"cookie": "s", "store": "sqlite:x.db", "table": "T", "users": "SELECT id FROM users WHERE username = ?"`,
		"scs":                `"cookie": "s", "store": "redis://127.0.0.1:1", "prefix": "p:", "hash_token": true, "user": "userID"`,
		"gorilla":            `"cookie": "s", "keys": ["base64:aGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGg="], "user": "user_id", "lifetime": "720h"`,
		"introspect":         `"cookies": ["a", "b"], "url": "https://www.example.com/whose", "keys": ["Inv3ntedInv3nted"], "timeout": "2s"`,
	} {
		t.Run(kind, func(t *testing.T) {
			text := `[{"kind": "` + kind + `", "name": "shop", "namespace": "shop:", "values": ["cart_id"], ` + fields + `}]`
			sources, err := legacyconfig.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			s := sources[0]
			if s.Name != "shop" || s.Namespace != "shop:" || len(s.Values) != 1 || s.Values[0] != "cart_id" {
				t.Errorf("name %q, namespace %q, values %q", s.Name, s.Namespace, s.Values)
			}
			if names := s.Cookies(); kind != "introspect" && names[0] != "s" || kind == "introspect" && len(names) != 2 {
				t.Errorf("it reads the cookies %q", names)
			}
			if says := strings.Contains(text, `"imported"`); s.ImportedPasswords != says {
				t.Errorf("imported passwords: %v", s.ImportedPasswords)
			}
			if says := strings.Contains(text, `"passwords": "SELECT`); (s.Password != nil) != says {
				t.Errorf("passwords are looked up: %v", s.Password != nil)
			}
		})
	}
}

// TestErrors: an error names the entry and the field, and quotes no secret.
func TestErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{``, "no JSON from byte"},
		{`[{"kind": "flask", "keys": ["Inv3nted"}]`, "no JSON from byte"},
		{`{}`, "a JSON list of objects"},
		{`["Inv3nted"]`, "a JSON list of objects"},
		{`[]`, "no sources"},
		{`[{}]`, `entry 1: the field "kind" is missing`},
		{`[{"kind": 3}]`, `entry 1: the field "kind" should be a text`},
		{`[{"kind": "flusk", "keys": ["Inv3nted"]}]`, `there is no kind "flusk"; it should be one of cookie-session, django`},
		{`[{"kind": "flask", "keys": ["Inv3nted"]}, {"kind": "flask", "name": "b"}]`, `entry 2 (flask): the field "keys" is missing`},
		{`[{"kind": "flask", "keys": ["Inv3nted"], "key": "Inv3nted"}]`, `entry 1 (flask): the kind has no field "key"; it has kind, name`},
		{`[{"kind": "flask", "Keys": ["Inv3nted"]}]`, `no field "Keys"`},
		{`[{"kind": "flask", "keys": ["Inv3nted"], "store": "redis://127.0.0.1"}]`, `no field "store"`},
		{`[{"kind": "flask", "keys": "Inv3nted"}]`, `entry 1 (flask): the field "keys" should be a list of texts`},
		{`[{"kind": "flask", "keys": ["Inv3nted"], "keys": ["other"]}]`, `an entry has the field "keys" twice`},
		{`[{"kind": "flask", "keys": ["Inv3nted"], "k\u0065ys": ["other"]}]`, `an entry has the field "keys" twice`},
		{`[{"kind": "flask", "keys": ["Inv3nted"], "cookie": ""}]`, `the field "cookie" is empty; leave it out`},
		{`[{"kind": "flask-session", "store": "redis://127.0.0.1", "prefix": ""}]`, `the field "prefix" is empty; leave it out`},
		{`[{"kind": "laravel-redis", "keys": ["k"], "store": "redis://127.0.0.1", "prefix": ""}]`, `the field "prefix" is missing`},
		{`[{"kind": "flask", "keys": ["Inv3nted"], "cookie": "a b"}]`, `no cookie can have the name "a b"`},
		{`[{"kind": "introspect", "cookies": ["a", ""], "url": "https://www.example.com", "keys": ["Inv3ntedInv3nted"]}]`, `no cookie can have the name ""`},
		{`[{"kind": "django-cookies", "keys": ["k"], "passwords": "imported", "password_store": "sqlite:x.db"}]`, `"password_store" is of no use`},
		{`[{"kind": "spring", "store": "sqlite:x.db", "users": "SELECT id FROM users"}]`, `one question mark`},
		{`[{"kind": "laravel", "keys": ["base64:S0tLS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0s=!Inv3nted"], "store": "sqlite:x.db", "unbound": true}]`, `Keys: number 1 is no APP_KEY`},
		{`[{"kind": "flask", "keys": []}]`, `"keys" is missing`},
		{`[{"kind": "flask", "keys": ["Inv3nted", ""]}]`, `Keys: number 2 is empty`},
		{`[{"kind": "flask", "keys": ["Inv3nted"], "lifetime": "31 days"}]`, `"lifetime" should be a positive Go duration`},
		{`[{"kind": "flask", "keys": ["Inv3nted"], "lifetime": "-1h"}]`, `"lifetime" should be a positive Go duration`},
		{`[{"kind": "flask", "keys": ["Inv3nted"], "lifetime": 3600}]`, `"lifetime" should be a positive Go duration`},
		{`[{"kind": "flask", "keys": ["Inv3nted"], "passwords": "imported"}]`, `"passwords" and "password_store" are of no use`},
		{`[{"kind": "flask", "keys": ["Inv3nted"]}, {"kind": "flask", "keys": ["other"]}]`, `entry 2: an entry before has the name "flask" too`},
		{`[{"kind": "express", "keys": ["Inv3nted"], "store": "redis://127.0.0.1", "rolling": "yes"}]`, `"rolling" should be true or false`},
		{`[{"kind": "express", "keys": ["Inv3nted"]}]`, `entry 1 (express): the field "store" is missing`},
		{`[{"kind": "express", "keys": ["Inv3nted"], "store": "postgres://u:Inv3nted@127.0.0.1/db"}]`, `"store" should be an address such as redis://`},
		{`[{"kind": "express", "keys": ["k"], "store": "redis://u:Inv3nted/x@127.0.0.1"}]`, `"store" should be an address such as redis://`},
		{`[{"kind": "express", "keys": ["k"], "store": "redis://u:Inv3nted#x@127.0.0.1"}]`, `"store" should be an address such as redis://`},
		{`[{"kind": "express", "keys": ["k"], "store": "redis://127.0.0.1/Inv3nted"}]`, `"store" should be an address such as redis://`},
		{`[{"kind": "django", "keys": ["k"], "store": "redis://u:Inv3nted@127.0.0.1", "passwords": "imported"}]`, `"store" has an address with none of`},
		{`[{"kind": "django", "keys": ["k"], "store": "sqlite:", "passwords": "imported"}]`, `"store" should be an address such as postgres://`},
		{`[{"kind": "django", "keys": ["k"], "store": "mysql://u:Inv3@nted@127.0.0.1/db", "passwords": "imported"}]`, `"store" should be an address such as postgres://`},
		{`[{"kind": "django", "keys": ["k"], "store": "mysql://127.0.0.1/db?password=Inv3nted", "passwords": "imported"}]`, `"store" may have only tls=true`},
		{`[{"kind": "django", "keys": ["k"], "store": "mysql://127.0.0.1/db?tls=skip-verify", "passwords": "imported"}]`, `"store" may have only tls=true`},
		{`[{"kind": "django", "keys": ["k"], "store": "postgres://127.0.0.1/db?sslmode=Inv3nted", "passwords": "imported"}]`, `"store" has an address that PostgreSQL's driver cannot read`},
		{`[{"kind": "django", "keys": ["k"], "store": "sqlite:x.db"}]`, `entry 1 (django): the field "passwords" is missing`},
		{`[{"kind": "django", "keys": ["k"], "store": "sqlite:x.db", "passwords": "SELECT password FROM auth_user"}]`, `"passwords" should be "imported", or a statement with one question mark`},
		{`[{"kind": "django", "keys": ["k"], "store": "sqlite:x.db", "passwords": "SELECT ? FROM u WHERE id = ?"}]`, `"passwords" should be "imported", or a statement with one question mark`},
		{`[{"kind": "django", "keys": ["k"], "store": "sqlite:x.db", "cache": "memcached://x", "passwords": "imported"}]`, `"cache" should be an address such as redis://`},
		{`[{"kind": "django-cookies", "keys": ["k"], "passwords": "SELECT p FROM u WHERE id = ?"}]`, `"password_store" is missing`},
		{`[{"kind": "django-cache", "keys": ["k"], "store": "redis://127.0.0.1", "passwords": "SELECT p FROM u WHERE id = ?"}]`, `"password_store" is missing`},
		{`[{"kind": "django-cookies", "keys": ["k"], "passwords": "SELECT p FROM u WHERE id = ?", "password_store": "redis://127.0.0.1"}]`, `"password_store" has an address with none of`},
		{`[{"kind": "gorilla", "cookie": "s", "user": "u", "keys": ["base64:Inv3nted!"]}]`, `"keys": what follows "base64:" in number 1`},
		{`[{"kind": "introspect", "cookies": ["a"], "url": "https://www.example.com", "keys": ["Inv3ntedInv3nted", "old"]}]`, `"keys" should have one key`},
		{`[{"kind": "introspect", "cookies": ["a"], "url": "http://u:Inv3nted@www.example.com", "keys": ["Inv3ntedInv3nted"]}]`, `entry 1 (introspect): Introspect: URL`},
		{`[{"kind": "laravel-redis", "keys": ["Inv3nted"], "store": "redis://127.0.0.1", "prefix": "p:", "passwords": "imported"}]`, `Keys: number 1 is no APP_KEY`},
	} {
		_, err := legacyconfig.Parse(c.text)
		switch {
		case err == nil:
			t.Errorf("%s: accepted, want an error with %q", c.text, c.want)
		case !strings.Contains(err.Error(), c.want):
			t.Errorf("%s:\n%v\nwant %q in it", c.text, err, c.want)
		case strings.Contains(err.Error(), secret):
			t.Errorf("%s: the error quotes a secret: %v", c.text, err)
		}
	}
}

// TestVariable: an error names the variable.
func TestVariable(t *testing.T) {
	t.Setenv(legacyconfig.Variable, "")
	if _, err := legacyconfig.Sources(); err == nil || err.Error() != "LEGACY_SOURCES is not set" {
		t.Errorf("not set: %v", err)
	}
	t.Setenv(legacyconfig.Variable, "[]")
	if _, err := legacyconfig.Sources(); err == nil || err.Error() != "LEGACY_SOURCES: it has no sources" {
		t.Errorf("empty: %v", err)
	}
	t.Setenv(legacyconfig.Variable, `[{"kind": "flask", "keys": ["k"]}]`)
	if sources, err := legacyconfig.Sources(); err != nil || len(sources) != 1 || sources[0].Name != "flask" {
		t.Errorf("one source: %v, %v", sources, err)
	}
}

// TestDocumented: the package comment and docs/migrate-sources.md have each kind with its
// fields, and no others.
func TestDocumented(t *testing.T) {
	for _, file := range []string{"legacyconfig.go", "../../../docs/migrate-sources.md"} {
		text := read(t, file)
		for kind, fields := range legacyconfig.KindFields() {
			if !strings.Contains(text, kind) {
				t.Errorf("%s does not name the kind %q", file, kind)
			}
			for _, field := range fields {
				if !strings.Contains(text, field) {
					t.Errorf("%s does not name the field %q of %q", file, field, kind)
				}
			}
		}
	}
}
