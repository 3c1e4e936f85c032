package migration

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

// upstream answers with its name and what it was sent.
func upstream(t *testing.T, name string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Set-Cookie"] = []string{"a=1", "b=2; Path=/"}
		w.Header()["Vary"] = []string{"Accept", "Cookie"}
		w.Header().Set("Clear-Site-Data", `"storage"`)
		fmt.Fprintf(w, "%s %s %s %s %q %q", name, r.Method, r.Host, r.URL, r.Header["Cookie"], r.Header.Get("Sec-Fetch-Mode"))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestProxy(t *testing.T) {
	p := newProxy(upstream(t, "monolith"), upstream(t, "product"))
	host := httptest.NewServer(p)
	defer host.Close()
	ask := func(method, path string) (string, http.Header) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, host.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "app.example.com"
		r.Header["Cookie"] = []string{"session=1; __Host-SESSIONID=2", "third=3"}
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body), resp.Header
	}
	for _, moved := range []bool{false, true, false} {
		p.Move("/logout", moved)
		side := map[bool]string{false: "monolith", true: "product"}
		for path, want := range map[string]string{
			"/logout": side[moved], "/login": "monolith", "/profile?a=b": "monolith", "/logout/": "monolith", "/news": "monolith",
			"/convert?next=%2Fa%3Fb": "product", "/convert/end": "product", "/convert/other": "monolith",
			"/sessions": "product", "/sessions/x/revoke": "product", "/whoami": "product", "/": "monolith",
		} {
			body, header := ask("POST", path)
			if want := fmt.Sprintf(`%s POST app.example.com %s ["session=1; __Host-SESSIONID=2" "third=3"] "navigate"`, want, path); body != want {
				t.Errorf("got %s, want %s", body, want)
			}
			if got := header["Set-Cookie"]; !slices.Equal(got, []string{"a=1", "b=2; Path=/"}) {
				t.Errorf("Set-Cookie %q", got)
			}
			if got := header["Vary"]; !slices.Equal(got, []string{"Accept", "Cookie"}) || header.Get("Clear-Site-Data") == "" {
				t.Errorf("headers %q", header)
			}
		}
	}
}
