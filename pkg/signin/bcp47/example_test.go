package bcp47_test

import (
	"fmt"

	"example.com/coatcheck/pkg/signin/bcp47"
)

// signin.Preferences takes Canonical, so that a language is kept in one spelling.
func ExampleCanonical() {
	for _, tag := range []string{"PT-br", "zh-hant", "english"} {
		fmt.Println(bcp47.Canonical(tag))
	}
	// Output:
	// pt-BR <nil>
	// zh-Hant <nil>
	//  not a BCP 47 language tag: language: tag is not well-formed
}
