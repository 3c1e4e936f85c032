package oidc

import (
	"errors"
	"fmt"
	"net/url"

	"golang.org/x/oauth2"

	"example.com/coatcheck/pkg/signin/authn"
)

// untrusted returns an ErrUntrusted that says which check failed.
func untrusted(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{authn.ErrUntrusted}, args...)...)
}

// code returns the code that the browser has brought. Before anything else the issuer that
// the answer names must be ours, so that no code of ours goes to another provider, and none
// of another to ours (RFC 9207).
func (i *issuer) code(query url.Values) (string, error) {
	switch names := query["iss"]; {
	case len(names) == 0 && i.SendsIssuer:
		return "", untrusted("the answer names no issuer, although the provider says that it does")
	case len(names) > 0 && (len(names) != 1 || names[0] != i.name):
		return "", untrusted("the answer is from another issuer, %q", brief(names[0]))
	}
	if query.Has("error") {
		return "", refusal(query.Get("error"), query.Get("error_description"))
	}
	if codes := query["code"]; len(codes) == 1 && codes[0] != "" {
		return codes[0], nil
	}
	return "", fmt.Errorf("%w: it has neither a code nor an error", authn.ErrStale)
}

// refusal returns what an error of the provider means (RFC 6749, section 4.1.2.1; OpenID
// Connect Core 1.0, section 3.1.2.6). The description is for the log alone: anybody can
// write it into a link.
func refusal(name, description string) error {
	said := fmt.Sprintf("%q (%q)", brief(name), brief(description))
	switch name {
	case "access_denied":
		return fmt.Errorf("%w: it says %s", authn.ErrCancelled, said)
	case "server_error", "temporarily_unavailable":
		return fmt.Errorf("oidc: the provider is in trouble: it says %s", said)
	case "login_required", "interaction_required", "consent_required", "account_selection_required":
		return fmt.Errorf("oidc: the provider says %s, although it may ask the user anything: see how this program is registered there", said)
	}
	return fmt.Errorf("oidc: the provider refuses the sign-in with %s: compare how this program is registered there with its client ID, redirect URL and scopes", said)
}

// redeemError returns what an error of the token endpoint means. The text of the library's
// error is not used where it could quote the answer, which may have tokens in it.
func redeemError(err error) error {
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case !ok:
		return fmt.Errorf("oidc: the provider's token endpoint: %w", err)
	case answer.ErrorCode == "invalid_grant":
		return fmt.Errorf("%w: the provider does not take the code, or not any more (%q)", authn.ErrStale, brief(answer.ErrorDescription))
	case answer.ErrorCode != "":
		return fmt.Errorf("oidc: the provider's token endpoint refuses this program with %q (%q): compare how it is registered there with its client ID, secret and redirect URL",
			brief(answer.ErrorCode), brief(answer.ErrorDescription))
	}
	return fmt.Errorf("oidc: the provider's token endpoint answers %s", brief(answer.Response.Status))
}
