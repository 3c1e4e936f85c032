package oidc

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"example.com/coatcheck/pkg/signin/authn"
)

const (
	skew       = time.Minute // by which the provider's clock may differ from ours
	maxSubject = 255         // characters (OpenID Connect Core 1.0, section 2)
)

// redeem exchanges the code for an ID token and verifies that the provider has made it for
// this program: its signature, issuer, audience and expiry. The access token is forgotten.
func (p *Provider) redeem(ctx context.Context, i *issuer, code string, begun journey) (*gooidc.IDToken, claims, error) {
	token, err := i.oauth.Exchange(gooidc.ClientContext(ctx, p.client), code, oauth2.VerifierOption(begun.Verifier))
	if err != nil {
		return nil, nil, redeemError(err)
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return nil, nil, untrusted("the token endpoint sends no ID token; is openid among the scopes that the provider allows?")
	}
	verifier, signature := p.verifier(i)
	id, err := verifier.Verify(ctx, raw)
	if err != nil {
		return nil, nil, signature.failure("the ID token", err)
	}
	if id.AccessTokenHash != "" && id.VerifyAccessToken(token.AccessToken) != nil {
		return nil, nil, untrusted("at_hash is not of the access token")
	}
	var claims claims
	if err := id.Claims(&claims); err != nil {
		return nil, nil, untrusted("the claims of the ID token cannot be read")
	}
	if err := checkType(raw, "jwt"); err != nil {
		return nil, nil, err
	}
	return id, claims, nil
}

// verifier returns what verifies one token of the issuer.
func (p *Provider) verifier(i *issuer) (*gooidc.IDTokenVerifier, *signature) {
	s := &signature{keys: i.keys}
	return gooidc.NewVerifier(i.name, s, &gooidc.Config{
		ClientID:             p.config.ClientID,
		SupportedSigningAlgs: i.Algorithms,
		Now:                  func() time.Time { return time.Now().Add(-skew) },
	}), s
}

// signature verifies one signature. It keeps why the keys could not be had, which the library
// does not tell from a wrong signature.
type signature struct {
	keys   *keySet
	outage error
}

// VerifySignature implements [gooidc.KeySet].
func (s *signature) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := s.keys.VerifySignature(ctx, token)
	if errors.Is(err, errNoKeys) {
		s.outage = err
	}
	return payload, err
}

// failure returns what an error of the verifier means.
func (s *signature) failure(what string, err error) error {
	if s.outage != nil {
		return fmt.Errorf("oidc: %w", s.outage)
	}
	return untrusted("%s: %s", what, brief(err.Error()))
}

// checkType refuses a token that says to be of another kind, for example one that is for a
// notice (RFC 8725, section 3.11). Tokens need not say of which kind they are.
func checkType(raw string, kinds ...string) error {
	header, _, _ := strings.Cut(raw, ".")
	var h struct {
		Type string `json:"typ"`
	}
	text, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil || json.Unmarshal(text, &h) != nil {
		return untrusted("the token's header cannot be read")
	}
	kind := strings.TrimPrefix(strings.ToLower(h.Type), "application/")
	if kind != "" && !slices.Contains(kinds, kind) {
		return untrusted("the token is of the type %q", brief(h.Type))
	}
	return nil
}

// checkToken checks what the library leaves to its callers (OpenID Connect Core 1.0, section
// 3.1.3.7).
func (p *Provider) checkToken(id *gooidc.IDToken, c claims, begun journey) error {
	azp, hasParty := c["azp"]
	switch {
	case hasParty && azp != p.config.ClientID:
		return untrusted("azp says that the ID token was made for another program")
	case !hasParty && len(id.Audience) > 1:
		return untrusted("the ID token is for %d programs, and no azp says for which it was made", len(id.Audience))
	case c.text("nonce") != begun.Nonce:
		return untrusted("nonce is not the one of this sign-in")
	}
	if err := c.checkIssuedAt(); err != nil {
		return err
	}
	if err := checkSubject(c.text("sub")); err != nil {
		return err
	}
	return c.checkAuthTime(begun)
}

// checkIssuedAt refuses a token without iat, or from the future.
func (c claims) checkIssuedAt() error {
	switch at, ok := c.time("iat"); {
	case !ok:
		return untrusted("iat is missing")
	case at.After(time.Now().Add(skew)):
		return untrusted("iat is %v in the future; is one of the clocks wrong?", time.Until(at).Truncate(time.Second))
	}
	return nil
}

// checkAuthTime refuses a proof from before the journey began, if the user had to prove again
// who they are, and one from the future.
func (c claims) checkAuthTime(begun journey) error {
	again := begun.Trip.UserID != ""
	at, ok := c.time("auth_time")
	switch {
	case !ok && again:
		return fmt.Errorf("%w: auth_time is missing, although max_age was asked for", authn.ErrNotAsked)
	case !ok:
		return nil
	case at.After(time.Now().Add(skew)):
		return untrusted("auth_time is %v in the future; is one of the clocks wrong?", time.Until(at).Truncate(time.Second))
	case again && at.Before(begun.at().Add(-skew)):
		return fmt.Errorf("%w: auth_time is %v before the user was sent there", authn.ErrNotAsked, begun.at().Sub(at))
	}
	return nil
}

// checkSubject refuses what is no subject. All it may have is printable ASCII.
func checkSubject(sub string) error {
	notPrintable := func(r rune) bool { return r < ' ' || r > '~' }
	if sub == "" || len(sub) > maxSubject || strings.ContainsFunc(sub, notPrintable) {
		return untrusted("sub must be 1 to %d characters of printable ASCII", maxSubject)
	}
	return nil
}
