package lambdahttptest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"strings"
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

// TestResponse: what a front door does not pass on does not arrive, and what it would
// answer with 502 is an error.
func TestResponse(t *testing.T) {
	const both = `{"statusCode": 200, "headers": {"A": "single"}, "multiValueHeaders": {"B": ["multi"]}, "cookies": ["c=1"]}`
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
		for _, bad := range []string{`{}`, `"text"`, `{"statusCode": 101}`, `{"statusCode": 200, "isBase64Encoded": true, "body": "?"}`} {
			if _, err := door.Response([]byte(bad)); err == nil || !strings.Contains(err.Error(), "502") {
				t.Errorf("%s: %s: %v", door, bad, err)
			}
		}
	}
}

// TestFunction: a process gets events and answers them, or says why not.
func TestFunction(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LAMBDAHTTPTEST_FUNCTION=1")
	f := lambdahttptest.Start(t, cmd)
	if got, err := f.Invoke(t.Context(), []byte(`"a"`)); string(got) != `"answer to a"` || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := f.Invoke(t.Context(), []byte(`"fail"`)); got != nil || err == nil || err.Error() != "it failed" {
		t.Errorf("%s, %v", got, err)
	}
	deadline := time.Now().Add(time.Hour).UTC()
	ctx, cancel := context.WithDeadline(t.Context(), deadline)
	defer cancel()
	if got, err := f.Invoke(ctx, []byte(`"deadline"`)); string(got) != deadline.Format(`"`+time.RFC3339+`"`) || err != nil {
		t.Errorf("%s, %v; want the deadline of the context, %v", got, err, deadline)
	}
	for range 2 { // also when it ended before
		if _, err := f.Invoke(t.Context(), []byte(`"exit"`)); err == nil || !strings.Contains(err.Error(), "going") {
			t.Errorf("after its end: %v", err)
		}
	}
}
