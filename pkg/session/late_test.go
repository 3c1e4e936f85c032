package session_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"example.com/coatcheck/pkg/session"
)

// These writers tell what they have sent, as those of other packages do.
type (
	// ginWriter is like gin's and negroni's: Status is 200 before anything is written.
	ginWriter struct {
		http.ResponseWriter
		written bool
	}
	// chiWriter is like chi's.
	chiWriter struct {
		http.ResponseWriter
		bytes int
	}
	// statusWriter is like what many programs write for their log.
	statusWriter struct{ http.ResponseWriter }
	// wrapper is a middleware's writer that tells nothing.
	wrapper struct{ http.ResponseWriter }
)

func (w *ginWriter) WriteHeader(status int) {
	w.written = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *ginWriter) Write(p []byte) (int, error) {
	w.written = true
	return w.ResponseWriter.Write(p)
}

func (w *ginWriter) Written() bool { return w.written }
func (w *ginWriter) Status() int   { return 200 }

func (w *chiWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.bytes += n
	return n, err
}

func (w *chiWriter) BytesWritten() int { return w.bytes }
func (w *chiWriter) Status() int       { return 0 }

func (w statusWriter) Status() int                 { return 200 }
func (w statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w wrapper) Unwrap() http.ResponseWriter      { return w.ResponseWriter }

// A call that sets a cookie after the answer has begun stores nothing and says so, as
// far as the writer tells. Before, and with a writer that does not tell, it works.
func TestTooLate(t *testing.T) {
	begin := map[string]func(http.ResponseWriter){
		"nothing": func(http.ResponseWriter) {},
		"status":  func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) },
		"body":    func(w http.ResponseWriter) { w.Write([]byte("hello")) },
	}
	for name, tt := range map[string]struct {
		wrap func(http.ResponseWriter) http.ResponseWriter
		late []string // what it tells
	}{
		"gin's": {func(w http.ResponseWriter) http.ResponseWriter { return &ginWriter{ResponseWriter: w} }, []string{"status", "body"}},
		"chi's": {func(w http.ResponseWriter) http.ResponseWriter { return &chiWriter{ResponseWriter: w} }, []string{"body"}},
		"gin's, wrapped": {func(w http.ResponseWriter) http.ResponseWriter {
			return wrapper{statusWriter{&ginWriter{ResponseWriter: w}}}
		}, []string{"status", "body"}},
		"chi's, wrapped": {func(w http.ResponseWriter) http.ResponseWriter { return wrapper{&chiWriter{ResponseWriter: w}} }, []string{"body"}},
		"with a status":  {func(w http.ResponseWriter) http.ResponseWriter { return statusWriter{w} }, nil},
		"net/http's":     {func(w http.ResponseWriter) http.ResponseWriter { return w }, nil},
	} {
		for begun, start := range begin {
			var err error
			for _, told := range tt.late {
				if told == begun {
					err = session.ErrTooLate
				}
			}
			t.Run(name+", "+begun, func(t *testing.T) {
				r := newFixture(t, session.Config{})
				s, token := r.login("u1")
				for call, do := range map[string]func(http.ResponseWriter) error{
					"Create": func(w http.ResponseWriter) error {
						_, err := r.Create(w, r.request(), session.User{ID: "u2"})
						return err
					},
					"Renew":               func(w http.ResponseWriter) error { return r.Renew(t.Context(), w, s) },
					"Reauthenticate":      func(w http.ResponseWriter) error { return r.Reauthenticate(t.Context(), w, s) },
					"ReauthenticateAlone": func(w http.ResponseWriter) error { return r.ReauthenticateAlone(t.Context(), w, s) },
				} {
					r.store.count()
					w := tt.wrap(httptest.NewRecorder())
					start(w)
					want(t, do(w), err)
					if n := r.store.count("Create", "Update", "Touch", "Delete"); (n == 0) != (err != nil) {
						t.Errorf("%s: %d writes to the store", call, n)
					}
					if err != nil {
						wantNoCookie(t, w)
					}
				}
				if err != nil {
					r.wantAlive(token)
				}

				// A logout works at any time, because the session ends all the same.
				w := tt.wrap(httptest.NewRecorder())
				start(w)
				_, token = r.login("u1")
				want(t, r.Destroy(w, r.request(cookie(token))), nil)
				r.wantDead(token)
			})
		}
	}
}
