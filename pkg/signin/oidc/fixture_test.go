package oidc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/oidc"
	"example.com/coatcheck/pkg/signin/oidc/oidctest"
)

const (
	home     = "https://shop.example.com"
	callback = home + "/sso/callback"
	notices  = home + "/sso/ended"
)

var (
	errDown = errors.New("the store is down")

	oneKey     = bytes.Repeat([]byte("one invented key"), 2)
	anotherKey = bytes.Repeat([]byte("another such key"), 2)
)

// world is an issuer, a program that is registered there, and a browser.
type world struct {
	t        testing.TB
	issuer   *oidctest.Issuer
	store    *links
	config   oidc.Config
	provider *oidc.Provider
	browser  browser
	log      bytes.Buffer
}

func newWorld(t testing.TB, changes ...func(*oidc.Config)) *world {
	w := &world{t: t, issuer: oidctest.NewIssuer(t), store: newLinks(), browser: browser{}}
	w.config = oidc.Config{
		Issuer: w.issuer.URL, ClientID: w.issuer.ClientID, ClientSecret: w.issuer.ClientSecret, RedirectURL: callback,
		Keys: [][]byte{oneKey}, Store: w.store, Client: w.issuer.Client(), Logger: slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	for _, change := range changes {
		change(&w.config)
	}
	w.restart()
	return w
}

// restart makes the program anew, with nothing that it has learnt.
func (w *world) restart() {
	w.t.Helper()
	var err error
	if w.provider, err = oidc.New(w.config); err != nil {
		w.t.Fatal(err)
	}
}

// browser has the cookies of a browser.
type browser map[string]string

// request returns a request of the browser.
func (b browser) request(url string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, url, nil)
	for name, value := range b {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

// take does with the cookies of an answer what a browser does.
func (b browser) take(w *httptest.ResponseRecorder) {
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b, c.Name)
		} else {
			b[c.Name] = c.Value
		}
	}
}

// begin begins a sign-in and returns the page of the issuer.
func (w *world) begin(t authn.Trip) string {
	w.t.Helper()
	answer := httptest.NewRecorder()
	page, err := w.provider.Begin(answer, w.browser.request(home+"/sso"), t)
	if err != nil {
		w.t.Fatal(err)
	}
	w.browser.take(answer)
	return page
}

// leave begins a sign-in and returns the URL by which the browser comes back.
func (w *world) leave(t authn.Trip) string {
	w.t.Helper()
	return w.issuer.Visit(w.begin(t))
}

// finish comes back. A cookie for it is gone then, however it ends.
func (w *world) finish(back string) (authn.Trip, authn.Arrival, error) {
	w.t.Helper()
	answer := httptest.NewRecorder()
	trip, arrival, err := w.provider.Finish(answer, w.browser.request(back))
	w.browser.take(answer)
	if name := cookieOf(back); w.browser[name] != "" {
		w.t.Errorf("the cookie %s is still there, after %v", name, err)
	}
	if (err != nil) != (arrival == nil) {
		w.t.Errorf("Finish returns %v and %v", arrival, err)
	}
	return trip, arrival, err
}

// arrive signs in.
func (w *world) arrive(t authn.Trip) authn.Arrival {
	w.t.Helper()
	_, arrival, err := w.finish(w.leave(t))
	if err != nil {
		w.t.Fatal(err)
	}
	return arrival
}

// tryIn begins a sign-in and returns the error by which it ends.
func (w *world) tryIn() error {
	w.t.Helper()
	_, _, err := w.finish(w.leave(authn.Trip{Next: "/cart"}))
	return err
}

// cookieOf returns the name of the cookie for the state in a URL.
func cookieOf(text string) string { return "__Host-SSO-" + queryOf(text).Get("state") }

func queryOf(text string) url.Values {
	u, err := url.Parse(text)
	if err != nil {
		panic(err)
	}
	return u.Query()
}

// with returns the URL with another value of a parameter; without one if value is "".
func with(text, name, value string) string {
	u, _ := url.Parse(text)
	query := u.Query()
	query.Set(name, value)
	if value == "" {
		query.Del(name)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// wantError checks that err is of that kind and says that. The kind nil is an outage.
func wantError(t testing.TB, err, kind error, says string) {
	t.Helper()
	kinds := []error{authn.ErrCancelled, authn.ErrStale, authn.ErrUntrusted, authn.ErrRefused, authn.ErrBusy}
	switch {
	case err == nil:
		t.Errorf("no error; want one that says %q", says)
	case kind == nil && slices.ContainsFunc(kinds, func(k error) bool { return errors.Is(err, k) }):
		t.Errorf("the error is %q; want an outage", err)
	case kind != nil && !errors.Is(err, kind):
		t.Errorf("the error is %q; want %q", err, kind)
	case !strings.Contains(err.Error(), says):
		t.Errorf("the error is %q; it does not say %q", err, says)
	}
}

// links is an [oidc.Store] in memory that can be told to fail.
type links struct {
	mu    sync.Mutex
	links map[string]oidc.Link
	ended map[string]time.Time
	until map[string]time.Time
	calls []string
	down  string // the method that fails
}

func newLinks() *links {
	return &links{links: map[string]oidc.Link{}, ended: map[string]time.Time{}, until: map[string]time.Time{}}
}

func (l *links) enter(method string) (func(), error) {
	l.mu.Lock()
	l.calls = append(l.calls, method)
	if method == l.down {
		return l.mu.Unlock, errDown
	}
	return l.mu.Unlock, nil
}

func (l *links) Link(_ context.Context, link oidc.Link) (oidc.Link, error) {
	leave, err := l.enter("Link")
	defer leave()
	if err != nil {
		return oidc.Link{}, err
	}
	if !l.ended[link.ID].IsZero() {
		return oidc.Link{}, oidc.ErrEnded
	}
	before := l.links[link.ID]
	l.links[link.ID] = link
	return before, nil
}

func (l *links) End(_ context.Context, id string, at, expiresAt time.Time) (oidc.Link, error) {
	leave, err := l.enter("End")
	defer leave()
	if err != nil {
		return oidc.Link{}, err
	}
	if at.After(l.ended[id]) {
		l.ended[id], l.until[id] = at, expiresAt
	}
	return l.links[id], nil
}

func (l *links) Ended(_ context.Context, id string) (oidc.Link, time.Time, error) {
	leave, err := l.enter("Ended")
	defer leave()
	return l.links[id], l.ended[id], err
}

// key returns the key of a session.
func key(n int) session.Key { return session.Key{Owner: "owner", ID: fmt.Sprint("session-", n)} }
