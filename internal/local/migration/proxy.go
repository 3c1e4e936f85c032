package migration

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
)

// Routes are the paths that the monolith and the product both have. Each moves by itself.
var Routes = []string{"/profile", "/login", "/logout"}

// ours are the other paths of the product. The monolith has none of them. A path that ends
// with "/" has those below it.
var ours = []string{"/convert", "/convert/end", "/whoami", "/sessions", "/sessions/", "/password", "/preferences", "/reauthenticate", "/sso", "/sso/", "/.well-known/change-password"}

// Proxy sends each request to the monolith or to the product, by its path. It is safe for
// concurrent use.
type Proxy struct {
	monolith, product http.Handler

	mu    sync.RWMutex
	moved map[string]bool
}

func newProxy(monolith, product string) *Proxy {
	p := &Proxy{monolith: forward(monolith), product: forward(product), moved: map[string]bool{}}
	for _, path := range ours {
		p.moved[path] = true
	}
	return p
}

// forward returns a proxy to the address. It leaves the headers as they are, also the
// Host, and answers 502 if the address does not.
func forward(address string) http.Handler {
	target, err := url.Parse(address)
	if err != nil {
		panic(err) // our own addresses are URLs
	}
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
		r.SetXForwarded()
	}}
}

// Move moves a route: to the product, or back to the monolith.
func (p *Proxy) Move(route string, toProduct bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved[route] = toProduct
}

// Moved reports whether requests to the path go to the product.
func (p *Proxy) Moved(path string) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	below, _, deeper := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return p.moved[path] || deeper && p.moved["/"+below+"/"]
}

// ServeHTTP sends the request on.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.Moved(r.URL.Path) {
		p.product.ServeHTTP(w, r)
		return
	}
	p.monolith.ServeHTTP(w, r)
}
