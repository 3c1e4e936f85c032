package middleware_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/internal/local/childprocess"
	"example.com/coatcheck/internal/testing/testenv"
)

// monolith is a running application of testdata.
type monolith struct {
	t    *testing.T
	fake *fake
	mode string
	url  string
}

// start starts the command in the mode, and waits until it answers.
func start(t *testing.T, command *exec.Cmd, mode string) *monolith {
	f := newFake(t)
	port := testenv.FreePort(t)
	log := testenv.NewLogFile(t)
	command.Env = append(command.Environ(), "ORIGIN="+f.URL, "MODE="+mode, "TIMEOUT=4", "PORT="+port, "DIR="+t.TempDir())
	command.Stdout, command.Stderr = log.File, log.File
	process, err := childprocess.Start(command, childprocess.TERM)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		process.Stop()
		process.Wait(t.Context())
		if t.Failed() {
			t.Logf("%s", childprocess.LastPart(log.String()))
		}
	})
	m := &monolith{t, f, mode, "http://127.0.0.1:" + port}
	for {
		if answer, err := http.Get(m.url + "/me"); err == nil {
			answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				t.Fatalf("the monolith does not work: %s\n%s", answer.Status, log.String())
			}
			return m
		}
		select {
		case <-process.Exited():
			t.Fatalf("the monolith has ended: %s", log.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// on returns m for a subtest.
func (m *monolith) on(t *testing.T) *monolith {
	of := *m
	of.t = t
	return &of
}

// me is what the monolith knows of a request.
type me struct {
	User, Stamp *string
	Cookie      string
}

// answer is the answer of a monolith.
type answer struct {
	*http.Response
	body string
	me   me
}

// who says who was signed in, "nobody", or the status if it is not 200.
func (a answer) who() string {
	switch {
	case a.StatusCode != http.StatusOK:
		return a.Status
	case a.me.User == nil:
		return "nobody"
	}
	return *a.me.User
}

// field returns all values of a header field.
func (a answer) field(name string) string { return strings.Join(a.Header.Values(name), ", ") }

// clears reports whether the answer makes the browser delete our cookie.
func (a answer) clears() bool {
	for _, c := range a.Cookies() {
		if c.Name == cookieName {
			if c.MaxAge >= 0 || c.Path != "/" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Domain != "" {
				return false
			}
			return true
		}
	}
	return false
}

// browser keeps the cookies of the monolith. Ours is sent if it is set.
type browser struct {
	m    *monolith
	own  map[string]string
	ours string // the whole Cookie header of ours
}

func (m *monolith) browser() *browser { return &browser{m: m, own: map[string]string{}} }

// with returns a browser that has the token, and no cookie of the monolith.
func (m *monolith) with(token string) *browser {
	b := m.browser()
	b.ours = cookieName + "=" + token
	return b
}

// send sends a form, if there is one, and keeps the cookies of the answer.
func (b *browser) send(method, path string, form url.Values, header http.Header) answer {
	b.m.t.Helper()
	request, err := http.NewRequest(method, b.m.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.m.t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	if host := header.Get("Host"); host != "" {
		request.Host = host
	}
	var cookies []string
	for name, value := range b.own {
		cookies = append(cookies, name+"="+value)
	}
	if b.ours != "" {
		cookies = append(cookies, b.ours)
	}
	if len(cookies) > 0 {
		request.Header.Set("Cookie", strings.Join(cookies, "; "))
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		b.m.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.m.t.Fatal(err)
	}
	b.keep(response.Cookies())
	a := answer{Response: response, body: string(body)}
	if path, _, _ := strings.Cut(path, "?"); method == "GET" && path == "/me" && response.StatusCode == http.StatusOK {
		if err := json.Unmarshal(body, &a.me); err != nil {
			b.m.t.Fatalf("%s: %v", body, err)
		}
	}
	return a
}

func (b *browser) keep(cookies []*http.Cookie) {
	for _, c := range cookies {
		switch {
		case c.Name == cookieName:
		case c.MaxAge < 0 || !c.Expires.IsZero() && c.Expires.Year() < 2000:
			delete(b.own, c.Name)
		default:
			b.own[c.Name] = c.Value
		}
	}
}

func (b *browser) get(path string) answer { b.m.t.Helper(); return b.send("GET", path, nil, nil) }

func (b *browser) post(path string) answer {
	b.m.t.Helper()
	return b.send("POST", path, url.Values{"x": {"y"}}, nil)
}

// signIn signs in at the monolith, and not at the page that mode only leads to ours.
func (b *browser) signIn(user string) answer {
	b.m.t.Helper()
	return b.send("POST", "/signin-elsewhere", url.Values{"user": {user}, "password": {"right"}}, nil)
}

// signedIn signs in and checks that it worked.
func (b *browser) signedIn(user string) *browser {
	b.m.t.Helper()
	ours := b.ours
	b.ours = ""
	if a := b.signIn(user); a.StatusCode >= 400 {
		b.m.t.Fatalf("sign-in at the monolith: %s %s", a.Status, a.body)
	}
	b.ours = ours
	return b
}

// environment returns this process's environment with more.
func environment(more ...string) []string { return append(os.Environ(), more...) }
