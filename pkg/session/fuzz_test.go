package session_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/session"
)

// corpusKey signed those tokens in testdata that have a signature.
var corpusKey = bytes.Repeat([]byte("k"), 32)

var (
	canonicalID = regexp.MustCompile(`^[A-Za-z0-9_-]{21}[AQgw]$`)
	ourCookies  = regexp.MustCompile(`(?:^|;)[ \t]*__Host-SESSIONID=([^;]*)`)
)

// keyRecorder has no sessions. It records the keys that it was asked for.
type keyRecorder struct {
	session.Store
	keys []session.Key
}

func (k *keyRecorder) Create(context.Context, *session.Session) error { return nil }

func (k *keyRecorder) List(context.Context, string) ([]*session.Session, error) { return nil, nil }

func (k *keyRecorder) Get(_ context.Context, key session.Key) (*session.Session, error) {
	k.keys = append(k.keys, key)
	return nil, session.ErrNoSession
}

func (k *keyRecorder) Delete(_ context.Context, key session.Key, _ *[32]byte, _ time.Time) (string, error) {
	k.keys = append(k.keys, key)
	return "", session.ErrNoSession
}

// No request makes the Manager panic. The store is asked only for a key that is in a
// cookie, in its only valid spelling. A read and a login look at a single cookie, a
// logout at four.
func FuzzCookieHeader(f *testing.F) {
	f.Fuzz(func(t *testing.T, first, second string) {
		for _, keys := range [][][]byte{nil, {corpusKey}} {
			store := &keyRecorder{}
			m, err := session.New(store, session.Config{SigningKeys: keys, Logger: (&logRecorder{t: t}).logger()})
			want(t, err, nil)
			r := &http.Request{Header: http.Header{"Cookie": {first, second}}}
			values := ourValues(first, second)
			_, err = m.Load(r)
			want(t, err, session.ErrNoSession)
			_, err = m.Create(httptest.NewRecorder(), r, session.User{ID: "u1"})
			want(t, err, nil)
			store.wantKeysIn(t, values)
			if n := len(store.keys); n != 0 && (n != 2 || len(values) != 1) {
				t.Errorf("a read and a login made %d store calls for %d different cookies", n, len(values))
			}

			store.keys = nil
			if err := m.Destroy(httptest.NewRecorder(), r); len(values) > 4 {
				want(t, err, session.ErrTooManyCookies)
				values = nil
			} else {
				want(t, err, nil)
			}
			store.wantKeysIn(t, values)
			if n := len(store.keys); n > len(values) {
				t.Errorf("a logout made %d store calls for %d different cookies", n, len(values))
			}
		}
	})
}

// ourValues returns the different values of our cookie.
func ourValues(headers ...string) (values []string) {
	for _, header := range headers {
		for _, match := range ourCookies.FindAllStringSubmatch(header, -1) {
			values = append(values, strings.TrimRight(match[1], " \t"))
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// wantKeysIn checks that the store was asked only for keys that the cookies carry.
func (k *keyRecorder) wantKeysIn(t *testing.T, values []string) {
	t.Helper()
	for _, key := range k.keys {
		carried := func(value string) bool { return strings.HasPrefix(value, key.Owner+"."+key.ID+".") }
		if !canonicalID.MatchString(key.Owner) || !canonicalID.MatchString(key.ID) || !slices.ContainsFunc(values, carried) {
			t.Errorf("the store was asked for %v, which no cookie among %q carries", key, values)
		}
	}
}
