// Package signin contains the routes, pages and JSON answers of the product as
// net/http handlers. They are the same behind API Gateway and in one process. They
// never see a Lambda event.
//
// A program makes [Pages] first, then its sessions, and then composes a handler of the
// routes that it wants, and of its own: see the example of the package. What a user proves,
// and who the users are, is for an [authn.Authenticator] or an [authn.Provider] to say, and
// these routes believe it. A route of a program's own is in the same frame as ours, if it
// goes through [Pages.Handler]; one beside it has no protection.
//
// This package may still change in ways that break programs.
package signin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"example.com/coatcheck/internal/lazily"
)

// requestTimeout is how long a route may work on a request after the whole request has
// arrived. Then a sign-in may take up to 1.5 seconds more to take back a session and an
// attempt, and the answer must still come before Lambda ends a function, at 10 seconds.
const requestTimeout = 8 * time.Second

// maxBody is the maximum size of a request's body, in bytes. All our forms and
// documents are much smaller.
const maxBody = 8 << 10

// Routes maps patterns of [http.ServeMux] to handlers. The functions of this package return
// some; a program may add others, as in
//
//	pages.Handler(signin.Profile(sessions), signin.Routes{"GET /orders": sessions.Require(orders).ServeHTTP})
//
// A Lambda function serves only its own routes, and a program in one process all of them.
type Routes map[string]http.HandlerFunc

// Handler serves routes of the site of p. It answers 404 for an unknown path and 405 for a
// method that a path does not support. It also sets the headers of every response, which a
// route may replace. It refuses requests that no route should get: those that went round
// the site's proxy, repeated headers, cross-origin writes, bodies over 8 KB. It turns a
// panic of a route that has not begun its answer into a logged 500, and drops the headers
// that the route has set. It panics if two routes are for the same requests, or a pattern is
// none.
//
// A path with a slash at its end is unknown: "GET /static/" is for what is below it. A
// preflight of a trusted origin is answered here, unless there is a route for OPTIONS.
//
// A route has 8 seconds for a request, or less if the request's own context ends
// earlier. So a store that hangs becomes a 503. The time begins when the body has
// arrived: how long that may take is for the server to limit, by ReadTimeout of
// [http.Server].
//
// The routes learn about p from the context of the request.
func (p *Pages) Handler(routes ...Routes) http.Handler {
	mux := muxOf(routes)
	filter := newRequestFilter(p.site)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, notProxied := p.site.ProxySecrets.Admit(r)
		r = p.admit(r) // after the proxy has said who the client is
		defer recoverPanic(w, r)
		setHeaders(w.Header(), r)
		if notProxied != nil {
			fail(w, r, notProxied)
			return
		}
		if err := filter.check(r); err != nil {
			fail(w, r, err)
			return
		}
		if r.URL.Path != path.Clean(r.URL.Path) { // ServeMux would redirect it
			fail(w, r, errNotFound)
			return
		}
		if err := readBody(w, r); err != nil {
			fail(w, r, err)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		r = r.WithContext(ctx)
		switch h, pattern := mux.Handler(r); {
		case pattern == "":
			failUnrouted(w, r, h)
		case isPreflight(r) && !strings.HasPrefix(pattern, http.MethodOptions+" "):
			answerPreflight(w, everyMethod)
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

// muxOf returns a ServeMux with all the routes.
func muxOf(all []Routes) *http.ServeMux {
	mux := http.NewServeMux()
	for _, routes := range all {
		for _, pattern := range slices.Sorted(maps.Keys(routes)) {
			register(mux, pattern, routes[pattern])
		}
	}
	return mux
}

// registeredAt matches where a route was registered: ServeMux sees only register.
var registeredAt = lazily.Regexp(` \(registered at [^)]*\)`)

// register adds a route, and panics with a text for people if that is not possible.
func register(mux *http.ServeMux, pattern string, handler http.HandlerFunc) {
	defer func() {
		if p := recover(); p != nil {
			why := registeredAt().ReplaceAllString(fmt.Sprint(p), "")
			panic(fmt.Sprintf("signin: the route %q cannot be added: %s. Each request must have one best route: give this one another path, or leave the other out", pattern, why))
		}
	}()
	if before, ok := strings.CutSuffix(pattern, "/{$}"); ok && strings.Contains(before, "/") {
		panic("a path with a slash at its end is never served")
	}
	mux.Handle(pattern, handler)
}

// failUnrouted answers a request that no route is for. The answer of ServeMux, which h
// gives, tells whether there is a route for another method.
func failUnrouted(w http.ResponseWriter, r *http.Request, h http.Handler) {
	answer := unsent{}
	h.ServeHTTP(answer, r)
	if allowed := http.Header(answer).Get("Allow"); allowed != "" {
		failMethod(w, r, allowed)
		return
	}
	fail(w, r, errNotFound)
}

// unsent is an answer that nobody gets. Only its header is kept.
type unsent http.Header

func (u unsent) Header() http.Header            { return http.Header(u) }
func (u unsent) Write(body []byte) (int, error) { return len(body), nil }
func (u unsent) WriteHeader(int)                {}

// readBody reads the whole body before a route gets the request. So a body that is too
// large is refused on every route, also on routes that do not read the body, and
// whether or not the request states its length.
func readBody(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength == 0 {
		return nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return errTooLarge
	}
	if err != nil {
		return badRequest("problem.incomplete")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// failMethod answers a request whose path has only routes for the allowed methods.
func failMethod(w http.ResponseWriter, r *http.Request, allowed string) {
	if isPreflight(r) {
		answerPreflight(w, allowed)
		return
	}
	w.Header().Set("Allow", allowed)
	fail(w, r, refuse(http.StatusMethodNotAllowed, "problem.method", "method", r.Method, "allowed", allowed))
}

// recoverPanic answers 500 and keeps the process running. It drops everything that
// the handler was about to send, because a cookie may belong to work that is only
// half done.
func recoverPanic(w http.ResponseWriter, r *http.Request) {
	if p := recover(); p == http.ErrAbortHandler {
		panic(p) // the answer shall not be ended, as that of a proxy whose server has gone
	} else if p != nil {
		logRequest(r, "sys_crash", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		clear(w.Header())
		errBroken.write(w, r)
	}
}
