package legacy_test

import (
	"cmp"
	"testing"
	"time"

	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/legacy/legacytest"
)

// rails is what a vectors file of Rails, or one case of it, says about the application.
type rails struct {
	Config struct {
		SecretKeyBase string `json:"secret_key_base"`
		CookieName    string `json:"cookie_name"`
	}
	Secrets  []string // of one case; else Config's
	User     string
	Lifetime string
	Expect   struct{ Row map[string]any }
}

func (r *rails) read(t testing.TB, file string, c *legacytest.Case) {
	t.Helper()
	legacytest.Config(t, file, r)
	c.Decode(t, r)
	if r.Secrets == nil {
		r.Secrets = []string{r.Config.SecretKeyBase}
	}
}

func (r *rails) lifetime(t testing.TB) time.Duration {
	t.Helper()
	if r.Lifetime == "" {
		return 0
	}
	d, err := time.ParseDuration(r.Lifetime)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestRailsCookie: the session that Rails keeps in an encrypted cookie.
func TestRailsCookie(t *testing.T) {
	for _, file := range []string{"testdata/rails_encrypted_cookie.json", "testdata/rails_6.1_encrypted_cookie.json"} {
		legacytest.Run(t, file, func(t testing.TB, c *legacytest.Case) legacy.Source {
			var r rails
			r.read(t, file, c)
			if c.Name == "3_valid_plain_user_id" {
				r.User = "user_id"
			}
			return made(t)(legacy.NewRailsCookie(legacy.RailsCookie{
				Cookie: r.Config.CookieName, Keys: texts(r.Secrets...), User: r.User,
			}))
		})
	}
}

const railsTable = `CREATE TABLE sessions (id COLLATE NOCASE PRIMARY KEY, user_id INTEGER NOT NULL, created_at datetime NOT NULL)`

// TestRailsSessionID: the signed cookie of the generated authentication of Rails 8.
func TestRailsSessionID(t *testing.T) {
	for _, file := range []string{"testdata/rails_signed_session_id.json", "testdata/rails_6.1_signed_session_id.json"} {
		legacytest.Run(t, file, func(t testing.TB, c *legacytest.Case) legacy.Source {
			var r rails
			r.read(t, file, c)
			if r.Expect.Row != nil {
				c.Row = map[string]any{"created_at": "2026-11-23 03:10:33.540000"}
				for column, value := range r.Expect.Row {
					c.Row[column] = value
				}
			}
			return made(t)(legacy.NewRailsSessionID(legacy.RailsSessionID{
				Keys: texts(r.Secrets...), SQL: legacy.SQL{DB: c.Database(t, "sessions", railsTable)}, Lifetime: r.lifetime(t),
			}))
		})
	}
}

const activeRecordTable = `CREATE TABLE sessions (id INTEGER PRIMARY KEY, session_id varchar(255) COLLATE NOCASE UNIQUE NOT NULL,
	data text, updated_at datetime NOT NULL)`

// TestRailsActiveRecord: the rows of activerecord-session_store.
func TestRailsActiveRecord(t *testing.T) {
	for _, file := range []string{"testdata/rails_activerecord_store.json", "testdata/rails_6.1_activerecord_store.json"} {
		legacytest.Run(t, file, func(t testing.TB, c *legacytest.Case) legacy.Source {
			var r rails
			r.read(t, file, c)
			return made(t)(legacy.NewRailsActiveRecord(legacy.RailsActiveRecord{
				Cookie: cmp.Or(r.Config.CookieName, "_app_session"), SQL: legacy.SQL{DB: c.Database(t, "sessions", activeRecordTable)}, User: r.User, Lifetime: r.lifetime(t),
			}))
		})
	}
}

// TestRailsSessionIDEnds: of the two ends that a session has, its row's age and the cookie's
// own, the earlier one counts.
func TestRailsSessionIDEnds(t *testing.T) {
	const file = "testdata/rails_6.1_signed_session_id.json"
	c := legacytest.Cases(t, file)[0]
	var r rails
	r.read(t, file, c)
	open := func(lifetime time.Duration) legacy.Claim {
		source := made(t)(legacy.NewRailsSessionID(legacy.RailsSessionID{
			Keys: texts(r.Secrets...), SQL: legacy.SQL{DB: c.Database(t, "sessions", railsTable)}, Lifetime: lifetime,
		}))
		claim, err := source.Open(t.Context(), c.Cookies, c.Now)
		if err != nil {
			t.Fatal(err)
		}
		return claim
	}
	cookie := open(0).ExpiresAt
	if years := cookie.Sub(c.Now).Hours() / 24 / 365; years < 19 || years > 21 {
		t.Errorf("the cookie is good until %v", cookie)
	}
	if claim := open(2400 * time.Hour); !claim.ExpiresAt.Equal(claim.SignedInAt.Add(2400 * time.Hour)) {
		t.Errorf("signed in at %v, until %v", claim.SignedInAt, claim.ExpiresAt)
	}
	if claim := open(30 * 365 * 24 * time.Hour); !claim.ExpiresAt.Equal(cookie) {
		t.Errorf("until %v, and the cookie until %v", claim.ExpiresAt, cookie)
	}
}
