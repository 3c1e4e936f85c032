package signin

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
)

// gate refuses requests that no route should see.
type gate struct {
	origin     string // scheme and host that browsers see; "" if unknown
	protection http.CrossOriginProtection
}

func (g *gate) check(r *http.Request) error {
	for _, name := range []string{"Origin", "Sec-Fetch-Site", "Content-Type"} {
		// API Gateway joins a repeated header with commas, and which of the two
		// was meant nobody knows.
		if values := r.Header.Values(name); len(values) > 1 || len(values) == 1 && strings.Contains(values[0], ",") {
			return &refusal{http.StatusBadRequest, fmt.Sprintf("The header %s came twice; send it once.", name)}
		}
	}
	if err := g.checkOrigin(r); err != nil {
		slog.WarnContext(r.Context(), "malicious_cors", "method", r.Method, "path", r.URL.Path, "ip", clientIP(r), "error", err.Error())
		return &refusal{http.StatusForbidden, "This request came from another site. Open the page here and try again."}
	}
	return nil
}

// checkOrigin refuses writes that another site's page makes the browser send
// (ASVS 3.5.1). [http.CrossOriginProtection] compares the Origin header with the
// Host header alone, which is wrong behind a CDN and blind to the scheme; with
// the public origin known, an old browser's Origin must equal it. With neither
// Sec-Fetch-Site nor Origin the request does not come from a browser's page.
func (g *gate) checkOrigin(r *http.Request) error {
	origin := r.Header.Get("Origin")
	if g.origin == "" || origin == "" || r.Header.Get("Sec-Fetch-Site") != "" || safe(r.Method) {
		return g.protection.Check(r)
	}
	if origin != g.origin {
		return fmt.Errorf("origin %q is not %q", origin, g.origin)
	}
	return nil
}

func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}
