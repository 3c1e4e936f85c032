// Package smoketest tests a running server over HTTP, with the requests of one user.
// It reports the first thing that is wrong.
//
// This package may still change in ways that break programs.
package smoketest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.com/coatcheck/pkg/signin/site"
)

// Test is one run of the smoke test. It does not change other sessions of the user.
// But the server limits the number of sessions of a user, so a login may end one. It
// is best to have a separate user for the test.
type Test struct {
	URL                string            // of the server: https, or http at localhost
	Username, Password string            // of the user who walks
	UserID             string            // if it is not "", the user must have it, and no roles
	Step               func(name string) // called before each step; nil means that nobody is told

	client *http.Client
}

// ErrRefused is what the error wraps if the server refuses the name and the password.
var ErrRefused = errors.New("the name and the password are refused")

const cookieName = "__Host-SESSIONID"

// answer is an HTTP response of the server.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// Run returns nil if the server does everything that it should. The error contains
// the step, the expected result and the actual result. It contains no secret.
func (t *Test) Run(ctx context.Context) error {
	if err := t.begin(); err != nil {
		return err
	}
	var first, second, id string
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"nobody is signed in", func() error { return t.profile(ctx, "", http.StatusUnauthorized) }},
		{"an unknown path is not found", func() error { return t.expect(ctx, http.StatusNotFound, "GET", "/no-such-path", "", nil) }},
		{"a wrong password is refused", func() error { return t.wrongPassword(ctx) }},
		{"the right one signs in", func() (err error) { first, err = t.login(ctx); return err }},
		{"the profile is the user's", func() error { return t.profile(ctx, first, http.StatusOK) }},
		{"another site cannot log out", func() error { return t.crossSite(ctx, first) }},
		{"a second device signs in", func() (err error) { second, err = t.login(ctx); return err }},
		{"its session is listed", func() (err error) { id, err = t.currentSessionID(ctx, second); return err }},
		{"its session is revoked", func() error {
			return t.expect(ctx, http.StatusNoContent, "POST", "/sessions/"+id+"/revoke", first, nil)
		}},
		{"it is signed out", func() error { return t.profile(ctx, second, http.StatusUnauthorized) }},
		{"the first is not", func() error { return t.profile(ctx, first, http.StatusOK) }},
		{"the first logs out", func() error { return t.expect(ctx, http.StatusNoContent, "POST", "/logout", first, nil) }},
		{"its cookie is worth nothing", func() error { return t.profile(ctx, first, http.StatusUnauthorized) }},
	} {
		if err := t.take(step.name, step.do); err != nil {
			t.leave(ctx, first, second)
			return err
		}
	}
	return nil
}

// ChangePassword changes the user's password to next: it signs in, and logs out again. If the
// answer of the server is lost, nobody knows which of the two passwords holds.
func (t *Test) ChangePassword(ctx context.Context, next string) error {
	if err := t.begin(); err != nil {
		return err
	}
	var cookie string
	defer func() { t.leave(ctx, cookie) }()
	err := t.take("the right one signs in", func() (err error) { cookie, err = t.login(ctx); return err })
	if err != nil {
		return err
	}
	return t.take("the password is changed", func() error {
		a, err := t.send(ctx, "POST", "/password", cookie, nil, map[string]string{"current_password": t.Password, "new_password": next})
		if err != nil {
			return err
		}
		if a.status != http.StatusNoContent {
			return fmt.Errorf("POST /password answers %d, want 204; it says %s", a.status, a.body)
		}
		cookie, err = tokenOf(a, "/password")
		return err
	})
}

// take takes one step.
func (t *Test) take(step string, do func() error) error {
	if t.Step != nil {
		t.Step(step)
	}
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", step, err)
	}
	return nil
}

// leave logs out what a test has left behind. It has failed already, or is over.
func (t *Test) leave(ctx context.Context, cookies ...string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for _, cookie := range cookies {
		if cookie != "" {
			t.send(ctx, "POST", "/logout", cookie, nil, nil)
		}
	}
}

// begin checks the fields, and makes a client.
func (t *Test) begin() error {
	u, err := url.Parse(t.URL)
	switch {
	case err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "":
		return fmt.Errorf("the URL is %q; it must be one such as https://app.example.com", t.URL)
	case u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost"):
		return fmt.Errorf("the URL is %q; a password goes over https only, or to http://localhost", t.URL)
	case t.Username == "" || t.Password == "":
		return errors.New("there is no user name or no password")
	}
	t.URL = u.Scheme + "://" + u.Host
	t.client = &http.Client{
		Timeout:       30 * time.Second, // the same as the gateway's timeout
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return nil
}

// send sends one request, and checks the headers that every response must have.
func (t *Test) send(ctx context.Context, method, path, cookie string, header http.Header, body any) (*answer, error) {
	var text strings.Builder
	if body != nil {
		if err := json.NewEncoder(&text).Encode(body); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, t.URL+path, strings.NewReader(text.String()))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		request.Header[name] = values
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if cookie != "" {
		request.Header.Set("Cookie", cookieName+"="+cookie)
	}
	response, err := t.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	a := &answer{status: response.StatusCode, header: response.Header}
	if a.body, err = io.ReadAll(io.LimitReader(response.Body, 1<<20)); err != nil {
		return nil, err
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
		"Content-Security-Policy": "default-src 'none'",
	} {
		if got := a.header.Get(name); !strings.Contains(got, want) {
			return nil, fmt.Errorf("%s %s answers %d with %s %q, want %q", method, path, a.status, name, got, want)
		}
	}
	return a, checkHSTS(request.URL, a.header)
}

// checkHSTS checks that browsers are told to use only https, and never for localhost,
// where that would hold for every port.
func checkHSTS(u *url.URL, h http.Header) error {
	if got := h.Get("Strict-Transport-Security"); strings.Contains(got, "max-age=") == site.IsLoopback(u.Host) {
		return fmt.Errorf("%s answers with Strict-Transport-Security %q", u, got)
	}
	return nil
}

func (t *Test) expect(ctx context.Context, status int, method, path, cookie string, body any) error {
	a, err := t.send(ctx, method, path, cookie, nil, body)
	if err == nil && a.status != status {
		err = fmt.Errorf("%s %s answers %d, want %d", method, path, a.status, status)
	}
	return err
}

// profile requests the profile and checks the status. If the status is 200, it also
// checks that the profile is the user's.
func (t *Test) profile(ctx context.Context, cookie string, status int) error {
	a, err := t.send(ctx, "GET", "/profile", cookie, nil, nil)
	if err != nil {
		return err
	}
	if a.status != status {
		return fmt.Errorf("GET /profile answers %d, want %d", a.status, status)
	}
	var profile struct {
		Username string
		UserID   string `json:"user_id"`
		Roles    []string
	}
	if status != http.StatusOK {
		return nil
	}
	if err := json.Unmarshal(a.body, &profile); err != nil || !strings.EqualFold(profile.Username, t.Username) {
		return fmt.Errorf("the profile is that of %q, want %q (%v)", profile.Username, t.Username, err)
	}
	if t.UserID != "" && (profile.UserID != t.UserID || len(profile.Roles) > 0) {
		return fmt.Errorf("the user has the ID %q and the roles %q, want %q and none", profile.UserID, profile.Roles, t.UserID)
	}
	return nil
}

func (t *Test) credentials(password string) map[string]string {
	return map[string]string{"username": t.Username, "password": password}
}

func (t *Test) wrongPassword(ctx context.Context) error {
	a, err := t.send(ctx, "POST", "/login", "", nil, t.credentials("not the password of anybody"))
	if err == nil && (a.status != http.StatusUnauthorized || len(a.header.Values("Set-Cookie")) > 0) {
		err = fmt.Errorf("POST /login answers %d with %d cookies, want 401 and none", a.status, len(a.header.Values("Set-Cookie")))
	}
	return err
}

// login signs in and returns the value of the session cookie.
func (t *Test) login(ctx context.Context) (string, error) {
	a, err := t.send(ctx, "POST", "/login", "", nil, t.credentials(t.Password))
	if err != nil {
		return "", err
	}
	switch a.status {
	case http.StatusOK:
		return tokenOf(a, "/login")
	case http.StatusUnauthorized:
		return "", fmt.Errorf("POST /login answers 401: %w", ErrRefused)
	}
	return "", fmt.Errorf("POST /login answers %d, want 200; it says %s", a.status, a.body)
}

// tokenOf returns the value of the session cookie that an answer of the path sets.
func tokenOf(a *answer, path string) (string, error) {
	token := ""
	for _, line := range a.header.Values("Set-Cookie") {
		cookie, err := http.ParseSetCookie(line)
		if err != nil {
			return "", errors.New("a cookie cannot be read")
		}
		if !strings.HasPrefix(cookie.Name, "__Host-") || cookie.Path != "/" || cookie.Domain != "" || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode {
			return "", fmt.Errorf("the cookie %s has Path=%s, Domain=%s, Secure %t, HttpOnly %t, SameSite %d", cookie.Name, cookie.Path, cookie.Domain, cookie.Secure, cookie.HttpOnly, cookie.SameSite)
		}
		if cookie.Name == cookieName {
			token = cookie.Value
		}
	}
	if token == "" {
		return "", fmt.Errorf("POST %s sets no cookie %s", path, cookieName)
	}
	return token, nil
}

func (t *Test) crossSite(ctx context.Context, cookie string) error {
	a, err := t.send(ctx, "POST", "/logout", cookie, http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://another.example"}}, nil)
	if err != nil {
		return err
	}
	if a.status != http.StatusForbidden {
		return fmt.Errorf("POST /logout of another site answers %d, want 403", a.status)
	}
	return t.profile(ctx, cookie, http.StatusOK)
}

// currentSessionID requests the list of sessions and returns the ID of the cookie's
// session.
func (t *Test) currentSessionID(ctx context.Context, cookie string) (string, error) {
	a, err := t.send(ctx, "GET", "/sessions", cookie, nil, nil)
	if err != nil {
		return "", err
	}
	var list struct {
		Sessions []struct {
			ID      string
			Current bool
		}
	}
	if err := json.Unmarshal(a.body, &list); err != nil {
		return "", fmt.Errorf("GET /sessions answers %d: %w", a.status, err)
	}
	for _, session := range list.Sessions {
		if session.Current {
			return session.ID, nil
		}
	}
	return "", fmt.Errorf("GET /sessions lists %d sessions, and not the one that asks", len(list.Sessions))
}
