package signin

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/lambdahttp"
)

const policy = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// answer is a response without its random parts. A header with several lines keeps
// all of them, so that a repeated header is noticed. The body is complete for
// programs. For people it is the heading of the page and, after a bar, the alert on
// the page.
type answer struct {
	status int
	header map[string]string
	body   string
}

func newAnswer(status int, body string) answer {
	a := answer{status, map[string]string{
		"Cache-Control":                "no-store",
		"Content-Security-Policy":      policy,
		"Cross-Origin-Resource-Policy": "same-origin",
		"Referrer-Policy":              "same-origin",
		"Strict-Transport-Security":    "max-age=31536000",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
	}, body}
	if status == 401 {
		return a.with("Www-Authenticate", "Cookie")
	}
	return a
}

func (a answer) with(name, value string) answer {
	a.header = maps.Clone(a.header)
	a.header[name] = value
	return a
}

func jsonAnswer(body string) answer {
	return newAnswer(200, body+"\n").with("Content-Type", "application/json")
}

func problemAnswer(status int, detail string) answer {
	quoted, err := json.Marshal(detail)
	if err != nil {
		panic(err)
	}
	body := fmt.Sprintf(`{"type":"about:blank","title":%q,"status":%d,"detail":%s}`, http.StatusText(status), status, quoted)
	return newAnswer(status, body+"\n").with("Content-Type", "application/problem+json")
}

// pageAnswer returns the answer with a page. Its policy contains the hash of the
// style sheet that the page contains.
func pageAnswer(status int, heading string, alert ...string) answer {
	body := strings.Join(append([]string{heading}, alert...), " | ")
	return newAnswer(status, body).
		with("Content-Type", "text/html; charset=utf-8").
		with("Content-Language", "en").
		with("Content-Security-Policy", policy+"; style-src 'sha256-<style>'")
}

func problemPage(status int, detail string) answer {
	return pageAnswer(status, "That did not work", detail)
}

func redirectAnswer(to string) answer { return newAnswer(303, "").with("Location", to) }

// refreshAnswer returns the answer with a page that leads to a path and sets a cookie.
func refreshAnswer(to, cookie string) answer {
	return pageAnswer(200, "One moment").with("Refresh", "0; url="+to).with("Set-Cookie", cookie)
}

// receiptAnswer returns the answer to a login of a browser that has sent no cookie of
// ours.
func receiptAnswer(next string) answer {
	return refreshAnswer("/login?kept=<receipt>&"+url.Values{"next": {next}}.Encode(), newCookie)
}

var (
	ourCookie    = regexp.MustCompile(`(__Host-SESSIONID=)[\w-]{22}\.[\w-]{22}\.[\w-]{43};`)
	someTrip     = regexp.MustCompile(`(__Host-TRIP=)[\w-]+;`)
	receiptShape = regexp.MustCompile(`[\w-]{22}\.[\w-]{22}\.[\w-]{43}\.\d+(\.[\w-]{22})?`)
	sessionID    = regexp.MustCompile(`"(id|session_id)":"[\w-]{22}"`)
	styleElement = regexp.MustCompile(`(?s)<style>(.*?)</style>`)
	h1Element    = regexp.MustCompile(`<h1>([^<]*)</h1>`)
	alertElement = regexp.MustCompile(`role="alert"[^>]*>([^<]*)<`)
)

// answer returns the response without its random parts.
func (resp response) answer() answer {
	a := answer{resp.status, map[string]string{}, sessionID.ReplaceAllString(resp.body, `"$1":"<id>"`)}
	for name, lines := range resp.header {
		a.header[name] = strings.Join(lines, " && ")
	}
	if line, ok := a.header["Set-Cookie"]; ok {
		a.header["Set-Cookie"] = someTrip.ReplaceAllString(ourCookie.ReplaceAllString(line, "$1<token>;"), "$1<trip>;")
	}
	if line, ok := a.header["Refresh"]; ok {
		a.header["Refresh"] = receiptShape.ReplaceAllString(line, "<receipt>")
	}
	if strings.HasPrefix(a.header["Content-Type"], "text/html") {
		a.body = strings.Join(append(textsOf(h1Element, resp.body), textsOf(alertElement, resp.body)...), " | ")
		if style := styleElement.FindAllStringSubmatch(resp.body, -1); len(style) == 1 {
			a.header["Content-Security-Policy"] = strings.ReplaceAll(a.header["Content-Security-Policy"], sha256Of(style[0][1]), "sha256-<style>")
		}
	}
	return a
}

// sha256Of returns the hash of a text as CSP Level 3, section 2.3.1, writes it.
func sha256Of(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func textsOf(shape *regexp.Regexp, page string) (found []string) {
	for _, match := range shape.FindAllStringSubmatch(page, -1) {
		found = append(found, html.UnescapeString(match[1]))
	}
	return found
}

// same compares complete answers: the status, all headers and the body.
func same(t *testing.T, resp response, want answer) {
	t.Helper()
	if got := resp.answer().String(); got != want.String() {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func (a answer) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\t%d\n", a.status)
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		fmt.Fprintf(&b, "\t%s: %s\n", name, a.header[name])
	}
	fmt.Fprintf(&b, "\t%q\n", a.body)
	return b.String()
}

// behindGateway sends a request in the event that API Gateway sends to a function.
func behindGateway(t *testing.T, h http.Handler, req *http.Request) response {
	t.Helper()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	headers := map[string]string{"host": req.Host}
	for name, values := range req.Header {
		if name != "Cookie" {
			headers[strings.ToLower(name)] = strings.Join(values, ",")
		}
	}
	event, err := json.Marshal(map[string]any{
		"version": "2.0", "rawPath": req.URL.Path, "rawQueryString": req.URL.RawQuery,
		"cookies": req.Header["Cookie"], "headers": headers,
		"body": base64.StdEncoding.EncodeToString(body), "isBase64Encoded": true,
		"requestContext": map[string]any{"http": map[string]string{"method": req.Method, "sourceIp": "192.0.2.1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := lambdahttp.Handler(h).Invoke(req.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		StatusCode int
		Headers    map[string]string
		Cookies    []string
		Body       string
	}
	if err := json.Unmarshal(payload, &out); err != nil {
		t.Fatal(err)
	}
	resp := response{out.StatusCode, http.Header{}, out.Body}
	for name, value := range out.Headers {
		resp.header.Set(name, value)
	}
	if len(out.Cookies) > 0 {
		resp.header["Set-Cookie"] = out.Cookies
	}
	return resp
}
