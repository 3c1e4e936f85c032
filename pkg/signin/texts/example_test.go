package texts_test

import (
	"fmt"
	"testing/fstest"

	"example.com/coatcheck/pkg/signin/texts"
)

// A site has texts for a page of its own, and another word for what Coatcheck says. A
// program embeds the files: //go:embed texts/*.json, and fs.Sub for the folder.
func ExampleNew() {
	files := fstest.MapFS{
		"en.json": {Data: []byte(`{"login.title": "Welcome back", "orders.open.one": "One open order", "orders.open.other": "{n} open orders"}`)},
		"de.json": {Data: []byte(`{"orders.open.one": "Eine offene Bestellung", "orders.open.other": "{n} offene Bestellungen"}`)},
	}
	catalogue, err := texts.New(files, "de", "en") // German for those who have no better language
	if err != nil {
		panic(err)
	}
	for _, accept := range []string{"en-GB", "fr"} {
		l := catalogue.Choose("", []string{accept})
		fmt.Println(l.Text("login.title"), "·", l.Text("orders.open", "n", 3))
	}
	// Output:
	// Welcome back · 3 open orders
	// Anmelden · 3 offene Bestellungen
}

// A site offers some of Coatcheck's languages.
func ExampleNew_languages() {
	catalogue, err := texts.New(nil, "fr", "en")
	if err != nil {
		panic(err)
	}
	for _, l := range catalogue.Languages() {
		fmt.Println(l.Tag, l.Name)
	}
	// Output:
	// fr Français
	// en English
}
