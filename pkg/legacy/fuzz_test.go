package legacy

import (
	"context"
	"errors"
	"testing"
	"time"
	"unicode/utf8"
)

// examine makes claims of decoded values, and tests what must be so for any content.
func examine(t *testing.T, values map[string]any, err error) {
	t.Helper()
	if err != nil {
		if !errors.Is(err, ErrRejected) || values != nil {
			t.Fatalf("%v, and %d values; want %v and none", err, len(values), ErrRejected)
		}
		return
	}
	for _, path := range []string{"_user_id", "user_id", "passport.user", "a.a.a"} {
		claim, err := newClaim("", values, path)
		if err != nil && !errors.Is(err, ErrRejected) {
			t.Fatalf("path %q: %v", path, err)
		}
		if !utf8.ValidString(claim.UserID) {
			t.Fatalf("path %q: the user %q is no UTF-8", path, claim.UserID)
		}
	}
}

func FuzzPickle(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		values, err := decodePickle(text)
		examine(t, values, err)
	})
}

func FuzzMsgpack(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		values, err := decodeMsgpack(text)
		examine(t, values, err)
	})
}

// FuzzFlaskPayload reads what Flask signs: base64, often compressed, and JSON with tags.
func FuzzFlaskPayload(f *testing.F) {
	f.Fuzz(func(t *testing.T, payload string) {
		values, err := flaskValues(payload)
		examine(t, values, err)
	})
}

// FuzzInflated reads compressed JSON: the fuzzer can not compress, so this does.
func FuzzInflated(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		values, err := flaskValues(compressed(t, text))
		examine(t, values, err)
	})
}

// sources returns a source of each kind, with stores that have nothing.
func sources(t testing.TB) (all []Source) {
	t.Helper()
	keys := [][]byte{[]byte("an invented key"), []byte("an older key")}
	add := func(s Source, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	add(NewFlask(Flask{Keys: keys}))
	add(NewFlaskSession(FlaskSession{Store: nothing{}}))
	add(NewFlaskSession(FlaskSession{Store: nothing{}, Keys: keys}))
	add(NewDjangoCookies(DjangoCookies{Keys: keys}))
	add(NewDjangoCache(DjangoCache{Keys: keys, Store: nothing{}}))
	add(NewExpress(Express{Keys: keys, Store: nothing{}}))
	add(NewCookieSession(CookieSession{Keys: keys}))
	add(NewRailsCookie(RailsCookie{Cookie: "_shop_session", Keys: keys}))
	add(NewLaravelRedis(LaravelRedis{LaravelApp: LaravelApp{Keys: [][]byte{[]byte("an invented key.")}}, Store: nothing{}, Prefix: "shop:"}))
	add(NewPHPRedis(PHPRedis{Store: nothing{}, User: "user_id"}))
	add(NewSCS(SCS{Store: nothing{}, User: "user_id"}))
	add(NewGorilla(Gorilla{Cookie: "shop", Keys: keys[:1], User: "user_id"}))
	return all
}

// nothing is a store that has nothing.
type nothing struct{}

func (nothing) Get(context.Context, string) ([]byte, time.Time, error) {
	return nil, time.Time{}, ErrNoRow
}

func (nothing) Delete(context.Context, string) error { return nil }

// FuzzCookies gives every source cookies that nobody signed.
func FuzzCookies(f *testing.F) {
	all := sources(f)
	f.Fuzz(func(t *testing.T, first, second string) {
		for _, source := range all {
			cookies := map[string]string{}
			for i, name := range source.Cookies() {
				cookies[name] = []string{first, second}[i]
			}
			_, err := source.Open(t.Context(), cookies, time.Unix(1760000060, 0))
			if !errors.Is(err, ErrRejected) && !errors.Is(err, ErrAbsent) {
				t.Errorf("%T: %v", source, err)
			}
		}
	})
}
