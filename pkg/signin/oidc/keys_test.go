package oidc_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/signin/authn"
)

// TestKeyRotation: a key that is not known yet is fetched, once, also right after another.
func TestKeyRotation(t *testing.T) {
	w := newWorld(t)
	for n := range 3 {
		for range 2 {
			if err := w.tryIn(); err != nil {
				t.Fatal(err)
			}
			if got := w.issuer.Calls("/keys"); got != n+1 {
				t.Errorf("the keys were fetched %d times, want %d", got, n+1)
			}
		}
		w.issuer.Rotate()
	}
}

// TestKeyThatWasTakenBack: a key that the provider does not publish any more is believed for
// an hour at most.
func TestKeyThatWasTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if err := w.tryIn(); err != nil {
			t.Fatal(err)
		}
		old := w.issuer.Notice(notices, map[string]any{"sub": "user-1", "exp": time.Now().Add(24 * time.Hour).Unix()}).PostFormValue("logout_token")
		w.issuer.Rotate()
		w.issuer.Bad.Token = func(string) string { return old }
		send := func() error {
			_, err := w.provider.Ended(w.issuer.Notice(notices, map[string]any{}))
			return err
		}
		if err := send(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		wantError(t, send(), authn.ErrUntrusted, "no key of the provider")
	})
}

// TestFloodOfUnknownKeys: whoever sends tokens by keys that do not exist makes this program
// fetch the provider's keys a few times, and keeps nobody from signing in, not even when the
// provider has a new key: then for 15 seconds at most.
func TestFloodOfUnknownKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		flood := func() {
			w.issuer.Bad.Claims = header("kid", "unknown")
			defer func() { w.issuer.Bad.Claims = nil }()
			for range 100 {
				_, err := w.provider.Ended(w.issuer.Notice(notices, map[string]any{"sub": "user-1"}))
				wantError(t, err, authn.ErrUntrusted, "")
			}
		}
		flood()
		if got := w.issuer.Calls("/keys"); got != 5 {
			t.Errorf("the keys were fetched %d times, want 5", got)
		}
		if err := w.tryIn(); err != nil {
			t.Error(err)
		}
		w.issuer.Rotate()
		wantError(t, w.tryIn(), authn.ErrUntrusted, "a moment ago")
		time.Sleep(15 * time.Second)
		if err := w.tryIn(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		if err := w.tryIn(); err != nil {
			t.Error(err)
		}
	})
}

// TestNoKeys: while the keys cannot be had it is an outage, however often that is tried, and
// no mistrust.
func TestNoKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, answer := range badAnswers {
			w := newWorld(t)
			w.issuer.Bad.Answer = at("/keys", answer)
			for range 7 {
				wantError(t, w.tryIn(), nil, "keys")
			}
			synctest.Wait()
			w.issuer.Bad.Answer = nil
			time.Sleep(15 * time.Second)
			if err := w.tryIn(); err != nil {
				t.Errorf("%s: then %v", name, err)
			}
		}
	})
}

// TestKeysOfAnError: an error is no set of keys, whatever it has.
func TestKeysOfAnError(t *testing.T) {
	w := newWorld(t)
	w.issuer.Bad.Answer = at("/keys", func(answer http.ResponseWriter, _ *http.Request) {
		answer.WriteHeader(http.StatusBadGateway)
		fmt.Fprint(answer, `{"keys":[]}`)
	})
	wantError(t, w.tryIn(), nil, "502")
}

// TestStrangeKeys: keys of kinds that nobody here knows, and secret ones, disturb nobody and
// sign nothing.
func TestStrangeKeys(t *testing.T) {
	w := newWorld(t)
	genuine := httptest.NewRecorder()
	w.issuer.ServeHTTP(genuine, httptest.NewRequest(http.MethodGet, w.issuer.URL+"/keys", nil))
	const strange = `{"kty":"OKP","crv":"Ed448","x":"AA","kid":"a"},{"kty":"EC","crv":"secp256k1","alg":"ES256K","kid":"b"},{"kty":"oct","k":"c2VjcmV0","kid":"c"},`
	w.issuer.Bad.Answer = at("/keys", func(answer http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(answer, strings.Replace(genuine.Body.String(), "[", "["+strange, 1))
	})
	if err := w.tryIn(); err != nil {
		t.Error(err)
	}
	w.issuer.Bad.Claims = func(h, _ map[string]any) { h["alg"], h["kid"] = "HS256", "c" }
	wantError(t, w.tryIn(), authn.ErrUntrusted, "unexpected signature algorithm")
}

// TestKeysForOtherPurposes: a key that is published for encryption, or for another algorithm,
// signs nothing.
func TestKeysForOtherPurposes(t *testing.T) {
	for name, change := range map[string][2]string{
		"encryption":        {`"use":"sig"`, `"use":"enc"`},
		"another algorithm": {`"alg":"ES256"`, `"alg":"ES384"`},
	} {
		w := newWorld(t)
		genuine := httptest.NewRecorder()
		w.issuer.ServeHTTP(genuine, httptest.NewRequest(http.MethodGet, w.issuer.URL+"/keys", nil))
		w.issuer.Bad.Answer = at("/keys", func(answer http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(answer, strings.ReplaceAll(genuine.Body.String(), change[0], change[1]))
		})
		t.Log(name)
		wantError(t, w.tryIn(), authn.ErrUntrusted, "no key of the provider")
	}
}

// TestManyMeetANewKey: who comes with a new key at the same time waits for one fetch.
func TestManyMeetANewKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		arrived := make(chan bool)
		w.issuer.Bad.Answer = func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/keys" {
				<-arrived
			}
			return false
		}
		var all sync.WaitGroup
		for range 20 {
			r := w.issuer.Notice(notices, map[string]any{"sub": "user-1"})
			all.Go(func() {
				if _, err := w.provider.Ended(r); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(arrived)
		all.Wait()
		if n := w.issuer.Calls("/keys"); n != 1 {
			t.Errorf("the keys were fetched %d times", n)
		}
	})
}

// TestNobodyWaitsForKeysTooLong: who waits for keys gives up in time, and the others go on
// waiting.
func TestNobodyWaitsForKeysTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.issuer.Bad.Answer = func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/keys" {
				time.Sleep(3 * time.Second)
			}
			return false
		}
		notice := func(ctx context.Context) error {
			_, err := w.provider.Ended(w.issuer.Notice(notices, map[string]any{"sub": "user-1"}).WithContext(ctx))
			return err
		}
		var all sync.WaitGroup
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			begun := time.Now()
			wantError(t, notice(ctx), nil, "deadline")
			if took := time.Since(begun); took != time.Second {
				t.Errorf("it took %v", took)
			}
		})
		all.Go(func() {
			if err := notice(t.Context()); err != nil {
				t.Error(err)
			}
		})
		all.Wait()
	})
}
