// Package oidcconfig makes an OpenID provider, at which users sign in, from environment
// variables. An error names the wrong variable, and quotes no secret.
//
// This package may still change in ways that break programs.
package oidcconfig

import (
	"fmt"
	"log/slog"
	"os"
	"strings"

	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/signin/oidc"
)

// The variables of the provider, beside [config.ProviderName]. A program either has none of
// them, or Issuer, ClientID and Keys and what else it needs.
const (
	Issuer       = "OIDC_ISSUER"        // as the provider itself spells it: https://id.example.com/realms/shop
	ClientID     = "OIDC_CLIENT_ID"     // what the provider calls this program
	ClientSecret = "OIDC_CLIENT_SECRET" // optional: a public client has none
	Keys         = "OIDC_KEYS"          // written as SESSION_KEYS, and other keys than those
	Scopes       = "OIDC_SCOPES"        // optional: separated by blanks; default openid profile email
	RolesClaim   = "OIDC_ROLES_CLAIM"   // optional, together with Roles: the claim with the groups of a user, such as groups
	Roles        = "OIDC_ROLES"         // optional, together with RolesClaim: the role for each value of the claim, such as admins=admin,staff=support

	// Table is the variable with the name of the DynamoDB table of the links, for
	// dynamolinks.New. Only programs that keep everything in DynamoDB have it.
	Table = "OIDC_TABLE"
)

// CallbackPath is where the provider leads browsers back to, after the origin.
const CallbackPath = "/sso/callback"

// Enabled reports whether the environment names a provider. It returns an error if it has
// other variables of one and no OIDC_ISSUER, or an OIDC_ISSUER and no OIDC_NAME: then no page
// would lead there.
func Enabled() (bool, error) {
	if os.Getenv(Issuer) != "" {
		_, err := config.Required(config.ProviderName)
		return true, err
	}
	for _, name := range []string{config.ProviderName, ClientID, ClientSecret, Keys, Scopes, RolesClaim, Roles, Table} {
		if os.Getenv(name) != "" {
			return false, fmt.Errorf("%s is set, and %s is not; set both, or neither", name, Issuer)
		}
	}
	return false, nil
}

// Provider returns the provider that the variables name: [oidc.New] of what [Config] returns.
// It makes no call.
func Provider(store oidc.Store, origin string, logger *slog.Logger) (*oidc.Provider, error) {
	c, err := Config(store, origin, logger)
	if err != nil {
		return nil, err
	}
	p, err := oidc.New(c)
	if err != nil {
		return nil, named(err)
	}
	return p, nil
}

// Config returns what the variables say of the provider, for a program that adds to it what
// no variable says, such as Values. The provider keeps in store which sessions there have
// which sessions here, as long as SESSION_LIFETIME and SESSION_PERSISTENT_LIFETIME say, or
// 400 days if they say nothing. The origin is that of the site, as PUBLIC_ORIGIN has it: a
// provider leads browsers only to a URL that it knows.
func Config(store oidc.Store, origin string, logger *slog.Logger) (c oidc.Config, err error) {
	if origin == "" {
		return c, fmt.Errorf("%s is set, and PUBLIC_ORIGIN is not; the provider leads browsers back there, so set it, such as https://shop.example.com", Issuer)
	}
	c = oidc.Config{RedirectURL: origin + CallbackPath, ClientSecret: os.Getenv(ClientSecret), Scopes: strings.Fields(os.Getenv(Scopes)), Store: store, Logger: logger}
	if c.Issuer, err = config.Required(Issuer); err != nil {
		return c, err
	}
	if c.ClientID, err = config.Required(ClientID); err != nil {
		return c, fmt.Errorf("%w; the provider gives one to each program that is registered there", err)
	}
	if c.Keys, err = keys(); err != nil {
		return c, err
	}
	if c.RolesClaim, c.Roles, err = roles(); err != nil {
		return c, err
	}
	sessions, err := config.SessionConfig()
	c.Lifetime = max(sessions.Lifetime, sessions.PersistentLifetime)
	return c, err
}

// named returns the error with the variable from which the field comes that it is about.
func named(err error) error {
	for field, variable := range map[string]string{
		"Issuer": Issuer, "ClientID": ClientID, "RedirectURL": "PUBLIC_ORIGIN", "Scopes": Scopes, "Keys": Keys, "RolesClaim": RolesClaim, "Roles": Roles,
	} {
		if strings.Contains(err.Error(), "Config."+field+" ") || strings.Contains(err.Error(), "Config."+field+"[") {
			return fmt.Errorf("%s: %w", variable, err)
		}
	}
	return err
}

func keys() ([][]byte, error) {
	keys, err := config.Keys(Keys)
	if err == nil && len(keys) == 0 {
		err = fmt.Errorf("%s is not set; make a key with: openssl rand -base64 32", Keys)
	}
	if err == nil && os.Getenv(Keys) == os.Getenv(config.SessionKeys) {
		err = fmt.Errorf("%s is the same as %s; make a key of its own with: openssl rand -base64 32", Keys, config.SessionKeys)
	}
	return keys, err
}

// roles reads OIDC_ROLES_CLAIM and OIDC_ROLES.
func roles() (claim string, table map[string]string, err error) {
	claim, list := os.Getenv(RolesClaim), os.Getenv(Roles)
	if (claim == "") != (list == "") {
		return "", nil, fmt.Errorf("of %s and %s one is set; set both, or neither", RolesClaim, Roles)
	}
	if list == "" {
		return "", nil, nil
	}
	table = map[string]string{}
	for entry := range strings.SplitSeq(list, ",") {
		at := strings.LastIndex(entry, "=")
		value, role := strings.TrimSpace(entry[:max(at, 0)]), strings.TrimSpace(entry[at+1:])
		if value == "" || role == "" {
			return "", nil, fmt.Errorf("%s has the part %q; each must be a value of the claim, =, and a role here, such as admins=admin,staff=support", Roles, entry)
		}
		if _, twice := table[value]; twice {
			return "", nil, fmt.Errorf("%s has the value %q twice", Roles, value)
		}
		table[value] = role
	}
	return claim, table, nil
}
