// Package signin is what users meet: the routes, pages and JSON answers of the
// product as net/http handlers. They are the same on every server, behind API
// Gateway or in one process, and never see a Lambda event.
//
// This package may still change in ways that break programs.
package signin

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"strings"
)

// maxBody bounds a request's body, in bytes: no form or document of ours comes near it.
const maxBody = 8 << 10

// Routes maps patterns of [http.ServeMux], each with a method, to handlers. A
// function serves those it is made for, the monolith all of them.
type Routes map[string]http.HandlerFunc

// Handler serves routes, and answers what they do not: 404 for an unknown path
// and 405 for a method that a path lacks. Around them it sets the headers of
// every response, refuses what no route should see (doubled headers, cross-origin
// writes, bodies over 8 KB), and turns a panic into a logged 500.
//
// Origin is the scheme and host that browsers see, such as https://example.org.
// If it is empty, the Host header is believed instead.
func Handler(origin string, routes ...Routes) http.Handler {
	mux := http.NewServeMux()
	methods := map[string][]string{}
	for _, r := range routes {
		for pattern, handler := range r {
			method, path, _ := strings.Cut(pattern, " ")
			methods[path] = append(methods[path], method)
			mux.Handle(pattern, handler)
		}
	}
	for path, allowed := range methods {
		mux.Handle(path, methodNotAllowed(allowed))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { Fail(w, r, errNotFound) })
	gate := gate{origin: origin}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer recoverPanic(w, r)
		setHeaders(w.Header())
		if err := gate.check(r); err != nil {
			Fail(w, r, err)
			return
		}
		if r.URL.Path != path.Clean(r.URL.Path) { // which ServeMux would redirect
			Fail(w, r, errNotFound)
			return
		}
		if err := receive(w, r); err != nil {
			Fail(w, r, err)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// receive reads the whole body before any route sees the request, so that one
// too large is refused also where nobody would read it, announced or not.
func receive(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength == 0 {
		return nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return errTooLarge
	}
	if err != nil {
		return badRequest("The body did not arrive whole.")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

func methodNotAllowed(allowed []string) http.HandlerFunc {
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	slices.Sort(allowed)
	allow := strings.Join(allowed, ", ")
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allow)
		Fail(w, r, &refusal{http.StatusMethodNotAllowed, fmt.Sprintf("%s does not work here; allowed: %s.", r.Method, allow)})
	}
}

// recoverPanic answers 500 and keeps the process. Nothing that the handler was
// about to send is sent: a cookie may stand for what is half done.
func recoverPanic(w http.ResponseWriter, r *http.Request) {
	if p := recover(); p != nil {
		slog.ErrorContext(r.Context(), "sys_crash", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		clear(w.Header())
		setHeaders(w.Header())
		errBroken.write(w, r)
	}
}
