package lambdahttp

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/coatcheck/pkg/clientip"
)

// event has the parts of the events of all kinds that make up the request. What only some
// handlers want is read when they ask for it. The types of aws-lambda-go's events package
// would refuse a request because of a malformed part that nobody reads.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
type event struct {
	kind    kind
	payload []byte
	err     error // why there is no request in it

	version         string
	asks            string // the type of an API's question to its authorizer, which alone has one
	methodARN       string // the same
	rawPath         string
	rawQueryString  string
	cookies         []string
	headers         fields
	text            string // of the body
	isBase64Encoded bool
	context         eventContext

	// These are not in the events of payload format 2.0.
	httpMethod        string
	path              string
	multiValueHeaders fields
	parameters        fields // of the query
	multiValueQuery   fields
}

// eventContext has parts of the event's requestContext.
type eventContext struct {
	domainName   string
	stage        string
	connectionID string
	method       string // those of http, which only payload format 2.0 has
	sourceIP     string
	hasIdentity  bool
	identityIP   string
	hasELB       bool
	authorizer   string // in JSON
}

// parse reads an event. Its errors and those of [event.request] quote nothing that could be
// secret, since clients and logs see them. For this reason they never include the JSON
// decoder's error.
func parse(payload []byte) (*event, error) {
	if !jsontext.Value(payload).IsValid() {
		return malformed(payload)
	}
	e := event{payload: payload}
	w := walker{text: string(payload)}
	if e.read(&w); w.wrong {
		return malformed(payload)
	}
	if e.kind = e.findKind(); e.kind == 0 {
		return nil, noRequest(payload)
	}
	return &e, nil
}

// read reads an event from its JSON.
func (e *event) read(w *walker) {
	for name := range w.members() {
		switch name {
		case "version":
			e.version = w.textOrNull()
		case "type":
			e.asks = w.textOrNull()
		case "methodArn":
			e.methodARN = w.textOrNull()
		case "rawPath":
			e.rawPath = w.textOrNull()
		case "rawQueryString":
			e.rawQueryString = w.textOrNull()
		case "cookies":
			for range w.elements() {
				e.cookies = append(e.cookies, w.textOrNull())
			}
		case "headers":
			e.headers = w.fields()
		case "body":
			e.text = w.textOrNull()
		case "isBase64Encoded":
			e.isBase64Encoded = w.trueOrFalse()
		case "requestContext":
			e.context.read(w)
		case "httpMethod":
			e.httpMethod = w.textOrNull()
		case "path":
			e.path = w.textOrNull()
		case "multiValueHeaders":
			e.multiValueHeaders = w.fields()
		case "queryStringParameters":
			e.parameters = w.fields()
		case "multiValueQueryStringParameters":
			e.multiValueQuery = w.fields()
		default:
			w.value()
		}
	}
}

func (c *eventContext) read(w *walker) {
	for name := range w.members() {
		switch name {
		case "domainName":
			c.domainName = w.textOrNull()
		case "stage":
			c.stage = w.textOrNull()
		case "connectionId":
			c.connectionID = w.textOrNull()
		case "http":
			c.readHTTP(w)
		case "identity":
			c.hasIdentity = w.kind() == '{'
			for name := range w.members() {
				if name == "sourceIp" {
					c.identityIP = w.textOrNull()
				} else {
					w.value()
				}
			}
		case "elb":
			c.hasELB = w.begins('{')
			if c.hasELB {
				w.value()
			}
		case "authorizer":
			c.authorizer = w.value()
		default:
			w.value()
		}
	}
}

func (c *eventContext) readHTTP(w *walker) {
	for name := range w.members() {
		switch name {
		case "method":
			c.method = w.textOrNull()
		case "sourceIp":
			c.sourceIP = w.textOrNull()
		default:
			w.value()
		}
	}
}

// request makes the request of an event.
func (e *event) request(ctx context.Context) (*http.Request, error) {
	if e.err != nil {
		return nil, e.err
	}
	method, err := e.method()
	if err != nil {
		return nil, err
	}
	target, err := e.target()
	if err != nil {
		return nil, err
	}
	header, err := e.header()
	if err != nil {
		return nil, err
	}
	body, length, err := e.body()
	if err != nil {
		return nil, err
	}
	r := noRequestYet.WithContext(requestCtx{ctx, e})
	r.Method, r.URL, r.RequestURI, r.Header, r.Host = method, target, target.RequestURI(), header, e.context.domainName
	r.RemoteAddr, r.Body, r.ContentLength = clientip.RemoteAddr(e.client(header)), body, length
	if hosts := header["Host"]; len(hosts) > 0 {
		r.Host = hosts[0]
		delete(header, "Host") // as net/http does
	}
	return r, nil
}

// noRequestYet is what all requests have in common. It is copied with the context of each.
var noRequestYet = http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}

func (e *event) method() (string, error) {
	method := e.httpMethod
	if e.kind == httpAPI || e.kind == functionURL {
		method = e.context.method
	}
	if method == "" || strings.Trim(method, token) != "" {
		return "", fmt.Errorf("the event's method %q is not a method", method)
	}
	return method, nil
}

// token has the characters of a method and of the name of a header (RFC 9110, section 5.6.2).
const token = letters + "0123456789!#$%&'*+-.^_`|~"

// client returns the client's address as the front door has seen it. A load balancer
// appends it to X-Forwarded-For; what stands before it is what the client says.
func (e *event) client(header http.Header) string {
	switch {
	case e.kind == httpAPI || e.kind == functionURL:
		return e.context.sourceIP
	case e.kind == loadBalancer || e.kind == loadBalancerMulti:
		return last(header["X-Forwarded-For"])
	case e.context.hasIdentity:
		return e.context.identityIP
	}
	return ""
}

// last returns the last element of a header that is a list.
func last(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	line := lines[len(lines)-1]
	return strings.TrimSpace(line[strings.LastIndex(line, ",")+1:])
}

// target returns the URL as net/http would have read it from the connection. HTTP APIs have
// decoded the path, so it must not be decoded again: %252e would become a dot behind the
// back of the gateway, which has chosen the route. The others have not decoded it.
func (e *event) target() (*url.URL, error) {
	path, query, encoded := e.rawPath, e.rawQueryString, e.kind == functionURL
	if e.kind != httpAPI && e.kind != functionURL {
		path, query, encoded = e.path, e.query(), e.kind != httpAPI1
	}
	u := &url.URL{Path: e.withoutStage(path), RawQuery: query}
	var err error
	if encoded {
		u.Path, err = url.PathUnescape(path)
		u.RawPath = path
		if u.EscapedPath() == (&url.URL{Path: u.Path}).EscapedPath() {
			u.RawPath = "" // it has one only where the path alone does not tell what was sent
		}
	}
	if err != nil || !strings.HasPrefix(path, "/") || strings.ContainsFunc(query, isControl) {
		return nil, fmt.Errorf("the event's path %q and its query make no URL", path)
	}
	return u, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// withoutStage removes the name of the stage from the start of the path of an HTTP API. REST
// APIs remove it themselves. With payload format 2.0 a named stage is always there, also
// behind a domain of one's own, where the API mapping has been replaced by it. AWS does not
// document this; it is what people see. With format 1.0 the path behind such a domain begins
// with the mapping instead. If that were taken for a stage, a client could reach a path by
// another route than the one that the gateway protects.
func (e *event) withoutStage(path string) string {
	c := &e.context
	switch {
	case c.stage == "" || c.stage == "$default":
		return path
	case e.kind == httpAPI, e.kind == httpAPI1 && strings.Contains(c.domainName, ".execute-api."):
		rest, ok := strings.CutPrefix(path, "/"+c.stage)
		if ok && rest == "" {
			return "/"
		}
		if ok && rest[0] == '/' {
			return rest
		}
	}
	return path
}

// header keeps every value. Names that differ only in case become one header. There is one
// Cookie header at most.
func (e *event) header() (http.Header, error) {
	all := e.multiValueHeaders
	if len(all) == 0 {
		all = e.headers
	}
	h := make(http.Header, len(all)+1)
	values := make([]string, len(all)+1) // of most headers there is one value, so their memory is one piece
	for i, f := range all {
		name := canonical(f.name)
		if h[name] != nil {
			h[name] = append(h[name], f.value)
			continue
		}
		values[i] = f.value
		h[name] = values[i : i+1 : i+1]
	}
	if lines := h["Cookie"]; len(e.cookies) > 0 || len(lines) > 1 {
		values[len(all)] = joinCookies(e.cookies, lines)
		h["Cookie"] = values[len(all):]
	}
	switch hosts := h["Host"]; {
	case len(hosts) > 1:
		return nil, fmt.Errorf("the event has more than one host header: %q", hosts)
	case len(hosts) == 1 && strings.Trim(hosts[0], letters+"0123456789!$%&'()*+,-.:;=[]_~") != "": // as net/http
		return nil, fmt.Errorf("the event's host header %q is not a host", hosts[0])
	}
	return h, nil
}

// body returns the body and its length.
func (e *event) body() (io.ReadCloser, int64, error) {
	switch {
	case e.text == "":
		return http.NoBody, 0, nil
	case !e.isBase64Encoded:
		return io.NopCloser(strings.NewReader(e.text)), int64(len(e.text)), nil
	}
	body, err := base64.StdEncoding.DecodeString(e.text)
	if err != nil {
		return nil, 0, errors.New("the event's body is not base64, though isBase64Encoded is true")
	}
	return io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
}
