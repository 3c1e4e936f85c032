// Package bench_test compares the speed of the product with other libraries for the same
// purpose. It is a separate module, so that the product does not depend on them.
package bench_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/sessions"

	"example.com/coatcheck/pkg/session"
	ours "example.com/coatcheck/pkg/session/memstore"
)

const (
	host  = "https://app.example.com"
	users = 10_000 // each with one session
)

// library is one way to find out who sends a request.
type library struct {
	name string

	// signIn starts a session for the user and sets its cookie.
	signIn func(w http.ResponseWriter, r *http.Request, user string) error

	// check is a handler that finds out who sends the request. It answers 401 if nobody
	// is signed in.
	check http.Handler
}

// values is the data in each session, in addition to the user.
var values = map[string]string{"username": "alice", "display_name": "Alice", "theme": "dark", "language": "en", "team": "blue"}

// BenchmarkCheck measures a request to a handler that only finds out who sends it. There
// are 10,000 sessions in memory.
func BenchmarkCheck(b *testing.B) {
	for _, open := range []func() (library, error){coatcheck, scsLibrary, gorilla, jwtLibrary} {
		library, err := open()
		if err != nil {
			b.Fatal(err)
		}
		b.Run(library.name, func(b *testing.B) { library.measure(b) })
	}
}

func (l library) measure(b *testing.B) {
	var request *http.Request
	for user := range users {
		w := httptest.NewRecorder()
		if err := l.signIn(w, httptest.NewRequest("POST", host+"/login", nil), strconv.Itoa(user)); err != nil {
			b.Fatal(err)
		}
		if user == users/2 {
			request = httptest.NewRequest("GET", host+"/profile", nil)
			for _, cookie := range w.Result().Cookies() {
				request.AddCookie(cookie)
			}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		l.check.ServeHTTP(w, request)
		if w.Code != http.StatusNoContent {
			b.Fatalf("status %d", w.Code)
		}
	}
}

// answer writes 204 if there is a user, and 401 otherwise.
func answer(w http.ResponseWriter, user string) {
	if user == "" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func coatcheck() (library, error) {
	manager, err := session.New(ours.New(), session.Config{Logger: slog.New(slog.DiscardHandler)})
	return library{
		name: "coatcheck",
		signIn: func(w http.ResponseWriter, r *http.Request, user string) error {
			_, err := manager.Create(w, r, session.User{ID: user, Values: values})
			return err
		},
		check: manager.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer(w, session.FromContext(r.Context()).UserID)
		})),
	}, err
}

func scsLibrary() (library, error) {
	manager := scs.New()
	manager.Store = memstore.NewWithCleanupInterval(0)
	return library{
		name: "scs",
		signIn: func(w http.ResponseWriter, r *http.Request, user string) error {
			manager.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				manager.Put(r.Context(), "user", user)
				for key, value := range values {
					manager.Put(r.Context(), key, value)
				}
			})).ServeHTTP(w, r)
			return nil
		},
		check: manager.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer(w, manager.GetString(r.Context(), "user"))
		})),
	}, nil
}

func gorilla() (library, error) {
	store := sessions.NewCookieStore([]byte(strings.Repeat("k", 32)))
	return library{
		name: "gorilla, cookie store",
		signIn: func(w http.ResponseWriter, r *http.Request, user string) error {
			s, err := store.New(r, "session")
			s.Values["user"] = user
			for key, value := range values {
				s.Values[key] = value
			}
			return errors.Join(err, s.Save(r, w))
		},
		check: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s, _ := store.Get(r.WithContext(context.WithoutCancel(r.Context())), "session")
			user, _ := s.Values["user"].(string)
			answer(w, user)
		}),
	}, nil
}

// jwtLibrary stores nothing: a token that it signed is valid until it expires.
func jwtLibrary() (library, error) {
	key := make([]byte, 32)
	rand.Read(key)
	return library{
		name: "jwt, HS256",
		signIn: func(w http.ResponseWriter, _ *http.Request, user string) error {
			claims := jwt.MapClaims{"sub": user, "exp": time.Now().Add(time.Hour).Unix()}
			for key, value := range values {
				claims[key] = value
			}
			token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(key)
			http.SetCookie(w, &http.Cookie{Name: "token", Value: token, Path: "/"})
			return err
		},
		check: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			cookie, err := r.Cookie("token")
			if err != nil {
				answer(w, "")
				return
			}
			token, err := jwt.Parse(cookie.Value, func(*jwt.Token) (any, error) { return key, nil }, jwt.WithValidMethods([]string{"HS256"}))
			if err != nil {
				answer(w, "")
				return
			}
			user, _ := token.Claims.GetSubject()
			answer(w, user)
		}),
	}, nil
}
