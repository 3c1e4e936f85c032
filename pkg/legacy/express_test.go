package legacy_test

import (
	"testing"

	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/legacy/legacytest"
)

func TestExpress(t *testing.T) {
	const file = "testdata/express_session_redis.json"
	legacytest.Run(t, file, func(t testing.TB, c *legacytest.Case) legacy.Source {
		var m monolith
		m.read(t, file, c)
		if c.Name == "1_valid_plain_userId" {
			m.User = "userId"
		}
		return made(t)(legacy.NewExpress(legacy.Express{Keys: texts(m.Secrets...), Store: c.KeyValue(), User: m.User, Rolling: m.Rolling}))
	})
}

func TestCookieSession(t *testing.T) {
	const file = "testdata/express_cookie_session.json"
	legacytest.Run(t, file, func(t testing.TB, c *legacytest.Case) legacy.Source {
		var m monolith
		m.read(t, file, c)
		return made(t)(legacy.NewCookieSession(legacy.CookieSession{Keys: texts(m.Config.Keys...), User: "userId"}))
	})
}
