package lambdahttp_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/coatcheck/pkg/lambdahttp"
)

// doors are small events of GET /, one for each kind of front door.
var doors = map[string]string{
	"http-api": `{"version": "2.0", "rawPath": "/", "headers": {"host": "app.example.com"},
		"requestContext": {"domainName": "app.example.com", "http": {"method": "GET", "sourceIp": "203.0.113.7"}}}`,
	"function-url": `{"version": "2.0", "rawPath": "/", "headers": {"host": "abc.lambda-url.eu-west-1.on.aws"},
		"requestContext": {"domainName": "abc.lambda-url.eu-west-1.on.aws", "http": {"method": "GET", "sourceIp": "203.0.113.7"}}}`,
	"http-api-1": `{"version": "1.0", "httpMethod": "GET", "path": "/", "headers": {"Host": "app.example.com"},
		"multiValueHeaders": {"Host": ["app.example.com"]}, "requestContext": {"identity": {"sourceIp": "203.0.113.7"}}}`,
	"rest-api": `{"httpMethod": "GET", "path": "/", "resource": "/", "headers": {"Host": "app.example.com"},
		"multiValueHeaders": {"Host": ["app.example.com"]}, "requestContext": {"identity": {"sourceIp": "203.0.113.7"}}}`,
	"load-balancer": `{"httpMethod": "GET", "path": "/", "headers": {"host": "app.example.com", "x-forwarded-for": "203.0.113.7"}, "body": "",
		"requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/app/0123456789abcdef"}}}`,
	"load-balancer-multi": `{"httpMethod": "GET", "path": "/", "multiValueHeaders": {"host": ["app.example.com"], "x-forwarded-for": ["203.0.113.7"]}, "body": "",
		"requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/app/0123456789abcdef"}}}`,
}

// at returns the event of a front door for another method and path.
func at(door, method, path string) []byte {
	event := strings.ReplaceAll(doors[door], `"GET"`, `"`+method+`"`)
	return []byte(strings.NewReplacer(`"rawPath": "/"`, `"rawPath": "`+path+`"`, `"path": "/"`, `"path": "`+path+`"`).Replace(event))
}

// answers are handlers whose answers differ from one front door to the other.
var answers = map[string]http.HandlerFunc{
	"headers": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header()["Vary"] = []string{"Accept", "Cookie"}
		w.Header()["Set-Cookie"] = []string{"a=1; Expires=Mon, 23 Nov 2026 13:00:00 GMT", "b=2", "c=3", "d=4"}
		w.WriteHeader(499)
		io.WriteString(w, "<\"pässword\">\n")
	},
	"bytes": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		io.WriteString(w, "\x89PNG\r\n\x1a\n")
	},
	"nothing": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Etag", `"1"`)
		w.WriteHeader(103)
		w.WriteHeader(304)
		io.WriteString(w, "not modified")
	},
	"too-large": func(w http.ResponseWriter, _ *http.Request) { w.Write(bytes.Repeat([]byte("a"), 6<<20)) },
}

// TestResponseGolden compares the whole answer of each front door and handler with
// testdata/responses.
func TestResponseGolden(t *testing.T) {
	logTo(t, io.Discard)
	for door := range doors {
		for what, h := range answers {
			name := "response-" + door + "-" + what
			t.Run(name, func(t *testing.T) {
				golden(t, name, invoke(t, t.Context(), h, at(door, "GET", "/")))
			})
		}
	}
}

// TestStreamGolden compares whole streams with testdata/responses: the part before the body,
// and the rest in quotes.
func TestStreamGolden(t *testing.T) {
	for _, door := range streams {
		out, err := lambdahttp.StreamingHandler(answers["headers"]).Invoke(t.Context(), at(door, "GET", "/"))
		if err != nil {
			t.Fatal(err)
		}
		prelude, rest, _ := bytes.Cut(out, make([]byte, 8))
		compareGolden(t, "testdata/responses/stream-"+door+".txt", fmt.Appendf(indent(t, prelude), "%q\n", rest))
	}
}

// golden also finds members that come twice.
func golden(t *testing.T, name string, answer []byte) {
	t.Helper()
	if !jsontext.Value(answer).IsValid() {
		t.Errorf("bad JSON: %s", answer)
	}
	compareGolden(t, "testdata/responses/"+name+".json", indent(t, answer))
}

// TestNoHeadersAtAll: a target group says by the name of the member, and not by what is in it,
// whether its load balancer reads one value for each header or several.
func TestNoHeadersAtAll(t *testing.T) {
	for member, want := range map[string]string{"headers": `"headers":{`, "multiValueHeaders": `"multiValueHeaders":{`} {
		event := `{"httpMethod": "GET", "path": "/", "requestContext": {"elb": {}}, "` + member + `": {}}`
		if out := invoke(t, t.Context(), answers["headers"], []byte(event)); !bytes.Contains(out, []byte(want)) {
			t.Errorf("with no %s: answered %s", member, out)
		}
	}
}

// TestHealthCheck: a load balancer that asks whether the function runs gets an answer without
// the handler. Everybody else, and every other path, gets the handler's.
func TestHealthCheck(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(418) })
	for _, kind := range []string{"load-balancer", "load-balancer-multi"} {
		event := read(t, "testdata/responses/health-check-"+kind+".event.json")
		golden(t, "health-check-"+kind, invoke(t, t.Context(), handler, event))
		for name, tt := range map[string]struct {
			old, new string
			path     string
			want     int
		}{
			"HEAD":           {`"GET"`, `"HEAD"`, "/healthz", 200},
			"later checker":  {`HealthChecker/2.0`, `HealthChecker/3.1`, "/healthz", 200},
			"other path":     {`"/healthz"`, `"/healthz/"`, "/healthz", 418},
			"root":           {`"/healthz"`, `"/"`, "/healthz", 418},
			"POST":           {`"GET"`, `"POST"`, "/healthz", 418},
			"a browser":      {`ELB-HealthChecker/2.0`, `Mozilla/5.0`, "/healthz", 418},
			"path is set":    {`"/healthz"`, `"/up"`, "/up", 200},
			"path was set":   {``, ``, "/up", 418},
			"no health path": {``, ``, "", 418},
		} {
			t.Run(kind+", "+name, func(t *testing.T) {
				h := lambdahttp.Handler(handler, func(o *lambdahttp.Options) { o.HealthPath = tt.path })
				out, err := h.Invoke(t.Context(), bytes.Replace(event, []byte(tt.old), []byte(tt.new), 1))
				if got := status(t, out); err != nil || got != tt.want {
					t.Errorf("answered %d, %v; want %d", got, err, tt.want)
				}
			})
		}
	}
	for door := range doors {
		event := bytes.Replace(at(door, "GET", "/healthz"), []byte(`"headers": {`), []byte(`"headers": {"user-agent": "ELB-HealthChecker/2.0", `), 1)
		if door != "load-balancer" && status(t, invoke(t, t.Context(), handler, event)) != 418 {
			t.Errorf("%s: a request that a client sends is taken for a health check", door)
		}
	}
}

func status(t *testing.T, answer []byte) int {
	t.Helper()
	var got struct{ StatusCode int }
	if err := json.Unmarshal(answer, &got); err != nil {
		t.Fatalf("%v in %s", err, answer)
	}
	return got.StatusCode
}
