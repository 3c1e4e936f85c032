package faults

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"example.com/coatcheck/pkg/session"
)

// CookieName is the name of the Manager's cookie.
const CookieName = "__Host-SESSIONID"

// Site is a Manager that uses the Store of a Fixture. Its methods do what a browser does.
type Site struct {
	*session.Manager
	*Fixture
}

// NewSite returns a Site whose Manager logs nothing.
func NewSite(b *Fixture, cfg session.Config) *Site {
	b.Helper()
	cfg.Logger = slog.New(slog.DiscardHandler)
	m, err := session.New(b.Store, cfg)
	Want(b, err, nil)
	return &Site{m, b}
}

// Request returns a request with a cookie for each token.
func (s *Site) Request(tokens ...string) *http.Request {
	r := httptest.NewRequest("GET", "https://app.example/", nil).WithContext(s.Context())
	for _, token := range tokens {
		r.Header.Add("Cookie", CookieName+"="+token)
	}
	return r
}

// Login creates a session for the user, and returns it with its token.
func (s *Site) Login(userID string) (*session.Session, string) {
	s.Helper()
	w := httptest.NewRecorder()
	created, err := s.Create(w, s.Request(), session.User{ID: userID, Roles: []string{"reader"}, Values: map[string]string{"count": "1"}})
	Want(s, err, nil)
	return created, s.Cookie(w).Value
}

// Cookie returns the only cookie that the response sets.
func (s *Site) Cookie(w http.ResponseWriter) *http.Cookie {
	s.Helper()
	lines := w.Header()["Set-Cookie"]
	if len(lines) != 1 {
		s.Fatalf("the response has %d Set-Cookie lines, want one", len(lines))
	}
	cookie, err := http.ParseSetCookie(lines[0])
	Want(s, err, nil)
	return cookie
}

// Alive ends the test unless a request with the token finds its session, which it
// returns.
func (s *Site) Alive(token string) *session.Session {
	s.Helper()
	got, err := s.Load(s.Request(token))
	Want(s, err, nil)
	return got
}

// Dead ends the test if a request with the token finds a session.
func (s *Site) Dead(token string) {
	s.Helper()
	_, err := s.Load(s.Request(token))
	Want(s, err, session.ErrNoSession)
}

// stores fails the test unless n sessions of the user are stored. Dead sessions count
// too.
func (s *Site) stores(userID string, n int) {
	s.Helper()
	all, err := s.Direct.List(s.Context(), (&session.Session{UserID: userID}).Key().Owner)
	Want(s, err, nil)
	if len(all) != n {
		s.Errorf("%d sessions of %s are stored, want %d", len(all), userID, n)
	}
}

// logOut logs out, and fails the test unless the response clears the cookie.
func (s *Site) logOut(token string) {
	s.Helper()
	w := httptest.NewRecorder()
	Want(s, s.Destroy(w, s.Request(token)), nil)
	if c := s.Cookie(w); c.Name != CookieName || c.Value != "" || c.MaxAge >= 0 {
		s.Errorf("the response sets %v, want the cookie cleared", c)
	}
}

// NoCookie fails the test if the response sets a cookie.
func NoCookie(tb testing.TB, w http.ResponseWriter) {
	tb.Helper()
	if lines := w.Header()["Set-Cookie"]; len(lines) != 0 {
		tb.Errorf("the response has %d Set-Cookie lines, want none", len(lines))
	}
}
