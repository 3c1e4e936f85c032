package lambdahttp_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/lambdahttp"
)

// authorizerEvent is a real event that an HTTP API sends to its authorizer.
func authorizerEvent(t *testing.T) []byte {
	t.Helper()
	payload, err := os.ReadFile("testdata/authorizer.event.json")
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func TestAuthorizerAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		caller map[string]string
		err    error
		want   string // "" for an error
	}{
		"yes":                   {map[string]string{"user_id": "u1"}, nil, `{"isAuthorized":true,"context":{"user_id":"u1"}}`},
		"no":                    {nil, lambdahttp.ErrNotAuthorized, `{"isAuthorized":false}`},
		"no, wrapped":           {nil, fmt.Errorf("cookie: %w", lambdahttp.ErrNotAuthorized), `{"isAuthorized":false}`},
		"no, with somebody":     {map[string]string{"user_id": "u1"}, lambdahttp.ErrNotAuthorized, `{"isAuthorized":false}`},
		"outage":                {nil, errors.New("connection refused"), ""},
		"outage, with somebody": {map[string]string{"user_id": "u1"}, errors.New("connection refused"), ""},
		"yes to nobody":         {nil, nil, ""},
		"yes to no one":         {map[string]string{}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := lambdahttp.Authorizer(func(r *http.Request) (map[string]string, error) {
				if c, err := r.Cookie("__Host-SESSIONID"); err != nil || c.Value != "owner.id.secret" || r.URL.Path != "/profile" || r.RemoteAddr != "203.0.113.7:0" {
					t.Errorf("the authorizer sees %v, %v, %s, %s", c, err, r.URL, r.RemoteAddr)
				}
				return test.caller, test.err
			})
			got, err := a.Invoke(t.Context(), authorizerEvent(t))
			if string(got) != test.want || (err == nil) != (test.want != "") {
				t.Errorf("answer %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestAuthorizerThatPanics(t *testing.T) {
	a := lambdahttp.Authorizer(func(*http.Request) (map[string]string, error) { panic("boom") })
	if got, err := a.Invoke(t.Context(), authorizerEvent(t)); err == nil || got != nil {
		t.Errorf("answer %q, %v; want an error alone", got, err)
	}
}

// An authorizer whose store hangs fails before Lambda would stop it.
func TestAuthorizerThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		a := lambdahttp.Authorizer(func(r *http.Request) (map[string]string, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		got, err := a.Invoke(ctx, authorizerEvent(t))
		if !errors.Is(err, context.DeadlineExceeded) || got != nil || time.Since(start) != 9*time.Second {
			t.Errorf("answer %q, %v, after %v; want an error after 9s", got, err, time.Since(start))
		}
	})
}

func TestAuthorizerRefusesOtherEvents(t *testing.T) {
	a := lambdahttp.Authorizer(func(*http.Request) (map[string]string, error) {
		t.Error("called")
		return map[string]string{"user_id": "u1"}, nil
	})
	for _, payload := range []string{
		"", "null", "[]", "{}", `"x"`, "{", `{"version":"1.0","type":"REQUEST","methodArn":"arn","headers":{}}`,
		strings.Replace(string(authorizerEvent(t)), `"2.0"`, `"1.0"`, 1),
	} {
		if got, err := a.Invoke(t.Context(), []byte(payload)); err == nil || got != nil {
			t.Errorf("event %.60s: %q, %v; want an error alone", payload, got, err)
		}
	}
}

// Authorized returns only strings, and only what the gateway wrote in its own part
// of the event.
func TestAuthorized(t *testing.T) {
	const requestContext = `"requestContext":{"http":{"method":"GET","sourceIp":"192.0.2.1"}`
	for name, test := range map[string]struct {
		event string
		want  map[string]string
	}{
		"none":            {requestContext + `}`, nil},
		"somebody":        {requestContext + `,"authorizer":{"lambda":{"user_id":"u1","roles":"[]"}}}`, map[string]string{"user_id": "u1", "roles": "[]"}},
		"not strings":     {requestContext + `,"authorizer":{"lambda":{"user_id":"u1","n":1,"list":["x"],"nothing":null,"deep":{"user_id":"u2"}}}}`, map[string]string{"user_id": "u1"}},
		"null":            {requestContext + `,"authorizer":null}`, nil},
		"null inside":     {requestContext + `,"authorizer":{"lambda":null}}`, nil},
		"another kind":    {requestContext + `,"authorizer":{"jwt":{"claims":{"user_id":"u1"}}}}`, nil},
		"beside":          {requestContext + `},"authorizer":{"lambda":{"user_id":"u1"}}`, nil},
		"in headers":      {`"headers":{"authorizer":"{\"lambda\":{\"user_id\":\"u1\"}}","user_id":"u1"},` + requestContext + `}`, nil},
		"in another case": {requestContext + `,"Authorizer":{"Lambda":{"user_id":"u1"}}}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			called := false
			h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				called = true
				if got := lambdahttp.Authorized(r.Context()); !maps.Equal(got, test.want) {
					t.Errorf("told %v, want %v", got, test.want)
				}
			})
			payload := `{"version":"2.0","rawPath":"/",` + test.event + `}`
			if _, err := lambdahttp.Handler(h).Invoke(t.Context(), []byte(payload)); err != nil || !called {
				t.Errorf("called: %t, %v", called, err)
			}
		})
	}
	if got := lambdahttp.Authorized(t.Context()); got != nil {
		t.Errorf("outside Lambda: %v", got)
	}
}
