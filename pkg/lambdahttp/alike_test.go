package lambdahttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/lambdahttp"
)

// plain is a small request, for events of each kind.
var plain = sent{method: "GET", path: "/profile", header: []line{{"Host", "app.example.com"}}, client: "203.0.113.7"}

// statusOf invokes h with an event. It returns the status and the body of the answer.
func statusOf(t *testing.T, ctx context.Context, h http.Handler, payload []byte) (status int, body string) {
	t.Helper()
	var answer struct {
		StatusCode int
		Body       string
	}
	if out := invoke(t, ctx, h, payload); json.Unmarshal(out, &answer) != nil {
		t.Fatalf("answered %s", out)
	}
	return answer.StatusCode, answer.Body
}

// TestPanicOfEachKind: a panic is logged, and answered 500 without what the handler has
// written.
func TestPanicOfEachKind(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			var log bytes.Buffer
			logTo(t, &log)
			status, body := statusOf(t, t.Context(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				io.WriteString(w, "half a page")
				panic("boom")
			}), plain.encode(kind))
			if status != 500 || !strings.Contains(body, "Something went wrong on our side.") || strings.Contains(body, "half") {
				t.Errorf("answered %d %s", status, body)
			}
			for _, want := range []string{`"panic":"boom"`, `"method":"GET"`, `"path":"/profile"`, "TestPanicOfEachKind"} {
				if !strings.Contains(log.String(), want) {
					t.Errorf("the log has no %s:\n%s", want, &log)
				}
			}
		})
	}
}

// TestDeadlineOfEachKind: a handler that hangs is told in time to answer itself.
func TestDeadlineOfEachKind(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				status, _ := statusOf(t, ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					<-r.Context().Done()
					w.WriteHeader(503)
				}), plain.encode(kind))
				if took := time.Since(start); status != 503 || took != 9*time.Second {
					t.Errorf("answered %d after %v, want 503 after 9s", status, took)
				}
			})
		})
	}
}

// TestBadEventOfEachKind: an event that is malformed is answered 400 without the handler,
// also if nobody could decode it. Neither the answer nor the log quotes what could be secret.
func TestBadEventOfEachKind(t *testing.T) {
	var log bytes.Buffer
	logTo(t, &log)
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler was called") })
	for _, kind := range kinds {
		change := func(with func(map[string]any)) []byte {
			var event map[string]any
			if err := json.Unmarshal(plain.encode(kind), &event); err != nil {
				t.Fatal(err)
			}
			event["cookies"] = []string{"token=canary"}
			with(event)
			return marshal(event)
		}
		for name, payload := range map[string][]byte{
			"body":             change(func(e map[string]any) { e["body"], e["isBase64Encoded"] = "canary%", true }),
			"type of a member": change(func(e map[string]any) { e["body"] = []string{"canary"} }),
			"headers":          change(func(e map[string]any) { e["headers"] = map[string]any{"x": map[string]any{"canary": 1}} }),
			"name twice":       append([]byte(`{"isBase64Encoded":false,`), plain.encode(kind)[1:]...),
			"bad UTF-8":        bytes.Replace(plain.encode(kind), []byte(`"body":"`), []byte("\"body\":\"canary\xff"), 1),
			"method":           bytes.ReplaceAll(plain.encode(kind), []byte(`"GET"`), []byte(`"GET /"`)),
			"path":             bytes.ReplaceAll(plain.encode(kind), []byte(`"/profile"`), []byte(`"profile"`)),
			"host with a path": bytes.ReplaceAll(plain.encode(kind), []byte(`"app.example.com"`), []byte(`"app.example.com/x"`)),
			"host with a user": bytes.ReplaceAll(plain.encode(kind), []byte(`"app.example.com"`), []byte(`"app.example.com@evil.example"`)),
			"two hosts": change(func(e map[string]any) {
				e["headers"] = map[string]string{"host": "app.example.com", "Host": "evil.example"}
				if e["multiValueHeaders"] != nil {
					e["multiValueHeaders"] = map[string][]string{"host": {"app.example.com", "evil.example"}}
				}
			}),
		} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				status, body := statusOf(t, t.Context(), h, payload)
				if status != 400 || strings.Contains(body, "canary") {
					t.Errorf("answered %d %s", status, body)
				}
			})
		}
	}
	if strings.Contains(log.String(), "canary") {
		t.Errorf("logged\n%s", &log)
	}
}

// TestShapeOfABadEvent: what nobody could decode is answered in the shape of its kind.
func TestShapeOfABadEvent(t *testing.T) {
	logTo(t, io.Discard)
	for _, kind := range kinds {
		payload := plain.encode(kind)
		out := invoke(t, t.Context(), http.NotFoundHandler(), bytes.Replace(payload, []byte(`"body":"`), []byte("\"body\":\"\xff"), 1))
		for member, want := range map[string]bool{
			"statusDescription": strings.HasPrefix(kind, "load-balancer"),
			"cookies":           kind == "http-api" || kind == "function-url",
			"headers":           kind == "http-api" || kind == "function-url" || kind == "load-balancer",
			"multiValueHeaders": kind == "http-api-1" || kind == "rest-api" || kind == "load-balancer-multi",
		} {
			if got := bytes.Contains(out, []byte(`"`+member+`":`)); got != want {
				t.Errorf("%s: %s is there: %t, want %t, in %s", kind, member, got, want, out)
			}
		}
	}
}

// TestBadEncodingOfAPath: what has not been decoded yet must be decodable.
func TestBadEncodingOfAPath(t *testing.T) {
	logTo(t, io.Discard)
	for _, kind := range kinds {
		called := false
		h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { called = r.URL.Path == "/100%" })
		status, _ := statusOf(t, t.Context(), h, bytes.ReplaceAll(plain.encode(kind), []byte(`"/profile"`), []byte(`"/100%"`)))
		if isDecoded := strings.HasPrefix(kind, "http-api"); called != isDecoded || (status == 400) == isDecoded {
			t.Errorf("%s: called: %t, answered %d", kind, called, status)
		}
	}
}

// TestClientOfEachKind: however a front door writes the client's address, RemoteAddr has it
// in one spelling. What is no address is "unknown". What the client itself writes into
// headers counts for nothing.
func TestClientOfEachKind(t *testing.T) {
	for address, want := range map[string]string{
		"203.0.113.7":           "203.0.113.7:0",
		"10.1.15.242:39870":     "10.1.15.242:0",
		"::ffff:203.0.113.7":    "203.0.113.7:0",
		"2001:DB8::7":           "[2001:db8::7]:0",
		"[2001:db8::7]:39870":   "[2001:db8::7]:0",
		"":                      "unknown:0",
		"fe80::7%eth0":          "[fe80::7]:0",
		"test-invoke-source-ip": "unknown:0", // the console's test of an API sends this
	} {
		for _, kind := range kinds {
			s := plain
			s.client = address
			s.header = append(s.header, line{"Forwarded", "for=198.51.100.1"}, line{"X-Forwarded-For", "198.51.100.1"}, line{"X-Forwarded-For", "198.51.100.2"})
			var got string
			invoke(t, t.Context(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr }), s.encode(kind))
			if got != want {
				t.Errorf("%s, %q: RemoteAddr is %q, want %q", kind, address, got, want)
			}
		}
	}
}

// TestStageInThePath: only a whole segment is a stage, and only where the gateway puts it.
func TestStageInThePath(t *testing.T) {
	const own, mapped = "abc.execute-api.eu-central-1.amazonaws.com", "app.example.com"
	for _, test := range []struct{ kind, domain, stage, path, want string }{
		{"http-api", own, "live", "/live/profile", "/profile"},
		{"http-api", own, "live", "/live", "/"},
		{"http-api", own, "live", "/live/", "/"},
		{"http-api", own, "live", "/live/live/x", "/live/x"},
		{"http-api", own, "live", "/lively", "/lively"},
		{"http-api", own, "live", "/x/live", "/x/live"},
		{"http-api", own, "$default", "/live/profile", "/live/profile"},
		{"http-api", own, "", "/live/profile", "/live/profile"},
		{"http-api", own, "$default", "/$default/profile", "/$default/profile"},
		{"http-api", mapped, "live", "/live/profile", "/profile"},
		{"http-api-1", own, "live", "/live/profile", "/profile"},
		{"http-api-1", mapped, "live", "/live/profile", "/live/profile"},
		{"rest-api", own, "live", "/live/profile", "/live/profile"},
		{"function-url", "abc.lambda-url.eu-central-1.on.aws", "live", "/live/profile", "/live/profile"},
	} {
		s := plain
		s.path = test.path
		var event map[string]any
		if err := json.Unmarshal(s.encode(test.kind), &event); err != nil {
			t.Fatal(err)
		}
		c := event["requestContext"].(map[string]any)
		c["stage"], c["domainName"] = test.stage, test.domain
		var got string
		invoke(t, t.Context(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.URL.Path }), marshal(event))
		if got != test.want {
			t.Errorf("%+v: the path is %s", test, got)
		}
	}
}

// TestCookiesOnce: copies of a cookie that an event has in several places are one cookie, and
// different ones stay different.
func TestCookiesOnce(t *testing.T) {
	for name, test := range map[string]struct{ cookies, headers, multi, want string }{
		"a list":                   {`["a=1","b=2"]`, `{}`, `{}`, "a=1; b=2"},
		"a header":                 {`null`, `{"cookie":"a=1; b=2"}`, `{}`, "a=1; b=2"},
		"a list and a header":      {`["a=1","b=2"]`, `{"cookie":"a=1; b=2"}`, `{}`, "a=1; b=2"},
		"without a space":          {`["a=1","b=2"]`, `{"cookie":"a=1;b=2"}`, `{}`, "a=1; b=2"},
		"lines joined by a comma":  {`["a=1","b=2"]`, `{"cookie":"a=1,b=2"}`, `{}`, "a=1; b=2"},
		"a list with a comma":      {`["a=1,a=2"]`, `{"cookie":"a=1; a=2"}`, `{}`, "a=1,a=2; a=1; a=2"},
		"a comma in both":          {`["a=1,2"]`, `{"cookie":"a=\"1,2\""}`, `{}`, "a=1,2"},
		"quotes taken away":        {`["a=1","b=2"]`, `{"Cookie":"a=\"1\"; b=2"}`, `{}`, "a=1; b=2"},
		"both maps of headers":     {`null`, `{"cookie":"a=1; b=2"}`, `{"cookie":["a=1; b=2"]}`, "a=1; b=2"},
		"two lines":                {`null`, `{"cookie":"b=2"}`, `{"cookie":["a=1","b=2"]}`, "a=1; b=2"},
		"two spellings":            {`null`, `{"Cookie":"a=1","cookie":"b=2; a=1"}`, `{}`, "a=1; b=2"},
		"everywhere":               {`["a=1"]`, `{"Cookie":"a=1","cookie":"a=1"}`, `{"Cookie":["a=1","a=1"],"cookie":["a=1"]}`, "a=1"},
		"twice in one place":       {`["a=1","a=1"]`, `{"cookie":"a=1; a=1; b=2"}`, `{}`, "a=1; a=1; b=2"},
		"two values":               {`["a=1","a=2"]`, `{"cookie":"a=1; a=2"}`, `{}`, "a=1; a=2"},
		"values that disagree":     {`["a=1"]`, `{"cookie":"a=2"}`, `{}`, "a=1; a=2"},
		"values in lines disagree": {`null`, `{}`, `{"cookie":["a=1; b=2","a=2; b=2"]}`, "a=1; b=2; a=2"},
		"another order":            {`["a=1","b=2"]`, `{"cookie":"b=2; a=1"}`, `{}`, "a=1; b=2"},
		"no name":                  {`["a"]`, `{"cookie":"a; ; =b"}`, `{}`, "a; =b"},
		"none":                     {`[]`, `{"cookie":""}`, `{}`, ""},
	} {
		for _, kind := range kinds {
			t.Run(name+"/"+kind, func(t *testing.T) {
				var event map[string]json.RawMessage
				if err := json.Unmarshal(plain.encode(kind), &event); err != nil {
					t.Fatal(err)
				}
				event["cookies"], event["headers"] = json.RawMessage(test.cookies), json.RawMessage(test.headers)
				if test.multi != `{}` {
					event["multiValueHeaders"] = json.RawMessage(test.multi)
				} else {
					delete(event, "multiValueHeaders")
				}
				var got []string
				invoke(t, t.Context(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header["Cookie"] }), marshal(event))
				if len(got) > 1 || strings.Join(got, "") != test.want {
					t.Errorf("the handler sees %q, want %q", got, test.want)
				}
			})
		}
	}
}

// TestScheme: in Lambda the front door says it, elsewhere the connection.
func TestScheme(t *testing.T) {
	for _, test := range []struct{ header, want string }{
		{"https", "https"}, {"http", "http"}, {"http,https", "https"}, {"HTTP", "https"}, {"", "https"}, {"ftp", "https"},
	} {
		for _, kind := range kinds {
			s := plain
			s.header = append(s.header, line{"X-Forwarded-Proto", test.header})
			var got string
			invoke(t, t.Context(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = lambdahttp.Scheme(r) }), s.encode(kind))
			if got != test.want {
				t.Errorf("%s, %q: %q, want %q", kind, test.header, got, test.want)
			}
		}
	}
}
