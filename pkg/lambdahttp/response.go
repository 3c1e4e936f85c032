package lambdahttp

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/coatcheck/pkg/events"
)

// responseWriter collects a response and follows the rules of [http.ResponseWriter].
type responseWriter struct {
	method  string
	status  int         // 0 until written
	header  http.Header // the handler may change it at any time
	sent    http.Header // copy of header, made when the status was written
	length  int64       // what sent says of the body's length, or -1
	written int64       // how much of the body the handler has written
	out     io.Writer   // gets the body
	body    bytes.Buffer
	log     *slog.Logger
}

func newResponseWriter(method string, log *slog.Logger) *responseWriter {
	w := &responseWriter{method: method, header: http.Header{}, log: log}
	w.out = &w.body
	return w
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
		w.length = takeLength(w.sent)
	}
}

// takeLength returns the length that Content-Length says, or -1. What is no length is removed.
func takeLength(h http.Header) int64 {
	if len(h["Content-Length"]) == 0 {
		return -1
	}
	length, err := strconv.ParseUint(h.Get("Content-Length"), 10, 63)
	if err != nil {
		h.Del("Content-Length")
		return -1
	}
	return int64(length)
}

// finish ends an answer that the handler has written. It returns an error if the body is not
// as long as the handler has said: a part is missing then, and nothing else would tell the
// client. A server of net/http breaks the connection.
func (w *responseWriter) finish() error {
	w.WriteHeader(http.StatusOK)
	if w.length >= 0 && w.length != w.written && w.method != http.MethodHead && w.mayHaveBody() {
		return fmt.Errorf("the handler has written %d bytes and a Content-Length of %d", w.written, w.length)
	}
	return nil
}

func (w *responseWriter) mayHaveBody() bool {
	return w.status != http.StatusNoContent && w.status != http.StatusNotModified
}

func (w *responseWriter) Write(p []byte) (int, error) {
	out, err := w.next(len(p))
	if err != nil {
		return 0, err
	}
	return out.Write(p)
}

// WriteString saves [io.WriteString] a copy.
func (w *responseWriter) WriteString(s string) (int, error) {
	out, err := w.next(len(s))
	if err != nil {
		return 0, err
	}
	return io.WriteString(out, s)
}

// next returns where the next part of the body goes, which has so many bytes.
func (w *responseWriter) next(n int) (io.Writer, error) {
	w.WriteHeader(http.StatusOK)
	w.written += int64(n)
	switch {
	case !w.mayHaveBody():
		return nil, http.ErrBodyNotAllowed
	case w.length >= 0 && w.written > w.length:
		return nil, http.ErrContentLength
	}
	return w.out, nil
}

// limit returns how many bytes [responseWriter.encode] may return.
//
// Lambda documents 6 MB; its error messages and its emulator have the number of bytes.
// API Gateway's 10 MB are never reached. A load balancer takes "response JSON" of "1 MB".
// AWS does not say which megabyte. The larger one refuses nothing that AWS might take.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
func (k kind) limit() int {
	if k == loadBalancer || k == loadBalancerMulti {
		return 1 << 20
	}
	return 6<<20 + 100
}

// encode returns the response in the shape that the kind wants. Text stays as it is.
// Anything else is in base64, because JSON cannot hold it.
func (w *responseWriter) encode(ctx context.Context, k kind) []byte {
	body := w.body.Bytes()
	b := w.appendHead(ctx, make([]byte, 0, 1024+len(body)*4/3), k, body)
	if w.method == http.MethodHead {
		body = nil
	}
	isText := utf8.Valid(body)
	b = appendName(b, "body")
	if isText {
		b = appendString(b, body)
	} else {
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, body)
		b = append(b, '"')
	}
	b = appendName(b, "isBase64Encoded")
	b = strconv.AppendBool(b, !isText)
	return append(b, '}')
}

// appendHead appends the response without its end and its body, which begins with start. The
// members for headers are always there: a gateway guesses a status if there are none, and it refuses null.
//   - Payload format 2.0 has a list of cookies, and one value for each other header.
//   - Payload format 1.0 and REST APIs have lists of values. A REST API answers 502 to a
//     member that it does not know, such as cookies.
//   - A load balancer reads either headers or multiValueHeaders, whichever the events of
//     its target group have.
func (w *responseWriter) appendHead(ctx context.Context, b []byte, k kind, start []byte) []byte {
	w.WriteHeader(http.StatusOK)
	_, said := w.sent["Content-Type"] // nil says that there shall be none
	tidy(ctx, w.log, w.sent)
	if !said && w.sent["Content-Type"] == nil && w.sent["Content-Encoding"] == nil && len(start) > 0 {
		w.sent.Set("Content-Type", http.DetectContentType(start)) // as a server of net/http does
	}
	b = append(b, '{')
	b = appendName(b, "statusCode")
	b = strconv.AppendInt(b, int64(w.status), 10)
	if k == loadBalancer || k == loadBalancerMulti {
		b = appendName(b, "statusDescription")
		b = appendString(b, statusDescription(w.status))
	}
	switch k {
	case httpAPI, functionURL:
		b = appendSingle(b, w.sent)
		b = append(b, '}')
		b = appendName(b, "cookies")
		return appendList(b, w.sent["Set-Cookie"])
	case loadBalancer:
		b = appendSingle(b, w.sent)
		for i, cookie := range w.sent["Set-Cookie"] {
			b = appendName(b, setCookie(i))
			b = appendString(b, cookie)
		}
	default:
		b = appendName(b, "multiValueHeaders")
		b = append(b, '{')
		for name, values := range w.sent {
			b = appendName(b, name)
			b = appendList(b, values)
		}
	}
	return append(b, '}')
}

// appendSingle appends the member headers without its end. Several values of a header are
// joined with commas. This is not possible for cookies, which may contain commas (RFC 9110,
// section 5.3), so they are left out.
func appendSingle(b []byte, h http.Header) []byte {
	b = appendName(b, "headers")
	b = append(b, '{')
	for name, values := range h {
		if name != "Set-Cookie" {
			b = appendName(b, name)
			b = appendString(b, strings.Join(values, ", "))
		}
	}
	return b
}

// setCookie returns the name Set-Cookie in the nth of 512 ways to spell it in upper and
// lower case, beginning with the usual one.
//
// A load balancer whose target group has no multi-value headers takes one value for each
// name, and AWS documents no way to set two cookies. With names that differ only in case it
// sends each of them, as those who maintain Mangum and AWS's support have seen. AWS does not
// promise it. If it should ever merge them, one cookie is left, as if only one had been sent.
func setCookie(n int) string {
	name := []byte("Set-Cookie")
	for i, c := range name {
		if c != '-' {
			name[i] ^= byte(n&1) << 5
			n >>= 1
		}
	}
	return string(name)
}

// statusDescription returns what a load balancer writes on the status line.
func statusDescription(status int) string {
	text := http.StatusText(status)
	if text == "" {
		text = "Unknown"
	}
	return strconv.Itoa(status) + " " + text
}

// newlines are not allowed in the value of a header.
var newlines = strings.NewReplacer("\n", " ", "\r", " ")

// tidy gives each header its canonical name, and makes spaces of line breaks in its values,
// as a server of net/http does. It removes what no header may have: names that are no token,
// and values with other control characters than tabs, or invalid UTF-8. That is logged, but
// the log does not quote the value. Transfer-Encoding and Trailer describe how a server of
// net/http frames the answer. Behind a front door they would be wrong: it frames the answer
// itself, and a client that expects chunks cannot read it.
func tidy(ctx context.Context, log *slog.Logger, h http.Header) {
	for name, values := range h {
		valid := values[:0]
		for _, value := range values {
			value, ok := tidyValue(value)
			if !ok {
				events.Log(ctx, log, "response_header_dropped", "header", name, "reason", "value")
				continue
			}
			valid = append(valid, value)
		}
		h[name] = valid
		canonical := canonical(name)
		switch {
		case name == "" || strings.Trim(name, token) != "":
			events.Log(ctx, log, "response_header_dropped", "header", name, "reason", "name")
			delete(h, name)
		case len(valid) == 0, canonical == "Transfer-Encoding", canonical == "Trailer":
			delete(h, name)
		case name != canonical:
			delete(h, name)
			h[canonical] = append(h[canonical], valid...)
		}
	}
}

// tidyValue returns a value without line breaks, and whether a header may have it.
func tidyValue(value string) (tidied string, ok bool) {
	if isPlain(value) {
		return value, true
	}
	value = strings.Trim(newlines.Replace(value), " \t")
	return value, utf8.ValidString(value) && !strings.ContainsFunc(value, func(c rune) bool { return c != '\t' && unicode.IsControl(c) })
}

// isPlain reports whether a value is visible ASCII, with spaces only inside, as most are.
func isPlain(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' || c == ' ' && (i == 0 || i == len(value)-1) {
			return false
		}
	}
	return true
}

// appendName appends a member's name, after a comma if it is not the first member.
func appendName(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(appendString(b, name), ':')
}

func appendList(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s)
	}
	return append(b, ']')
}

// appendString appends a JSON string. What it is given is valid UTF-8, so that there is no
// error.
func appendString[S string | []byte](b []byte, s S) []byte {
	b, _ = jsontext.AppendQuote(b, s)
	return b
}
