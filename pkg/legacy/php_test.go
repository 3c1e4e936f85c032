package legacy_test

import (
	"encoding/base64"
	"testing"

	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/legacy/legacytest"
)

// TestPHPRedis: the values that phpredis keeps, by each of PHP's three serialize handlers.
func TestPHPRedis(t *testing.T) {
	const file = "testdata/php_8.2.json"
	legacytest.Run(t, file, func(t testing.TB, c *legacytest.Case) legacy.Source {
		var given struct {
			Config        struct{ Prefix string }
			Handler, User string
		}
		legacytest.Config(t, file, &given)
		c.Decode(t, &given)
		return made(t)(legacy.NewPHPRedis(legacy.PHPRedis{
			Store: c.KeyValue(), Prefix: given.Config.Prefix, Handler: given.Handler, User: given.User,
		}))
	})
}

// TestPHPExamples: the sessions of PHP that php_native.json has.
func TestPHPExamples(t *testing.T) {
	const file = "testdata/php_native.json"
	legacytest.Run(t, file, func(t testing.TB, c *legacytest.Case) legacy.Source {
		var given struct {
			Handler string
			Key     string `json:"redis_key"`
			Value   string `json:"value_base64"`
			TTL     int    `json:"redis_ttl"`
		}
		c.Decode(t, &given)
		value, err := base64.StdEncoding.DecodeString(given.Value)
		if err != nil {
			t.Fatal(err)
		}
		c.Store = &legacytest.Entry{Key: given.Key, Value: value, Seconds: given.TTL}
		return made(t)(legacy.NewPHPRedis(legacy.PHPRedis{Store: c.KeyValue(), Handler: given.Handler, User: "user_id"}))
	})
}
