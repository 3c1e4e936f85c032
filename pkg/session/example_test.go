package session_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
)

// A complete program signs a user in, recognises the user, and signs the user out.
func Example() {
	sessions, err := session.New(memstore.New(), session.Config{})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		// Check the password here.
		if _, err := sessions.Create(w, r, session.User{ID: "u1"}); err != nil {
			http.Error(w, "Try again in a moment.", http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.Handle("GET /profile", sessions.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Hello, %s.", session.FromContext(r.Context()).UserID)
	})))
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.Destroy(w, r); err != nil {
			http.Error(w, "You are still signed in. Try again in a moment.", http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})

	browser := newBrowser(mux)
	fmt.Println(browser("GET /profile"))
	fmt.Println(browser("POST /login"))
	fmt.Println(browser("GET /profile"))
	fmt.Println(browser("POST /logout"))
	fmt.Println(browser("GET /profile"))
	// Output:
	// 401 Sign in first.
	// 204
	// 200 Hello, u1.
	// 204
	// 401 Sign in first.
}

// Confirm closes the gap between checking the password and storing the session. An
// account that is disabled in between gets no session.
func ExampleManager_Create() {
	sessions, err := session.New(memstore.New(), session.Config{})
	if err != nil {
		log.Fatal(err)
	}
	errDisabled := errors.New("account disabled")
	disabled := false
	login := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := sessions.Create(w, r, session.User{
			ID:     "u1",
			Roles:  []string{"editor"},
			Values: map[string]string{"display_name": "Alice"},
			Confirm: func(ctx context.Context) error {
				if disabled { // read the account again here
					return errDisabled
				}
				return nil
			},
		})
		switch {
		case errors.Is(err, errDisabled):
			w.Header().Set("WWW-Authenticate", session.Challenge) // every 401 has one
			http.Error(w, "Wrong name or password.", http.StatusUnauthorized)
		case err != nil:
			http.Error(w, "Try again in a moment.", http.StatusServiceUnavailable)
		default:
			fmt.Fprint(w, "Welcome.")
		}
	})

	browser := newBrowser(login)
	fmt.Println(browser("POST /login"))
	disabled = true
	fmt.Println(browser("POST /login"))
	// Output:
	// 200 Welcome.
	// 401 Wrong name or password.
}

// Requests without a session are sent to the login page. The other errors are
// answered in plain text.
func ExampleManager_Require() {
	sessions, err := session.New(memstore.New(), session.Config{
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			switch {
			case errors.Is(err, session.ErrNoSession):
				http.Redirect(w, r, "/login", http.StatusSeeOther)
			case errors.Is(err, session.ErrForbidden):
				http.Error(w, "Not for you.", http.StatusForbidden)
			case errors.Is(err, session.ErrNotRecent):
				http.Redirect(w, r, "/reauthenticate", http.StatusSeeOther)
			default: // the store is down; nobody is signed out
				w.Header().Set("Retry-After", "5")
				http.Error(w, "Try again in a moment.", http.StatusServiceUnavailable)
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Hello, %s.", session.FromContext(r.Context()).UserID)
	})
	profile := sessions.Require(hello)
	admin := sessions.RequireRole("admin", hello)

	stranger := httptest.NewRecorder()
	profile.ServeHTTP(stranger, httptest.NewRequest("GET", "/profile", nil))
	fmt.Println(stranger.Code, stranger.Header().Get("Location"))

	for _, handler := range []http.Handler{profile, admin} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, signedIn(sessions, "u1"))
		fmt.Println(w.Code, w.Body)
	}
	// Output:
	// 303 /login
	// 200 Hello, u1.
	// 403 Not for you.
}

// A page for everybody greets whoever is signed in. What is behind it needs no second
// read to know who that is.
func ExampleManager_Optional() {
	sessions, err := session.New(memstore.New(), session.Config{})
	if err != nil {
		log.Fatal(err)
	}
	home := sessions.Optional(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s := session.FromContext(r.Context()); s != nil {
			fmt.Fprintf(w, "Welcome back, %s.", s.UserID)
			return
		}
		fmt.Fprint(w, "Welcome. Please sign in.")
	}))

	for _, r := range []*http.Request{httptest.NewRequest("GET", "/", nil), signedIn(sessions, "u1")} {
		w := httptest.NewRecorder()
		home.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Body)
	}
	// Output:
	// 200 Welcome. Please sign in.
	// 200 Welcome back, u1.
}

// Before an account is deleted, its user proves once more who they are, unless they did
// so in the last ten minutes.
func ExampleManager_RequireRecent() {
	sessions, err := session.New(memstore.New(), session.Config{})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /delete", sessions.RequireRecent(10*time.Minute, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "The account of %s is deleted.", session.FromContext(r.Context()).UserID)
	})))
	mux.Handle("POST /reauthenticate", sessions.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Check the password here.
		if err := sessions.Reauthenticate(r.Context(), w, session.FromContext(r.Context())); err != nil {
			http.Error(w, "Try again in a moment.", http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})))
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if _, err := sessions.Create(w, r, session.User{ID: "u1"}); err != nil {
			http.Error(w, "Try again in a moment.", http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})

	browser := newBrowser(mux)
	fmt.Println(browser("POST /delete"))
	fmt.Println(browser("POST /login"))
	fmt.Println(browser("POST /delete"))
	// Output:
	// 401 Sign in first.
	// 204
	// 200 The account of u1 is deleted.
}

// A test of a handler needs no store and no cookie. This one shows a button to members
// only.
func ExampleNewContext() {
	handler := func(w http.ResponseWriter, r *http.Request) {
		s := session.FromContext(r.Context())
		fmt.Fprintf(w, "%s may post: %v", s.UserID, s.HasRole("member"))
	}

	for _, s := range []*session.Session{{UserID: "u1", Roles: []string{"member"}}, {UserID: "u2"}} {
		r, w := httptest.NewRequest("GET", "/", nil), httptest.NewRecorder()
		handler(w, r.WithContext(session.NewContext(r.Context(), s)))
		fmt.Println(w.Body)
	}
	// Output:
	// u1 may post: true
	// u2 may post: false
}

// Two requests that change a session at once both succeed: the function runs again
// on what the other request stored.
func ExampleManager_Update() {
	sessions, err := session.New(memstore.New(), session.Config{})
	if err != nil {
		log.Fatal(err)
	}
	r := signedIn(sessions, "u1")
	first, err := sessions.Load(r)
	if err != nil {
		log.Fatal(err)
	}
	second, err := sessions.Load(r)
	if err != nil {
		log.Fatal(err)
	}

	err = sessions.Update(r.Context(), first, func(s *session.Session) { s.Values["theme"] = "dark" })
	fmt.Println(first.Values, err)
	err = sessions.Update(r.Context(), second, func(s *session.Session) { s.Values["language"] = "de" })
	fmt.Println(second.Values, err)
	// Output:
	// map[theme:dark] <nil>
	// map[language:de theme:dark] <nil>
}

// A user gets a new token before new privileges, so that a token stolen earlier
// never has them.
func ExampleManager_Renew() {
	sessions, err := session.New(memstore.New(), session.Config{})
	if err != nil {
		log.Fatal(err)
	}
	r, w := signedIn(sessions, "u1"), httptest.NewRecorder()
	s, err := sessions.Load(r)
	if err != nil {
		log.Fatal(err)
	}
	if err := sessions.Renew(r.Context(), w, s); err != nil {
		log.Fatal(err)
	}
	if err := sessions.Update(r.Context(), s, func(s *session.Session) { s.Roles = []string{"admin"} }); err != nil {
		log.Fatal(err)
	}

	_, err = sessions.Load(r) // the old cookie
	fmt.Println(err)
	renewed, err := sessions.Load(next(w))
	fmt.Println(renewed.ID == s.ID, renewed.Roles, err)
	// Output:
	// session: no session
	// true [admin] <nil>
}

// "Log out everywhere else": all sessions of the user but this one.
func ExampleManager_RevokeAll() {
	sessions, err := session.New(memstore.New(), session.Config{})
	if err != nil {
		log.Fatal(err)
	}
	laptop, phone := signedIn(sessions, "u1"), signedIn(sessions, "u1")
	s, err := sessions.Load(laptop)
	if err != nil {
		log.Fatal(err)
	}
	if err := sessions.RevokeAll(laptop.Context(), s.UserID, s.ID); err != nil {
		log.Fatal(err) // some may be left: tell the user to try again
	}

	_, err = sessions.Load(laptop)
	fmt.Println("laptop:", err)
	_, err = sessions.Load(phone)
	fmt.Println("phone:", err)
	// Output:
	// laptop: <nil>
	// phone: session: no session
}

// signedIn returns a request of a user who has just signed in.
func signedIn(sessions *session.Manager, userID string) *http.Request {
	w := httptest.NewRecorder()
	if _, err := sessions.Create(w, httptest.NewRequest("POST", "/login", nil), session.User{ID: userID}); err != nil {
		log.Fatal(err)
	}
	return next(w)
}

// next returns a request with the cookies that the response set.
func next(w *httptest.ResponseRecorder) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	for _, c := range w.Result().Cookies() {
		r.AddCookie(c)
	}
	return r
}

// newBrowser returns a browser: it takes a request such as "GET /profile", sends
// it to the handler with the cookies it has, and returns the answer. There is no
// implicit 200: a handler that writes nothing would be answered with 0.
func newBrowser(handler http.Handler) func(string) string {
	jar, err := cookiejar.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	return func(request string) string {
		method, path, _ := strings.Cut(request, " ")
		r, w := httptest.NewRequest(method, "https://app.example"+path, nil), httptest.NewRecorder()
		w.Code = 0
		for _, c := range jar.Cookies(r.URL) {
			r.AddCookie(c)
		}
		handler.ServeHTTP(w, r)
		jar.SetCookies(r.URL, w.Result().Cookies())
		return strings.TrimSpace(fmt.Sprint(w.Code, " ", w.Body))
	}
}
