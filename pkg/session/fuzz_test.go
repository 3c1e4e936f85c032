package session_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/session"
)

// corpusKey signed those tokens in testdata that have a signature.
var corpusKey = bytes.Repeat([]byte("k"), 32)

var (
	canonicalID = regexp.MustCompile(`^[A-Za-z0-9_-]{21}[AQgw]$`)
	ourCookies  = regexp.MustCompile(`(^|;)[ \t]*__Host-SESSIONID=([^;.]*\.[^;.]*\.)?`) // up to the secret
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

func (k *keyRecorder) Delete(_ context.Context, key session.Key, _ *[32]byte, _ time.Time) error {
	k.keys = append(k.keys, key)
	return session.ErrNoSession
}

// No request makes the Manager panic. The store is asked only for a key that is in
// the cookie, in its only valid spelling.
func FuzzCookieHeader(f *testing.F) {
	f.Fuzz(func(t *testing.T, first, second string) {
		for _, keys := range [][][]byte{nil, {corpusKey}} {
			store := &keyRecorder{}
			m, err := session.New(store, session.Config{SigningKeys: keys, Logger: (&logRecorder{t: t}).logger()})
			want(t, err, nil)
			r := &http.Request{Header: http.Header{"Cookie": {first, second}}}
			_, err = m.Load(r)
			want(t, err, session.ErrNoSession)
			want(t, m.Destroy(httptest.NewRecorder(), r), nil)
			_, err = m.Create(httptest.NewRecorder(), r, session.User{ID: "u1"})
			want(t, err, nil)

			for _, key := range store.keys {
				if !canonicalID.MatchString(key.Owner) || !canonicalID.MatchString(key.ID) {
					t.Errorf("the store was asked for %v", key)
				}
				ours := append(ourCookies.FindAllString(first, -1), ourCookies.FindAllString(second, -1)...)
				if len(ours) != 1 || !strings.HasSuffix(ours[0], "="+key.Owner+"."+key.ID+".") {
					t.Errorf("the store was asked for %v, which the cookies %q and %q do not carry once", key, first, second)
				}
			}
			if n := len(store.keys); n != 0 && n != 3 {
				t.Errorf("%d store calls", n)
			}
		}
	})
}
