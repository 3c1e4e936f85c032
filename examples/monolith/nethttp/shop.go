package main

import (
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"strings"

	"example.com/coatcheck/pkg/session"
)

// books are what the shop sells, by number.
var books = map[string]string{"1": "The Cloakroom", "2": "A Coat for Winter"}

// shop has the handlers. Each of them is for what the shop would do without Coatcheck too.
type shop struct{ sessions *session.Manager }

// newShop returns all routes. CrossOriginProtection refuses what other sites' pages send
// in a user's name; pkg/session leaves that to it.
func newShop(sessions *session.Manager) http.Handler {
	s, mux := shop{sessions}, http.NewServeMux()
	mux.Handle("GET /{$}", sessions.Optional(http.HandlerFunc(s.front)))
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /logout", s.logout)
	mux.Handle("GET /cart", sessions.Require(http.HandlerFunc(s.cart)))
	mux.Handle("POST /cart", sessions.Require(http.HandlerFunc(s.add)))
	return http.NewCrossOriginProtection().Handler(forms(mux))
}

// forms refuses what is no form, or too long. PostFormValue says no more than that there
// is no such field.
func forms(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 8<<10)
		if err := r.ParseForm(); err != nil {
			http.Error(w, "This is no form, or it is too long.", http.StatusBadRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

var pages = template.Must(template.New("").Parse(`
{{define "front"}}<!doctype html><title>Bookshop</title>
{{if .User}}<p>Hello, {{.User}}! <a href="/cart">Your cart</a></p>
<form method="post" action="/logout"><button>Log out</button></form>
{{else}}<form method="post" action="/login"><input name="user"><input name="password" type="password"><button>Sign in</button></form>{{end}}
{{range $number, $title := .Books}}<form method="post" action="/cart"><button name="book" value="{{$number}}">{{$title}}</button></form>
{{end}}{{end}}
{{define "cart"}}<!doctype html><title>Your cart</title><ul>{{range .}}<li>{{.}}{{end}}</ul><a href="/">More books</a>{{end}}
{{define "lead"}}<!doctype html><title>Done</title><a href="{{.}}">Go on</a>{{end}}
`))

func show(w http.ResponseWriter, page string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store") // pages differ by who looks at them
	pages.ExecuteTemplate(w, page, data)
}

// lead sends the browser to another page after its cookie has changed. With a redirect
// Chromium would show the page again, by its back button, when the user has logged out:
// see [session.Manager.Create].
func lead(w http.ResponseWriter, to string) {
	w.Header().Set("Refresh", "0; url="+to)
	show(w, "lead", to)
}

func (s shop) front(w http.ResponseWriter, r *http.Request) {
	user := ""
	if current := session.FromContext(r.Context()); current != nil {
		user = current.UserID
	}
	show(w, "front", map[string]any{"User": user, "Books": books})
}

func (s shop) login(w http.ResponseWriter, r *http.Request) {
	user := r.PostFormValue("user")
	if !passwordIsRight(user, r.PostFormValue("password")) {
		w.Header().Set("WWW-Authenticate", session.Challenge)
		http.Error(w, "The name or the password is wrong.", http.StatusUnauthorized)
		return
	}
	if _, err := s.sessions.Create(w, r, session.User{ID: user}); err != nil {
		fail(w, r, err)
		return
	}
	lead(w, "/")
}

func (s shop) logout(w http.ResponseWriter, r *http.Request) {
	if err := s.sessions.Destroy(w, r); err != nil {
		fail(w, r, err)
		return
	}
	lead(w, "/")
}

// The cart is a value of the session: the numbers of its books.
const cartValue = "cart"

func (s shop) cart(w http.ResponseWriter, r *http.Request) {
	var titles []string
	for number := range strings.FieldsSeq(session.FromContext(r.Context()).Values[cartValue]) {
		titles = append(titles, books[number])
	}
	show(w, "cart", titles)
}

// add loses no book when two requests come at once: Update runs the function again on
// what the other has stored.
func (s shop) add(w http.ResponseWriter, r *http.Request) {
	book := r.PostFormValue("book")
	if books[book] == "" {
		http.Error(w, "There is no such book.", http.StatusBadRequest)
		return
	}
	err := s.sessions.Update(r.Context(), session.FromContext(r.Context()), func(current *session.Session) {
		current.Values[cartValue] = strings.TrimSpace(current.Values[cartValue] + " " + book)
	})
	if err != nil {
		fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/cart", http.StatusSeeOther)
}

// fail answers an error of pkg/session, also those of Require. What is none of its own is
// an outage of the store: the cookie stays, the user can try again, and the log says why.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, session.ErrNoSession):
		w.Header().Set("WWW-Authenticate", session.Challenge)
		http.Error(w, "Sign in first.", http.StatusUnauthorized)
	case errors.Is(err, session.ErrConflict):
		http.Error(w, "Something else has changed meanwhile. Try again.", http.StatusConflict)
	case errors.Is(err, session.ErrInvalid), errors.Is(err, session.ErrTooManyCookies):
		http.Error(w, "That is too much.", http.StatusBadRequest)
	default:
		slog.ErrorContext(r.Context(), "sessions are unavailable", "error", err)
		w.Header().Set("Retry-After", "5")
		http.Error(w, "Nothing has changed. Try again in a moment.", http.StatusServiceUnavailable)
	}
}
