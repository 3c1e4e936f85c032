package oidc

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/coatcheck/pkg/signin/authn"
)

const (
	maxName  = 200     // characters of a name
	maxValue = 1 << 10 // bytes of a value that the session keeps
)

// claims are those of a token whose signature is right. Names are compared exactly.
type claims map[string]any

// text returns the claim if it is a text.
func (c claims) text(name string) string {
	text, _ := c[name].(string)
	return text
}

// time returns the claim if it is a time, in whole seconds.
func (c claims) time(name string) (time.Time, bool) {
	seconds, ok := c[name].(float64)
	if !ok || seconds < 0 || seconds > 1e11 {
		return time.Time{}, false
	}
	return time.Unix(int64(math.Floor(seconds)), 0), true
}

// name returns the first of the claims that has a name people can read.
func (c claims) name(names ...string) string {
	for _, name := range names {
		if text := cut(c.text(name), maxName); text != "" {
			return text
		}
	}
	return ""
}

// verifiedEmail returns the address if the provider has verified it. Cognito writes the truth
// as a text.
func (c claims) verifiedEmail() string {
	if c["email_verified"] != true && c["email_verified"] != "true" {
		return ""
	}
	return c.name("email")
}

// path returns the claim of that name or, if there is none, what its dots lead to.
func (c claims) path(name string) any {
	if value, ok := c[name]; ok {
		return value
	}
	value := any(map[string]any(c))
	for step := range strings.SplitSeq(name, ".") {
		object, _ := value.(map[string]any)
		value = object[step]
	}
	return value
}

// user returns the user whom the claims name. The user info endpoint is not asked: what the
// ID token does not say is not known.
func (p *Provider) user(c claims) (authn.User, error) {
	sub := c.text("sub")
	username := cmp.Or(c.name("preferred_username"), c.verifiedEmail(), sub)
	full := strings.TrimSpace(c.name("given_name") + " " + c.name("family_name"))
	u := authn.User{
		ID:              UserID(p.config.Issuer, sub),
		Username:        username,
		DisplayName:     cmp.Or(c.name("name"), full, c.name("nickname"), username),
		Roles:           p.roles(c),
		AuthenticatedAt: time.Unix(0, 0), // nobody knows when
		NoPassword:      true,
	}
	if at, ok := c.time("auth_time"); ok {
		u.AuthenticatedAt = at
	}
	for claim, key := range p.config.Values {
		value, ok := plain(c.path(claim))
		if len(value) > maxValue {
			return u, untrusted("the claim %q has %d bytes; at most %d are kept", claim, len(value), maxValue)
		}
		if ok {
			u.Attributes = with(u.Attributes, key, value)
		}
	}
	return u, fits(u)
}

// fits refuses a user whom a session could not keep, before one is made.
func fits(u authn.User) error {
	user, err := u.SessionUser(nil, nil)
	if err == nil {
		err = user.Validate()
	}
	if err != nil {
		return untrusted("its claims fit into no session: %s", err)
	}
	return nil
}

func with(m map[string]string, key, value string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return m
}

// roles returns the roles here of the values of the claim, each once and in their order.
func (p *Provider) roles(c claims) (roles []string) {
	if p.config.RolesClaim == "" {
		return nil
	}
	values, ok := c.path(p.config.RolesClaim).([]any)
	if !ok {
		values = []any{c.path(p.config.RolesClaim)}
	}
	for _, value := range values {
		text, _ := value.(string)
		if role, ok := p.config.Roles[text]; ok && !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	return roles
}

// plain returns a text, a number or a truth value as text.
func plain(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		text, err := json.Marshal(v)
		return string(text), err == nil
	}
	return "", false
}
