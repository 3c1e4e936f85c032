package legacy

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestUserIDs: the user's ID in JSON, with the tags of Flask. All but texts and plain integers
// is refused, and no odd tag is more than data.
func TestUserIDs(t *testing.T) {
	const refused = "refused"
	for text, want := range map[string]string{
		`{"_user_id": "042"}`:                                     "042",
		`{"_user_id": 42}`:                                        "42",
		`{"_user_id": -1}`:                                        "-1",
		`{"_user_id": 9007199254740993}`:                          "9007199254740993",
		`{"_user_id": " 7 "}`:                                     " 7 ",
		`{"_user_id": ""}`:                                        "",
		`{"_user_id": null}`:                                      "",
		`{"_user_id": "7", "_user_id": "8"}`:                      "8", // as Python and JavaScript do
		`{"_user_id": 042}`:                                       refused,
		`{"_user_id": +42}`:                                       refused,
		`{"_user_id": 42.0}`:                                      refused,
		`{"_user_id": 1e2}`:                                       refused,
		`{"_user_id": -0}`:                                        refused,
		`{"_user_id": true}`:                                      refused,
		`{"_user_id": ["7"]}`:                                     refused,
		`{"_user_id": {"id": "7"}}`:                               refused,
		`{"_user_id": "\ud800"}`:                                  refused,
		`{"_user_id": {" t": ["7"]}}`:                             refused,
		`{"_user_id": {" b": "Nw=="}}`:                            refused,
		`{"_user_id": {" u": "short"}}`:                           refused,
		`{"_user_id": {" d": "7"}}`:                               refused,
		`{"_user_id": {" di": {"x__": "7"}}}`:                     refused,
		`{"_user_id": {" m": "7", "a": 1}}`:                       refused, // no tag, because there are two keys
		`{"_user_id": {" x": "7"}}`:                               refused,
		`{"_user_id": {" u": "` + strings.Repeat("a", 32) + `"}}`: "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa",
	} {
		payload := base64.RawURLEncoding.EncodeToString([]byte(text))
		values, err := flaskValues(payload)
		var claim Claim
		if err == nil {
			claim, err = newClaim("", values, "_user_id")
		}
		switch {
		case want == refused && !errors.Is(err, ErrRejected):
			t.Errorf("%s: user %q, %v; want %v", text, claim.UserID, err, ErrRejected)
		case want != refused && (err != nil || claim.UserID != want):
			t.Errorf("%s: user %q, %v; want %q", text, claim.UserID, err, want)
		}
	}
}

// TestDeviseUsers: a user of Devise has one ID and the beginning of a hash.
func TestDeviseUsers(t *testing.T) {
	const salt = "$2a$04$abcdefghijklmnopqrstuu"
	seven := json.Number("7")
	for name, test := range map[string]struct {
		user any
		want string
		err  error
	}{
		"one ID":             {[]any{[]any{seven}, salt}, "7", nil},
		"nobody":             {nil, "", nil},
		"two IDs":            {[]any{[]any{seven, json.Number("8")}, salt}, "", ErrRejected},
		"no ID":              {[]any{[]any{}, salt}, "", ErrRejected},
		"an ID that is nil":  {[]any{[]any{nil}, salt}, "", ErrRejected},
		"no list of IDs":     {[]any{seven, salt}, "", ErrRejected},
		"no hash":            {[]any{[]any{seven}}, "", ErrRejected},
		"a text":             {"7", "", ErrRejected},
		"a list as ID":       {[]any{[]any{[]any{seven}}, salt}, "", ErrRejected},
		"a hash that is nil": {[]any{[]any{seven}, nil}, "7", nil},
	} {
		claim, err := railsClaim("", map[string]any{deviseUser: test.user}, deviseUser)
		if claim.UserID != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s: user %q, %v; want %q, %v", name, claim.UserID, err, test.want, test.err)
		}
		if claim.UserID != "" && claim.Bound(salt) {
			t.Errorf("%s: bound to what is no whole hash", name)
		}
	}
}

// soon is a store that has one value for every key, and forgets it at a time.
type soon struct {
	value   string
	expires time.Time
}

func (s soon) Get(context.Context, string) ([]byte, time.Time, error) {
	return []byte(s.value), s.expires, nil
}

func (soon) Delete(context.Context, string) error { return nil }

// TestExpressEnds: of the two ends that a session of Express has, the earlier one counts. An
// ID without a character is none, even if it is signed.
func TestExpressEnds(t *testing.T) {
	now := time.Unix(1760000000, 0).UTC()
	key := []byte("an invented key")
	cookie := func(id string) map[string]string {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id))
		return map[string]string{"connect.sid": "s:" + id + "." + base64.RawStdEncoding.EncodeToString(mac.Sum(nil))}
	}
	for _, test := range []struct{ store, row, want time.Duration }{
		{time.Minute, time.Hour, time.Minute},
		{time.Hour, time.Minute, time.Minute},
	} {
		row := `{"cookie": {"expires": "` + now.Add(test.row).Format(time.RFC3339) + `"}, "passport": {"user": 7}}`
		source, err := NewExpress(Express{Keys: [][]byte{key}, Store: soon{row, now.Add(test.store)}})
		if err != nil {
			t.Fatal(err)
		}
		claim, err := source.Open(t.Context(), cookie("a"), now)
		if err != nil || !claim.ExpiresAt.Equal(now.Add(test.want)) {
			t.Errorf("store %v, row %v: until %v, %v", test.store, test.row, claim.ExpiresAt, err)
		}
		if _, err := source.Open(t.Context(), cookie("a"), now.Add(test.want)); !errors.Is(err, ErrRejected) {
			t.Errorf("at its end: %v, want %v", err, ErrRejected)
		}
		if _, err := source.Open(t.Context(), cookie(""), now); !errors.Is(err, ErrRejected) {
			t.Errorf("no ID: %v, want %v", err, ErrRejected)
		}
	}
}

// TestSCSEnds: of the two ends that a session of scs has, the earlier one counts.
func TestSCSEnds(t *testing.T) {
	now := time.Unix(1760000000, 0).UTC()
	for _, test := range []struct{ store, deadline, want time.Duration }{
		{time.Minute, time.Hour, time.Minute},
		{time.Hour, time.Minute, time.Minute},
	} {
		var row bytes.Buffer
		err := gob.NewEncoder(&row).Encode(struct {
			Deadline time.Time
			Values   map[string]any
		}{now.Add(test.deadline), map[string]any{"userID": 7}})
		if err != nil {
			t.Fatal(err)
		}
		source, err := NewSCS(SCS{Store: soon{row.String(), now.Add(test.store)}, User: "userID"})
		if err != nil {
			t.Fatal(err)
		}
		claim, err := source.Open(t.Context(), map[string]string{"session": strings.Repeat("a", 43)}, now)
		if err != nil || claim.UserID != "7" || !claim.ExpiresAt.Equal(now.Add(test.want)) {
			t.Errorf("store %v, deadline %v: user %q until %v, %v", test.store, test.deadline, claim.UserID, claim.ExpiresAt, err)
		}
	}
}

// TestLaravelEarlierKeys: a session made before the APP_KEY changed is bound by the key before.
func TestLaravelEarlierKeys(t *testing.T) {
	keys := [][]byte{[]byte("an invented key."), []byte("an earlier  key.")}
	app, err := newLaravelApp(LaravelApp{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range append(keys, []byte("another's  key.")) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte("a hash"))
		want := bytes.Equal(key, keys[0]) || bytes.Equal(key, keys[1])
		if got := app.bound(hex.EncodeToString(mac.Sum(nil)), "a hash"); got != want {
			t.Errorf("bound by %q: %v", key, got)
		}
	}
}
