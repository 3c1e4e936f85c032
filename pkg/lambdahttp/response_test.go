package lambdahttp_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

type response struct {
	StatusCode      int               `json:"statusCode"`
	Headers         map[string]string `json:"headers"`
	Cookies         []string          `json:"cookies"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

// respondTo returns the answer to a small event of the given method.
func respondTo(t *testing.T, method string, h http.HandlerFunc) response {
	t.Helper()
	var resp response
	out := invoke(t, t.Context(), h, event(method))
	if err := json.Unmarshal(out, &resp, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return resp
}

func event(method string) []byte {
	return []byte(`{"version": "2.0", "rawPath": "/profile", "headers": {"host": "app.example.com"},
		"requestContext": {"http": {"method": "` + method + `", "sourceIp": "203.0.113.7"}}}`)
}

// TestResponse compares whole responses with the expected ones. It does the same
// with net/http's own server and the same handler.
func TestResponse(t *testing.T) {
	png := "\x89PNG\r\n\x1a\n"
	text := map[string]string{"Content-Type": "text/plain"}
	tests := []struct {
		name    string
		method  string
		handler http.HandlerFunc
		want    response
	}{
		{
			name: "nothing written", method: "GET",
			handler: func(http.ResponseWriter, *http.Request) {},
			want:    response{StatusCode: 200},
		},
		{
			name: "text", method: "GET",
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/plain")
				io.WriteString(w, "<pässword> ")
				io.WriteString(w, "\U0001f511")
			},
			want: response{StatusCode: 200, Headers: text, Body: "<pässword> \U0001f511"},
		},
		{
			name: "binary", method: "GET",
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "image/png")
				io.WriteString(w, png)
			},
			want: response{
				StatusCode: 200, Headers: map[string]string{"Content-Type": "image/png"},
				Body: base64.StdEncoding.EncodeToString([]byte(png)), IsBase64Encoded: true,
			},
		},
		{
			name: "several values", method: "GET",
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Vary"] = []string{"Accept", "Cookie"}
				w.Header()["Set-Cookie"] = []string{"a=1; Expires=Mon, 23 Nov 2026 13:00:00 GMT", "b=2"}
				w.WriteHeader(303)
			},
			want: response{
				StatusCode: 303, Headers: map[string]string{"Vary": "Accept, Cookie"},
				Cookies: []string{"a=1; Expires=Mon, 23 Nov 2026 13:00:00 GMT", "b=2"},
			},
		},
		{
			name: "names in lower case", method: "GET",
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["set-cookie"] = []string{"a=1"}
				w.Header()["allow"] = []string{"GET, HEAD"}
				w.WriteHeader(405)
			},
			want: response{StatusCode: 405, Headers: map[string]string{"Allow": "GET, HEAD"}, Cookies: []string{"a=1"}},
		},
		{
			name: "only the first status and the headers before it", method: "GET",
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/plain")
				w.WriteHeader(103)
				w.WriteHeader(404)
				w.Header().Set("X-Late", "1")
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(200)
				io.WriteString(w, "gone")
			},
			want: response{StatusCode: 404, Headers: text, Body: "gone"},
		},
		{
			name: "a header in several lines", method: "GET",
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Security-Policy"] = []string{"default-src 'none';\n\timg-src 'self'\r\n"}
				w.Header()["Set-Cookie"] = []string{"a=1\r\nSet-Cookie: b=2"}
			},
			want: response{
				StatusCode: 200, Headers: map[string]string{"Content-Security-Policy": "default-src 'none'; \timg-src 'self'"},
				Cookies: []string{"a=1  Set-Cookie: b=2"},
			},
		},
		{
			name: "a type that is not said", method: "GET",
			handler: func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<!DOCTYPE html>") },
			want:    response{StatusCode: 200, Headers: map[string]string{"Content-Type": "text/html; charset=utf-8"}, Body: "<!DOCTYPE html>"},
		},
		{
			name: "a type that is not said, HEAD", method: "HEAD",
			handler: func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<!DOCTYPE html>") },
			want:    response{StatusCode: 200, Headers: map[string]string{"Content-Type": "text/html; charset=utf-8"}},
		},
		{
			name: "no type", method: "GET",
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = nil
				io.WriteString(w, "<!DOCTYPE html>")
			},
			want: response{StatusCode: 200, Body: "<!DOCTYPE html>"},
		},
		{
			name: "the type of what is encoded", method: "GET",
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "x-rot13")
				io.WriteString(w, "<!QBPGLCR ugzy>")
			},
			want: response{StatusCode: 200, Headers: map[string]string{"Content-Encoding": "x-rot13"}, Body: "<!QBPGLCR ugzy>"},
		},
		{
			name: "HEAD", method: "HEAD",
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/plain")
				if n, err := io.WriteString(w, "body"); n != 4 || err != nil {
					panic(err)
				}
			},
			want: response{StatusCode: 200, Headers: text},
		},
		{
			name: "no body with 204", method: "GET",
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(204)
				if _, err := io.WriteString(w, "body"); !errors.Is(err, http.ErrBodyNotAllowed) {
					panic(err)
				}
			},
			want: response{StatusCode: 204},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := respondTo(t, test.method, test.handler)
			equal(t, "lambdahttp", got, test.want)
			equal(t, "net/http", overHTTP(t, test.method, test.handler), test.want)
		})
	}
}

func equal(t *testing.T, server string, got, want response) {
	t.Helper()
	if got.StatusCode != want.StatusCode || !maps.Equal(got.Headers, want.Headers) || !slices.Equal(got.Cookies, want.Cookies) ||
		got.Body != want.Body || got.IsBase64Encoded != want.IsBase64Encoded {
		t.Errorf("%s: got\n%+v\nwant\n%+v", server, got, want)
	}
}

// overHTTP returns what a server of net/http answers, in the gateway's format.
func overHTTP(t *testing.T, method string, h http.HandlerFunc) response {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "identity")
	answer, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := response{StatusCode: answer.StatusCode, Headers: map[string]string{}, Cookies: answer.Header["Set-Cookie"], Body: string(body)}
	if strings.HasPrefix(answer.Header.Get("Content-Type"), "image/") {
		got.Body, got.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	for name, values := range answer.Header {
		if name != "Set-Cookie" && name != "Date" && name != "Content-Length" {
			got.Headers[name] = strings.Join(values, ", ")
		}
	}
	return got
}

func TestResponseDropsBrokenHeaders(t *testing.T) {
	var log bytes.Buffer
	logTo(t, &log)
	got := respondTo(t, "GET", func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Vary"] = []string{"Accept", "canary\x00", "Cookie"}
		w.Header()["Set-Cookie"] = []string{"canary\x1f=1", "b=2"}
		w.Header()["Location"] = []string{"/canary\xff"}
	})
	want := response{StatusCode: 200, Headers: map[string]string{"Vary": "Accept, Cookie"}, Cookies: []string{"b=2"}}
	equal(t, "lambdahttp", got, want)
	for _, name := range []string{"Vary", "Set-Cookie", "Location"} {
		if !strings.Contains(log.String(), `"header":"`+name+`","reason":"value"`) {
			t.Errorf("nothing was logged about %s:\n%s", name, &log)
		}
	}
	if strings.Contains(log.String(), "canary") {
		t.Errorf("a header's value was logged:\n%s", &log)
	}
}

// logTo sends the log to w as JSON, until the test ends.
func logTo(t testing.TB, w io.Writer) {
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(w, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
}

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
