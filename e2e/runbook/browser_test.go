package runbook_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

const sessionCookie = "__Host-SESSIONID"

// client sends JSON to a server, with the cookies of one browser.
type client struct {
	testing.TB
	url     string
	cookies map[string]string
}

func newClient(t testing.TB, url string) *client {
	return &client{TB: t, url: url, cookies: map[string]string{}}
}

// at returns the same browser at another server.
func (c *client) at(url string) *client { return &client{c.TB, url, c.cookies} }

// copied returns a browser with a copy of the cookies, such as a thief's.
func (c *client) copied() *client {
	other := newClient(c.TB, c.url)
	for name, value := range c.cookies {
		other.cookies[name] = value
	}
	return other
}

type reply struct {
	status int
	header http.Header
	body   string
}

// do sends a request and keeps the cookies of the answer.
func (c *client) do(method, path, body string) reply {
	c.Helper()
	r, err := http.NewRequestWithContext(c.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	r.Header.Set("User-Agent", "an example of a browser")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.Fatal(err)
	}
	for _, cookie := range resp.Cookies() {
		if cookie.MaxAge < 0 {
			delete(c.cookies, cookie.Name)
		} else {
			c.cookies[cookie.Name] = cookie.Value
		}
	}
	return reply{resp.StatusCode, resp.Header, string(text)}
}

// want does what do does, and checks the status.
func (c *client) want(status int, method, path, body string) reply {
	c.Helper()
	got := c.do(method, path, body)
	if got.status != status {
		c.Errorf("%s %s: status %d, want %d: %s", method, path, got.status, status, got.body)
	}
	return got
}

// login signs in and returns the status.
func (c *client) login(name, password string) int {
	c.Helper()
	return c.do("POST", "/login", object("username", name, "password", password)).status
}

// signIn signs in, which must succeed.
func (c *client) signIn(name, password string) *client {
	c.Helper()
	c.want(http.StatusOK, "POST", "/login", object("username", name, "password", password))
	return c
}

// wantProfile checks whether this browser is signed in.
func (c *client) wantProfile(status int) reply {
	c.Helper()
	return c.want(status, "GET", "/profile", "")
}

// object returns a JSON object of names and values.
func object(pairs ...string) string {
	fields := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		fields[pairs[i]] = pairs[i+1]
	}
	text, _ := json.Marshal(fields)
	return string(text)
}
