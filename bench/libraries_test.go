package bench_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/sessions"

	"example.com/coatcheck/pkg/session"
)

// library is one way to keep login sessions, used as its documentation says. Its handlers take
// the user of the request in the header User, and answer 204, or 401 if nobody is signed in.
type library struct {
	name                        string
	login, read, update, logout http.Handler

	// list returns how many sessions a user has. It is nil if the library cannot tell.
	list func(ctx context.Context, user string) (int, error)
}

// values is the data in each session, in addition to the user.
var values = map[string]string{"username": "alice", "display_name": "Alice", "theme": "dark", "language": "en", "team": "blue"}

const host = "https://app.example.com"

// newRequest returns a request of a browser with these cookies.
func newRequest(user string, cookies ...*http.Cookie) *http.Request {
	r := httptest.NewRequest("GET", host+"/profile", nil)
	r.Header.Set("User", user)
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	for _, cookie := range cookies {
		r.AddCookie(cookie)
	}
	return r
}

// signIn signs the user in and returns the cookies.
func (l library) signIn(tb testing.TB, user string) []*http.Cookie {
	w := httptest.NewRecorder()
	l.login.ServeHTTP(w, newRequest(user))
	if w.Code != http.StatusNoContent || len(w.Result().Cookies()) != 1 {
		tb.Fatalf("%s: a login answered %d with %d cookies", l.name, w.Code, len(w.Result().Cookies()))
	}
	return w.Result().Cookies()
}

// answer writes 204, or 401 without a user. An error is a 503.
func answer(w http.ResponseWriter, user string, err error) {
	switch {
	case err != nil:
		w.WriteHeader(http.StatusServiceUnavailable)
	case user == "":
		w.WriteHeader(http.StatusUnauthorized)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func coatcheck(tb testing.TB, name string, store session.Store, change func(*session.Config)) library {
	// All libraries answer in the same way, so that only what they check differs.
	config := session.Config{Logger: slog.New(slog.DiscardHandler), ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
		if errors.Is(err, session.ErrNoSession) {
			err = nil
		}
		answer(w, "", err)
	}}
	if change != nil {
		change(&config)
	}
	manager, err := session.New(store, config)
	if err != nil {
		tb.Fatal(err)
	}
	return library{
		name: name,
		login: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user := r.Header.Get("User")
			_, err := manager.Create(w, r, session.User{ID: user, Values: values})
			answer(w, user, err)
		}),
		read: manager.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer(w, session.FromContext(r.Context()).UserID, nil)
		})),
		update: manager.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s := session.FromContext(r.Context())
			answer(w, s.UserID, manager.Update(r.Context(), s, func(s *session.Session) { s.Values["theme"] = "light" }))
		})),
		logout: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer(w, r.Header.Get("User"), manager.Destroy(w, r))
		}),
		list: func(ctx context.Context, user string) (int, error) {
			found, err := manager.List(ctx, user)
			return len(found), err
		},
	}
}

// scsLibrary renews the token at login, as scs' documentation asks for. With an idle timeout it
// writes the session at each request.
func scsLibrary(name string, store scs.Store, idle time.Duration) library {
	manager := scs.New()
	manager.Store, manager.IdleTimeout = store, idle
	handler := func(do func(ctx context.Context, r *http.Request) (string, error)) http.Handler {
		return manager.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, err := do(r.Context(), r)
			answer(w, user, err)
		}))
	}
	return library{
		name: name,
		login: handler(func(ctx context.Context, r *http.Request) (string, error) {
			user := r.Header.Get("User")
			err := manager.RenewToken(ctx)
			manager.Put(ctx, "user", user)
			for key, value := range values {
				manager.Put(ctx, key, value)
			}
			return user, err
		}),
		read: handler(func(ctx context.Context, _ *http.Request) (string, error) {
			return manager.GetString(ctx, "user"), nil
		}),
		update: handler(func(ctx context.Context, _ *http.Request) (string, error) {
			manager.Put(ctx, "theme", "light")
			return manager.GetString(ctx, "user"), nil
		}),
		logout: handler(func(ctx context.Context, r *http.Request) (string, error) {
			return r.Header.Get("User"), manager.Destroy(ctx)
		}),
	}
}

func gorilla(name string, store sessions.Store) library {
	handler := func(do func(s *sessions.Session, r *http.Request) (user string, save bool)) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s, err := store.Get(r, "session")
			if s == nil {
				answer(w, "", err)
				return
			}
			user, save := do(s, r) // an error is a cookie that is no good, and s is a new session then
			err = nil
			if save {
				err = s.Save(r, w)
			}
			answer(w, user, err)
		})
	}
	return library{
		name: name,
		login: handler(func(s *sessions.Session, r *http.Request) (string, bool) {
			s.Values["user"] = r.Header.Get("User")
			for key, value := range values {
				s.Values[key] = value
			}
			return r.Header.Get("User"), true
		}),
		read: handler(func(s *sessions.Session, _ *http.Request) (string, bool) {
			user, _ := s.Values["user"].(string)
			return user, false
		}),
		update: handler(func(s *sessions.Session, _ *http.Request) (string, bool) {
			s.Values["theme"] = "light"
			user, _ := s.Values["user"].(string)
			return user, true
		}),
		logout: handler(func(s *sessions.Session, r *http.Request) (string, bool) {
			s.Options.MaxAge = -1
			return r.Header.Get("User"), true
		}),
	}
}

// jwtLibrary stores nothing: a token that it signed is valid until it expires, and nobody can end
// it before. It has no updates and no logouts.
func jwtLibrary() library {
	key := make([]byte, 32)
	rand.Read(key)
	return library{
		name: "golang-jwt, HS256",
		login: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user := r.Header.Get("User")
			claims := jwt.MapClaims{"sub": user, "exp": time.Now().Add(time.Hour).Unix()}
			for name, value := range values {
				claims[name] = value
			}
			token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(key)
			http.SetCookie(w, &http.Cookie{Name: "token", Value: token, Path: "/", HttpOnly: true, Secure: true})
			answer(w, user, err)
		}),
		read: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			cookie, err := r.Cookie("token")
			if err != nil {
				answer(w, "", nil)
				return
			}
			token, err := jwt.Parse(cookie.Value, func(*jwt.Token) (any, error) { return key, nil }, jwt.WithValidMethods([]string{"HS256"}))
			if err != nil {
				answer(w, "", nil)
				return
			}
			user, _ := token.Claims.GetSubject()
			answer(w, user, nil)
		}),
	}
}

// signingKey returns a key that is made of one letter.
func signingKey(letter string) []byte { return []byte(strings.Repeat(letter, 32)) }
