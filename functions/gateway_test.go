package functions_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// door is one of the ways in which AWS brings HTTP requests to functions. It is written
// from AWS's documentation, and refuses each answer that AWS would refuse or change.
type door struct {
	name string

	// event makes the function's event of a request.
	event func(visit) map[string]any

	// answer makes the response of what the function answers.
	answer func(text string) (sent, error)

	// authorize asks the route's authorizer. It returns what the function is told of the
	// caller, and the status that the door answers by itself unless it is 200. It is nil
	// if the door has no authorizers.
	authorize func(*lambda, visit) (who map[string]any, status int)

	// unknown is the door's own answer to a caller whom the authorizer does not know.
	unknown int

	// raw is true if neither the path by which the door finds the function nor that of the
	// event is decoded.
	raw bool

	// globs is true if the door finds the function by patterns in which * matches slashes
	// too, and false if it compares the segments of the path.
	globs bool

	// client is the address that the function takes for the client's.
	client string
}

const (
	host   = "app.example.com" // of all doors, as browsers see it
	client = "192.0.2.7"       // where all requests come from
	edge   = "203.0.113.9"     // where CloudFront's requests come from
)

// visit is a request as a door gets it.
type visit struct {
	*http.Request
	peer     string // the address that it comes from
	function string // the name of its folder
	route    string // as in the template: "ANY /login", "$default"
	body     []byte
	who      map[string]any // what the authorizer has said
}

// sent is a response as a door sends it.
type sent struct {
	status int
	header http.Header
	body   []byte
}

// gateway stands before the functions. It finds the function by the template's routes.
type gateway struct {
	t           testing.TB
	door        door
	mu          sync.Mutex
	routes      map[string]*lambda // by route key: "ANY /login", "$default"
	authorizers map[string]*lambda // by route key, for routes that have one
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock() // each process takes one event at a time
	defer g.mu.Unlock()
	key, function := g.route(r)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		g.t.Error(err)
	}
	v := visit{Request: r, peer: client, function: function.name, route: key, body: body}
	if authorizer := g.authorizers[key]; authorizer != nil && g.door.authorize != nil {
		var status int
		if v.who, status = g.door.authorize(authorizer, v); status != http.StatusOK {
			http.Error(w, fmt.Sprintf(`{"message":%q}`, http.StatusText(status)), status)
			return
		}
	}
	response, err := g.answer(function, v)
	if err != nil {
		g.t.Errorf("%s, %s %s: %v", g.door.name, r.Method, r.URL, err)
		http.Error(w, `{"message":"Internal Server Error"}`, http.StatusInternalServerError)
		return
	}
	w.Header()["Content-Type"] = nil // or else net/http guesses one
	for name, values := range response.header {
		w.Header()[name] = values
	}
	w.WriteHeader(response.status)
	w.Write(response.body)
}

// answer calls the function and returns the door's response. A 401 without the header
// that it must have is an error.
func (g *gateway) answer(function *lambda, v visit) (sent, error) {
	text, err := function.send(encode(g.t, g.door.event(v)))
	if err != nil {
		return sent{}, err
	}
	response, err := g.door.answer(text)
	if err != nil {
		return sent{}, fmt.Errorf("%w: %s", err, text)
	}
	return response, response.check(v.Method)
}

// check returns an error for a response that HTTP does not have.
func (s sent) check(method string) error {
	scheme := s.header.Get("WWW-Authenticate") + s.header.Get("X-Amzn-Remapped-Www-Authenticate")
	switch noBody := method == http.MethodHead || s.status == http.StatusNoContent || s.status == http.StatusNotModified; {
	case s.status < 200 || s.status > 599:
		return fmt.Errorf("the status is %d", s.status)
	case noBody && len(s.body) > 0:
		return fmt.Errorf("the answer %d to %s has a body: %s", s.status, method, s.body)
	case s.status == http.StatusUnauthorized && scheme != "Cookie":
		return fmt.Errorf("a 401 that names no scheme: %v", s.header)
	}
	return nil
}

func (g *gateway) route(r *http.Request) (string, *lambda) {
	path := r.URL.Path
	if g.door.raw {
		path = r.URL.EscapedPath()
	}
	for _, key := range []string{r.Method + " " + path, "ANY " + path} {
		if function, ok := g.routes[key]; ok {
			return key, function
		}
	}
	for key, function := range g.routes {
		if method, pattern, ok := strings.Cut(key, " "); ok && method == "ANY" && matchesRoute(path, pattern, g.door.globs) {
			return key, function
		}
	}
	if function, ok := g.routes["$default"]; ok {
		return "$default", function
	}
	g.t.Fatalf("no route for %s %s", r.Method, path)
	return "", nil
}

// matchesRoute reports whether the path matches the route, in which {name} matches any
// one segment, or any number of them if it is a glob.
func matchesRoute(path, route string, glob bool) bool {
	if before, rest, ok := strings.Cut(route, "{"); ok && glob {
		_, after, _ := strings.Cut(rest, "}")
		return len(path) > len(before)+len(after) && strings.HasPrefix(path, before) && strings.HasSuffix(path, after)
	}
	segments, pattern := strings.Split(path, "/"), strings.Split(route, "/")
	for i, p := range pattern {
		if i >= len(segments) || p != segments[i] && !strings.HasPrefix(p, "{") {
			return false
		}
	}
	return len(segments) == len(pattern)
}

// httpAPI2 is an HTTP API with payload format 2.0, like that of template.yaml.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
var httpAPI2 = door{name: "HTTP API", event: httpAPIEvent, answer: answerOf2, authorize: simpleAuthorize, unknown: http.StatusForbidden, client: client}

// httpAPIEvent: the path is decoded, header names are in lower case, repeated headers are
// joined, and cookies are no header.
func httpAPIEvent(v visit) map[string]any {
	headers := joined(v.Header)
	delete(headers, "cookie")
	headers["host"] = v.Host
	headers["x-forwarded-for"] = v.forwardedFor(v.peer)
	headers["x-forwarded-proto"], headers["x-forwarded-port"] = "https", "443"
	context := map[string]any{
		"accountId": "123456789012", "apiId": "r3pmxmplak", "domainName": v.Host, "requestId": "JKJaXmPLvHcESHA=",
		"routeKey": v.route, "stage": "$default", "time": "10/Mar/2020:05:16:23 +0000", "timeEpoch": 1583817383220,
		"http": map[string]any{
			"method": v.Method, "path": v.URL.Path, "protocol": "HTTP/1.1",
			"sourceIp": v.peer, "userAgent": v.UserAgent(),
		},
	}
	if v.who != nil {
		context["authorizer"] = map[string]any{"lambda": v.who}
	}
	body, coded := v.coded("text/", "application/json", "application/javascript", "application/xml")
	return map[string]any{
		"version":         "2.0",
		"routeKey":        v.route,
		"rawPath":         v.URL.Path,
		"rawQueryString":  v.URL.RawQuery,
		"cookies":         cookiesOf(v.Header),
		"headers":         headers,
		"requestContext":  context,
		"body":            body,
		"isBase64Encoded": coded,
	}
}

// joined returns the headers with names in lower case, and values joined with commas.
func joined(h http.Header) map[string]string {
	headers := map[string]string{}
	for name, values := range h {
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	return headers
}

func cookiesOf(h http.Header) (cookies []string) {
	for _, line := range h["Cookie"] {
		cookies = append(cookies, strings.Split(line, "; ")...)
	}
	return cookies
}

// forwardedFor returns X-Forwarded-For with hops after what the peer has sent.
func (v visit) forwardedFor(hops ...string) string {
	return strings.Join(append(slices.Clone(v.Header["X-Forwarded-For"]), hops...), ", ")
}

// coded returns the body as text if its type begins with one of these, and otherwise in
// base64.
func (v visit) coded(text ...string) (body string, coded bool) {
	for _, kind := range text {
		if strings.HasPrefix(v.Header.Get("Content-Type"), kind) {
			return string(v.body), false
		}
	}
	return base64.StdEncoding.EncodeToString(v.body), len(v.body) > 0
}

// gatewayResponse is a function's answer in payload format 2.0.
type gatewayResponse struct {
	StatusCode      int               `json:"statusCode"`
	Headers         map[string]string `json:"headers"`
	Cookies         []string          `json:"cookies"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

// answerOf2 refuses what is not well-formed, as HTTP APIs and function URLs do. A part
// that is missing would be guessed.
func answerOf2(text string) (sent, error) {
	var response gatewayResponse
	if err := decode(text, &response); err != nil {
		return sent{}, err
	}
	if response.StatusCode == 0 || response.Headers == nil || response.Cookies == nil {
		return sent{}, fmt.Errorf("a part is missing")
	}
	header := http.Header{}
	for name, value := range response.Headers {
		header.Set(name, value)
	}
	if len(response.Cookies) > 0 {
		header["Set-Cookie"] = response.Cookies
	}
	body, err := decodeBody(response.Body, response.IsBase64Encoded)
	return sent{response.StatusCode, header, body}, err
}

func decodeBody(body string, coded bool) ([]byte, error) {
	if !coded {
		return []byte(body), nil
	}
	return base64.StdEncoding.DecodeString(body)
}

// invoke sends one event of an HTTP API and returns the answer.
func (l *lambda) invoke(event string) (response gatewayResponse, err error) {
	text, err := l.call(event, &response)
	if err == nil {
		var s sent
		if s, err = answerOf2(text); err == nil {
			err = s.check("")
		}
	}
	return response, err
}

// event returns the event of a request to an HTTP API.
func event(t testing.TB, routeKey string, r *http.Request, who map[string]any) string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	return encode(t, httpAPIEvent(visit{Request: r, peer: client, route: routeKey, body: body, who: who}))
}

func encode(t testing.TB, event map[string]any) string {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(event); err != nil {
		t.Error(err)
	}
	return out.String()
}
