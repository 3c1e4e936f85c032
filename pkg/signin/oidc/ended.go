package oidc

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"example.com/coatcheck/pkg/signin/authn"
)

const (
	logoutEvent = "http://schemas.openid.net/event/backchannel-logout"
	maxNotice   = 64 << 10 // bytes of the body of a notice

	// markLife is how much longer than a link it is kept that something has ended. So a mark
	// outlives the link that it is written to, also by another machine's clock, and a store
	// never has to keep the later time of that link.
	markLife = 24 * time.Hour
)

// Ended implements [authn.Provider] for notices of OpenID Connect Back-Channel Logout 1.0. A
// notice that is sent again does what it did before: it ends the user's sessions once more,
// until it expires.
func (p *Provider) Ended(r *http.Request) (authn.Ended, error) {
	raw, err := notice(r)
	if err != nil {
		return authn.Ended{}, err
	}
	issuer, err := p.discovery.get(r.Context())
	if err != nil {
		return authn.Ended{}, err
	}
	c, err := p.verifyNotice(r.Context(), issuer, raw)
	if err != nil {
		return authn.Ended{}, err
	}
	return p.mark(r.Context(), c)
}

// notice returns the token of a request.
func notice(r *http.Request) (string, error) {
	if r.Method != http.MethodPost {
		return "", untrusted("a notice must be a POST")
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxNotice)
	if err := r.ParseForm(); err != nil {
		return "", untrusted("the form of the notice cannot be read, or has more than %d bytes", maxNotice)
	}
	if tokens := r.PostForm["logout_token"]; len(tokens) == 1 {
		return tokens[0], nil
	}
	return "", untrusted("a notice must have one logout_token, in a form of the type application/x-www-form-urlencoded")
}

// verifyNotice returns the claims of the token. The library checks the signature, the issuer,
// the audience, the expiry, and that there are an event, a jti, a sub or a sid, and no nonce.
func (p *Provider) verifyNotice(ctx context.Context, i *issuer, raw string) (claims, error) {
	verifier, signature := p.verifier(i)
	token, err := verifier.VerifyLogout(ctx, raw)
	if err != nil {
		return nil, signature.failure("the logout token", err)
	}
	var c claims
	if err := token.Claims(&c); err != nil {
		return nil, untrusted("the claims of the logout token cannot be read")
	}
	if err := checkType(raw, "logout+jwt", "jwt"); err != nil {
		return nil, err
	}
	events, _ := c["events"].(map[string]any)
	if _, ok := events[logoutEvent].(map[string]any); !ok {
		return nil, untrusted("events does not say that a session has ended")
	}
	if _, ok := c["nonce"]; ok {
		return nil, untrusted("a logout token has no nonce")
	}
	return c, c.checkIssuedAt()
}

// mark stores what has ended. With a session ID it is that session alone.
func (p *Provider) mark(ctx context.Context, c claims) (authn.Ended, error) {
	at, _ := c.time("iat")
	expires := time.Now().Add(p.config.Lifetime + markLife).Truncate(time.Second)
	if _, ok := c["sid"]; ok {
		sid := c.text("sid")
		if sid == "" {
			return authn.Ended{}, untrusted("sid must be a text")
		}
		link, err := p.config.Store.End(ctx, p.sessionID(sid), at, expires)
		return authn.Ended{Session: link.Session}, err
	}
	sub := c.text("sub")
	if err := checkSubject(sub); err != nil {
		return authn.Ended{}, err
	}
	if _, err := p.config.Store.End(ctx, p.subjectID(sub), at, expires); err != nil {
		return authn.Ended{}, fmt.Errorf("oidc: storing that all sessions of a user have ended: %w", err)
	}
	return authn.Ended{UserID: UserID(p.config.Issuer, sub)}, nil
}
