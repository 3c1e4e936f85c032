package password_test

import (
	"fmt"

	"example.com/coatcheck/pkg/accounts/password"
)

// Hashes of other frameworks are checked, and say that they should be made anew.
func Example() {
	hasher := password.Hasher{Product: "Coatcheck"}
	fmt.Println(hasher.CheckNew("coatcheck-alice-1", "alice"))
	for _, hash := range []string{hasher.Hash("seven quiet umbrellas"), "$2a$10$Ky.hxmdzfEldGtFUMMvZeOA1o4odW28aivyu.u./BjTZ3ILd04gea"} {
		ok, err := hasher.Verify(hash, "seven quiet umbrellas")
		fmt.Println(password.Scheme(hash), ok, err, hasher.Current(hash))
	}
	// Output:
	// the password is easy to guess, because it is little more than the user's name or the product's; choose four words at random, or more
	// Argon2id true <nil> true
	// bcrypt true <nil> false
}

// Where another application reads the hashes too, they stay those of bcrypt.
func ExampleHasher_bcryptCost() {
	hasher := password.Hasher{BcryptCost: 10}
	hash := hasher.Hash("seven quiet umbrellas")
	fmt.Println(hash[:7], hasher.Current(hash))
	// Output: $2a$10$ true
}
