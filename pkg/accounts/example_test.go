package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/signin/authn"
)

// A user is added, and signs in. Package signin makes these calls for its pages.
func Example() {
	ctx := context.Background()
	users := memaccounts.New()
	registrar := accounts.NewRegistrar(users, accounts.Config{})
	if err := registrar.Prepare(ctx, users.All(ctx)); err != nil {
		log.Fatal(err)
	}
	if _, err := registrar.Register(ctx, "Alice", "", []string{"member"}, "seven quiet umbrellas"); err != nil {
		log.Fatal(err)
	}

	limiter, err := throttle.New(memaccounts.NewAttempts(), throttle.Config{})
	if err != nil {
		log.Fatal(err)
	}
	authenticator := accounts.NewAuthenticator(accounts.NewDirectory(users, accounts.Config{}), limiter)
	for _, password := range []string{"wrong", "seven quiet umbrellas"} {
		proof, err := authenticator.Authenticate(ctx, authn.Attempt{Username: "ALICE", Password: password, Address: "192.0.2.1"})
		if errors.Is(err, authn.ErrRefused) {
			fmt.Println(err)
			continue
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(proof.User().Username, proof.User().Roles, proof.Confirm(ctx))
	}
	// Output:
	// user name or password wrong
	// Alice [member] <nil>
}

// A user of a list that another system has exported keeps the password. Its hash stays what
// it is until the first sign-in.
func ExampleRegistrar_Imported() {
	ctx := context.Background()
	users := memaccounts.New()
	registrar := accounts.NewRegistrar(users, accounts.Config{})
	if err := registrar.Prepare(ctx, users.All(ctx)); err != nil {
		log.Fatal(err)
	}
	account, err := registrar.Imported("bruno@example.com", "Bruno Keller", nil, "$2a$10$Ky.hxmdzfEldGtFUMMvZeOA1o4odW28aivyu.u./BjTZ3ILd04gea", "17")
	if err == nil {
		err = registrar.Add(ctx, account)
	}
	found, _ := registrar.FindID(ctx, "17")
	fmt.Println(found.DisplayName, err)
	// Output: Bruno Keller <nil>
}

// Two spellings of a name are one key.
func ExampleNormalize() {
	for _, name := range []string{" Ängström ", "A\u0308NGSTRO\u0308M", "Straße", "STRASSE", ""} {
		key, err := accounts.Normalize(name)
		fmt.Printf("%q %v\n", key, err)
	}
	// Output:
	// "ängström" <nil>
	// "ängström" <nil>
	// "strasse" <nil>
	// "strasse" <nil>
	// "" the user name is empty
}
