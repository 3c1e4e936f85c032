package site_test

import (
	"fmt"

	"example.com/coatcheck/pkg/signin/site"
)

// A Site is made of texts, such as environment variables, by functions that check them: no
// text in them becomes a script, a style or a link of another kind.
func ExampleSite() {
	name, err := site.ParseName(" Blue Harbour ")
	if err != nil {
		fmt.Println(err)
	}
	links, err := site.ParseLinks("Imprint=https://blue.example/imprint, Help=/help")
	if err != nil {
		fmt.Println(err)
	}
	cookies, err := site.ParseLegacyCookies("session;Path=/shop;Stateless")
	if err != nil {
		fmt.Println(err)
	}
	here := site.Site{Origin: "https://blue.example", Brand: site.Brand{Name: name, Links: links}, LegacyCookies: cookies}
	fmt.Printf("%q %v %+v\n", here.Brand.Name, here.Brand.Links, here.LegacyCookies)

	_, err = site.ParseLinks("Help=javascript:alert(1)")
	fmt.Println(err)
	_, err = site.ParseAccent("#ffff00,#f0a199")
	fmt.Println(err)
	// Output:
	// "Blue Harbour" [{Imprint https://blue.example/imprint} {Help /help}] [{Name:session Path:/shop Domain: Stateless:true}]
	// "Help" leads to "javascript:alert(1)"; write an https:// URL or a path such as /help, and %XX for characters other than A-Z a-z 0-9 . _ ~ & + ; = : @ / ? # -
	// the color for light pages, #ffff00, has a contrast of 1.04:1 to the page, #f4f1ec, and needs 4.5:1; choose a darker one
}
