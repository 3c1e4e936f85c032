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
	"example.com/coatcheck/pkg/signin/oidc"
)

// badAnswers are those of a provider in trouble, or of whoever stands in its place.
var badAnswers = map[string]http.HandlerFunc{
	"away":   func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	"500":    func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "trouble", http.StatusInternalServerError) },
	"404":    http.NotFound,
	"a page": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Down for maintenance</html>") },
	"never":  func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	"no end": func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"x":"%s"}`, strings.Repeat("x", 600<<10))
	},
	"elsewhere": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://thief.example.org/take", http.StatusTemporaryRedirect)
	},
}

// at answers the requests of one path.
func at(path string, answer http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Host != "" && r.URL.Host != "id.example.com" {
			panic("a call left for " + r.URL.Host)
		}
		if r.URL.Path != path {
			return false
		}
		answer(w, r)
		return true
	}
}

// TestOutages: whatever fails at the provider is an outage that ends in time, and nobody is
// signed in; then everything works again. No redirect is followed.
func TestOutages(t *testing.T) {
	for name, answer := range badAnswers {
		for _, path := range []string{"/.well-known/openid-configuration", "/token", "/keys"} {
			t.Run(name+" at "+path, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					back := w.leave(authn.Trip{Next: "/cart"})
					w.restart() // so that it asks for everything
					w.issuer.Bad.Answer = at(path, answer)
					begun := time.Now()
					trip, _, err := w.finish(back)
					wantError(t, err, nil, "provider")
					if took := time.Since(begun); took > 5*time.Second {
						t.Errorf("it took %v", took)
					}
					if trip.Next != "/cart" || len(err.Error()) > 500 {
						t.Errorf("%v, %v", trip, err)
					}
					synctest.Wait()
					w.issuer.Bad.Answer = nil
					time.Sleep(time.Second)
					if err := w.tryIn(); err != nil {
						t.Errorf("afterwards: %v", err)
					}
				})
			})
		}
	}
}

// TestTokenEndpointRefuses: what the provider has against this program is for the operator;
// what it answers beside that stays out of the log.
func TestTokenEndpointRefuses(t *testing.T) {
	for body, says := range map[string]string{
		`{"error":"invalid_client","error_description":"Bad\nsecret"}`:                    `"invalid_client" ("Bad secret")`,
		`{"error":"unauthorized_client"}`:                                                 "unauthorized_client",
		`{"error":"` + strings.Repeat("x", 5000) + `"}`:                                   "xxx",
		`{"access_token":"canary","id_token":"canary"}`:                                   "400 Bad Request",
		`{"error":"invalid_client","access_token":"canary","error_uri":"https://canary"}`: "invalid_client",
	} {
		w := newWorld(t)
		w.issuer.Bad.Answer = at("/token", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, body)
		})
		err := w.tryIn()
		wantError(t, err, nil, says)
		if text := err.Error(); len(text) > 700 || strings.Contains(text, "canary") || strings.Contains(text, "\n") {
			t.Errorf("the error is %q", text)
		}
	}
	w := newWorld(t)
	w.config.ClientSecret = "another-invented-secret"
	w.restart()
	err := w.tryIn()
	wantError(t, err, nil, "invalid_client")
	if strings.Contains(err.Error(), w.config.ClientSecret) {
		t.Errorf("the error has the secret: %v", err)
	}
	if n := w.issuer.Calls("/token"); n != 1 {
		t.Errorf("the code was sent %d times", n)
	}
}

// TestErrorsKeepSecrets: no error quotes a token, a code or the verifier.
func TestErrorsKeepSecrets(t *testing.T) {
	w := newWorld(t)
	w.issuer.Bad.Answer = at("/token", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, r.PostFormValue("code"), r.PostFormValue("code_verifier"))
	})
	back := w.leave(authn.Trip{})
	_, _, err := w.finish(back)
	wantError(t, err, nil, "500")
	if strings.Contains(err.Error(), queryOf(back).Get("code")) {
		t.Errorf("the error has the code: %v", err)
	}
}

// TestWhatTheProviderSaysOfItself: what would send users or secrets to somewhere they can be
// read, and what cannot work, is an outage that names the mistake.
func TestWhatTheProviderSaysOfItself(t *testing.T) {
	for name, tt := range map[string]struct {
		member string
		value  any
		says   string
	}{
		"another issuer":    {"issuer", "https://id.example.com/", "did not match"},
		"issuer of tenants": {"issuer", "https://id.example.com/{tenantid}", "did not match"},
		"http page":         {"authorization_endpoint", "http://id.example.com/authorize", "authorization_endpoint"},
		"script":            {"authorization_endpoint", "javascript:alert(1)", "authorization_endpoint"},
		"no page":           {"authorization_endpoint", nil, "authorization_endpoint"},
		"http tokens":       {"token_endpoint", "http://id.example.com/token", "token_endpoint"},
		"tokens from here":  {"token_endpoint", "http://localhost/token", "token_endpoint"},
		"no tokens":         {"token_endpoint", nil, "token_endpoint"},
		"user in the URL":   {"token_endpoint", "https://a:b@id.example.com/token", "token_endpoint"},
		"http keys":         {"jwks_uri", "http://id.example.com/keys", "jwks_uri"},
		"no keys":           {"jwks_uri", nil, "jwks_uri"},
		"http logout":       {"end_session_endpoint", "http://id.example.com/logout", "end_session_endpoint"},
		"HS256 alone":       {"id_token_signing_alg_values_supported", []string{"HS256", "none"}, "let it sign by one of"},
		"private_key_jwt":   {"token_endpoint_auth_methods_supported", []string{"private_key_jwt"}, "client_secret_basic"},
		"of another kind":   {"token_endpoint_auth_methods_supported", 7, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.issuer.Bad.Metadata = func(m map[string]any) { m[tt.member] = tt.value }
			_, err := w.provider.Begin(httptest.NewRecorder(), w.browser.request(home), authn.Trip{})
			wantError(t, err, nil, tt.says)
			_, err = w.provider.SignOutURL(t.Context(), home)
			wantError(t, err, nil, tt.says)
		})
	}
}

// TestAlgorithmThatIsNotNamed: a provider that says by which algorithms it signs is not
// believed by others.
func TestAlgorithmThatIsNotNamed(t *testing.T) {
	w := newWorld(t)
	w.issuer.Bad.Metadata = func(m map[string]any) { m["id_token_signing_alg_values_supported"] = []string{"RS256"} }
	wantError(t, w.tryIn(), authn.ErrUntrusted, "unexpected signature algorithm")
}

// TestDiscoveryIsAskedOnce: many who come at once make one call, and who gives up does not
// end it for the others.
func TestDiscoveryIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.issuer.Bad.Answer = at("/.well-known/openid-configuration", func(http.ResponseWriter, *http.Request) { time.Sleep(3 * time.Second) })
		answer := w.issuer.Bad.Answer
		w.issuer.Bad.Answer = func(rw http.ResponseWriter, r *http.Request) bool { answer(rw, r); return false }
		var all sync.WaitGroup
		begin := func(ctx context.Context) error {
			_, err := w.provider.Begin(httptest.NewRecorder(), w.browser.request(home).WithContext(ctx), authn.Trip{})
			return err
		}
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			wantError(t, begin(ctx), nil, "deadline")
		})
		for range 20 {
			all.Go(func() {
				time.Sleep(time.Millisecond)
				if err := begin(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := w.issuer.Calls("/.well-known/openid-configuration"); n != 1 {
			t.Errorf("the provider was asked %d times", n)
		}
	})
}

// TestFailedDiscovery: a failure is remembered for a second, so that nobody hammers a provider
// in trouble. What it said before goes on to hold while it does not answer.
func TestFailedDiscovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const path = "/.well-known/openid-configuration"
		w := newWorld(t)
		begin := func() error {
			_, err := w.provider.Begin(httptest.NewRecorder(), w.browser.request(home), authn.Trip{})
			return err
		}
		w.issuer.Bad.Answer = at(path, badAnswers["500"])
		for range 10 {
			wantError(t, begin(), nil, "500")
		}
		if n := w.issuer.Calls(path); n != 1 {
			t.Errorf("asked %d times", n)
		}
		w.issuer.Bad.Answer = nil
		time.Sleep(time.Second)
		for range 10 {
			if err := begin(); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.issuer.Calls(path); n != 2 {
			t.Errorf("asked %d times", n)
		}
		time.Sleep(time.Hour)
		w.issuer.Bad.Answer = at(path, badAnswers["500"])
		for range 10 {
			if err := begin(); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.issuer.Calls(path); n != 3 {
			t.Errorf("asked %d times", n)
		}
		if !strings.Contains(w.log.String(), "level=WARN msg=oidc_discovery_failed") {
			t.Errorf("the log is %q", w.log.String())
		}
		w.issuer.Bad.Answer = nil
		time.Sleep(time.Second)
		if err := begin(); err != nil || w.issuer.Calls(path) != 4 {
			t.Errorf("%v, asked %d times", err, w.issuer.Calls(path))
		}
	})
}

// TestNewMakesNoCall: a program starts while its provider is away.
func TestNewMakesNoCall(t *testing.T) {
	w := newWorld(t, func(c *oidc.Config) { c.Client = nil })
	if _, err := oidc.New(w.config); err != nil {
		t.Error(err)
	}
}
