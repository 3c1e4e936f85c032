package legacy_test

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/legacy"
)

// noStore is a store that is there, and is never asked.
type noStore struct{ legacy.KeyValue }

// TestReaderOptions: options that cannot be right are refused, and the error says which and
// quotes no key.
func TestReaderOptions(t *testing.T) {
	const secret = "a-secret-that-nobody-should-see!"
	keys := texts(secret)
	db := legacy.SQL{DB: new(sql.DB)}
	app := legacy.LaravelApp{Keys: keys}
	failed := func(_ legacy.Source, err error) error { return err }
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"rails, no cookie":        {failed(legacy.NewRailsCookie(legacy.RailsCookie{Keys: keys})), "Cookie is missing"},
		"rails, no key":           {failed(legacy.NewRailsCookie(legacy.RailsCookie{Cookie: "_shop"})), "at least one key"},
		"rails, an empty key":     {failed(legacy.NewRailsCookie(legacy.RailsCookie{Cookie: "_shop", Keys: texts(secret, "")})), "number 2 is empty"},
		"rails 8, no database":    {failed(legacy.NewRailsSessionID(legacy.RailsSessionID{Keys: keys})), "SQL.DB is missing"},
		"rails 8, no key":         {failed(legacy.NewRailsSessionID(legacy.RailsSessionID{SQL: db})), "at least one key"},
		"rails 8, negative":       {failed(legacy.NewRailsSessionID(legacy.RailsSessionID{Keys: keys, SQL: db, Lifetime: -time.Hour})), "negative"},
		"active record, cookie":   {failed(legacy.NewRailsActiveRecord(legacy.RailsActiveRecord{SQL: db})), "Cookie is missing"},
		"active record, database": {failed(legacy.NewRailsActiveRecord(legacy.RailsActiveRecord{Cookie: "_shop"})), "SQL.DB is missing"},
		"laravel, no key":         {failed(legacy.NewLaravelDatabase(legacy.LaravelDatabase{SQL: db})), "at least one key"},
		"laravel, no database":    {failed(legacy.NewLaravelDatabase(legacy.LaravelDatabase{LaravelApp: app})), "SQL.DB is missing"},
		"laravel, a short key": {failed(legacy.NewLaravelDatabase(legacy.LaravelDatabase{
			LaravelApp: legacy.LaravelApp{Keys: texts(secret, "base64:c2hvcnQ=")}, SQL: db,
		})), "number 2 is no APP_KEY"},
		"laravel, no base64": {failed(legacy.NewLaravelRedis(legacy.LaravelRedis{
			LaravelApp: legacy.LaravelApp{Keys: texts("base64:" + secret)}, Store: noStore{}, Prefix: "shop:",
		})), "number 1 is no APP_KEY"},
		"laravel, no store":       {failed(legacy.NewLaravelRedis(legacy.LaravelRedis{LaravelApp: app, Prefix: "shop:"})), "Store is missing"},
		"laravel, no prefix":      {failed(legacy.NewLaravelRedis(legacy.LaravelRedis{LaravelApp: app, Store: noStore{}})), "Prefix is missing"},
		"php, no store":           {failed(legacy.NewPHPRedis(legacy.PHPRedis{User: "user_id"})), "Store is missing"},
		"php, no user":            {failed(legacy.NewPHPRedis(legacy.PHPRedis{Store: noStore{}})), "User is missing"},
		"php, another handler":    {failed(legacy.NewPHPRedis(legacy.PHPRedis{Store: noStore{}, User: "user_id", Handler: "wddx"})), `"wddx" is none of`},
		"spring, no database":     {failed(legacy.NewSpringJDBC(legacy.SpringJDBC{})), "SQL.DB is missing"},
		"spring, an odd table":    {failed(legacy.NewSpringJDBC(legacy.SpringJDBC{SQL: db, Table: "S; DROP"})), "no plain name"},
		"spring, no mark":         {failed(legacy.NewSpringJDBC(legacy.SpringJDBC{SQL: db, Users: "SELECT id FROM users"})), "one question mark"},
		"spring, two marks":       {failed(legacy.NewSpringJDBC(legacy.SpringJDBC{SQL: db, Users: "SELECT ? FROM users WHERE username = ?"})), "one question mark"},
		"scs, no store":           {failed(legacy.NewSCS(legacy.SCS{User: "userID"})), "Store is missing"},
		"scs, no user":            {failed(legacy.NewSCS(legacy.SCS{Store: noStore{}})), "User is missing"},
		"gorilla, no cookie":      {failed(legacy.NewGorilla(legacy.Gorilla{User: "user_id", Keys: keys})), "Cookie is missing"},
		"gorilla, no user":        {failed(legacy.NewGorilla(legacy.Gorilla{Cookie: "shop", Keys: keys})), "User is missing"},
		"gorilla, no key":         {failed(legacy.NewGorilla(legacy.Gorilla{Cookie: "shop", User: "user_id"})), "at least one key"},
		"gorilla, an empty key":   {failed(legacy.NewGorilla(legacy.Gorilla{Cookie: "shop", User: "user_id", Keys: texts(secret, "", "")})), "pair 2"},
		"gorilla, a short block":  {failed(legacy.NewGorilla(legacy.Gorilla{Cookie: "shop", User: "user_id", Keys: texts(secret, secret+"!")})), "has 33 bytes"},
		"gorilla, a negative age": {failed(legacy.NewGorilla(legacy.Gorilla{Cookie: "shop", User: "user_id", Keys: keys, MaxAge: -1})), "negative"},
	} {
		switch {
		case test.err == nil:
			t.Errorf("%s: accepted", name)
		case !strings.Contains(test.err.Error(), test.want):
			t.Errorf("%s: %q, want %q in it", name, test.err, test.want)
		case strings.Contains(test.err.Error(), secret):
			t.Errorf("%s: the error quotes a key", name)
		}
	}
}
