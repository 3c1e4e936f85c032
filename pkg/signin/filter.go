package signin

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"example.com/coatcheck/pkg/signin/site"
)

// requestFilter refuses requests before a route handles them.
type requestFilter struct {
	origin     string   // the scheme and the host that browsers use; "" if they are not known
	trusted    []string // origins of others whose pages may write here
	protection *http.CrossOriginProtection
}

func newRequestFilter(s site.Site) *requestFilter {
	protection := http.NewCrossOriginProtection()
	for _, origin := range s.TrustedOrigins {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			panic(err) // NewPages has checked it
		}
	}
	return &requestFilter{s.Origin, s.TrustedOrigins, protection}
}

func (f *requestFilter) check(r *http.Request) error {
	for _, name := range []string{"Origin", "Sec-Fetch-Site", "Content-Type"} {
		// API Gateway joins the values of a repeated header with commas. Nobody can
		// then know which of the values was meant.
		if values := r.Header.Values(name); len(values) > 1 || len(values) == 1 && strings.Contains(values[0], ",") {
			return badRequest("problem.header_twice", "header", name)
		}
	}
	if err := f.checkOrigin(r); err != nil {
		logRequest(r, "malicious_cors", "error", err.Error())
		return refuse(http.StatusForbidden, "problem.other_site")
	}
	return nil
}

// checkOrigin refuses writes that a page of another origin makes the browser send (ASVS
// 3.5.1), unless the site trusts that origin. [http.CrossOriginProtection] compares the Origin header only with the Host
// header. Behind a CDN the Host header is another one, and the comparison ignores the
// scheme. So if the public origin is known, the Origin header of an old browser must
// be equal to it. A request with neither Sec-Fetch-Site nor Origin does not come from
// a page in a browser.
func (f *requestFilter) checkOrigin(r *http.Request) error {
	origin := r.Header.Get("Origin")
	if f.origin == "" || origin == "" || r.Header.Get("Sec-Fetch-Site") != "" || isSafeMethod(r.Method) {
		return f.protection.Check(r)
	}
	if origin != f.origin && !slices.Contains(f.trusted, origin) {
		return fmt.Errorf("origin %q is not %q", origin, f.origin)
	}
	return nil
}

func isSafeMethod(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}
