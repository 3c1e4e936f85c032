package lambdahttptest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"example.com/coatcheck/pkg/lambdahttp"
	"example.com/coatcheck/pkg/lambdahttp/lambdahttptest"
)

// TestMain is a Lambda function if the test binary was started as one.
func TestMain(m *testing.M) {
	if os.Getenv("LAMBDAHTTPTEST_FUNCTION") == "" {
		os.Exit(m.Run())
	}
	lambda.Start(func(ctx context.Context, event string) (string, error) {
		switch event {
		case "fail":
			return "", errors.New("it failed")
		case "exit":
			os.Stdout.WriteString("going\n")
			os.Exit(1)
		case "panic":
			panic("it panicked")
		case "deadline":
			deadline, _ := ctx.Deadline()
			return deadline.UTC().Format(time.RFC3339), nil
		}
		return "answer to " + event, nil
	})
}

// echo answers with what it sees of the request.
func echo(w http.ResponseWriter, r *http.Request) {
	address, _, _ := strings.Cut(r.RemoteAddr, ":")
	http.SetCookie(w, &http.Cookie{Name: "kept", Value: "yes", Path: "/"})
	w.Header().Set("X-Seen", strings.Join([]string{r.Method, r.Host, r.URL.Path, r.URL.Query().Get("q"), r.Header.Get("Cookie"), address}, " "))
	w.WriteHeader(http.StatusTeapot)
	io.Copy(w, r.Body)
}

// TestTransport: a request goes to a handler and back through each front door. The second
// has the cookie that the first was answered with.
func TestTransport(t *testing.T) {
	for _, door := range lambdahttptest.FrontDoors() {
		t.Run(string(door), func(t *testing.T) {
			jar, err := cookiejar.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			client := &http.Client{Jar: jar, Transport: door.Transport(lambdahttp.Handler(http.HandlerFunc(echo)).Invoke)}
			cookie := ""
			for _, body := range [][]byte{[]byte("text"), {0xff, 0}, {}} {
				resp, err := client.Post("https://shop.example/a/b?q=1", "application/octet-stream", bytes.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(resp.Body)
				if err != nil || resp.StatusCode != http.StatusTeapot || !bytes.Equal(got, body) {
					t.Errorf("%s, %q, %v; want the body %q", resp.Status, got, err, body)
				}
				if want := "POST shop.example /a/b 1 " + cookie + " " + lambdahttptest.ClientAddress; resp.Header.Get("X-Seen") != want {
					t.Errorf("the handler has seen %q, want %q", resp.Header.Get("X-Seen"), want)
				}
				cookie = "kept=yes"
			}
		})
	}
}

// TestEvent: paths and queries mean to a handler what the client meant, and what a client
// says of its address stands where each front door leaves it.
func TestEvent(t *testing.T) {
	for _, door := range lambdahttptest.FrontDoors() {
		t.Run(string(door), func(t *testing.T) {
			for target, want := range map[string]string{
				"":                      "/ []",
				"/100%25":               "/100% []",
				"/a%2520b":              "/a%20b []",
				"/%E2%82%AC?q=%26&r=%2": "/€ [&]",
			} {
				var got *http.Request
				handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r })
				r := httptest.NewRequestWithContext(t.Context(), "GET", "https://shop.example"+target, nil)
				r.Header["X-Forwarded-For"] = append(make([]string, 0, 8), "203.0.113.9")
				resp, err := door.Transport(lambdahttp.Handler(handler).Invoke).RoundTrip(r)
				if err != nil || resp.StatusCode != http.StatusOK {
					t.Fatalf("%s: %v, %v", target, resp, err)
				}
				if seen := fmt.Sprint(got.URL.Path, " ", got.URL.Query()["q"]); seen != want {
					t.Errorf("%s: the handler has seen %s, want %s", target, seen, want)
				}
				hops := "203.0.113.9, " + lambdahttptest.ClientAddress
				if door == lambdahttptest.FunctionURL {
					hops = "203.0.113.9"
				}
				if seen := got.Header["X-Forwarded-For"]; len(seen) != 1 || seen[0] != hops {
					t.Errorf("X-Forwarded-For is %q, want %q", seen, hops)
				}
				if sent := r.Header["X-Forwarded-For"]; len(sent) != 1 || sent[:2][1] != "" {
					t.Errorf("the client's request has changed: %q", sent[:2])
				}
			}
		})
	}
}

// TestCookiesOfEvents: they stand where each front door writes them, once in each place.
func TestCookiesOfEvents(t *testing.T) {
	for _, door := range lambdahttptest.FrontDoors() {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "https://shop.example/", nil)
		r.Header["Cookie"] = []string{"a=1; b=2", "c=3"}
		raw, err := door.Event(r)
		if err != nil {
			t.Fatal(err)
		}
		var event struct {
			Cookies           []string            `json:"cookies"`
			Headers           map[string]string   `json:"headers"`
			MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
		}
		if err := json.Unmarshal(raw, &event); err != nil {
			t.Fatal(err)
		}
		list, both := []string{"a=1", "b=2", "c=3"}, "a=1; b=2; c=3"
		want := map[lambdahttptest.FrontDoor]string{
			lambdahttptest.HTTPAPI:           fmt.Sprint(list, "", []string(nil)),
			lambdahttptest.FunctionURL:       fmt.Sprint(list, both, []string(nil)),
			lambdahttptest.HTTPAPI1:          fmt.Sprint([]string(nil), "c=3", r.Header["Cookie"]),
			lambdahttptest.RESTAPI:           fmt.Sprint([]string(nil), "c=3", r.Header["Cookie"]),
			lambdahttptest.LoadBalancer:      fmt.Sprint([]string(nil), "c=3", []string(nil)),
			lambdahttptest.LoadBalancerMulti: fmt.Sprint([]string(nil), "", r.Header["Cookie"]),
		}[door]
		if got := fmt.Sprint(event.Cookies, event.Headers["cookie"], event.MultiValueHeaders["cookie"]); got != want {
			t.Errorf("%s: %s, want %s", door, got, want)
		}
	}
}

// TestResponse: what a front door does not pass on does not arrive, and what it would
// answer with 502 is an error.
func TestResponse(t *testing.T) {
	const both = `{"statusCode": 200, "headers": {"A": "single", "C": "one"}, "multiValueHeaders": {"B": ["multi"], "C": ["two", "three"]}, "cookies": ["c=1"]}`
	for door, want := range map[lambdahttptest.FrontDoor][3]string{
		lambdahttptest.HTTPAPI:           {"single", "", "c=1"},
		lambdahttptest.FunctionURL:       {"single", "", "c=1"},
		lambdahttptest.HTTPAPI1:          {"single", "multi", ""},
		lambdahttptest.RESTAPI:           {"single", "multi", ""},
		lambdahttptest.LoadBalancer:      {"single", "", ""},
		lambdahttptest.LoadBalancerMulti: {"", "multi", ""},
	} {
		resp, err := door.Response([]byte(both))
		if err != nil {
			t.Fatal(err)
		}
		if got := [3]string{resp.Header.Get("A"), resp.Header.Get("B"), resp.Header.Get("Set-Cookie")}; got != want {
			t.Errorf("%s passes on %q, want %q", door, got, want)
		}
		values := []string{"one"}
		if want[1] != "" {
			values = []string{"two", "three"}
		}
		if got := resp.Header["C"]; !slices.Equal(got, values) {
			t.Errorf("of a name in both shapes %s passes on %q, want %q", door, got, values)
		}
		limit := 6_291_556
		if strings.HasPrefix(string(door), "load balancer") {
			limit = 1 << 20
		}
		ends := `{"statusCode": 200, "body": ""}`
		largest := strings.Replace(ends, `""`, `"`+strings.Repeat("a", limit-len(ends))+`"`, 1)
		if _, err := door.Response([]byte(largest)); err != nil {
			t.Errorf("%s: an answer of %d bytes: %v", door, limit, err)
		}
		for _, bad := range []string{largest + " ", `{}`, `"text"`, `{"statusCode": 101}`, `{"statusCode": 600}`, `{"statusCode": 200, "isBase64Encoded": true, "body": "?"}`} {
			if _, err := door.Response([]byte(bad)); err == nil || !strings.Contains(err.Error(), "502") {
				t.Errorf("%s: %.80s: %v", door, bad, err)
			}
		}
	}
}

// TestFunction: a process gets events and answers them, or says why not.
func TestFunction(t *testing.T) {
	f := start(t)
	if got, err := f.Invoke(t.Context(), []byte(`"a"`)); string(got) != `"answer to a"` || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := f.Invoke(t.Context(), []byte(`"fail"`)); got != nil || err == nil || err.Error() != "it failed" {
		t.Errorf("%s, %v", got, err)
	}
	var calls sync.WaitGroup
	for i := range 8 {
		calls.Go(func() {
			if got, err := f.Invoke(t.Context(), fmt.Appendf(nil, `"%d"`, i)); string(got) != fmt.Sprintf(`"answer to %d"`, i) || err != nil {
				t.Errorf("call %d of several at the same time: %s, %v", i, got, err)
			}
		})
	}
	calls.Wait()
	deadline := time.Now().Add(time.Hour).UTC()
	ctx, cancel := context.WithDeadline(t.Context(), deadline)
	defer cancel()
	if got, err := f.Invoke(ctx, []byte(`"deadline"`)); string(got) != deadline.Format(`"`+time.RFC3339+`"`) || err != nil {
		t.Errorf("%s, %v; want the deadline of the context, %v", got, err, deadline)
	}
	if _, err := start(t).Invoke(t.Context(), []byte(`"panic"`)); err == nil || err.Error() != "it panicked" {
		t.Errorf("a panic, after whose report the process ends: %v", err)
	}
	for range 2 { // also when it ended before
		if _, err := f.Invoke(t.Context(), []byte(`"exit"`)); err == nil || !strings.Contains(err.Error(), "going") {
			t.Errorf("after its end: %v", err)
		}
	}
}

func start(t *testing.T) *lambdahttptest.Function {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LAMBDAHTTPTEST_FUNCTION=1")
	return lambdahttptest.Start(t, cmd)
}
