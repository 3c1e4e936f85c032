package lambdahttp

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"example.com/coatcheck/pkg/clientip"
)

// event has the parts of the events of all kinds that make up the request. The types of
// aws-lambda-go's events package would refuse a request because of a malformed part
// that nobody reads.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
type event struct {
	kind    kind
	payload []byte

	Version         string            `json:"version"`
	RawPath         string            `json:"rawPath"`
	RawQueryString  string            `json:"rawQueryString"`
	Cookies         []string          `json:"cookies"`
	Headers         map[string]string `json:"headers"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
	StageVariables  map[string]string `json:"stageVariables"`
	RequestContext  requestContext    `json:"requestContext"`

	// These are not in the events of payload format 2.0.
	HTTPMethod        string              `json:"httpMethod"`
	Path              string              `json:"path"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
	Query             map[string]string   `json:"queryStringParameters"`
	MultiValueQuery   map[string][]string `json:"multiValueQueryStringParameters"`
}

type requestContext struct {
	DomainName string `json:"domainName"`
	Stage      string `json:"stage"`
	HTTP       struct {
		Method   string `json:"method"`
		SourceIP string `json:"sourceIp"`
	} `json:"http"`
	Identity *struct {
		SourceIP string `json:"sourceIp"`
	} `json:"identity"`
	ELB        *struct{}      `json:"elb"`
	Authorizer jsontext.Value `json:"authorizer"`
}

// parse reads an event. Its errors and those of [event.request] quote nothing that could be
// secret, since clients and logs see them. For this reason they never include the JSON
// decoder's error.
func parse(payload []byte) (*event, error) {
	var e event
	if json.Unmarshal(payload, &e) != nil {
		return nil, errors.New("the event is no HTTP request")
	}
	var err error
	if e.kind, err = e.findKind(); err != nil {
		return nil, err
	}
	e.payload = payload
	return &e, nil
}

// request makes the request of an event.
func (e *event) request(ctx context.Context) (*http.Request, error) {
	target, err := e.target()
	if err != nil {
		return nil, err
	}
	header, err := e.header()
	if err != nil {
		return nil, err
	}
	body, err := e.body()
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(context.WithValue(ctx, eventKey{}, e), e.method(), "/", bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("the event's method %q is not a method", e.method())
	}
	r.URL, r.RequestURI = target, target.RequestURI()
	r.Host = header.Get("Host")
	header.Del("Host") // as net/http does
	r.Header = header
	r.RemoteAddr = clientip.RemoteAddr(e.client())
	return r, nil
}

func (e *event) method() string {
	if e.kind == httpAPI || e.kind == functionURL {
		return e.RequestContext.HTTP.Method
	}
	return e.HTTPMethod
}

// client returns the client's address as the front door has seen it.
func (e *event) client() string {
	switch e.kind {
	case httpAPI, functionURL:
		return e.RequestContext.HTTP.SourceIP
	case loadBalancer, loadBalancerMulti:
		return e.lastHop()
	}
	return e.RequestContext.Identity.SourceIP
}

// lastHop returns the last hop of X-Forwarded-For, which the load balancer has written.
func (e *event) lastHop() string {
	hops := e.Headers["x-forwarded-for"]
	for _, line := range e.MultiValueHeaders["x-forwarded-for"] {
		hops = line
	}
	return strings.TrimSpace(hops[strings.LastIndex(hops, ",")+1:])
}

// target returns the URL as net/http would have read it from the connection.
func (e *event) target() (*url.URL, error) {
	path, query := e.RawPath, e.RawQueryString
	if e.HTTPMethod != "" {
		path, query = e.Path, e.query()
	}
	sent := url.URL{Path: path, RawQuery: query}
	target, err := url.ParseRequestURI(sent.RequestURI())
	if err != nil || !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("the event's path %q and its query make no URL", path)
	}
	return target, nil
}

// query returns the query of an event that has it in parts.
func (e *event) query() string {
	values := url.Values(e.MultiValueQuery)
	if values == nil {
		values = url.Values{}
		for name, value := range e.Query {
			values.Set(name, value)
		}
	}
	return values.Encode()
}

// header canonicalizes the names and keeps every value, in the order of the names as
// spelled. Names that differ only in case become one header with two values. The
// gateway moves cookies out of the headers, sam local copies them, and authorizers
// get them in the headers only. So e.Cookies, if there are any, replace the Cookie
// header.
func (e *event) header() (http.Header, error) {
	h := make(http.Header, len(e.Headers)+1)
	for _, name := range slices.Sorted(maps.Keys(e.MultiValueHeaders)) {
		for _, value := range e.MultiValueHeaders[name] {
			h.Add(name, value)
		}
	}
	if len(h) == 0 {
		for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
			h.Add(name, e.Headers[name])
		}
	}
	if len(e.Cookies) > 0 {
		h.Set("Cookie", strings.Join(e.Cookies, "; "))
	}
	if hosts := h["Host"]; len(hosts) > 1 {
		return nil, fmt.Errorf("the event has more than one host header: %q", hosts)
	}
	return h, nil
}

func (e *event) body() ([]byte, error) {
	if !e.IsBase64Encoded {
		return []byte(e.Body), nil
	}
	body, err := base64.StdEncoding.DecodeString(e.Body)
	if err != nil {
		return nil, errors.New("the event's body is not base64, though isBase64Encoded is true")
	}
	return body, nil
}
