package lambdahttp_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// sent is a request as a client sends it. The lines of its headers are in order.
type sent struct {
	method, path, query string // path and query as in the request line
	header              []line
	client              string
	body                []byte
}

type line struct{ name, value string }

// values returns the lines with a name.
func (s sent) values(name string) (values []string) {
	for _, l := range s.header {
		if strings.EqualFold(l.name, name) {
			values = append(values, l.value)
		}
	}
	return values
}

// encode returns the event that a front door makes of the request, by AWS's documentation.
// It is written for these tests alone, and shares nothing with what it tests.
func (s sent) encode(kind string) []byte {
	event := map[string]any{"body": string(s.body), "isBase64Encoded": false}
	if !utf8.Valid(s.body) || len(s.body)%2 == 1 { // the front doors decide by the content type
		event["body"], event["isBase64Encoded"] = base64.StdEncoding.EncodeToString(s.body), true
	}
	single, multi := s.headers(strings.HasPrefix(kind, "load-balancer"))
	decoded, _ := url.PathUnescape(s.path)
	switch kind {
	case "http-api", "function-url":
		c := map[string]any{"http": map[string]any{"method": s.method, "path": decoded, "sourceIp": s.client}, "stage": "$default"}
		event["version"], event["rawPath"], event["rawQueryString"], event["requestContext"] = "2.0", decoded, s.query, c
		if kind == "function-url" {
			event["rawPath"], c["domainName"] = s.path, "abc.lambda-url.eu-central-1.on.aws"
		}
		joined := map[string]string{}
		for name, values := range multi {
			joined[name] = strings.Join(values, ",")
		}
		if cookies := s.values("cookie"); len(cookies) > 0 {
			event["cookies"] = strings.Split(strings.Join(cookies, "; "), "; ")
			joined["cookie"] = strings.Join(cookies, "; ")
		}
		if kind == "http-api" {
			delete(joined, "cookie")
		}
		event["headers"] = joined
		return marshal(event)
	case "http-api-1", "rest-api":
		event["requestContext"] = map[string]any{"identity": map[string]any{"sourceIp": s.client}}
		event["path"] = s.path
		if kind == "http-api-1" {
			event["version"], event["path"] = "1.0", decoded
		}
		values, _ := url.ParseQuery(s.query)
		last := map[string]string{}
		for name := range values {
			last[name] = values[name][len(values[name])-1]
		}
		event["queryStringParameters"], event["multiValueQueryStringParameters"] = last, values
		event["headers"], event["multiValueHeaders"] = single, multi
	default:
		event["requestContext"], event["path"] = map[string]any{"elb": map[string]any{}}, s.path
		last, values := s.encodedQuery()
		if kind == "load-balancer" {
			event["queryStringParameters"], event["headers"] = last, single
		} else {
			event["multiValueQueryStringParameters"], event["multiValueHeaders"] = values, multi
		}
	}
	event["httpMethod"] = s.method
	return marshal(event)
}

// headers returns the last value of each header, and all of them. A load balancer appends
// the client to X-Forwarded-For.
func (s sent) headers(appends bool) (single map[string]string, multi map[string][]string) {
	single, multi = map[string]string{}, map[string][]string{}
	for _, l := range s.header {
		name := strings.ToLower(l.name)
		single[name], multi[name] = l.value, append(multi[name], l.value)
	}
	if appends {
		from := append(multi["x-forwarded-for"], s.client)
		single["x-forwarded-for"] = strings.Join(from, ", ")
		multi["x-forwarded-for"] = from
	}
	return single, multi
}

// encodedQuery returns the parts of the query as a load balancer has them: not decoded.
func (s sent) encodedQuery() (last map[string]string, values map[string][]string) {
	last, values = map[string]string{}, map[string][]string{}
	for part := range strings.SplitSeq(s.query, "&") {
		if name, value, _ := strings.Cut(part, "="); part != "" {
			last[name], values[name] = value, append(values[name], value)
		}
	}
	return last, values
}

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// view is what a handler sees of a request.
type view struct {
	Method, Path, Escaped, Host, Client, Cookie, Body string
	Query                                             url.Values
	Header                                            http.Header
}

func viewOf(r *http.Request, client string) view {
	body, _ := io.ReadAll(r.Body)
	header := r.Header.Clone()
	for _, name := range []string{"Cookie", "X-Forwarded-For", "Content-Length"} {
		header.Del(name)
	}
	return view{
		r.Method, r.URL.Path, r.URL.EscapedPath(), r.Host, client,
		strings.Join(r.Header["Cookie"], "; "), string(body), r.URL.Query(), header,
	}
}

// want returns what a server of net/http shows of the request, but for the differences of
// the kind that the package documents. It reports false for a request that such a server
// refuses.
func (s sent) want(kind string) (v view, ok bool) {
	target := s.path
	if s.query != "" {
		target += "?" + s.query
	}
	var wire strings.Builder
	fmt.Fprintf(&wire, "%s %s HTTP/1.1\r\n", s.method, target)
	for _, l := range s.header {
		fmt.Fprintf(&wire, "%s: %s\r\n", l.name, l.value)
	}
	fmt.Fprintf(&wire, "Content-Length: %d\r\n\r\n%s", len(s.body), s.body)
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(wire.String())))
	if err != nil {
		return view{}, false
	}
	_, err = url.ParseQuery(r.URL.RawQuery)
	if decoded, _ := url.QueryUnescape(r.URL.RawQuery); err != nil || !utf8.ValidString(decoded) {
		return view{}, false // a gateway that decodes it can put nothing of it into JSON
	}
	v = viewOf(r, s.client+":0")
	if strings.HasPrefix(kind, "http-api") { // the path arrives decoded
		v.Escaped = (&url.URL{Path: v.Path}).EscapedPath()
	}
	for name, values := range v.Header {
		switch kind {
		case "http-api", "function-url": // repeated headers are joined
			v.Header[name] = []string{strings.Join(values, ",")}
		case "load-balancer": // the last one stays
			v.Header[name] = values[len(values)-1:]
		}
	}
	if kind == "load-balancer" {
		for name, values := range v.Query {
			v.Query[name] = values[len(values)-1:]
		}
		if cookies := r.Header["Cookie"]; len(cookies) > 0 {
			v.Cookie = cookies[len(cookies)-1]
		}
	}
	return v, true
}

// TestKindsAgree sends the same requests through each kind of event. A handler must see what
// a server of net/http shows it.
func TestKindsAgree(t *testing.T) {
	host := line{"Host", "app.example.com"}
	for name, s := range map[string]sent{
		"plain":             {"GET", "/profile", "", []line{host, {"Accept", "text/html"}}, "192.0.2.7", nil},
		"encoded path":      {"GET", "/caf%C3%A9/a%20b/100%25", "", []line{host}, "192.0.2.7", nil},
		"encoded slash":     {"GET", "/a%2Fb", "", []line{host}, "192.0.2.7", nil},
		"encoded twice":     {"GET", "/a%252Fb/%252e%252e/c", "", []line{host}, "192.0.2.7", nil},
		"plus in a path":    {"GET", "/a+b%2Bc", "", []line{host}, "192.0.2.7", nil},
		"two slashes":       {"GET", "//evil.example/x", "", []line{host}, "192.0.2.7", nil},
		"query":             {"GET", "/", "b=2&a=1&a=%2B+%26&c=%2525&d=&x%3Dy=z", []line{host}, "192.0.2.7", nil},
		"cookies":           {"GET", "/", "", []line{host, {"Cookie", "a=1; b=2; a=3"}}, "192.0.2.7", nil},
		"lines of cookies":  {"GET", "/", "", []line{host, {"Cookie", "a=1"}, {"Cookie", "b=2; c=3"}}, "192.0.2.7", nil},
		"cookie in quotes":  {"GET", "/", "", []line{host, {"Cookie", `a="1, 2"; b=3`}}, "192.0.2.7", nil},
		"cookie with comma": {"GET", "/", "", []line{host, {"Cookie", "a=1,b=2"}}, "192.0.2.7", nil},
		"repeated header":   {"GET", "/", "", []line{host, {"X-Probe", "1"}, {"x-probe", "2"}}, "192.0.2.7", nil},
		"a forged client":   {"GET", "/", "", []line{host, {"X-Forwarded-For", "198.51.100.1"}}, "192.0.2.7", nil},
		"text":              {"POST", "/", "", []line{host, {"Content-Type", "text/plain"}}, "192.0.2.7", []byte("grüße!")},
		"bytes":             {"PUT", "/", "", []line{host}, "192.0.2.7", []byte("\x89PNG\r\n\x00")},
		"a method":          {"PURGE", "/", "", []line{host}, "192.0.2.7", nil},
	} {
		for _, kind := range kinds {
			t.Run(name+"/"+kind, func(t *testing.T) {
				if !s.check(t, kind) {
					t.Error("net/http refuses this request")
				}
			})
		}
	}
}

// check compares what a handler sees with what it must see. It reports false if there is
// nothing to compare.
func (s sent) check(t *testing.T, kind string) bool {
	t.Helper()
	want, ok := s.want(kind)
	if !ok {
		return false
	}
	var got view
	payload := s.encode(kind)
	invoke(t, t.Context(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = viewOf(r, r.RemoteAddr) }), payload)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the handler sees\n%+v\nwant\n%+v\nfrom %s", got, want, payload)
	}
	return true
}

// FuzzKinds does the same with any request. A question mark in the path, and spaces around
// cookies, are left out: an HTTP API cuts the path there, and the encoder takes "; " for the
// end of a cookie.
func FuzzKinds(f *testing.F) {
	logTo(f, io.Discard)
	f.Add("/a%2Fb", "a=1&a=%2B", "v1", "v2", "a=1; b=2", []byte("body"))
	f.Add("/", "%ff", "v1", "v2", "a=1", []byte("body"))
	f.Fuzz(func(t *testing.T, path, query, value1, value2, cookie string, body []byte) {
		s := sent{"POST", path, query, []line{{"Host", "app.example.com"}, {"X-Probe", value1}, {"X-Probe", value2}}, "192.0.2.7", body}
		if cookie != "" {
			s.header = append(s.header, line{"Cookie", cookie})
		}
		decoded, _ := url.PathUnescape(path)
		for _, text := range []string{path, query, value1, value2, cookie, decoded} {
			if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) || text != strings.TrimSpace(text) {
				return // no front door lets it through
			}
		}
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(decoded, "?") || strings.ContainsAny(path+query, " ") || cookie != tidy(cookie) {
			return
		}
		for _, kind := range kinds {
			s.check(t, kind)
		}
	})
}

// tidy returns the cookies of a line as browsers separate them.
func tidy(cookies string) string {
	parts := slices.DeleteFunc(strings.Split(cookies, ";"), func(s string) bool { return strings.TrimSpace(s) == "" })
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return strings.Join(parts, "; ")
}
