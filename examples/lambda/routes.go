package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"example.com/coatcheck/pkg/session"
)

// routes returns the program's handlers. CrossOriginProtection refuses what other sites'
// pages send in a user's name; pkg/session leaves that to it.
func routes(sessions *session.Manager) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", login(sessions))
	mux.HandleFunc("POST /logout", logout(sessions))
	mux.Handle("GET /tickets", sessions.Require(http.HandlerFunc(tickets)))
	mux.Handle("GET /tickets/all", sessions.RequireRole("support", http.HandlerFunc(allTickets)))
	return http.NewCrossOriginProtection().Handler(http.MaxBytesHandler(mux, 8<<10))
}

// badges are the users: the hash of the long random code on each badge, and what its owner
// may do. Such codes need no slow hash, unlike passwords. Yours may be anywhere.
var badges = map[string]struct {
	code  [sha256.Size]byte
	roles []string
}{
	"ada": {sha256.Sum256([]byte("example-badge-of-ada-Hk3vq9TzXw")), []string{"support"}},
	"bob": {sha256.Sum256([]byte("example-badge-of-bob-Pm7rc2LdYf")), nil},
}

// login takes JSON: {"name": …, "code": …}.
func login(sessions *session.Manager) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var sent struct{ Name, Code string }
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": `send {"name": …, "code": …}`})
			return
		}
		badge, code := badges[sent.Name], sha256.Sum256([]byte(sent.Code))
		if subtle.ConstantTimeCompare(badge.code[:], code[:]) != 1 {
			w.Header().Set("WWW-Authenticate", session.Challenge)
			answer(w, http.StatusUnauthorized, map[string]string{"error": "no such badge"})
			return
		}
		if _, err := sessions.Create(w, r, session.User{ID: sent.Name, Roles: badge.roles}); err != nil {
			fail(w, r, err)
			return
		}
		answer(w, http.StatusOK, map[string]string{"name": sent.Name})
	}
}

func logout(sessions *session.Manager) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.Destroy(w, r); err != nil {
			fail(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// open are the tickets that wait for an answer, by the user who wrote them.
var open = map[string][]string{"ada": {"The door sticks"}, "bob": {"No heating", "No coffee"}}

func tickets(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, open[session.FromContext(r.Context()).UserID])
}

func allTickets(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, open) }

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

// fail answers an error of pkg/session, also those of Require. What is none of its own is
// an outage of the store: the cookie stays, the client can try again, and the log says why.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, session.ErrNoSession):
		answer(w, http.StatusUnauthorized, map[string]string{"error": "sign in first"})
	case errors.Is(err, session.ErrForbidden):
		answer(w, http.StatusForbidden, map[string]string{"error": "not with this badge"})
	case errors.Is(err, session.ErrTooManyCookies):
		answer(w, http.StatusBadRequest, map[string]string{"error": "too many cookies"})
	default:
		slog.ErrorContext(r.Context(), "sessions are unavailable", "error", err)
		w.Header().Set("Retry-After", "5")
		answer(w, http.StatusServiceUnavailable, map[string]string{"error": "nothing has changed; try again in a moment"})
	}
}
