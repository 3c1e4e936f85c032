package oidcconfig_test

import (
	"fmt"
	"log/slog"
	"os"

	"example.com/coatcheck/pkg/config/oidcconfig"
	"example.com/coatcheck/pkg/signin/oidc"
	"example.com/coatcheck/pkg/signin/oidc/memlinks"
)

// A program whose environment names a provider makes it so, and hands it to signin.SSO.
func ExampleProvider() {
	for name, value := range map[string]string{
		"OIDC_NAME":      "Example ID",
		"OIDC_ISSUER":    "https://id.example.com",
		"OIDC_CLIENT_ID": "shop",
		"OIDC_KEYS":      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", // openssl rand -base64 32 makes a real one
	} {
		os.Setenv(name, value)
		defer os.Unsetenv(name)
	}
	enabled, err := oidcconfig.Enabled()
	if err != nil || !enabled {
		fmt.Println("no provider:", err)
		return
	}
	provider, err := oidcconfig.Provider(memlinks.New(), "https://shop.example.com", slog.Default())
	fmt.Println(provider != nil, err)
	// Output: true <nil>
}

// A program adds what no variable says: here the claim that says for which customer a user
// is here.
func ExampleConfig() {
	for name, value := range map[string]string{
		"OIDC_NAME":      "Example ID",
		"OIDC_ISSUER":    "https://id.example.com",
		"OIDC_CLIENT_ID": "portal",
		"OIDC_KEYS":      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", // openssl rand -base64 32 makes a real one
	} {
		os.Setenv(name, value)
		defer os.Unsetenv(name)
	}
	c, err := oidcconfig.Config(memlinks.New(), "https://portal.example.com", slog.Default())
	if err != nil {
		fmt.Println(err)
		return
	}
	c.Values = map[string]string{"tenant_id": "tenant"}
	provider, err := oidc.New(c)
	fmt.Println(c.RedirectURL, provider != nil, err)
	// Output: https://portal.example.com/sso/callback true <nil>
}
