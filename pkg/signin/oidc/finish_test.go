package oidc_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/oidc"
)

// claim returns a change of one claim.
func claim(name string, value any) func(header, claims map[string]any) {
	return func(_, claims map[string]any) { claims[name] = value }
}

// header returns a change of one member of a token's header.
func header(name string, value any) func(header, claims map[string]any) {
	return func(header, _ map[string]any) { header[name] = value }
}

// TestFinish: what was given to Begin comes back, with the user, by each way in which a
// program proves itself and each kind of key.
func TestFinish(t *testing.T) {
	for name, tt := range map[string]struct {
		config   func(*oidc.Config)
		metadata func(map[string]any)
		claims   func(header, claims map[string]any)
		public   bool
	}{
		"as usual":               {},
		"secret posted":          {metadata: func(m map[string]any) { m["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"} }},
		"methods unsaid":         {metadata: func(m map[string]any) { delete(m, "token_endpoint_auth_methods_supported") }},
		"public":                 {public: true, config: func(c *oidc.Config) { c.ClientSecret = "" }},
		"RSA":                    {claims: header("alg", "RS256")},
		"RSA alone":              {claims: header("alg", "RS256"), metadata: func(m map[string]any) { delete(m, "id_token_signing_alg_values_supported") }},
		"no kid":                 {claims: header("kid", "")},
		"no typ":                 {claims: header("typ", "")},
		"no at_hash":             {claims: claim("at_hash", nil)},
		"one audience in a list": {claims: claim("aud", []string{"shop"})},
		"azp":                    {claims: claim("azp", "shop")},
		"two audiences and azp":  {claims: func(_, c map[string]any) { c["aud"], c["azp"] = []string{"other", "shop"}, "shop" }},
		"iss is not sent":        {metadata: func(m map[string]any) { delete(m, "authorization_response_iss_parameter_supported") }},
		"the longest sub":        {claims: claim("sub", strings.Repeat("x", 255))},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if tt.config != nil {
				tt.config(&w.config)
				w.restart()
			}
			if tt.public {
				w.issuer.ClientSecret = ""
			}
			w.issuer.Bad.Metadata, w.issuer.Bad.Claims = tt.metadata, tt.claims
			want := authn.Trip{Next: "/cart?a=b&c=d", Stay: true}
			trip, arrival, err := w.finish(w.leave(want))
			if err != nil {
				t.Fatal(err)
			}
			if trip != want {
				t.Errorf("the trip is %v, want %v", trip, want)
			}
			if id := arrival.User().ID; !strings.HasPrefix(id, "openid:https://id.example.com#") {
				t.Errorf("the user is %q", id)
			}
		})
	}
}

// TestUntrusted: nobody is signed in by a token that fails one check. Each row is right but
// for one thing.
func TestUntrusted(t *testing.T) {
	forged := func(token string) string {
		dot := strings.LastIndex(token, ".")
		last := "A"
		if token[dot+1] == 'A' {
			last = "B"
		}
		return token[:dot+1] + last + token[dot+2:]
	}
	other := newWorld(t).issuer // has other keys
	for name, tt := range map[string]struct {
		claims func(header, claims map[string]any)
		token  func(string) string
		says   string
	}{
		"signature":             {token: forged, says: "no key of the provider"},
		"no signature":          {token: func(s string) string { return s[:strings.LastIndex(s, ".")+1] }, says: "no key of the provider"},
		"another key":           {token: func(string) string { return visit(other) }, says: "no key of the provider"},
		"unknown key":           {claims: header("kid", "unknown"), says: "no key of the provider"},
		"none":                  {claims: header("alg", "none"), says: "unexpected signature algorithm"},
		"HS256":                 {claims: header("alg", "HS256"), says: "unexpected signature algorithm"},
		"type":                  {claims: header("typ", "logout+jwt"), says: `of the type "logout+jwt"`},
		"type at+jwt":           {claims: header("typ", "application/at+jwt"), says: "of the type"},
		"no token":              {token: func(string) string { return "" }, says: "no ID token"},
		"JSON serialization":    {token: asJSON, says: "the ID token"},
		"no JWT":                {token: func(string) string { return "a.b" }, says: "malformed"},
		"issuer":                {claims: claim("iss", "https://id.example.org"), says: "different provider"},
		"no issuer":             {claims: claim("iss", nil), says: "different provider"},
		"issuer with a slash":   {claims: claim("iss", "https://id.example.com/"), says: "different provider"},
		"audience":              {claims: claim("aud", "other"), says: "audience"},
		"no audience":           {claims: claim("aud", nil), says: "audience"},
		"azp":                   {claims: claim("azp", "other"), says: "azp"},
		"azp is null":           {claims: func(_, c map[string]any) { c["azp"] = []string{} }, says: "azp"},
		"azp of two":            {claims: func(_, c map[string]any) { c["aud"], c["azp"] = []string{"shop", "other"}, "other" }, says: "azp"},
		"no azp of two":         {claims: claim("aud", []string{"shop", "other"}), says: "no azp"},
		"nonce":                 {claims: claim("nonce", "another"), says: "nonce"},
		"no nonce":              {claims: claim("nonce", nil), says: "nonce"},
		"nonce by another name": {claims: func(_, c map[string]any) { c["Nonce"], c["nonce"] = c["nonce"], nil }, says: "nonce"},
		"at_hash":               {claims: claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), says: "at_hash"},
		"no expiry":             {claims: claim("exp", nil), says: "expired"},
		"no iat":                {claims: claim("iat", nil), says: "iat is missing"},
		"iat is no number":      {claims: claim("iat", "now"), says: "ID token"},
		"no sub":                {claims: claim("sub", nil), says: "sub must be"},
		"empty sub":             {claims: claim("sub", ""), says: "sub must be"},
		"long sub":              {claims: claim("sub", strings.Repeat("x", 256)), says: "sub must be"},
		"sub with é":            {claims: claim("sub", "jos\u00e9"), says: "sub must be"},
		"sub with a line":       {claims: claim("sub", "a\nb"), says: "sub must be"},
		"sub is a number":       {claims: claim("sub", 7), says: "ID token"},
		"sub by another name":   {claims: func(_, c map[string]any) { c["SUB"], c["sub"] = c["sub"], nil }, says: "sub must be"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.issuer.Bad.Claims, w.issuer.Bad.Token = tt.claims, tt.token
			err := w.tryIn()
			wantError(t, err, authn.ErrUntrusted, tt.says)
			if err != nil && strings.Contains(err.Error(), "user-1") {
				t.Errorf("the error names the user: %v", err)
			}
		})
	}
}

// visit returns a token of another issuer with the same name, keys apart.
func visit(other interface {
	Notice(string, map[string]any) *http.Request
}) string {
	r := other.Notice(notices, map[string]any{"sub": "user-1"})
	return r.PostFormValue("logout_token")
}

// asJSON returns the token in another serialization, whose header might not be signed.
func asJSON(token string) string {
	parts := strings.Split(token, ".")
	return fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, parts[0], parts[1], parts[2])
}

// TestStale: what comes back to another browser, again, or with what was not made for it, is
// no sign-in.
func TestStale(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(w *world, back string) string // what the browser comes back with
		says   string
	}{
		"no state":      {func(_ *world, back string) string { return with(back, "state", "") }, "no state"},
		"short state":   {func(_ *world, back string) string { return with(back, "state", "x") }, "no state"},
		"two states":    {func(_ *world, back string) string { return back + "&state=x" }, "no state"},
		"another state": {func(_ *world, back string) string { return with(back, "state", strings.Repeat("x", 22)) }, "0 cookies"},
		"query":         {func(_ *world, back string) string { return back + "&a=%zz" }, "cannot be read"},
		"another browser": {func(w *world, back string) string {
			w.browser = browser{}
			return back
		}, "0 cookies"},
		"the state of another tab": {func(w *world, back string) string {
			// The browser has a cookie under that name, but of another sign-in.
			second := w.begin(authn.Trip{})
			w.browser[cookieOf(back)] = w.browser[cookieOf(second)]
			return back
		}, "not made here"},
		"forged cookie": {func(w *world, back string) string {
			value := []byte(w.browser[cookieOf(back)])
			value[len(value)/2] ^= 1
			w.browser[cookieOf(back)] = string(value)
			return back
		}, "not made here"},
		"cookie with nothing in it": {func(w *world, back string) string {
			w.browser[cookieOf(back)] = "e30"
			return back
		}, "not made here"},
		"cookie by another key": {func(w *world, back string) string {
			w.config.Keys = [][]byte{anotherKey}
			w.restart()
			return back
		}, "a key that is gone"},
		"no code":    {func(_ *world, back string) string { return with(back, "code", "") }, "neither a code"},
		"two codes":  {func(_ *world, back string) string { return back + "&code=x" }, "neither a code"},
		"other code": {func(_ *world, back string) string { return with(back, "code", "x") }, "does not take the code"},
		"a code of another sign-in": {func(w *world, back string) string {
			// It was bought with another verifier (RFC 9700, section 2.1.1: injection).
			theirs := browser{}
			theirs, w.browser = w.browser, theirs
			stolen := w.leave(authn.Trip{})
			w.browser = theirs
			return with(back, "code", queryOf(stolen).Get("code"))
		}, "does not take the code"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, _, err := w.finish(tt.change(w, w.leave(authn.Trip{Next: "/cart"})))
			wantError(t, err, authn.ErrStale, tt.says)
		})
	}
}

// TestTwoCookiesOfOneName: which of them is the right one cannot be known.
func TestTwoCookiesOfOneName(t *testing.T) {
	w := newWorld(t)
	back := w.leave(authn.Trip{})
	r := w.browser.request(back)
	r.AddCookie(&http.Cookie{Name: cookieOf(back), Value: "x"})
	_, _, err := w.provider.Finish(httptest.NewRecorder(), r)
	wantError(t, err, authn.ErrStale, "2 cookies")
}

// TestReplay: a callback that is repeated finds no cookie, and, if somebody kept that too, a
// code that the provider does not take again.
func TestReplay(t *testing.T) {
	w := newWorld(t)
	back := w.leave(authn.Trip{})
	kept := maps.Clone(w.browser)
	if _, _, err := w.finish(back); err != nil {
		t.Fatal(err)
	}
	_, _, err := w.finish(back)
	wantError(t, err, authn.ErrStale, "0 cookies")
	w.browser = kept
	_, _, err = w.finish(back)
	wantError(t, err, authn.ErrStale, "does not take the code")
}

// TestMixUp: an answer that names another issuer, or none although ours always names itself,
// is of another sign-in. No code of it is sent anywhere (RFC 9207).
func TestMixUp(t *testing.T) {
	for name, tt := range map[string]struct {
		iss    string
		silent bool // the provider does not say that it sends iss
		error  string
	}{
		"another issuer":           {iss: "https://id.example.org"},
		"another spelling":         {iss: "https://id.example.com/"},
		"none":                     {iss: ""},
		"another, of a silent one": {iss: "https://id.example.org", silent: true},
		"with an error":            {iss: "https://id.example.org", error: "access_denied"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if tt.silent {
				w.issuer.Bad.Metadata = func(m map[string]any) { delete(m, "authorization_response_iss_parameter_supported") }
			}
			w.issuer.Error = tt.error
			_, _, err := w.finish(with(w.leave(authn.Trip{}), "iss", tt.iss))
			wantError(t, err, authn.ErrUntrusted, "issuer")
			if n := w.issuer.Calls("/token"); n != 0 {
				t.Errorf("%d codes were sent to the provider", n)
			}
		})
	}
	w := newWorld(t)
	_, _, err := w.finish(w.leave(authn.Trip{}) + "&iss=" + w.issuer.URL)
	wantError(t, err, authn.ErrUntrusted, "issuer")
}

// TestWhatTheProviderSays: its errors are told apart, and what anybody can write into a link
// stays one short line of the log.
func TestWhatTheProviderSays(t *testing.T) {
	for name, kind := range map[string]error{
		"access_denied": authn.ErrCancelled, "server_error": nil, "temporarily_unavailable": nil, "login_required": nil,
		"interaction_required": nil, "consent_required": nil, "account_selection_required": nil, "invalid_request": nil,
		"unauthorized_client": nil, "unsupported_response_type": nil, "invalid_scope": nil, "never_heard_of": nil, "\x1b[31m" + strings.Repeat("x", 5000): nil,
	} {
		w := newWorld(t)
		w.issuer.Error = name
		back := with(w.leave(authn.Trip{Next: "/cart"}), "error_description", "line\none\x1b[31m \u202e"+strings.Repeat("y", 5000))
		trip, _, err := w.finish(back)
		wantError(t, err, kind, "")
		if trip.Next != "/cart" {
			t.Errorf("%.20q: the trip is %v", name, trip)
		}
		if text := err.Error(); len(text) > 1000 || strings.ContainsAny(text, "\n\x1b\u202e") {
			t.Errorf("%.20q: the error is %q", name, text)
		}
		if n := w.issuer.Calls("/token"); n != 0 {
			t.Errorf("%.20q: %d codes were sent", name, n)
		}
	}
	w := newWorld(t)
	w.issuer.Error = "access_denied"
	back := w.leave(authn.Trip{})
	w.browser = browser{}
	_, _, err := w.finish(back)
	wantError(t, err, authn.ErrStale, "0 cookies")
}

// TestAgain: who has to prove again who they are is asked, is the same user, and did it after
// they were sent there.
func TestAgain(t *testing.T) {
	again := authn.Trip{Next: "/sessions", UserID: oidc.UserID("https://id.example.com", "user-1")}
	w := newWorld(t)
	before := time.Now().Truncate(time.Second)
	if at := w.arrive(again).User().AuthenticatedAt; at.Before(before) {
		t.Errorf("authenticated at %v, before %v", at, before)
	}
	for name, tt := range map[string]struct {
		claims func(header, claims map[string]any)
		kind   error
		says   string
	}{
		"another user":           {claim("sub", "user-2"), authn.ErrRefused, "another user"},
		"nobody says when":       {claim("auth_time", nil), authn.ErrNotAsked, "auth_time is missing"},
		"no time":                {claim("auth_time", "today"), authn.ErrNotAsked, "auth_time is missing"},
		"long ago":               {claim("auth_time", before.Add(-time.Hour).Unix()), authn.ErrNotAsked, "before the user was sent there"},
		"in the future":          {claim("auth_time", before.Add(time.Hour).Unix()), authn.ErrUntrusted, "in the future"},
		"far beyond what exists": {claim("auth_time", 1e300), authn.ErrNotAsked, "auth_time is missing"},
	} {
		w.issuer.Bad.Claims = tt.claims
		trip, _, err := w.finish(w.leave(again))
		t.Log(name)
		wantError(t, err, tt.kind, tt.says)
		if trip != again {
			t.Errorf("%s: the trip is %v", name, trip)
		}
	}
	// Our clock is a little ahead. The proof does not count as older than the question.
	w.issuer.Bad.Claims = claim("auth_time", time.Now().Add(-30*time.Second).Unix())
	before = time.Now().Truncate(time.Second)
	if at := w.arrive(again).User().AuthenticatedAt; at.Before(before) {
		t.Errorf("authenticated at %v, before %v", at, before)
	}
}
