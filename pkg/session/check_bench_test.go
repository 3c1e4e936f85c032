package session_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
)

// BenchmarkCheck measures a request to a handler that only asks who sends it, among 10,000
// sessions in memory, each with five values. A forged token has a part of another one: the
// secret without signing keys, the MAC with them. With two keys, the second has signed the
// valid token, as after a rotation.
func BenchmarkCheck(b *testing.B) {
	both := [][]byte{keyA, keyB}
	for _, c := range []struct {
		name         string
		signs        [][]byte
		verify       [][]byte
		forged, none bool
	}{
		{name: "valid"},
		{name: "none", none: true},
		{name: "forged", forged: true},
		{name: "signed", signs: both[:1], verify: both[:1]},
		{name: "signed, forged", signs: both[:1], verify: both[:1], forged: true},
		{name: "two keys, first", signs: both, verify: both},
		{name: "two keys, second", signs: both[1:], verify: both},
		{name: "two keys, forged", signs: both, verify: both, forged: true},
	} {
		b.Run(c.name, func(b *testing.B) {
			store := memstore.New()
			tokens := tokensIn(b, store, c.signs)
			token := tokens[len(tokens)/2]
			if c.forged {
				token = token[:secretStart] + tokens[0][secretStart:]
			}
			r := httptest.NewRequest("GET", "https://app.example.com/profile", nil)
			if r.Header.Set("User-Agent", chrome); !c.none {
				r.Header.Set("Cookie", "theme=dark; "+cookieName+"="+token)
			}
			status := http.StatusNoContent
			if c.forged || c.none {
				status = http.StatusUnauthorized
			}
			check(b, store, c.verify, r, status)
		})
	}
}

const chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"

// tokensIn makes 10,000 sessions in the store and returns their tokens.
func tokensIn(b *testing.B, store session.Store, keys [][]byte) (tokens []string) {
	b.Helper()
	m, err := session.New(store, session.Config{SigningKeys: keys, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	values := map[string]string{"username": "alice", "display_name": "Alice", "theme": "dark", "language": "en", "team": "blue"}
	for user := range 10_000 {
		r, w := httptest.NewRequest("POST", "https://app.example.com/login", nil), httptest.NewRecorder()
		r.Header.Set("User-Agent", chrome)
		if _, err := m.Create(w, r, session.User{ID: strconv.Itoa(user), Roles: []string{"reader"}, Values: values}); err != nil {
			b.Fatal(err)
		}
		line, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
		tokens = append(tokens, strings.TrimPrefix(line, cookieName+"="))
	}
	return tokens
}

// check measures r behind Require. The answer must have the status.
func check(b *testing.B, store session.Store, keys [][]byte, r *http.Request, status int) {
	m, err := session.New(store, session.Config{
		SigningKeys: keys,
		Logger:      slog.New(slog.DiscardHandler),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			w.WriteHeader(http.StatusUnauthorized)
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	handler := m.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if session.FromContext(r.Context()).UserID == "5000" {
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	w := &statusOnly{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		if handler.ServeHTTP(w, r); w.status != status {
			b.Fatalf("status %d, want %d", w.status, status)
		}
	}
}

// statusOnly keeps nothing of an answer but its status.
type statusOnly struct {
	header http.Header
	status int
}

func (w *statusOnly) Header() http.Header            { return w.header }
func (w *statusOnly) Write(body []byte) (int, error) { return len(body), nil }
func (w *statusOnly) WriteHeader(status int)         { w.status = status }
