package oidc

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

// Provider is an OpenID provider, an [authn.Provider]; make one with [New]. It is safe for
// concurrent use.
type Provider struct {
	config    Config
	client    *http.Client
	discovery *discovery
	cookies   sealer
}

var _ authn.Provider = (*Provider)(nil)

// New returns a Provider. It makes no call: the provider is asked about itself at the first
// need. The error says which field is wrong.
func New(c Config) (*Provider, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	cookies, err := newSealer(c.Keys)
	if err != nil {
		return nil, err
	}
	client := boundedClient(c.Client)
	return &Provider{config: c, client: client, discovery: newDiscovery(c, client), cookies: cookies}, nil
}

// UserID returns the ID here of the user whom an issuer calls subject. No two users have the
// same, because an issuer has no fragment, and no ID that accounts makes or imports begins
// like it.
func UserID(issuer, subject string) string { return authn.OpenIDPrefix + issuer + "#" + subject }

// maxUserID is the maximum length of the ID of a user who proves again who they are, in bytes.
const maxUserID = len(authn.OpenIDPrefix+"#") + maxIssuerLength + maxSubject

// Begin implements [authn.Provider]. Each sign-in that has begun has a cookie of its own,
// named by its state, so that several tabs do not disturb each other. The cookie is good for
// 10 minutes. Begin clears those that are too old, the oldest of more than four, and those
// that would be more than 4 KB together. A Next of more than 1 KB is forgotten.
//
// If the Trip has a UserID, the provider must ask the user again. If the request's context
// has the session of that user, the user's name goes along as a hint.
func (p *Provider) Begin(w http.ResponseWriter, r *http.Request, t authn.Trip) (string, error) {
	if len(t.UserID) > maxUserID {
		return "", fmt.Errorf("oidc: the user ID in the trip has %d bytes; users of the provider have at most %d", len(t.UserID), maxUserID)
	}
	issuer, err := p.discovery.get(r.Context())
	if err != nil {
		return "", err
	}
	state, begun := newJourney(t)
	if err := p.setCookie(w, r, state, begun); err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{gooidc.Nonce(begun.Nonce), oauth2.S256ChallengeOption(begun.Verifier)}
	if t.UserID != "" {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
		if name := knownName(r.Context(), t.UserID); name != "" {
			options = append(options, oauth2.SetAuthURLParam("login_hint", name))
		}
	}
	return issuer.oauth.AuthCodeURL(state, options...), nil
}

// knownName returns the name of the user whose session is in ctx, if it is that of userID.
func knownName(ctx context.Context, userID string) string {
	s := session.FromContext(ctx)
	if s == nil || s.UserID != userID {
		return ""
	}
	name := s.Values[authn.ValueUsername]
	if strings.HasSuffix(userID, "#"+name) {
		return "" // it is the subject, which no user types
	}
	return name
}

// Finish implements [authn.Provider]. Whatever the request has beside a state, a code, an
// error and an issuer is ignored. The cookie is not stored anywhere here: that the answer is
// good once is up to the provider, which accepts a code once, and to the browser, which
// forgets the cookie.
func (p *Provider) Finish(w http.ResponseWriter, r *http.Request) (authn.Trip, authn.Arrival, error) {
	query, broken := url.ParseQuery(r.URL.RawQuery)
	begun, err := p.takeCookie(w, r, query["state"])
	if broken != nil {
		err = fmt.Errorf("%w: its query cannot be read", authn.ErrStale)
	}
	if err != nil {
		return authn.Trip{}, nil, err
	}
	arrived, err := p.arrive(r.Context(), begun, query)
	if err != nil {
		return begun.Trip, nil, err
	}
	return begun.Trip, arrived, nil
}

// arrive checks what the provider has sent by the browser, fetches the ID token and checks it.
func (p *Provider) arrive(ctx context.Context, begun journey, query url.Values) (*arrival, error) {
	issuer, err := p.discovery.get(ctx)
	if err != nil {
		return nil, err
	}
	code, err := issuer.code(query)
	if err != nil {
		return nil, err
	}
	id, claims, err := p.redeem(ctx, issuer, code, begun)
	if err != nil {
		return nil, err
	}
	if err := p.checkToken(id, claims, begun); err != nil {
		return nil, err
	}
	return p.newArrival(claims, begun)
}

// newArrival returns the user whom the checked claims name.
func (p *Provider) newArrival(claims claims, begun journey) (*arrival, error) {
	user, err := p.user(claims)
	if err != nil {
		return nil, err
	}
	if begun.Trip.UserID != "" {
		if user.ID != begun.Trip.UserID {
			return nil, fmt.Errorf("%w: another user has come back than the one who had to prove it again", authn.ErrRefused)
		}
		// By the skew of the clocks it could be a little earlier.
		user.AuthenticatedAt = later(user.AuthenticatedAt, begun.at())
	}
	issuedAt, _ := claims.time("iat")
	a := &arrival{provider: p, user: user, subject: p.subjectID(claims.text("sub")), issuedAt: issuedAt}
	if sid := claims.text("sid"); sid != "" {
		a.session = p.sessionID(sid)
	}
	return a, nil
}

// SignOutURL implements [authn.Provider]. It names this program and no ID token, because none
// is kept, so some providers ask the user whether to sign out. The provider must know back as
// a URL that it may lead to after that.
//
// Cognito names the parameter in its own way, and has the page even where it does not say
// so: this was written by its documentation and not tried.
func (p *Provider) SignOutURL(ctx context.Context, back string) (string, error) {
	issuer, err := p.discovery.get(ctx)
	if err != nil {
		return "", err
	}
	page, parameter := issuer.EndSession, "post_logout_redirect_uri"
	if isCognito(p.config.Issuer) {
		page, parameter = issuer.cognitoLogout(), "logout_uri"
	}
	if page == "" {
		return "", nil
	}
	u, err := url.Parse(page)
	if err != nil {
		return "", fmt.Errorf("oidc: the provider's end_session_endpoint is no URL")
	}
	query := u.Query()
	query.Set("client_id", p.config.ClientID)
	query.Set(parameter, back)
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
