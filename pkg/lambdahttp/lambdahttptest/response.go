package lambdahttptest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// answer has the fields of all kinds of answers.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
type answer struct {
	StatusCode        int                 `json:"statusCode"`
	Headers           map[string]string   `json:"headers"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
	Cookies           []string            `json:"cookies"`
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

// How large an answer may be, in bytes.
const (
	maxAnswer         = 6_291_556 // for Lambda itself
	maxBalancedAnswer = 1 << 20   // for a load balancer
)

// Response returns the response that the client gets for an answer of the function. It has
// only what this front door passes on: a load balancer ignores the headers in the other
// shape, and only payload format 2.0 has a list of cookies. The error says why the client
// would get a 502. An answer without a status is such an error everywhere, though payload
// format 2.0 would take it for a body. Headers keep their names, though some front doors
// rename WWW-Authenticate.
func (f FrontDoor) Response(text []byte) (*http.Response, error) {
	if limit := f.maxAnswer(); len(text) > limit {
		return nil, fmt.Errorf("the %s answers 502: the function's answer has %d bytes, more than %d", f, len(text), limit)
	}
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, fmt.Errorf("the %s answers 502: the function's answer is not in its shape: %w", f, err)
	}
	if a.StatusCode < 200 || a.StatusCode > 599 {
		return nil, fmt.Errorf("the %s answers 502: the function's answer has the status %d", f, a.StatusCode)
	}
	body := []byte(a.Body)
	if a.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(a.Body); err != nil {
			return nil, fmt.Errorf("the %s answers 502: the function's body is not base64: %w", f, err)
		}
	}
	return &http.Response{
		Status:        fmt.Sprint(a.StatusCode, " ", http.StatusText(a.StatusCode)),
		StatusCode:    a.StatusCode,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        f.header(&a),
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
	}, nil
}

func (f FrontDoor) maxAnswer() int {
	if f == LoadBalancer || f == LoadBalancerMulti {
		return maxBalancedAnswer
	}
	return maxAnswer
}

func (f FrontDoor) header(a *answer) http.Header {
	header := http.Header{}
	if f != LoadBalancerMulti {
		for name, value := range a.Headers {
			header.Add(name, value)
		}
	}
	switch f {
	case HTTPAPI, FunctionURL:
		for _, cookie := range a.Cookies {
			header.Add("Set-Cookie", cookie)
		}
	case RESTAPI, HTTPAPI1, LoadBalancerMulti:
		for name, values := range a.MultiValueHeaders {
			header.Del(name) // as REST APIs do, for a name in both
			for _, value := range values {
				header.Add(name, value)
			}
		}
	}
	return header
}
