package legacy_test

import (
	"testing"
	"time"

	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/legacy/legacytest"
)

// texts returns the texts as keys.
func texts(keys ...string) (all [][]byte) {
	for _, key := range keys {
		all = append(all, []byte(key))
	}
	return all
}

// made returns a function that fails the test if a source can not be made.
func made(t testing.TB) func(legacy.Source, error) legacy.Source {
	return func(source legacy.Source, err error) legacy.Source {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return source
	}
}

// monolith is what a vectors file, or one case of it, says about the application.
type monolith struct {
	Config struct {
		SecretKey string `json:"secret_key"`
		Keys      []string
	}
	SecretKey     string `json:"secret_key"` // of one case; else Config's
	Fallbacks     []string
	Keys, Secrets []string
	CookieName    string `json:"cookie_name"`
	User, Prefix  string
	UseSigner     bool `json:"use_signer"`
	Rolling       bool
	Seconds       int `json:"lifetime_seconds"`
}

// read reads the file's part and then the case's.
func (m *monolith) read(t testing.TB, file string, c *legacytest.Case) {
	t.Helper()
	legacytest.Config(t, file, m)
	c.Decode(t, m)
	if m.SecretKey == "" {
		m.SecretKey = m.Config.SecretKey
	}
}

func (m *monolith) lifetime() time.Duration { return time.Duration(m.Seconds) * time.Second }

// keys returns the key that signs and those that did before.
func (m *monolith) keys() [][]byte { return texts(append([]string{m.SecretKey}, m.Fallbacks...)...) }

// replay runs the vectors of each file.
func replay(t *testing.T, open func(t testing.TB, m *monolith, c *legacytest.Case) legacy.Source, files ...string) {
	for _, file := range files {
		legacytest.Run(t, "testdata/"+file, func(t testing.TB, c *legacytest.Case) legacy.Source {
			var m monolith
			m.read(t, "testdata/"+file, c)
			return open(t, &m, c)
		})
	}
}

func TestFlask(t *testing.T) {
	replay(t, func(t testing.TB, m *monolith, c *legacytest.Case) legacy.Source {
		if c.Expect.Data["user_id"] != nil {
			m.User = "user_id" // the case of Flask's tutorial
		}
		return made(t)(legacy.NewFlask(legacy.Flask{Keys: m.keys(), User: m.User, Lifetime: m.lifetime()}))
	}, "flask_signed_cookie.json", "flask_signed_cookie_more.json")
}

func TestFlaskSession(t *testing.T) {
	replay(t, func(t testing.TB, m *monolith, c *legacytest.Case) legacy.Source {
		options := legacy.FlaskSession{Store: c.KeyValue()}
		if m.UseSigner {
			options.Keys = m.keys()
		}
		return made(t)(legacy.NewFlaskSession(options))
	}, "flask_session_redis.json", "flask_session_redis_more.json")
}
