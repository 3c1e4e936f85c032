package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"example.com/coatcheck/pkg/events"
)

const (
	// freshFor is how long what the provider says of itself is believed. Its keys are fetched
	// anew then, so that a key that it has taken back is not believed any longer either.
	freshFor = time.Hour

	// retryAfter is how long nobody asks again after a failure.
	retryAfter = time.Second
)

// allowed are the algorithms of signatures that are believed: all that are not broken and
// need a private key. Neither none nor HS256 is one.
var allowed = []string{
	gooidc.RS256, gooidc.RS384, gooidc.RS512, gooidc.PS256, gooidc.PS384, gooidc.PS512,
	gooidc.ES256, gooidc.ES384, gooidc.ES512, gooidc.EdDSA,
}

// metadata is what a provider says of itself (OpenID Connect Discovery 1.0, section 3; RFC
// 9207, section 3; RP-Initiated Logout 1.0, section 2.1), as far as it is needed here.
type metadata struct {
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	Keys          string   `json:"jwks_uri"`
	EndSession    string   `json:"end_session_endpoint"`
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	ClientAuth    []string `json:"token_endpoint_auth_methods_supported"`
	SendsIssuer   bool     `json:"authorization_response_iss_parameter_supported"`
}

// issuer is a provider that has been asked about itself.
type issuer struct {
	metadata
	name  string
	oauth oauth2.Config
	keys  *keySet
}

// discovery asks the provider about itself, once for all who want to know at the same time.
type discovery struct {
	config Config
	client *http.Client
	flight singleflight.Group

	mu    sync.Mutex
	known *issuer // what was said last, nil before
	err   error   // of the last try, if nothing is known
	until time.Time
}

func newDiscovery(c Config, client *http.Client) *discovery {
	return &discovery{config: c, client: client}
}

// get returns what the provider says of itself. It waits no longer than ctx lives; the
// question goes on for others.
func (d *discovery) get(ctx context.Context) (*issuer, error) {
	if known, err, ok := d.last(); ok {
		return known, err
	}
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("oidc: waiting for what the provider %s says of itself: %w", d.config.Issuer, ctx.Err())
	case <-d.flight.DoChan("", d.refresh):
		known, err, _ := d.last()
		return known, err
	}
}

// last returns the result of the last try, and whether it still holds.
func (d *discovery) last() (known *issuer, err error, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known, d.err, time.Now().Before(d.until)
}

// refresh asks the provider. If it does not answer, what it said before goes on to hold: no
// sign-in ends without an answer of its token endpoint anyway.
func (d *discovery) refresh() (any, error) {
	found, err := d.ask(gooidc.ClientContext(context.Background(), d.client))
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err == nil:
		d.known, d.err, d.until = found, nil, time.Now().Add(freshFor)
	case d.known != nil:
		d.until = time.Now().Add(retryAfter)
		events.Log(context.Background(), d.config.Logger, "oidc_discovery_failed", "error", err.Error())
	default:
		d.err, d.until = err, time.Now().Add(retryAfter)
	}
	return nil, nil
}

// ask makes the call. The library refuses an answer that names another issuer.
func (d *discovery) ask(ctx context.Context) (*issuer, error) {
	provider, err := gooidc.NewProvider(ctx, d.config.Issuer)
	if err != nil {
		return nil, fmt.Errorf("oidc: asking the provider %s about itself: %s", d.config.Issuer, brief(err.Error()))
	}
	found := &issuer{name: d.config.Issuer}
	if err := provider.Claims(&found.metadata); err != nil {
		return nil, fmt.Errorf("oidc: what the provider %s says of itself cannot be read: %s", found.name, brief(err.Error()))
	}
	if err := found.check(); err != nil {
		return nil, err
	}
	style, err := found.authStyle(d.config.ClientSecret)
	if err != nil {
		return nil, err
	}
	found.oauth = oauth2.Config{
		ClientID: d.config.ClientID, ClientSecret: d.config.ClientSecret, RedirectURL: d.config.RedirectURL, Scopes: d.config.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: found.Authorization, TokenURL: found.Token, AuthStyle: style},
	}
	found.keys = &keySet{url: found.Keys, client: d.client}
	for _, name := range found.Algorithms {
		found.keys.algorithms = append(found.keys.algorithms, jose.SignatureAlgorithm(name))
	}
	return found, nil
}

// check refuses pages and answers that others could read, or that only a provider on this
// machine could have, and keeps of the algorithms those that are allowed.
func (i *issuer) check() error {
	for name, text := range map[string]string{"authorization_endpoint": i.Authorization, "token_endpoint": i.Token, "jwks_uri": i.Keys, "end_session_endpoint": i.EndSession} {
		if text == "" && name == "end_session_endpoint" {
			continue
		}
		err := checkURL(text)
		if err == nil && strings.HasPrefix(text, "http:") && !strings.HasPrefix(i.name, "http:") {
			err = errors.New("it must begin with https://")
		}
		if err != nil {
			return fmt.Errorf("oidc: the provider %s says that its %s is %q: %w", i.name, name, brief(text), err)
		}
	}
	if len(i.Algorithms) == 0 {
		i.Algorithms = []string{gooidc.RS256} // which every provider has
	}
	said := i.Algorithms
	i.Algorithms = slices.DeleteFunc(slices.Clone(said), func(name string) bool { return !slices.Contains(allowed, name) })
	if len(i.Algorithms) == 0 {
		return fmt.Errorf("oidc: the provider %s signs by %s alone; let it sign by one of %q", i.name, brief(fmt.Sprintf("%q", said)), allowed)
	}
	return nil
}

// authStyle returns how this program proves itself at the token endpoint. It is never tried
// out, because that would send the code twice.
func (i *issuer) authStyle(secret string) (oauth2.AuthStyle, error) {
	switch {
	case secret == "":
		return oauth2.AuthStyleInParams, nil // the name alone
	case len(i.ClientAuth) == 0 || slices.Contains(i.ClientAuth, "client_secret_basic"):
		return oauth2.AuthStyleInHeader, nil
	case slices.Contains(i.ClientAuth, "client_secret_post"):
		return oauth2.AuthStyleInParams, nil
	}
	return 0, fmt.Errorf("oidc: the provider %s takes a client secret neither by client_secret_basic nor by client_secret_post; it says %s",
		i.name, brief(fmt.Sprintf("%q", i.ClientAuth)))
}

// isCognito reports whether the issuer is a user pool of Amazon Cognito.
func isCognito(issuer string) bool {
	u, err := url.Parse(issuer)
	return err == nil && strings.HasPrefix(u.Hostname(), "cognito-idp.") && strings.HasSuffix(u.Hostname(), ".amazonaws.com")
}

// cognitoLogout returns the page of Cognito that ends its session.
func (i *issuer) cognitoLogout() string {
	if i.EndSession != "" {
		return i.EndSession
	}
	if domain, ok := strings.CutSuffix(i.Authorization, "/oauth2/authorize"); ok {
		return domain + "/logout"
	}
	return ""
}
