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

	"github.com/go-json-experiment/json"
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

	Version         string         `json:"version"`
	Type            string         `json:"type"`      // only in an API's question to its authorizer
	MethodARN       string         `json:"methodArn"` // the same
	RawPath         string         `json:"rawPath"`
	RawQueryString  string         `json:"rawQueryString"`
	Cookies         []string       `json:"cookies"`
	Headers         fields         `json:"headers"`
	Body            string         `json:"body"`
	IsBase64Encoded bool           `json:"isBase64Encoded"`
	RequestContext  requestContext `json:"requestContext"`

	// These are not in the events of payload format 2.0.
	HTTPMethod        string `json:"httpMethod"`
	Path              string `json:"path"`
	MultiValueHeaders fields `json:"multiValueHeaders"`
	Query             fields `json:"queryStringParameters"`
	MultiValueQuery   fields `json:"multiValueQueryStringParameters"`
}

type requestContext struct {
	DomainName   string `json:"domainName"`
	Stage        string `json:"stage"`
	ConnectionID string `json:"connectionId"`
	HTTP         struct {
		Method   string `json:"method"`
		SourceIP string `json:"sourceIp"`
	} `json:"http"`
	Identity   *identity      `json:"identity"`
	ELB        *struct{}      `json:"elb"`
	Authorizer jsontext.Value `json:"authorizer"`
}

type identity struct {
	SourceIP string `json:"sourceIp"`
}

// parse reads an event. Its errors and those of [event.request] quote nothing that could be
// secret, since clients and logs see them. For this reason they never include the JSON
// decoder's error.
func parse(payload []byte) (*event, error) {
	e := event{payload: payload}
	if json.Unmarshal(payload, &e) != nil {
		return malformed(payload)
	}
	if e.kind = e.findKind(); e.kind == 0 {
		return nil, noRequest(payload)
	}
	return &e, nil
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
	r := &http.Request{
		Method: method, URL: target, RequestURI: target.RequestURI(), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Host: e.RequestContext.DomainName, RemoteAddr: clientip.RemoteAddr(e.client(header)),
		Body: body, ContentLength: length,
	}
	if hosts := header["Host"]; len(hosts) > 0 {
		r.Host = hosts[0]
		delete(header, "Host") // as net/http does
	}
	return r.WithContext(requestCtx{ctx, e}), nil
}

func (e *event) method() (string, error) {
	method := e.HTTPMethod
	if e.kind == httpAPI || e.kind == functionURL {
		method = e.RequestContext.HTTP.Method
	}
	if method == "" || strings.Trim(method, letters+"0123456789!#$%&'*+-.^_`|~") != "" { // RFC 9110, section 5.6.2
		return "", fmt.Errorf("the event's method %q is not a method", method)
	}
	return method, nil
}

// client returns the client's address as the front door has seen it. A load balancer
// appends it to X-Forwarded-For; what stands before it is what the client says.
func (e *event) client(header http.Header) string {
	switch {
	case e.kind == httpAPI || e.kind == functionURL:
		return e.RequestContext.HTTP.SourceIP
	case e.kind == loadBalancer || e.kind == loadBalancerMulti:
		return last(header["X-Forwarded-For"])
	case e.RequestContext.Identity != nil:
		return e.RequestContext.Identity.SourceIP
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
	path, query, encoded := e.RawPath, e.RawQueryString, e.kind == functionURL
	if e.kind != httpAPI && e.kind != functionURL {
		path, query, encoded = e.Path, e.query(), e.kind != httpAPI1
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
	c := &e.RequestContext
	switch {
	case c.Stage == "" || c.Stage == "$default":
		return path
	case e.kind == httpAPI, e.kind == httpAPI1 && strings.Contains(c.DomainName, ".execute-api."):
		rest, ok := strings.CutPrefix(path, "/"+c.Stage)
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
	all := e.MultiValueHeaders
	if len(all) == 0 {
		all = e.Headers
	}
	h := make(http.Header, len(all)+1)
	values := make([]string, len(all)+1) // of most headers there is one value, so their memory is one piece
	for i, f := range all {
		name := http.CanonicalHeaderKey(f.name)
		if h[name] != nil {
			h[name] = append(h[name], f.value)
			continue
		}
		values[i] = f.value
		h[name] = values[i : i+1 : i+1]
	}
	if lines := h["Cookie"]; len(e.Cookies) > 0 || len(lines) > 1 {
		values[len(all)] = joinCookies(e.Cookies, lines)
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
	case e.Body == "":
		return http.NoBody, 0, nil
	case !e.IsBase64Encoded:
		return io.NopCloser(strings.NewReader(e.Body)), int64(len(e.Body)), nil
	}
	body, err := base64.StdEncoding.DecodeString(e.Body)
	if err != nil {
		return nil, 0, errors.New("the event's body is not base64, though isBase64Encoded is true")
	}
	return io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
}
