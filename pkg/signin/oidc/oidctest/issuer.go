package oidctest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// Issuer is an OpenID provider in this process, for tests of programs that use package oidc.
// It asks nobody anything: whoever comes is the User. It works inside a bubble of
// testing/synctest, because no call leaves the process.
//
// Set the fields while no call is made.
type Issuer struct {
	URL                    string // the issuer identifier
	ClientID, ClientSecret string // of the one program that is registered; without a secret it is public

	// User are the claims of the user in the ID token, beside those that belong to the
	// sign-in. The default has the sub user-1.
	User map[string]any

	// Error is what the browser brings back in place of a code, such as access_denied.
	Error string

	// Bad is what goes wrong there.
	Bad BadDay

	t     testing.TB
	mu    sync.Mutex
	keys  []signingKey // the first signs
	codes map[string]url.Values
	calls map[string]int
}

// BadDay is what goes wrong at an [Issuer]. The zero BadDay is a good one.
type BadDay struct {
	// Metadata, if not nil, changes what the issuer says of itself.
	Metadata func(map[string]any)

	// Claims, if not nil, changes the header and the claims of a token before it is signed.
	// The alg of the header may be ES256, RS256, HS256, whose key is then the public key, or
	// none.
	Claims func(header, claims map[string]any)

	// Token, if not nil, changes a token after it is signed.
	Token func(token string) string

	// Answer, if not nil, answers a request in place of the issuer if it returns true.
	Answer func(w http.ResponseWriter, r *http.Request) bool
}

// NewIssuer returns an Issuer at https://id.example.com with a registered program.
func NewIssuer(t testing.TB) *Issuer {
	i := &Issuer{
		URL: "https://id.example.com", ClientID: "shop", ClientSecret: "invented-secret-of-the-shop",
		User: map[string]any{"sub": "user-1"}, t: t, codes: map[string]url.Values{}, calls: map[string]int{},
	}
	i.Rotate()
	return i
}

// Rotate makes the issuer sign by a new key. It publishes the new key alone.
func (i *Issuer) Rotate() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = newKeys(i.t)
}

// Client returns a client whose calls all reach i.
func (i *Issuer) Client() *http.Client { return &http.Client{Transport: inProcess{i}} }

// inProcess makes calls without a network. A handler that panics with
// [http.ErrAbortHandler] breaks the connection, as it does on a server.
type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	answers := make(chan *http.Response, 1)
	go func() {
		defer close(answers)
		defer func() {
			if reason := recover(); reason != nil && reason != http.ErrAbortHandler {
				panic(reason)
			}
		}()
		w := httptest.NewRecorder()
		p.handler.ServeHTTP(w, r)
		answers <- w.Result()
	}()
	select {
	case resp, ok := <-answers:
		if !ok {
			return nil, io.ErrUnexpectedEOF
		}
		resp.Request = r
		return resp, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// Calls returns how many calls had that path below the URL, such as /token.
func (i *Issuer) Calls(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.calls[path]
}

// Visit does what a browser does at the URL that Begin returns: the user is there, agrees,
// and is led back. It returns the URL to which the issuer leads.
func (i *Issuer) Visit(page string) string {
	i.t.Helper()
	w := httptest.NewRecorder()
	i.ServeHTTP(w, httptest.NewRequest(http.MethodGet, page, nil))
	if w.Code != http.StatusFound {
		i.t.Fatalf("the issuer answers %d to %s: %s", w.Code, page, w.Body)
	}
	return w.Header().Get("Location")
}

// Notice returns the request by which the issuer says that a session has ended, to a URL of
// the program. The claims are added to those that each logout token has; nil removes one.
func (i *Issuer) Notice(to string, claims map[string]any) *http.Request {
	now := time.Now()
	all := map[string]any{
		"iss": i.URL, "aud": i.ClientID, "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "jti": rand.Text(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	maps.Copy(all, claims)
	form := url.Values{"logout_token": {i.sign("logout+jwt", all)}}
	r := httptest.NewRequest(http.MethodPost, to, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// ServeHTTP serves the issuer's pages, so that it can also stand behind a real address.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	base, _ := url.Parse(i.URL)
	path := strings.TrimPrefix(r.URL.Path, base.Path)
	i.mu.Lock()
	i.calls[path]++
	i.mu.Unlock()
	if i.Bad.Answer != nil && i.Bad.Answer(w, r) {
		return
	}
	switch path {
	case "/.well-known/openid-configuration":
		writeJSON(w, http.StatusOK, i.metadata())
	case "/keys":
		i.mu.Lock()
		defer i.mu.Unlock()
		writeJSON(w, http.StatusOK, published(i.keys))
	case "/authorize":
		i.authorize(w, r)
	case "/token":
		i.token(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (i *Issuer) metadata() map[string]any {
	m := map[string]any{
		"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token",
		"jwks_uri": i.URL + "/keys", "end_session_endpoint": i.URL + "/logout",
		"id_token_signing_alg_values_supported":          []string{"RS256", "ES256", "HS256", "none"},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic", "client_secret_post"},
		"authorization_response_iss_parameter_supported": true,
		"backchannel_logout_supported":                   true, "backchannel_logout_session_supported": true,
	}
	if i.Bad.Metadata != nil {
		i.Bad.Metadata(m)
	}
	return m
}

func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	back, err := url.Parse(query.Get("redirect_uri"))
	if err != nil || query.Get("client_id") != i.ClientID || query.Get("response_type") != "code" || query.Get("code_challenge_method") != "S256" {
		http.Error(w, "no such program, or no code with PKCE", http.StatusBadRequest)
		return
	}
	answer := url.Values{"state": {query.Get("state")}, "iss": {i.URL}}
	if i.Error != "" {
		answer.Set("error", i.Error)
	} else {
		code := rand.Text()
		i.mu.Lock()
		i.codes[code] = query
		i.mu.Unlock()
		answer.Set("code", code)
	}
	back.RawQuery = answer.Encode()
	w.Header().Set("Location", back.String())
	w.WriteHeader(http.StatusFound)
}

// token is the token endpoint. A code is good once.
func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if id != i.ClientID || secret != i.ClientSecret || basic && secret == "" { // without a secret there is nothing to prove
		writeJSON(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	code := r.PostFormValue("code")
	i.mu.Lock()
	asked, ok := i.codes[code]
	delete(i.codes, code)
	i.mu.Unlock()
	challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || r.PostFormValue("redirect_uri") != asked.Get("redirect_uri") || base64.RawURLEncoding.EncodeToString(challenge[:]) != asked.Get("code_challenge") {
		writeJSON(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	access := rand.Text()
	writeJSON(w, http.StatusOK, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": i.idToken(asked, access)})
}

func (i *Issuer) idToken(asked url.Values, access string) string {
	now, sum := time.Now(), sha256.Sum256([]byte(access))
	claims := map[string]any{
		"iss": i.URL, "aud": i.ClientID, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		"nonce": asked.Get("nonce"), "at_hash": base64.RawURLEncoding.EncodeToString(sum[:16]),
	}
	if asked.Has("max_age") {
		claims["auth_time"] = now.Unix()
	}
	maps.Copy(claims, i.User)
	return i.sign("JWT", claims)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}
