package legacy_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/legacy/legacytest"
)

const introspectKey = "key-of-the-introspection-for-tests"

// asked returns a source that asks a server with that handler.
func asked(t testing.TB, handler http.HandlerFunc) legacy.Source {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	return made(t)(legacy.NewIntrospect(legacy.Introspect{
		URL: server.URL + "/whose", Key: []byte(introspectKey), Cookies: []string{"sid", "sid.extra"},
		Transport: server.Client().Transport,
	}))
}

// TestIntrospect: the monolith knows its sessions by their cookie, and answers as the
// contract says.
func TestIntrospect(t *testing.T) {
	legacytest.Run(t, "testdata/introspect.json", func(t testing.TB, c *legacytest.Case) legacy.Source {
		sessions := c.KeyValue()
		var identity struct{ Identity string }
		if c.Store != nil {
			if err := json.Unmarshal(c.Store.Value, &identity); err != nil {
				t.Fatal(err)
			}
		}
		return asked(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer "+introspectKey || r.URL.Path != "/whose" {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			answer, _, err := sessions.Get(r.Context(), r.Header.Get("Cookie"))
			switch {
			case errors.Is(err, legacy.ErrNoRow):
				w.WriteHeader(http.StatusUnauthorized)
				if c.Store != nil && r.Header.Get("Cookie") == c.Store.Key {
					json.NewEncoder(w).Encode(map[string]string{"identity": identity.Identity})
				}
			case err != nil:
				w.WriteHeader(http.StatusInternalServerError)
			case r.Method == http.MethodDelete:
				sessions.Delete(r.Context(), r.Header.Get("Cookie"))
				w.WriteHeader(http.StatusNoContent)
			default:
				w.Write(answer)
			}
		})
	})
}

// TestIntrospectOutage: whatever is no answer of the contract is an outage, and says nothing
// about the user.
func TestIntrospectOutage(t *testing.T) {
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"400":                       answer(400, ""),
		"403":                       answer(403, ""),
		"404":                       answer(404, ""),
		"404 with an identity":      answer(404, `{"identity": "a"}`),
		"429":                       answer(429, ""),
		"500":                       answer(500, `{"user_id": 7}`),
		"201":                       answer(201, `{"user_id": 7}`),
		"204":                       answer(204, ""),
		"no body":                   answer(200, ""),
		"no JSON":                   answer(200, "<!DOCTYPE html>"),
		"a list":                    answer(200, `[{"user_id": 7}]`),
		"cut short":                 answer(200, `{"user_id": 7`),
		"more behind":               answer(200, `{"user_id": 7}{"user_id": 8}`),
		"no user_id":                answer(200, `{"user": 7}`),
		"user_id with a point":      answer(200, `{"user_id": 7.0}`),
		"user_id with an exponent":  answer(200, `{"user_id": 7e0}`),
		"user_id is a list":         answer(200, `{"user_id": [7]}`),
		"user_id is a boolean":      answer(200, `{"user_id": true}`),
		"identity is a number":      answer(200, `{"user_id": 7, "identity": 1}`),
		"signed_in_at is a number":  answer(200, `{"user_id": 7, "signed_in_at": 1760000000}`),
		"expires_at is no time":     answer(200, `{"user_id": 7, "expires_at": "tomorrow"}`),
		"data is a list":            answer(200, `{"user_id": 7, "data": []}`),
		"too long":                  answer(200, `{"user_id": 7, "x": "`+strings.Repeat("x", 64<<10)+`"}`),
		"too long, with blanks":     answer(200, `{"user_id": 7}`+strings.Repeat(" ", 64<<10)),
		"too deep":                  answer(200, `{"user_id": 7, "x": `+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`}`),
		"the connection is cut off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			claim, err := asked(t, handler).Open(t.Context(), map[string]string{"sid": "cookie"}, time.Now())
			outage(t, err)
			if claim.UserID != "" {
				t.Errorf("the user is %q", claim.UserID)
			}
		})
	}
}

func outage(t *testing.T, err error) {
	t.Helper()
	if err == nil || errors.Is(err, legacy.ErrAbsent) || errors.Is(err, legacy.ErrRejected) {
		t.Errorf("answer %v, want an outage", err)
	}
}

// TestIntrospectOddCookies: a value that would be another cookie, or another header, is not
// sent. An error does not quote the address, which may have a secret in it.
func TestIntrospectOddCookies(t *testing.T) {
	source := asked(t, func(http.ResponseWriter, *http.Request) { t.Error("the monolith was asked") })
	for _, value := range []string{"a; sid.extra=b", "a;", "a\r\nX: y", "a\nb", "a\x00", "a\tb", "a\x7f"} {
		if _, err := source.Open(t.Context(), map[string]string{"sid": value}, time.Now()); !errors.Is(err, legacy.ErrRejected) {
			t.Errorf("%q: %v, want %v", value, err, legacy.ErrRejected)
		}
	}
	away := made(t)(legacy.NewIntrospect(legacy.Introspect{
		URL: "https://www.example.com/whose?key=Inv3nted", Key: []byte(introspectKey), Cookies: []string{"sid"}, Transport: awayTransport{},
	}))
	_, err := away.Open(t.Context(), map[string]string{"sid": "cookie"}, time.Now())
	outage(t, err)
	if strings.Contains(err.Error(), "Inv3nted") {
		t.Errorf("the error quotes the address: %v", err)
	}
}

// awayTransport reaches nobody.
type awayTransport struct{}

func (awayTransport) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("nobody answers")
}

// TestIntrospectRedirect: a redirect is not followed, so that neither the cookies nor the
// key reach another address.
func TestIntrospectRedirect(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		source := asked(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/whose" {
				t.Errorf("%d: a request to %s", status, r.URL.Path)
				io.WriteString(w, `{"user_id": 7}`)
				return
			}
			http.Redirect(w, r, "/another", status)
		})
		_, err := source.Open(t.Context(), map[string]string{"sid": "cookie"}, time.Now())
		outage(t, err)
	}
}

// TestIntrospectEndOutage: what is no yes to DELETE is an outage. So is 404, which a monolith
// answers that has a route for GET alone: its session goes on.
func TestIntrospectEndOutage(t *testing.T) {
	for status, ended := range map[int]bool{200: true, 204: true, 401: true, 302: false, 403: false, 404: false, 405: false, 500: false} {
		source := asked(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodDelete {
				w.WriteHeader(status)
				return
			}
			io.WriteString(w, `{"user_id": 7}`)
		})
		claim, err := source.Open(t.Context(), map[string]string{"sid": "cookie"}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := claim.End(t.Context()); (err == nil) != ended {
			t.Errorf("DELETE answered %d: %v", status, err)
		}
	}
}

// hangs is a connection to a monolith that never answers.
type hangs struct{}

func (hangs) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// drips is a connection to a monolith that answers one blank per second, for ever.
type drips struct{}

func (drips) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(dripping{r.Context()})}, nil
}

type dripping struct{ ctx context.Context }

func (d dripping) Read(b []byte) (int, error) {
	select {
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	case <-time.After(time.Second):
		return copy(b, " "), nil
	}
}

// TestIntrospectTimeout: a monolith that hangs, or answers slowly, is an outage after the
// time that was set.
func TestIntrospectTimeout(t *testing.T) {
	for name, transport := range map[string]http.RoundTripper{"hangs": hangs{}, "drips": drips{}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := made(t)(legacy.NewIntrospect(legacy.Introspect{
					URL: "https://www.example.com/whose", Key: []byte(introspectKey), Cookies: []string{"sid"},
					Timeout: 5 * time.Second, Transport: transport,
				}))
				begin := time.Now()
				_, err := source.Open(t.Context(), map[string]string{"sid": "cookie"}, begin)
				outage(t, err)
				if took := time.Since(begin); took != 5*time.Second {
					t.Errorf("it took %v, want 5s", took)
				}
			})
		})
	}
}

// endless is a connection to a monolith that answers blanks, as good as for ever.
type endless struct{ read int }

func (e *endless) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(e)}, nil
}

func (e *endless) Read(b []byte) (int, error) {
	e.read += len(b)
	if e.read > 1<<20 {
		return 0, io.EOF // so that the test ends if nothing stops the reading
	}
	return copy(b, strings.Repeat(" ", len(b))), nil
}

// TestIntrospectEndless: of an answer without an end little more is read than may be.
func TestIntrospectEndless(t *testing.T) {
	var monolith endless
	source := made(t)(legacy.NewIntrospect(legacy.Introspect{
		URL: "https://www.example.com/whose", Key: []byte(introspectKey), Cookies: []string{"sid"}, Transport: &monolith,
	}))
	_, err := source.Open(t.Context(), map[string]string{"sid": "cookie"}, time.Now())
	outage(t, err)
	if monolith.read > 128<<10 {
		t.Errorf("%d bytes were read", monolith.read)
	}
}

// TestIntrospectConfig: an address or a key that is not safe is refused.
func TestIntrospectConfig(t *testing.T) {
	good := legacy.Introspect{URL: "https://www.example.com/whose", Key: []byte(introspectKey), Cookies: []string{"sid"}}
	for name, change := range map[string]func(*legacy.Introspect){
		"no address":        func(o *legacy.Introspect) { o.URL = "" },
		"a path":            func(o *legacy.Introspect) { o.URL = "/whose" },
		"http":              func(o *legacy.Introspect) { o.URL = "http://www.example.com/whose" },
		"another scheme":    func(o *legacy.Introspect) { o.URL = "file://localhost/whose" },
		"a password":        func(o *legacy.Introspect) { o.URL = "https://user:word@www.example.com/whose" },
		"a short key":       func(o *legacy.Introspect) { o.Key = []byte("short") },
		"a key with lines":  func(o *legacy.Introspect) { o.Key = []byte("sixteen-letters\r\nCookie: a") },
		"no cookie":         func(o *legacy.Introspect) { o.Cookies = nil },
		"a negative length": func(o *legacy.Introspect) { o.Timeout = -1 },
	} {
		o := good
		change(&o)
		if _, err := legacy.NewIntrospect(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, address := range []string{good.URL, "http://localhost:5000/whose", "http://127.0.0.1/whose", "http://[::1]:80/whose"} {
		o := good
		o.URL = address
		if _, err := legacy.NewIntrospect(o); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}
