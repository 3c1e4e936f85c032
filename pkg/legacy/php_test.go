package legacy_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

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

// TestPHPHandlers: with the wrong handler, a name that a user has chosen makes no variables.
// Each row is of user 7, whose name is that of user 1 in the way in which the wrong handler
// reads it.
func TestPHPHandlers(t *testing.T) {
	const (
		forged       = `x|N;user_id|s:1:"1";y|C:1:"A":%d:{` // the handler php takes the rest of the row for an object
		forgedBinary = "%sN;\x07user_ids:1:\"1\";\x01yC:1:\"A\":%d:{"
	)
	text := func(s string) string { return fmt.Sprintf("s:%d:\"%s\";", len(s), s) }
	end := func(s string, rest int) string { return fmt.Sprintf(s, rest) }
	padded := func(before int) string { // the handler php_binary reads as many bytes as 'u' is for the first name
		return fmt.Sprintf(forgedBinary, strings.Repeat("-", before), 9)
	}
	for _, c := range []struct{ name, handler, row string }{
		{"php_serialize as php", "php", `a:2:{s:7:"user_id";i:7;s:4:"name";` + text(end(forged, 2)) + "}"},
		{"php_serialize as php, twice", "php", `a:2:{s:4:"name";` + text(end(forged, 20)) + `s:7:"user_id";i:7;}`},
		{"php_binary as php", "php", "\x07user_idi:7;\x04name" + text(end(forged, 9)) + "\x01za:0:{}"},
		{"igbinary as php", "php", "\x00\x00\x00\x02\x14\x01\x11\x04name\x11\x28" + `x|N;user_id|s:1:"1";`},
		{"msgpack as php", "php", "\x82\xa4name\xb4" + `x|N;user_id|s:1:"1";`},
		{"php as php_binary", "php_binary", "user_id|i:7;name|" + text(padded(94)) + "z|a:0:{}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			kv := (&legacytest.Case{Store: &legacytest.Entry{Key: "PHPREDIS_SESSION:abc", Value: []byte(c.row), Seconds: -1}}).KeyValue()
			source := made(t)(legacy.NewPHPRedis(legacy.PHPRedis{Store: kv, Handler: c.handler, User: "user_id"}))
			claim, err := source.Open(t.Context(), map[string]string{"PHPSESSID": "abc"}, time.Now())
			if !errors.Is(err, legacy.ErrRejected) {
				t.Errorf("user %q, %v; want %v", claim.UserID, err, legacy.ErrRejected)
			}
		})
	}
}

// TestPHPEmpty: a variable without a value is read over.
func TestPHPEmpty(t *testing.T) {
	for handler, row := range map[string]string{
		"php": "!cart|user_id|i:7;!last|", "php_binary": "\x84cart\x07user_idi:7;\x84last",
	} {
		kv := (&legacytest.Case{Store: &legacytest.Entry{Key: "PHPREDIS_SESSION:abc", Value: []byte(row), Seconds: -1}}).KeyValue()
		source := made(t)(legacy.NewPHPRedis(legacy.PHPRedis{Store: kv, Handler: handler, User: "user_id"}))
		claim, err := source.Open(t.Context(), map[string]string{"PHPSESSID": "abc"}, time.Now())
		if err != nil || claim.UserID != "7" {
			t.Errorf("%s: user %q, %v", handler, claim.UserID, err)
		}
	}
}
