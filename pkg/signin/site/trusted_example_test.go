package site_test

import (
	"fmt"

	"example.com/coatcheck/pkg/signin/site"
)

// A site says from which other origins a single-page application may call it.
func ExampleParseTrustedOrigins() {
	trusted, err := site.ParseTrustedOrigins("https://app.example.org, http://localhost:5173")
	if err != nil {
		panic(err)
	}
	here := site.Site{Origin: "https://login.example.org", TrustedOrigins: trusted}
	fmt.Println(here.TrustedOrigins)
	_, err = site.ParseTrustedOrigins("http://app.example.org")
	fmt.Println(err)
	// Output:
	// [https://app.example.org http://localhost:5173]
	// "http://app.example.org" must begin with https://: whoever sits between a browser and an http page writes that page, and could write here as its users; only a loopback name may have http
}
