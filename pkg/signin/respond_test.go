package signin

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"example.com/coatcheck/pkg/signin/internal/markup"
	"example.com/coatcheck/pkg/signin/site"
)

// everyResponse returns the headers of every response. They are written out and not
// taken from the code, because they are the contract.
func everyResponse() http.Header {
	return http.Header{
		"Cache-Control":                {"no-store"},
		"Content-Security-Policy":      {policy},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Referrer-Policy":              {"same-origin"},
		"Strict-Transport-Security":    {"max-age=31536000"},
		"X-Content-Type-Options":       {"nosniff"},
		"X-Frame-Options":              {"DENY"},
	}
}

func headersWith(extra http.Header) http.Header {
	h := everyResponse()
	maps.Copy(h, extra)
	return h
}

func TestResponses(t *testing.T) {
	const problem = "application/problem+json"
	tests := []struct {
		name   string
		write  func(http.ResponseWriter)
		status int
		header http.Header
		body   string
	}{
		{
			name:   "JSON",
			write:  func(w http.ResponseWriter) { WriteJSON(w, 200, map[string]any{"a": "<b>", "n": 1}) },
			status: 200,
			header: headersWith(http.Header{"Content-Type": {"application/json"}}),
			body:   `{"a":"\u003cb\u003e","n":1}` + "\n",
		},
		{
			name:   "problem",
			write:  func(w http.ResponseWriter) { writeProblem(w, 401, "Sign in first.") },
			status: 401,
			header: headersWith(http.Header{"Content-Type": {problem}, "Www-Authenticate": {"Cookie"}}),
			body:   `{"type":"about:blank","title":"Unauthorized","status":401,"detail":"Sign in first."}` + "\n",
		},
		{
			name:   "outage",
			write:  func(w http.ResponseWriter) { writeProblem(w, 503, "Try again.") },
			status: 503,
			header: headersWith(http.Header{"Content-Type": {problem}, "Retry-After": {"5"}}),
			body:   `{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"Try again."}` + "\n",
		},
		{
			name: "outage with its own wait",
			write: func(w http.ResponseWriter) {
				w.Header().Set("Retry-After", "30")
				writeProblem(w, 503, "Busy.")
			},
			status: 503,
			header: headersWith(http.Header{"Content-Type": {problem}, "Retry-After": {"30"}}),
			body:   `{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"Busy."}` + "\n",
		},
		{
			name: "problem inside a page",
			write: func(w http.ResponseWriter) {
				w.Header().Set("Content-Security-Policy", policyOf(markup.Needs{Styles: []string{"a {}"}}))
				w.Header().Set("Content-Type", "text/html")
				writeProblem(w, 500, "Broken.")
			},
			status: 500,
			header: headersWith(http.Header{"Content-Type": {problem}}),
			body:   `{"type":"about:blank","title":"Internal Server Error","status":500,"detail":"Broken."}` + "\n",
		},
		{
			name:   "nothing to say",
			write:  func(w http.ResponseWriter) { writeStatus(w, 204) },
			status: 204,
			header: everyResponse(),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			setHeaders(w.Header(), pagesFor(t, site.Site{}).admit(httptest.NewRequest("GET", "/", nil)))
			test.write(w)
			if w.Code != test.status {
				t.Errorf("status %d, want %d", w.Code, test.status)
			}
			if got := w.Result().Header; !maps.EqualFunc(got, test.header, slices.Equal) {
				t.Errorf("headers\n%v\nwant\n%v", got, test.header)
			}
			if got := w.Body.String(); got != test.body {
				t.Errorf("body %q, want %q", got, test.body)
			}
		})
	}
}

func TestPagePolicy(t *testing.T) {
	got, want := policyOf(markup.Needs{Styles: []string{"a {}"}}), policy+"; style-src '"+hashOf("a {}")+"'"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestJSONPanicsBeforeItWrites(t *testing.T) {
	w := httptest.NewRecorder()
	defer func() {
		if recover() == nil {
			t.Error("no panic for a value that JSON cannot hold")
		}
		if len(w.Header()) > 0 || w.Body.Len() > 0 {
			t.Errorf("something was written first: %v %q", w.Header(), w.Body)
		}
	}()
	WriteJSON(w, 200, make(chan int))
}
