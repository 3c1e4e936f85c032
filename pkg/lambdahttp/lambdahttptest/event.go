package lambdahttptest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// Event returns the event that the function gets for a request. It reads and closes the
// body. The request is as a client makes it, so its URL has a host.
func (f FrontDoor) Event(r *http.Request) ([]byte, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	event := map[string]any{"body": string(body), "isBase64Encoded": false}
	if !utf8.Valid(body) {
		event["body"], event["isBase64Encoded"] = base64.StdEncoding.EncodeToString(body), true
	}
	headers := headersOf(r)
	switch f {
	case HTTPAPI, FunctionURL:
		f.version2(event, r, headers)
	case LoadBalancer, LoadBalancerMulti:
		f.loadBalancer(event, r, headers)
	default:
		f.version1(event, r, headers)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err = encoder.Encode(event)
	return out.Bytes(), err
}

func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	defer r.Body.Close()
	return io.ReadAll(r.Body)
}

// headersOf returns the headers that arrive at the function, with their names in lower
// case.
func headersOf(r *http.Request) map[string][]string {
	headers := map[string][]string{"host": {hostOf(r)}}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = values
	}
	headers["x-forwarded-for"] = []string{forwardedFor(headers["x-forwarded-for"])}
	headers["x-forwarded-proto"], headers["x-forwarded-port"] = []string{"https"}, []string{"443"}
	return headers
}

// forwardedFor returns the header X-Forwarded-For, one line that ends with the client's
// address. Before it stands what the client has sent, which may be forged.
func forwardedFor(sent []string) string {
	return strings.Join(append(slices.Clone(sent), ClientAddress), ", ")
}

func hostOf(r *http.Request) string {
	if r.Host != "" {
		return r.Host
	}
	return r.URL.Host
}

// version2 completes an event of payload format 2.0. Repeated headers are joined. Cookies
// have a list of their own; in the events of function URLs they stand in both places.
func (f FrontDoor) version2(event map[string]any, r *http.Request, headers map[string][]string) {
	domain, path := hostOf(r), r.URL.Path
	if f == FunctionURL {
		domain, path = "abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-west-1.on.aws", r.URL.EscapedPath()
		headers["x-forwarded-for"][0], _, _ = strings.Cut(headers["x-forwarded-for"][0], ",") // seen to keep the first hop alone
	}
	if line := headers["cookie"]; len(line) > 0 {
		event["cookies"] = strings.Split(strings.Join(line, "; "), "; ")
		headers["cookie"] = []string{strings.Join(line, "; ")}
	}
	if f == HTTPAPI {
		delete(headers, "cookie")
	}
	event["version"], event["routeKey"] = "2.0", "$default"
	event["rawPath"], event["rawQueryString"] = rooted(path), r.URL.RawQuery
	event["headers"] = each(headers, func(values []string) string { return strings.Join(values, ",") })
	event["requestContext"] = map[string]any{
		"accountId": "123456789012", "apiId": "r3pmxmplak", "domainName": domain, "requestId": "JKJaXmPLvHcESHA=",
		"routeKey": "$default", "stage": "$default", "time": "10/Mar/2020:05:16:23 +0000", "timeEpoch": 1583817383220,
		"http": map[string]any{
			"method": r.Method, "path": rooted(path), "protocol": "HTTP/1.1",
			"sourceIp": ClientAddress, "userAgent": r.UserAgent(),
		},
	}
}

// version1 completes an event of a REST API, which leaves the path as it was sent, or of
// payload format 1.0, in which an HTTP API imitates it and decodes the path.
func (f FrontDoor) version1(event map[string]any, r *http.Request, headers map[string][]string) {
	stage, path := "prod", rooted(r.URL.EscapedPath())
	if f == HTTPAPI1 {
		event["version"], stage, path = "1.0", "$default", rooted(r.URL.Path)
	}
	query := map[string][]string(r.URL.Query())
	event["resource"], event["path"], event["httpMethod"] = "/{proxy+}", path, r.Method
	event["headers"], event["multiValueHeaders"] = each(headers, last), headers
	event["queryStringParameters"], event["multiValueQueryStringParameters"] = each(query, last), query
	event["requestContext"] = map[string]any{
		"accountId": "123456789012", "apiId": "r3pmxmplak", "domainName": hostOf(r), "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
		"resourcePath": "/{proxy+}", "httpMethod": r.Method, "path": "/" + stage + path, "stage": stage, "protocol": "HTTP/1.1",
		"requestTime": "10/Mar/2020:05:16:23 +0000", "requestTimeEpoch": 1583817383220,
		"identity": map[string]any{"sourceIp": ClientAddress, "userAgent": r.UserAgent()},
	}
}

// loadBalancer completes an event of an Application Load Balancer, which decodes neither
// the path nor the query.
func (f FrontDoor) loadBalancer(event map[string]any, r *http.Request, headers map[string][]string) {
	query := map[string][]string{}
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if name, value, _ := strings.Cut(pair, "="); name != "" {
			query[name] = append(query[name], value)
		}
	}
	event["httpMethod"], event["path"] = r.Method, rooted(r.URL.EscapedPath())
	event["requestContext"] = map[string]any{"elb": map[string]any{
		"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/function/6d0ecf831eec9f09",
	}}
	if f == LoadBalancerMulti {
		event["multiValueHeaders"], event["multiValueQueryStringParameters"] = headers, query
		return
	}
	event["headers"], event["queryStringParameters"] = each(headers, last), each(query, last)
}

func rooted(path string) string {
	if path == "" {
		return "/"
	}
	return path
}

func last(values []string) string { return values[len(values)-1] }

// each makes one value of the values of each name.
func each(all map[string][]string, one func([]string) string) map[string]string {
	single := map[string]string{}
	for name, values := range all {
		if len(values) > 0 {
			single[name] = one(values)
		}
	}
	return single
}
