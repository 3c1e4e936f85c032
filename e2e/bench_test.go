package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"example.com/coatcheck/cmd/server/demo"
	"example.com/coatcheck/internal/testing/testenv"
)

// cacheEntries is how many files of the same host the browser's cache holds.
const cacheEntries = 12_000

// fillCache is a script that fetches them, a hundred at a time.
var fillCache = fmt.Sprintf(`(async () => {
	for (let i = 0; i < %d; i += 100)
		await Promise.all([...Array(100).keys()].map(n => fetch('/filler/' + (i + n)).then(r => r.text())));
	return true;
})()`, cacheEntries)

// BenchmarkLogout measures how long a logout takes, until the login page is there, in a
// browser whose cache is full of another program's files: as the product answers, without
// Clear-Site-Data, and with "cache". It fails if the product takes more than twice as
// long as an answer without that header.
func BenchmarkLogout(b *testing.B) {
	product, err := url.Parse(serve(b, "run", "ADDR=localhost:"+testenv.FreePort(b)).url)
	if err != nil {
		b.Fatal(err)
	}
	times := map[string]time.Duration{}
	for _, answer := range []struct {
		name   string
		change func(http.Header)
	}{
		{"product", func(http.Header) {}},
		{"without", func(h http.Header) { h.Del("Clear-Site-Data") }},
		{"cache", func(h http.Header) { h.Set("Clear-Site-Data", `"cache"`) }},
	} {
		b.Run(answer.name, func(b *testing.B) {
			proxy := &httputil.ReverseProxy{
				Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(product); r.Out.Host = r.In.Host },
				ModifyResponse: func(r *http.Response) error {
					if r.Request.URL.Path == "/logout" {
						answer.change(r.Header)
					}
					return nil
				},
			}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/fill":
					w.Header().Set("Content-Type", "text/html")
				case strings.HasPrefix(r.URL.Path, "/filler/"):
					w.Header().Set("Cache-Control", "max-age=86400")
					w.Write([]byte(r.URL.Path))
				default:
					proxy.ServeHTTP(w, r)
				}
			}))
			b.Cleanup(server.Close)
			// A cache on the disk, as users have it: a new context has one in memory.
			ctx, cancel := chromedp.NewContext(startBrowser(b, chromedp.UserDataDir(b.TempDir())))
			b.Cleanup(cancel)
			if err := chromedp.Do(ctx); err != nil {
				b.Fatal(err)
			}
			d := &device{t: b, ctx: ctx, url: strings.Replace(server.URL, "127.0.0.1", "localhost", 1)}
			var took time.Duration
			for range b.N {
				d.open("/fill")
				script[bool](d, fillCache, chromedp.EvalAwaitPromise)
				d.signIn(demo.Password)
				began := time.Now()
				d.press("Log out")
				took += time.Since(began)
			}
			times[answer.name] = took / time.Duration(b.N)
			b.ReportMetric(float64(times[answer.name].Microseconds())/1000, "ms/logout")
			b.ReportMetric(0, "ns/op")
		})
	}
	if times["product"] > 2*times["without"] {
		b.Errorf("a logout takes %v, which is more than twice %v", times["product"], times["without"])
	}
}
