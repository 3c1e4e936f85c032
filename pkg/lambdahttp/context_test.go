package lambdahttp_test

import (
	"bytes"
	"crypto/tls"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"example.com/coatcheck/pkg/lambdahttp"
)

// TestEvent: a handler gets the event as it came, whatever its kind.
func TestEvent(t *testing.T) {
	for _, kind := range kinds {
		payload := plain.encode(kind)
		invoke(t, t.Context(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if got := lambdahttp.Event(r.Context()); !bytes.Equal(got, payload) {
				t.Errorf("%s: got %s, want %s", kind, got, payload)
			}
		}), payload)
	}
}

// TestStageVariables: what only some handlers want spoils no request.
func TestStageVariables(t *testing.T) {
	for variables, want := range map[string]map[string]string{
		`{"a":"1","b":"2"}`: {"a": "1", "b": "2"},
		`{}`:                {},
		`null`:              nil,
		`"x"`:               nil,
		`{"a":1}`:           nil,
	} {
		for _, kind := range kinds {
			payload := append([]byte(`{"stageVariables":`+variables+`,`), plain.encode(kind)[1:]...)
			called := false
			invoke(t, t.Context(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				called = true
				if got := lambdahttp.StageVariables(r.Context()); !maps.Equal(got, want) {
					t.Errorf("%s, %s: got %v", kind, variables, got)
				}
			}), payload)
			if !called {
				t.Errorf("%s, %s: the handler was not called", kind, variables)
			}
		}
	}
}

// TestOutsideOfLambda: a handler may run in a server of net/http too.
func TestOutsideOfLambda(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Forwarded-Proto", "https") // of which nobody knows who wrote it
	if lambdahttp.Event(r.Context()) != nil || lambdahttp.StageVariables(r.Context()) != nil || lambdahttp.Scheme(r) != "http" {
		t.Errorf("there is an event, or the scheme is %s", lambdahttp.Scheme(r))
	}
	if r.TLS = (&tls.ConnectionState{}); lambdahttp.Scheme(r) != "https" {
		t.Error("a request over TLS is not https")
	}
}
