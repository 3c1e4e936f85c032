package oidctest_test

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/oidc"
	"example.com/coatcheck/pkg/signin/oidc/memlinks"
	"example.com/coatcheck/pkg/signin/oidc/oidctest"
)

// A test sees what its program does on a bad day of the provider.
func ExampleIssuer() {
	t := &testing.T{} // a test has its own
	issuer := oidctest.NewIssuer(t)
	provider, err := oidc.New(oidc.Config{
		Issuer: issuer.URL, ClientID: issuer.ClientID, ClientSecret: issuer.ClientSecret, RedirectURL: "https://shop.example.com/sso/callback",
		Keys: [][]byte{[]byte("32 random bytes from a secret...")}, Store: memlinks.New(), Client: issuer.Client(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	w := httptest.NewRecorder()
	page, err := provider.Begin(w, httptest.NewRequest("GET", "https://shop.example.com/sso", nil), authn.Trip{})
	if err != nil {
		fmt.Println(err)
		return
	}
	issuer.Bad.Claims = func(_, claims map[string]any) { claims["aud"] = "another-program" }
	back := httptest.NewRequest("GET", issuer.Visit(page), nil)
	back.AddCookie(w.Result().Cookies()[0])
	_, _, err = provider.Finish(httptest.NewRecorder(), back)
	fmt.Println(err)
	// Output: what the provider said cannot be trusted: the ID token: oidc: expected audience "shop" got ["another-program"]
}
