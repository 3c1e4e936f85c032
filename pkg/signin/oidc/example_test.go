package oidc_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/oidc"
	"example.com/coatcheck/pkg/signin/oidc/memlinks"
	"example.com/coatcheck/pkg/signin/oidc/oidctest"
)

// A program with routes of its own signs a user in at an issuer that stands for the
// provider. Package signin has these routes ready: see signin.SSO.
func Example() {
	issuer := oidctest.NewIssuer(&testing.T{}) // a test passes its own t
	issuer.User = map[string]any{"sub": "248289761001", "preferred_username": "jane", "groups": []string{"staff"}}

	provider, err := oidc.New(oidc.Config{
		Issuer:       issuer.URL,
		ClientID:     issuer.ClientID,
		ClientSecret: issuer.ClientSecret,
		RedirectURL:  "https://shop.example.com/sso/callback",
		Keys:         [][]byte{[]byte("32 random bytes from a secret...")},
		RolesClaim:   "groups",
		Roles:        map[string]string{"staff": "support"},
		Store:        memlinks.New(), // in production one of the other stores
		Client:       issuer.Client(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	// The user comes to /sso, and is led to the provider's page.
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "https://shop.example.com/sso", nil)
	page, err := provider.Begin(w, r, authn.Trip{Next: "/orders"})
	if err != nil {
		fmt.Println(err)
		return
	}

	// The user comes back to /sso/callback.
	r = httptest.NewRequest(http.MethodGet, issuer.Visit(page), nil)
	r.AddCookie(w.Result().Cookies()[0])
	trip, arrival, err := provider.Finish(httptest.NewRecorder(), r)
	if err != nil {
		fmt.Println(err)
		return
	}
	user := arrival.User()
	fmt.Println(user.ID, user.Username, user.Roles, trip.Next)

	// The session is made with the Announce and the Confirm of the arrival. It takes the place
	// of the one that the same session at the provider had here.
	sessions, err := session.New(memstore.New(), session.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	kept, err := user.SessionUser(r, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	kept.Confirm = arrival.Confirm
	kept.Announce = func(ctx context.Context, key session.Key) error {
		if err := arrival.Announce(ctx, key); err != nil || arrival.Replaced() == (session.Key{}) {
			return err
		}
		if err := sessions.RevokeKey(ctx, arrival.Replaced()); !errors.Is(err, session.ErrNoSession) {
			return err
		}
		return nil
	}
	if _, err := sessions.Create(httptest.NewRecorder(), r, kept); err != nil {
		fmt.Println(err)
		return
	}
	// Output: openid:https://id.example.com#248289761001 jane [support] /orders
}

func ExampleUserID() {
	fmt.Println(oidc.UserID("https://id.example.com/realms/shop", "248289761001"))
	// Output: openid:https://id.example.com/realms/shop#248289761001
}
