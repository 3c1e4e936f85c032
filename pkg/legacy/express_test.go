package legacy_test

import (
	"errors"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/legacy/legacytest"
)

func TestExpress(t *testing.T) {
	replay(t, func(t testing.TB, m *monolith, c *legacytest.Case) legacy.Source {
		if c.Name == "1_valid_plain_userId" {
			m.User = "userId"
		}
		return made(t)(legacy.NewExpress(legacy.Express{
			Keys: texts(m.Secrets...), Store: c.KeyValue(), Prefix: m.Prefix, User: m.User, Rolling: m.Rolling,
		}))
	}, "express_session_redis.json", "express_session_redis_more.json")
}

func TestCookieSession(t *testing.T) {
	replay(t, func(t testing.TB, m *monolith, c *legacytest.Case) legacy.Source {
		if len(m.Keys) == 0 {
			m.Keys, m.User = m.Config.Keys, "userId"
		}
		return made(t)(legacy.NewCookieSession(legacy.CookieSession{Cookie: m.CookieName, Keys: texts(m.Keys...), User: m.User}))
	}, "express_cookie_session.json", "express_cookie_session_more.json")
}

// TestExpressRolling: without rolling, the end in the row counts; with it, the store's.
func TestExpressRolling(t *testing.T) {
	const file = "testdata/express_session_redis_more.json"
	for _, c := range legacytest.Cases(t, file) {
		if !strings.HasSuffix(c.Name, "_rolling") {
			continue
		}
		var m monolith
		m.read(t, file, c)
		source := made(t)(legacy.NewExpress(legacy.Express{Keys: texts(m.Secrets...), Store: c.KeyValue()}))
		_, err := source.Open(t.Context(), map[string]string{"connect.sid": c.Cookie}, c.Now)
		if !errors.Is(err, legacy.ErrRejected) {
			t.Errorf("%s, read as if it did not roll: %v, want %v", c.Name, err, legacy.ErrRejected)
		}
	}
}
