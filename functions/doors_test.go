package functions_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

var (
	httpAPI1 = door{name: "HTTP API, payload 1.0", event: httpAPI1Event, answer: answerOf1, authorize: httpAPI1Authorize, unknown: http.StatusForbidden, client: client}

	// An authorizer of a REST API fails with the word Unauthorized, so that the API answers
	// what the functions would.
	restAPI = door{name: "REST API", event: restAPIEvent, answer: restAPIAnswer, authorize: restAPIAuthorize, unknown: http.StatusUnauthorized, raw: true, client: client}

	loadBalancer      = door{name: "load balancer", event: loadBalancerEvent, answer: loadBalancerAnswer, raw: true, globs: true, client: client}
	loadBalancerMulti = door{name: "load balancer, multi-value headers", event: loadBalancerMultiEvent, answer: loadBalancerMultiAnswer, raw: true, globs: true, client: client}
	functionURLs      = door{name: "function URLs", event: functionURLEvent, answer: answerOf2, raw: true, globs: true, client: client}
)

// doors are all of them. The answers of the first are what the others have to give.
var doors = []door{httpAPI2, httpAPI1, restAPI, loadBalancer, loadBalancerMulti, behindCloudFront(functionURLs, nil)}

// behindCloudFront returns the door behind CloudFront, which sends on everything but the
// host (the policy AllViewerExceptHostHeader) and adds own headers. Cookies are one header.
func behindCloudFront(d door, own http.Header) door {
	forward := func(v visit) visit {
		r := v.Request.Clone(v.Context())
		r.Host = "r3pmxmplak.execute-api.eu-west-1.amazonaws.com"
		r.Header.Set("Via", "2.0 a1b2.cloudfront.net (CloudFront)")
		r.Header.Set("X-Amz-Cf-Id", "cDehVQoZnx43VYQb9j2-nvCh-9z396Uhbp027Y2JvkCPNLmGJHqlaA==")
		r.Header.Set("X-Forwarded-For", v.forwardedFor(v.peer))
		if cookies := r.Header["Cookie"]; len(cookies) > 0 {
			r.Header.Set("Cookie", strings.Join(cookies, "; "))
		}
		maps.Copy(r.Header, own)
		v.Request, v.peer = r, edge
		return v
	}
	event, authorize := d.event, d.authorize
	d.name, d.client = "CloudFront, "+d.name, edge
	d.event = func(v visit) map[string]any { return event(forward(v)) }
	if authorize != nil {
		d.authorize = func(l *lambda, v visit) (map[string]any, int) { return authorize(l, forward(v)) }
	}
	return d
}

// httpAPI1Event is an event of an HTTP API with payload format 1.0. The path is decoded. Names of headers are
// as the client sent them, which is in lower case since it uses HTTP/2, and those that the
// gateway adds are not.
func httpAPI1Event(v visit) map[string]any {
	headers := http.Header{}
	for name, values := range v.Header {
		headers[strings.ToLower(name)] = values
	}
	delete(headers, "x-forwarded-for")
	e := payload1(v, v.gatewayHeaders(headers, v.forwardedFor(v.peer)), v.URL.Path, "$default")
	e["version"] = "1.0"
	body, coded := v.coded("text/", "application/json", "application/javascript", "application/xml")
	e["body"], e["isBase64Encoded"] = body, coded
	if v.route == "$default" {
		e["resource"], e["pathParameters"] = "$default", nil
	}
	return e
}

// restAPIEvent is an event of a REST API to which every media type is binary, as in
// docs/front-doors/rest.yaml. So every body is in base64. The path is as it was sent, without the stage. The last hop of X-Forwarded-For is a
// host of AWS, since the API is optimized for edges.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
func restAPIEvent(v visit) map[string]any {
	headers := v.Header.Clone()
	delete(headers, "X-Forwarded-For")
	e := payload1(v, v.gatewayHeaders(headers, v.forwardedFor(v.peer, "203.0.113.10")), v.URL.EscapedPath(), "prod")
	e["body"], e["isBase64Encoded"] = any(nil), false
	if len(v.body) > 0 {
		e["body"], e["isBase64Encoded"] = base64.StdEncoding.EncodeToString(v.body), true
	}
	return e
}

// gatewayHeaders returns the headers with those that API Gateway adds.
func (v visit) gatewayHeaders(headers http.Header, forwardedFor string) http.Header {
	headers["Host"] = []string{v.Host}
	headers["X-Amzn-Trace-Id"] = []string{"Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e"}
	headers["X-Forwarded-For"] = []string{forwardedFor}
	headers["X-Forwarded-Port"], headers["X-Forwarded-Proto"] = []string{"443"}, []string{"https"}
	return headers
}

// payload1 has what HTTP APIs and REST APIs have in common. The query is decoded.
func payload1(v visit, headers http.Header, path, stage string) map[string]any {
	resource, parameters := v.resource()
	query := v.URL.Query()
	context := map[string]any{
		"accountId": "123456789012", "apiId": "r3pmxmplak", "domainName": v.Host, "domainPrefix": "app",
		"extendedRequestId": "JKJaXmPLvHcESHA=", "httpMethod": v.Method, "path": path, "protocol": "HTTP/1.1",
		"requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef", "requestTime": "10/Mar/2020:05:16:23 +0000",
		"requestTimeEpoch": 1583817383220, "resourceId": "roq9wj", "resourcePath": resource, "stage": stage,
		"identity": map[string]any{"accountId": nil, "caller": nil, "sourceIp": v.peer, "userAgent": v.UserAgent(), "user": nil},
	}
	if v.who != nil {
		context["authorizer"] = v.who
	}
	return map[string]any{
		"resource": resource, "path": path, "httpMethod": v.Method,
		"headers": last(headers), "multiValueHeaders": headers,
		"queryStringParameters": orNull(last(query)), "multiValueQueryStringParameters": orNull(query),
		"pathParameters": orNull(parameters), "stageVariables": nil, "requestContext": context,
	}
}

// resource returns the route as a REST API has it, and the path's values for its names.
func (v visit) resource() (resource string, parameters map[string]string) {
	_, resource, _ = strings.Cut(v.route, " ")
	if v.route == "$default" {
		return "/{proxy+}", map[string]string{"proxy": strings.TrimPrefix(v.URL.Path, "/")}
	}
	parameters = map[string]string{}
	segments := strings.Split(v.URL.Path, "/")
	for i, part := range strings.Split(resource, "/") {
		if strings.HasPrefix(part, "{") {
			parameters[strings.Trim(part, "{}")] = segments[i]
		}
	}
	return resource, parameters
}

// last returns the last value of each name.
func last[M ~map[string][]string](values M) map[string]string {
	one := map[string]string{}
	for name, all := range values {
		one[name] = all[len(all)-1]
	}
	return one
}

// orNull returns null for no values, as API Gateway does.
func orNull[M ~map[string]V, V any](values M) any {
	if len(values) == 0 {
		return nil
	}
	return values
}

// loadBalancerEvent is an event of an Application Load Balancer whose target group has one
// value for each header. Of several it takes the last. Names are in lower case; neither
// the path nor the query is decoded; X-Forwarded-For ends with the client's address.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
func loadBalancerEvent(v visit) map[string]any {
	e, headers, query := balanced(v)
	e["headers"], e["queryStringParameters"] = last(headers), last(query)
	return e
}

func loadBalancerMultiEvent(v visit) map[string]any {
	e, headers, query := balanced(v)
	e["multiValueHeaders"], e["multiValueQueryStringParameters"] = headers, query
	return e
}

func balanced(v visit) (e map[string]any, headers, query map[string][]string) {
	headers, query = map[string][]string{}, map[string][]string{}
	for name, values := range v.Header {
		headers[strings.ToLower(name)] = values
	}
	headers["host"] = []string{v.Host}
	headers["x-amzn-trace-id"] = []string{"Root=1-5bdb40ca-556d8b0c50dc66f0511bf520"}
	headers["x-forwarded-for"] = []string{v.forwardedFor(v.peer)}
	headers["x-forwarded-port"], headers["x-forwarded-proto"] = []string{"443"}, []string{"https"}
	for pair := range strings.SplitSeq(v.URL.RawQuery, "&") {
		if name, value, _ := strings.Cut(pair, "="); name != "" {
			query[name] = append(query[name], value)
		}
	}
	body, coded := v.coded("text/", "application/json", "application/javascript", "application/xml")
	return map[string]any{
		"requestContext": map[string]any{"elb": map[string]any{
			"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/" + v.function + "/6d0ecf831eec9f09",
		}},
		"httpMethod": v.Method, "path": v.URL.EscapedPath(), "body": body, "isBase64Encoded": coded,
	}, headers, query
}

// functionURLEvent is an event of a function URL. The format is that of HTTP APIs, but
// nothing is decoded, the cookies stand in the headers too, and only the first hop of
// X-Forwarded-For, which the client may have written, is left.
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
func functionURLEvent(v visit) map[string]any {
	id := v.function + "4vxmplq7hhxhqe5s"
	own := id + ".lambda-url.eu-west-1.on.aws"
	headers := joined(v.Header)
	if cookies := v.Header["Cookie"]; len(cookies) > 0 {
		headers["cookie"] = strings.Join(cookies, "; ")
	}
	headers["host"] = own
	headers["x-forwarded-for"], _, _ = strings.Cut(v.forwardedFor(v.peer), ",")
	headers["x-forwarded-port"], headers["x-forwarded-proto"] = "443", "https"
	body, coded := v.coded("text/", "application/json", "application/javascript", "application/xml")
	return map[string]any{
		"version": "2.0", "routeKey": "$default",
		"rawPath": v.URL.EscapedPath(), "rawQueryString": v.URL.RawQuery,
		"cookies": cookiesOf(v.Header), "headers": headers,
		"queryStringParameters": joinedQuery(v.URL),
		"requestContext": map[string]any{
			"accountId": "anonymous", "apiId": id, "domainName": own, "domainPrefix": id, "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
			"routeKey": "$default", "stage": "$default", "time": "10/Mar/2020:05:16:23 +0000", "timeEpoch": 1583817383220,
			"http": map[string]any{
				"method": v.Method, "path": v.URL.EscapedPath(), "protocol": "HTTP/1.1",
				"sourceIp": v.peer, "userAgent": v.UserAgent(),
			},
		},
		"body": body, "isBase64Encoded": coded,
	}
}

func joinedQuery(u *url.URL) map[string]string {
	query := map[string]string{}
	for name, values := range u.Query() {
		query[name] = strings.Join(values, ",")
	}
	return query
}

// response1 is an answer in payload format 1.0. The status is a pointer, since there must
// be one.
type response1 struct {
	StatusCode        *int                `json:"statusCode"`
	Headers           map[string]string   `json:"headers"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

// answerOf1 refuses every part that the format does not have, such as cookies, for which
// REST APIs answer 502 (Malformed Lambda proxy response). If a header is in both maps,
// that with several values counts.
func answerOf1(text string) (sent, error) {
	var response response1
	if err := decode(text, &response); err != nil {
		return sent{}, err
	}
	if response.StatusCode == nil {
		return sent{}, errors.New("an answer without a status")
	}
	if len(text) > 6<<20 {
		return sent{}, fmt.Errorf("an answer of %d bytes", len(text))
	}
	header := http.Header{}
	for name, value := range response.Headers {
		header.Set(name, value)
	}
	for name, values := range response.MultiValueHeaders {
		header[http.CanonicalHeaderKey(name)] = values
	}
	body, err := decodeBody(response.Body, response.IsBase64Encoded)
	return sent{*response.StatusCode, header, body}, err
}

// restAPIAnswer: a REST API without binary media types would not decode a body, so none of
// ours is coded. Every REST API gives WWW-Authenticate another name.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
func restAPIAnswer(text string) (sent, error) {
	s, err := answerOf1(text)
	if err == nil && strings.Contains(text, `"isBase64Encoded":true`) {
		err = errors.New("the client would get a body in base64")
	}
	if values := s.header["Www-Authenticate"]; len(values) > 0 {
		delete(s.header, "Www-Authenticate")
		s.header["X-Amzn-Remapped-Www-Authenticate"] = values
	}
	return s, err
}

// balancedResponse is an answer to a load balancer. Its encoding must be said.
type balancedResponse struct {
	IsBase64Encoded   *bool               `json:"isBase64Encoded"`
	StatusCode        int                 `json:"statusCode"`
	StatusDescription string              `json:"statusDescription"`
	Headers           map[string]string   `json:"headers"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
	Body              string              `json:"body"`
}

// loadBalancerAnswer: names of headers that differ in case are different members, so each
// value is sent.
func loadBalancerAnswer(text string) (sent, error) {
	response, err := balancedAnswer(text)
	if err != nil {
		return sent{}, err
	}
	if response.Headers == nil || response.MultiValueHeaders != nil {
		return sent{}, errors.New("the headers of this target group are in headers")
	}
	header := http.Header{}
	for name, value := range response.Headers {
		header.Add(name, value)
	}
	return response.sent(header)
}

func loadBalancerMultiAnswer(text string) (sent, error) {
	response, err := balancedAnswer(text)
	if err != nil {
		return sent{}, err
	}
	if response.MultiValueHeaders == nil || response.Headers != nil {
		return sent{}, errors.New("the headers of this target group are in multiValueHeaders")
	}
	header := http.Header{}
	for name, values := range response.MultiValueHeaders {
		header[http.CanonicalHeaderKey(name)] = values
	}
	return response.sent(header)
}

// balancedAnswer refuses what a load balancer answers with 502, an answer of more than 1 MB
// among it.
func balancedAnswer(text string) (response balancedResponse, err error) {
	if err = decode(text, &response); err != nil {
		return response, err
	}
	switch want := fmt.Sprint(response.StatusCode, " ", http.StatusText(response.StatusCode)); {
	case len(text) > 1<<20:
		err = fmt.Errorf("an answer of %d bytes", len(text))
	case response.IsBase64Encoded == nil:
		err = errors.New("isBase64Encoded is missing")
	case response.StatusDescription != want:
		err = fmt.Errorf("the description is %q, want %q", response.StatusDescription, want)
	}
	return response, err
}

func (response balancedResponse) sent(header http.Header) (sent, error) {
	for name, values := range header {
		if strings.ContainsFunc(name+strings.Join(values, ""), unicode.IsControl) {
			return sent{}, fmt.Errorf("the header %s has control characters", name)
		}
	}
	body, err := decodeBody(response.Body, *response.IsBase64Encoded)
	return sent{response.StatusCode, header, body}, err
}
