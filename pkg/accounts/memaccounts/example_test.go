package memaccounts_test

import (
	"context"
	"fmt"
	"log"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
)

// Users for a test or a demo. They are gone when the program ends.
func Example() {
	ctx := context.Background()
	users := memaccounts.New()
	registrar := accounts.NewRegistrar(users, accounts.Config{})
	if err := registrar.Prepare(ctx, users.All(ctx)); err != nil {
		log.Fatal(err)
	}
	if _, err := registrar.Register(ctx, "alice", "", nil, "seven quiet umbrellas"); err != nil {
		log.Fatal(err)
	}
	for account, err := range users.All(ctx) {
		fmt.Println(account.Username, err)
	}
	// Output: alice <nil>
}
