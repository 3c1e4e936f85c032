package lambdahttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/lambdahttp"
)

// askers are the APIs that ask an authorizer, with the status that callers get whom it
// does not know.
var askers = map[string]int{
	"http-api-2": http.StatusForbidden,
	"http-api-1": http.StatusForbidden,
	"rest-api":   http.StatusUnauthorized,
}

// authorizerEvent is an event as this API sends it to its authorizer.
func authorizerEvent(t testing.TB, api string) []byte {
	return read(t, "testdata/authorizers/"+api+".event.json")
}

// ask returns the status of the gateway for a caller, as AWS documents it, and what the
// function behind the authorizer is told. It fails if the answer has another shape.
func ask(t testing.TB, ctx context.Context, api string, payload []byte, a lambdahttp.Authorizer) (status int, caller map[string]string) {
	t.Helper()
	answer, err := a.Invoke(ctx, payload)
	switch {
	case err != nil && answer != nil:
		t.Fatalf("both %s and %v", answer, err)
	case err != nil && err.Error() == "Unauthorized" && api == "rest-api":
		return http.StatusUnauthorized, nil
	case err != nil:
		return http.StatusInternalServerError, nil
	case api == "http-api-2":
		return askSimply(t, answer)
	}
	var asked struct{ MethodARN string }
	if err := json.Unmarshal(payload, &asked); err != nil {
		t.Fatal(err)
	}
	p := decodePolicy(t, answer)
	if !p.covers(asked.MethodARN, resolvesVariables) || p.PolicyDocument.Statement[0].Effect != "Allow" {
		return http.StatusForbidden, nil
	}
	return http.StatusOK, p.Context
}

func askSimply(t testing.TB, answer []byte) (status int, caller map[string]string) {
	var simple struct {
		IsAuthorized *bool             `json:"isAuthorized"`
		Context      map[string]string `json:"context"`
	}
	strictly(t, answer, &simple)
	if simple.IsAuthorized == nil || !*simple.IsAuthorized {
		return http.StatusForbidden, nil
	}
	return http.StatusOK, simple.Context
}

// strictly decodes JSON that has no other members.
func strictly(t testing.TB, answer []byte, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(answer))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%v in %s", err, answer)
	}
}

// byCookie knows whoever has a session cookie, and tells what it has seen.
func byCookie(r *http.Request) (map[string]string, error) {
	c, err := r.Cookie("__Host-SESSIONID")
	if err != nil {
		return nil, lambdahttp.ErrNotAuthorized
	}
	return map[string]string{
		"principalId": "u1", "user_id": "u1", "token": c.Value, "cookies": r.Header.Get("Cookie"),
		"path": r.URL.Path, "method": r.Method, "client": r.RemoteAddr, "host": r.Host,
	}, nil
}

// TestAuthorizerGolden compares the whole answer to the event of each API with the
// *.yes.json beside it, and what is answered to the same event without a cookie with
// *.no.json, unless that is an error.
func TestAuthorizerGolden(t *testing.T) {
	for api := range askers {
		t.Run(api, func(t *testing.T) {
			for answer, payload := range map[string][]byte{
				"yes": authorizerEvent(t, api),
				"no":  bytes.ReplaceAll(authorizerEvent(t, api), []byte("__Host-SESSIONID"), []byte("another")),
			} {
				got, err := lambdahttp.Authorizer(byCookie).Invoke(t.Context(), payload)
				if api == "rest-api" && answer == "no" {
					if got != nil || err == nil || err.Error() != "Unauthorized" {
						t.Errorf("no: %s, %v", got, err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if got, want := indent(t, got), read(t, "testdata/authorizers/"+api+"."+answer+".json"); !bytes.Equal(got, want) {
					t.Errorf("%s: got\n%s\nwant\n%s", answer, got, want)
				}
			}
		})
	}
}

func TestAuthorizerAnswers(t *testing.T) {
	logTo(t, io.Discard)
	somebody := map[string]string{"user_id": "u1"}
	const yes, no, failed = http.StatusOK, 0, http.StatusInternalServerError
	for name, test := range map[string]struct {
		caller map[string]string
		err    error
		want   int
	}{
		"yes":                               {somebody, nil, yes},
		"no":                                {nil, lambdahttp.ErrNotAuthorized, no},
		"no, wrapped":                       {nil, fmt.Errorf("cookie: %w", lambdahttp.ErrNotAuthorized), no},
		"no, with somebody":                 {somebody, lambdahttp.ErrNotAuthorized, no},
		"outage":                            {nil, errors.New("connection refused"), failed},
		"outage, with somebody":             {somebody, errors.New("connection refused"), failed},
		"outage that speaks like REST APIs": {nil, errors.New("Unauthorized"), failed},
		"yes to nobody":                     {nil, nil, failed},
		"yes to no one":                     {map[string]string{}, nil, failed},
		"yes to whom JSON cannot name":      {map[string]string{"user_id": "\xff"}, nil, failed},
	} {
		for api, refused := range askers {
			t.Run(name+" to "+api, func(t *testing.T) {
				want := test.want
				if want == no {
					want = refused
				}
				a := lambdahttp.Authorizer(func(*http.Request) (map[string]string, error) { return test.caller, test.err })
				status, caller := ask(t, t.Context(), api, authorizerEvent(t, api), a)
				if status != want || (status == yes) != (caller["user_id"] == "u1") {
					t.Errorf("%d, told %v; want %d", status, caller, want)
				}
			})
		}
	}
}

// A principal is named once, and only to the APIs that have one.
func TestPrincipal(t *testing.T) {
	for want, caller := range map[string]map[string]string{
		"caller": {"user_id": "u1"}, "u1": {"user_id": "u1", "principalId": "u1"},
	} {
		for api := range askers {
			answer, err := lambdahttp.Authorizer(func(*http.Request) (map[string]string, error) { return caller, nil }).Invoke(t.Context(), authorizerEvent(t, api))
			var got struct {
				PrincipalID string            `json:"principalId"`
				Context     map[string]string `json:"context"`
			}
			if err := json.Unmarshal(answer, &got); err != nil {
				t.Fatal(err)
			}
			if _, twice := got.Context["principalId"]; err != nil || twice || api != "http-api-2" && got.PrincipalID != want || api == "http-api-2" && got.PrincipalID != "" {
				t.Errorf("%s: %s, %v; want %q", api, answer, err, want)
			}
			if _, kept := caller["principalId"]; kept != (want == "u1") {
				t.Errorf("the authorizer's own map has become %v", caller)
			}
		}
	}
}

func TestAuthorizerThatPanics(t *testing.T) {
	for api := range askers {
		var log bytes.Buffer
		logTo(t, &log)
		a := lambdahttp.Authorizer(func(*http.Request) (map[string]string, error) { panic("boom") })
		status, _ := ask(t, t.Context(), api, authorizerEvent(t, api), a)
		if status != 500 || !strings.Contains(log.String(), "boom") || !strings.Contains(log.String(), "authorizer failed") {
			t.Errorf("%s: %d, logged %s", api, status, &log)
		}
	}
}

// An authorizer whose store hangs fails before Lambda would stop it.
func TestAuthorizerThatHangs(t *testing.T) {
	logTo(t, io.Discard)
	for api := range askers {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			start := time.Now()
			a := lambdahttp.Authorizer(func(r *http.Request) (map[string]string, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			})
			got, err := a.Invoke(ctx, authorizerEvent(t, api))
			if !errors.Is(err, context.DeadlineExceeded) || got != nil || time.Since(start) != 9*time.Second {
				t.Errorf("%s: answer %q, %v, after %v; want an error after 9s", api, got, err, time.Since(start))
			}
		})
	}
}

// TestAuthorizerRefusesOtherEvents: whatever is not the question of an API to its
// authorizer is an error that says so, and reaches nobody.
func TestAuthorizerRefusesOtherEvents(t *testing.T) {
	logTo(t, io.Discard)
	a := lambdahttp.Authorizer(func(*http.Request) (map[string]string, error) {
		t.Error("called")
		return map[string]string{"user_id": "u1"}, nil
	})
	change := func(api, old, new string) string {
		before := string(authorizerEvent(t, api))
		if !strings.Contains(before, old) {
			t.Fatalf("%s has no %s", api, old)
		}
		return strings.Replace(before, old, new, 1)
	}
	for name, test := range map[string]struct{ payload, want string }{
		"nothing":           {"", ""},
		"null":              {"null", ""},
		"a list":            {"[]", ""},
		"an empty object":   {"{}", ""},
		"a string":          {`"x"`, ""},
		"half":              {"{", ""},
		"a schedule":        {`{"version":"0","detail-type":"Scheduled Event","source":"aws.events","detail":{}}`, ""},
		"TOKEN":             {`{"type":"TOKEN","authorizationToken":"allow","methodArn":"arn:aws:execute-api:us-west-2:123456789012:ymy8tbxw7b/*/GET/"}`, "TOKEN"},
		"a WebSocket":       {`{"type":"REQUEST","methodArn":"arn:aws:execute-api:us-east-1:123456789012:abcdef123/prod/$connect","headers":{"Cookie":"a=b"},"requestContext":{"routeKey":"$connect","eventType":"CONNECT","identity":{"sourceIp":"192.0.2.1"}}}`, ""},
		"a load balancer":   {`{"type":"REQUEST","httpMethod":"GET","path":"/","headers":{},"requestContext":{"elb":{"targetGroupArn":"arn"}}}`, "API Gateway"},
		"a function URL":    {change("http-api-2", `"domainName": "app.example.com"`, `"domainName": "abc.lambda-url.eu-central-1.on.aws"`), "API Gateway"},
		"a request, 2.0":    {change("http-api-2", `"type": "REQUEST",`, ""), "type is REQUEST"},
		"a request, 1.0":    {change("http-api-1", `"type": "REQUEST",`, ""), "type is REQUEST"},
		"a request, REST":   {change("rest-api", `"type": "REQUEST",`, ""), "type is REQUEST"},
		"no ARN, 1.0":       {change("http-api-1", `"methodArn"`, `"m"`), "methodArn"},
		"no ARN, REST":      {change("rest-api", `"methodArn"`, `"m"`), "methodArn"},
		"a bad path":        {change("rest-api", `"path": "/orders/7",`, `"path": "orders",`), "path"},
		"another ARN":       {change("rest-api", `"arn:aws:execute-api:`, `"arn:aws:lambda:`), "methodArn"},
		"every stage":       {change("rest-api", `/prod/GET`, `/*/GET`), "methodArn"},
		"every method":      {change("rest-api", `/prod/GET`, `/prod/*`), "methodArn"},
		"a method of IAM's": {change("http-api-1", `/GET/`, `/${aws:username}/`), "methodArn"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := a.Invoke(t.Context(), []byte(test.payload))
			if err == nil || got != nil || !strings.Contains(err.Error(), test.want) || err.Error() == "Unauthorized" || strings.Contains(err.Error(), "owner.id.secret") {
				t.Errorf("%q, %v; want an error alone that tells %q", got, err, test.want)
			}
		})
	}
}

// TestStartAuthorizer imitates Lambda's runtime API for a real process, which is asked by
// each API in turn.
func TestStartAuthorizer(t *testing.T) {
	runtime := &runtimeAPI{deadline: time.Now().Add(5 * time.Minute), events: make(chan []byte, 4), answers: make(chan string, 4)}
	nobody := func(api string) []byte {
		return bytes.ReplaceAll(authorizerEvent(t, api), []byte("__Host-SESSIONID"), []byte("another"))
	}
	runtime.events <- authorizerEvent(t, "rest-api")
	runtime.events <- nobody("rest-api")
	runtime.events <- []byte(`{"type":"TOKEN"}`)
	runtime.events <- nobody("http-api-2")
	server := httptest.NewServer(runtime)
	defer server.Close() // waits for the function's end
	ctx, cancel := context.WithDeadline(t.Context(), runtime.deadline)
	defer cancel()

	function := exec.CommandContext(ctx, os.Args[0])
	function.Env = append(os.Environ(), "LAMBDAHTTP_TEST_FUNCTION=authorizer", "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(server.URL, "http://"))
	if err := function.Start(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`/response {"principalId":"u1","policyDocument":`,
		`/error {"errorMessage":"Unauthorized",`,
		`/error {"errorMessage":"authorizer failed: the event comes from an authorizer of type TOKEN`,
		`/response {"isAuthorized":false}`,
	} {
		select {
		case got := <-runtime.answers:
			if !strings.HasPrefix(got, "/2018-06-01/runtime/invocation/GET"+want) {
				t.Errorf("got  %s\nwant …%s…", got, want)
			}
		case <-ctx.Done():
			t.Fatalf("no answer in time, want %s…", want)
		}
	}
	cancel()
	function.Wait() // always an error: it was killed
}
