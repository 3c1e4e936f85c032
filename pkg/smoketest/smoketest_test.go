package smoketest

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/coatcheck/cmd/server/demo"
	"example.com/coatcheck/internal/local/childprocess"
	"example.com/coatcheck/internal/testing/testenv"
)

// serve runs the real server, with the demo user, and returns its URL.
func serve(t *testing.T) *url.URL {
	t.Helper()
	folder, release, err := testenv.Kept("../../.cache/tested/smoketest")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	binary := filepath.Join(folder, "server")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../cmd/server").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(binary, "-addr", "localhost:0")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	process, err := childprocess.Start(cmd, childprocess.TERM)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Stop)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	server, err := url.Parse(regexp.MustCompile(`http://\S+`).FindString(line))
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// fault is one thing that can be wrong with a deployment.
type fault struct {
	step     string // the step that finds the fault
	request  func(*http.Request)
	response func(*http.Response)
}

func withStatus(status int) func(*http.Response) {
	return func(r *http.Response) { r.StatusCode = status }
}

// forRequests limits a change to the responses to requests with the method and the end
// of the path.
func forRequests(method, path string, change func(*http.Response)) func(*http.Response) {
	return func(r *http.Response) {
		if r.Request.Method == method && strings.HasSuffix(r.Request.URL.Path, path) {
			change(r)
		}
	}
}

func replaceInCookies(from, to string) func(*http.Response) {
	return func(r *http.Response) {
		for i, line := range r.Header["Set-Cookie"] {
			r.Header["Set-Cookie"][i] = strings.Replace(line, from, to, 1)
		}
	}
}

// reroute sends requests for one path to another path. That path answers with
// success too, but does not do what the request asks for.
func reroute(path, to string) func(*http.Request) {
	return func(r *http.Request) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, path) {
			r.URL.Path = to
			r.Header.Del("Cookie")
		}
	}
}

// TestRun tests that the smoke test passes for the real server. With a fault, it must
// fail at the step that should find the fault.
func TestRun(t *testing.T) {
	product := serve(t)
	for name, f := range map[string]fault{
		"nothing": {},
		"HSTS for localhost": {"nobody is signed in", nil, func(r *http.Response) {
			r.Header.Set("Strict-Transport-Security", "max-age=31536000")
		}},
		"answers are cached":       {"nobody is signed in", nil, func(r *http.Response) { r.Header.Set("Cache-Control", "public") }},
		"everybody is let in":      {"nobody is signed in", nil, forRequests("GET", "/profile", withStatus(200))},
		"unknown paths are found":  {"an unknown path is not found", nil, forRequests("GET", "/no-such-path", withStatus(200))},
		"any password will do":     {"a wrong password is refused", nil, forRequests("POST", "/login", withStatus(200))},
		"a script sees the cookie": {"the right one signs in", nil, replaceInCookies(" HttpOnly;", "")},
		"the cookie has a domain":  {"the right one signs in", nil, replaceInCookies("HttpOnly", "Domain=localhost; HttpOnly")},
		"the cookie is lost":       {"the right one signs in", nil, func(r *http.Response) { r.Header.Del("Set-Cookie") }},
		"the cookie is not read":   {"the profile is the user's", func(r *http.Request) { r.Header.Del("Cookie") }, nil},
		"origins are not checked": {"another site cannot log out", func(r *http.Request) {
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Del("Origin")
		}, nil},
		"revocation does nothing": {"it is signed out", reroute("/revoke", "/logout"), nil},
		"logout does nothing": {"its cookie is worth nothing", func(r *http.Request) {
			if r.Header.Get("Origin") == "" {
				reroute("/logout", "/logout")(r)
			}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := httptest.NewServer(&httputil.ReverseProxy{
				Rewrite: func(r *httputil.ProxyRequest) {
					r.SetURL(product)
					if f.request != nil {
						f.request(r.Out)
					}
				},
				ModifyResponse: func(r *http.Response) error {
					if f.response != nil {
						f.response(r)
					}
					return nil
				},
			})
			defer proxy.Close()
			last := ""
			test := &Test{
				URL: strings.Replace(proxy.URL, "127.0.0.1", "localhost", 1), Username: demo.Username, Password: demo.Password,
				Step: func(name string) { last = name },
			}
			err := test.Run(t.Context())
			if f.step == "" && err != nil {
				t.Error(err)
			}
			if f.step != "" && (err == nil || last != f.step || !strings.HasPrefix(err.Error(), f.step)) {
				t.Errorf("at %q: %v; want an error at %q", last, err, f.step)
			}
		})
	}
}

// TestHSTS tests what TestRun cannot, because its server is at localhost.
func TestHSTS(t *testing.T) {
	for _, tt := range []struct {
		address, header string
		ok              bool
	}{
		{"https://app.example.com", "max-age=31536000", true},
		{"https://app.example.com", "", false},
		{"http://localhost:8080", "", true},
		{"https://localhost:8443", "max-age=31536000", false},
	} {
		u, err := url.Parse(tt.address)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkHSTS(u, http.Header{"Strict-Transport-Security": {tt.header}}); (err == nil) != tt.ok {
			t.Errorf("%q from %s: %v", tt.header, tt.address, err)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	for _, w := range []Test{
		{URL: "app.example.com"}, {URL: ""}, {URL: "https://app.example.com/login"}, {URL: "http://app.example.com"},
		{URL: "https://app.example.com", Username: "alice"},
	} {
		w.Step = func(name string) { t.Errorf("%q: %s", w.URL, name) }
		if err := w.Run(t.Context()); err == nil {
			t.Errorf("%+v: no error", w)
		}
	}
}
