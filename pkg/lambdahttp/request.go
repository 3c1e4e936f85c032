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

	"example.com/coatcheck/pkg/clientip"
)

// event is the part of a payload 2.0 event that makes up the request. The types of
// aws-lambda-go's events package would refuse a request because of a malformed part
// that nobody reads.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
type event struct {
	Version         string            `json:"version"`
	RawPath         string            `json:"rawPath"`
	RawQueryString  string            `json:"rawQueryString"`
	Cookies         []string          `json:"cookies"`
	Headers         map[string]string `json:"headers"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
	RequestContext  struct {
		HTTP struct {
			Method   string `json:"method"`
			SourceIP string `json:"sourceIp"`
		} `json:"http"`
		Authorizer struct {
			Lambda map[string]any `json:"lambda"`
		} `json:"authorizer"`
	} `json:"requestContext"`
}

// newRequest makes a request from an event. Clients and logs see its errors, so they
// quote nothing that could be secret. For this reason they never include the JSON
// decoder's error.
func newRequest(ctx context.Context, payload []byte) (*http.Request, error) {
	var e event
	if json.Unmarshal(payload, &e) != nil || e.Version != "2.0" || e.RequestContext.HTTP.Method == "" {
		return nil, errors.New("the event is not an HTTP request in API Gateway's payload format 2.0")
	}
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
	ctx = context.WithValue(ctx, authorizedKey{}, e.authorized())
	r, err := http.NewRequestWithContext(ctx, e.RequestContext.HTTP.Method, "/", bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("the event's method %q is not a method", e.RequestContext.HTTP.Method)
	}
	r.URL, r.RequestURI = target, target.RequestURI()
	r.Host = header.Get("Host")
	header.Del("Host") // as net/http does
	r.Header = header
	r.RemoteAddr = clientip.RemoteAddr(e.RequestContext.HTTP.SourceIP)
	return r, nil
}

// target returns the URL as net/http would have read it from the connection.
func (e *event) target() (*url.URL, error) {
	sent := url.URL{Path: e.RawPath, RawQuery: e.RawQueryString}
	target, err := url.ParseRequestURI(sent.RequestURI())
	if err != nil || !strings.HasPrefix(e.RawPath, "/") {
		return nil, fmt.Errorf("the event's rawPath %q and its rawQueryString make no URL", e.RawPath)
	}
	return target, nil
}

// header canonicalizes the names and keeps every value, in the order of the names as
// spelled. Names that differ only in case become one header with two values. The
// gateway moves cookies out of the headers, sam local copies them, and authorizers
// get them in the headers only. So e.Cookies, if there are any, replace the Cookie
// header.
func (e *event) header() (http.Header, error) {
	h := make(http.Header, len(e.Headers)+1)
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		h.Add(name, e.Headers[name])
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
