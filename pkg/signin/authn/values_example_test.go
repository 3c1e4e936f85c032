package authn_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"example.com/coatcheck/pkg/signin/authn"
)

// A shop keeps the cart of a visitor in the session that the sign-in makes. Pass such a
// function as Values of signin.Options, and of bridge.Config.
func ExampleValuesFunc() {
	cart := func(r *http.Request, u authn.User) (map[string]string, error) {
		if u.Attributes["tenant"] == "closed" {
			return nil, authn.ErrRefused
		}
		cookie, err := r.Cookie("cart")
		if err != nil {
			return nil, nil // no cart, which is no failure
		}
		return map[string]string{"cart": cookie.Value}, nil
	}

	r := httptest.NewRequest(http.MethodPost, "/login", nil)
	r.AddCookie(&http.Cookie{Name: "cart", Value: "c7"})
	user, err := authn.User{ID: "u1", Username: "Alice", DisplayName: "Alice Liddell", Attributes: map[string]string{"tenant": "acme"}}.SessionUser(r, cart)
	fmt.Println(user.Values, err)
	// Output: map[cart:c7 display_name:Alice Liddell tenant:acme username:Alice] <nil>
}
