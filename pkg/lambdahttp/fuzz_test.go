package lambdahttp_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// FuzzInvoke sends any bytes as an event to a handler that echoes the request:
// status, headers, cookies and body. Whatever the event is, the gateway must accept
// the response.
func FuzzInvoke(f *testing.F) {
	logTo(f, io.Discard)
	f.Fuzz(func(t *testing.T, payload []byte) {
		checkResponse(t, invoke(t, t.Context(), http.HandlerFunc(echo), payload))
	})
}

func echo(w http.ResponseWriter, r *http.Request) {
	w.Header()["X-Back"] = append(r.Header["Accept"], r.URL.Path, r.URL.RawQuery, r.Host)
	w.Header()["Set-Cookie"] = r.Header["Cookie"]
	if status, err := strconv.Atoi(r.Header.Get("X-Status")); err == nil {
		w.WriteHeader(status)
	}
	io.Copy(w, r.Body)
}

func checkResponse(t *testing.T, out []byte) {
	t.Helper()
	var resp struct {
		StatusCode      *int               `json:"statusCode"`
		Headers         *map[string]string `json:"headers"`
		Cookies         *[]string          `json:"cookies"`
		Body            *string            `json:"body"`
		IsBase64Encoded *bool              `json:"isBase64Encoded"`
	}
	if err := json.Unmarshal(out, &resp, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if resp.StatusCode == nil || resp.Headers == nil || resp.Cookies == nil || resp.Body == nil || resp.IsBase64Encoded == nil {
		t.Fatalf("a member is missing or null in %s", out)
	}
	if *resp.StatusCode < 100 || *resp.StatusCode > 599 {
		t.Errorf("status %d", *resp.StatusCode)
	}
	values := *resp.Cookies
	for name, value := range *resp.Headers {
		if name != http.CanonicalHeaderKey(name) || name == "Set-Cookie" {
			t.Errorf("header %q", name)
		}
		values = append(values, value)
	}
	for _, value := range values {
		if strings.ContainsAny(value, "\r\n\x00") {
			t.Errorf("header value %q", value)
		}
	}
	if *resp.IsBase64Encoded {
		body, err := base64.StdEncoding.DecodeString(*resp.Body)
		if err != nil || utf8.Valid(body) {
			t.Errorf("body %q is flagged as base64 (%v), but need not or must not be", *resp.Body, err)
		}
	}
}
