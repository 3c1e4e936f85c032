package legacyconfig_test

import (
	"fmt"
	"log"

	"example.com/coatcheck/pkg/config/legacyconfig"
)

// Two applications whose sessions come over. Their users' IDs begin differently, because
// user 7 of one is not user 7 of the other.
func Example() {
	sources, err := legacyconfig.Parse(`[
		{"kind": "flask", "namespace": "desk:", "keys": ["an-example-of-a-SECRET_KEY"], "values": ["cart_id"]},
		{"kind": "cookie-session", "name": "shop", "namespace": "shop:", "cookie": "shop", "keys": ["an-example-of-a-secret"]}
	]`)
	if err != nil {
		log.Fatal(err)
	}
	for _, source := range sources {
		fmt.Println(source.Name, source.Namespace, source.Cookies(), source.Values)
	}
	// Output:
	// flask desk: [session] [cart_id]
	// shop shop: [shop shop.sig] []
}
