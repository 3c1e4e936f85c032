package legacylogin_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/legacylogin"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/signin/authn"
)

// A user of a monolith moves here at the first sign-in.
func Example() {
	const key = "an-invented-key-of-32-characters"
	monolith := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"user_id": 17, "username": "alice"}`) // to whoever has the key and the password
	}))
	defer monolith.Close()

	ctx := context.Background()
	users := memaccounts.New()
	registrar := accounts.NewRegistrar(users, accounts.Config{})
	if err := registrar.Prepare(ctx, users.All(ctx)); err != nil {
		log.Fatal(err)
	}
	limiter, err := throttle.New(memaccounts.NewAttempts(), throttle.Config{})
	if err != nil {
		log.Fatal(err)
	}
	other, err := legacylogin.New(monolith.URL, key)
	if err != nil {
		log.Fatal(err)
	}
	authenticator := accounts.NewAsking(registrar, limiter, other)
	proof, err := authenticator.Authenticate(ctx, authn.Attempt{Username: "alice", Password: "hunter2", Address: "192.0.2.1"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(proof.User().ID)
	// Output: 17
}
