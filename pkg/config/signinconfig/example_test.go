package signinconfig_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"strings"

	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/signinconfig"
)

// The pages have the name that the operator has given the site. Here there is no route yet,
// so the page says that nothing is there.
func Example() {
	os.Setenv(signinconfig.BrandName, "Shop")
	defer os.Unsetenv(signinconfig.BrandName)

	pages, err := signinconfig.Pages()
	if err != nil {
		config.Exit(err)
	}
	r, w := httptest.NewRequest("GET", "https://shop.example/", nil), httptest.NewRecorder()
	r.Header.Set("Accept", "text/html")
	pages.Handler().ServeHTTP(w, r)
	fmt.Println(w.Code, strings.Contains(w.Body.String(), "Shop"))
	// Output: 404 true
}
