package lambdahttp

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// response is the answer in payload format 2.0. Every field is always present: the
// gateway guesses a status if there is none, and it refuses null maps.
type response struct {
	StatusCode      int               `json:"statusCode"`
	Headers         map[string]string `json:"headers"`
	Cookies         []string          `json:"cookies"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

// responseWriter collects a response and follows the rules of [http.ResponseWriter].
type responseWriter struct {
	method string
	status int         // 0 until written
	header http.Header // the handler may change it at any time
	sent   http.Header // copy of header, made when the status was written
	body   bytes.Buffer
}

func newResponseWriter(method string) *responseWriter {
	return &responseWriter{method: method, header: http.Header{}}
}

func (w *responseWriter) Header() http.Header { return w.header }

// Written reports whether the status is fixed, so that later headers do not count. Package
// session asks for it.
func (w *responseWriter) Written() bool { return w.status != 0 }

func (w *responseWriter) WriteHeader(status int) {
	if status < 100 || status > 599 {
		panic(fmt.Sprintf("lambdahttp: status %d is not between 100 and 599", status))
	}
	if w.status == 0 && status >= 200 {
		w.status, w.sent = status, w.header.Clone()
	}
}

func (w *responseWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	switch {
	case w.status == http.StatusNoContent || w.status == http.StatusNotModified:
		return 0, http.ErrBodyNotAllowed
	case w.method == http.MethodHead:
		return len(p), nil
	}
	return w.body.Write(p)
}

// encode returns the response in the shape that the kind wants.
func (w *responseWriter) encode(ctx context.Context, kind kind) ([]byte, error) {
	resp := w.response(ctx)
	if kind == httpAPI || kind == functionURL {
		return json.Marshal(resp)
	}
	old := struct {
		StatusCode        int                 `json:"statusCode"`
		StatusDescription string              `json:"statusDescription,omitempty"`
		Headers           map[string]string   `json:"headers,omitempty"`
		MultiValueHeaders map[string][]string `json:"multiValueHeaders,omitempty"`
		Body              string              `json:"body"`
		IsBase64Encoded   bool                `json:"isBase64Encoded"`
	}{StatusCode: resp.StatusCode, Body: resp.Body, IsBase64Encoded: resp.IsBase64Encoded}
	if kind == loadBalancer || kind == loadBalancerMulti {
		old.StatusDescription = fmt.Sprint(w.status, " ", http.StatusText(w.status))
	}
	if kind == loadBalancer {
		old.Headers = resp.Headers
		for _, cookie := range resp.Cookies {
			old.Headers["Set-Cookie"] = cookie
		}
	} else {
		old.MultiValueHeaders = map[string][]string{}
		for name, value := range resp.Headers {
			old.MultiValueHeaders[name] = []string{value}
		}
		if len(resp.Cookies) > 0 {
			old.MultiValueHeaders["Set-Cookie"] = resp.Cookies
		}
	}
	return json.Marshal(old)
}

// response joins the values of a header with commas. Cookies have their own list,
// because they may contain commas (RFC 9110, section 5.3). A value with control
// characters or invalid UTF-8 is left out. That is logged, but the log does not
// quote the value.
func (w *responseWriter) response(ctx context.Context) response {
	w.WriteHeader(http.StatusOK)
	resp := response{StatusCode: w.status, Headers: make(map[string]string, len(w.sent)), Cookies: []string{}}
	for name, values := range w.sent {
		name = http.CanonicalHeaderKey(name)
		for _, value := range values {
			before, repeated := resp.Headers[name]
			switch {
			case !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
				slog.ErrorContext(ctx, "response header dropped: it has control characters or is not UTF-8", "name", name)
			case name == "Set-Cookie":
				resp.Cookies = append(resp.Cookies, value)
			case repeated:
				resp.Headers[name] = before + ", " + value
			default:
				resp.Headers[name] = value
			}
		}
	}
	resp.Body, resp.IsBase64Encoded = encodeBody(w.body.Bytes())
	return resp
}

// encodeBody returns text unchanged, and anything else in base64, because JSON cannot
// hold it.
func encodeBody(body []byte) (s string, isBase64 bool) {
	if utf8.Valid(body) {
		return string(body), false
	}
	return base64.StdEncoding.EncodeToString(body), true
}
