package lambdahttp_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"example.com/coatcheck/pkg/lambdahttp"
)

// FuzzInvoke sends any bytes as an event to a handler that echoes the request: status,
// headers, cookies and body. Whatever the event is, there is a request that net/http could
// have read and a response that the front door accepts, or an error that says what came.
// Its corpus has events of each kind.
func FuzzInvoke(f *testing.F) {
	logTo(f, io.Discard)
	f.Fuzz(func(t *testing.T, payload []byte) {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			checkRequest(t, r, payload)
			echo(w, r)
		})
		out, err := lambdahttp.Handler(h).Invoke(t.Context(), payload)
		if err != nil {
			if out != nil || !strings.HasPrefix(err.Error(), "the event is no HTTP request, but ") || len(err.Error()) > 200 {
				t.Fatalf("%s, %v", out, err)
			}
			return
		}
		checkResponse(t, out)
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

func checkRequest(t *testing.T, r *http.Request, payload []byte) {
	t.Helper()
	address, found := strings.CutSuffix(r.RemoteAddr, ":0")
	if _, err := netip.ParseAddr(strings.Trim(address, "[]")); !found || err != nil && address != "unknown" {
		t.Errorf("the client is %q", r.RemoteAddr)
	}
	if u, err := url.ParseRequestURI(r.RequestURI); err != nil || *u != *r.URL || r.URL.RequestURI() != r.RequestURI {
		t.Errorf("%q is %+v again and was %+v (%v)", r.RequestURI, u, r.URL, err)
	}
	if !bytes.Equal(lambdahttp.Event(r.Context()), payload) {
		t.Error("the event is another")
	}
	if r.Header["Host"] != nil || len(r.Header["Cookie"]) > 1 {
		t.Errorf("headers %q", r.Header)
	}
	if scheme := lambdahttp.Scheme(r); scheme != "http" && scheme != "https" {
		t.Errorf("scheme %q", scheme)
	}
	checkCookies(t, strings.Join(r.Header["Cookie"], ""), placesOf(t, payload))
}

// placesOf returns the places of an event that have cookies, each as one line.
func placesOf(t *testing.T, payload []byte) (places []string) {
	t.Helper()
	var event struct {
		Cookies           []string       `json:"cookies"`
		Headers           map[string]any `json:"headers"`
		MultiValueHeaders map[string]any `json:"multiValueHeaders"`
	}
	if err := json.Unmarshal(payload, &event); err != nil {
		t.Fatal(err)
	}
	places = append(places, strings.Join(event.Cookies, ";"))
	for _, headers := range []map[string]any{event.MultiValueHeaders, event.Headers} {
		found := false
		for name, value := range headers {
			list, isList := value.([]any)
			if !isList {
				list = []any{value}
			}
			for _, value := range list {
				line, isText := value.(string)
				found = found || isText
				if strings.EqualFold(name, "cookie") {
					places = append(places, line)
				}
			}
		}
		if found {
			return places
		}
	}
	return places
}

// checkCookies checks that every cookie of the places is there, none more often than in the
// place that has it most often. Commas and quotes are not compared.
func checkCookies(t *testing.T, got string, places []string) {
	t.Helper()
	count, all, most := map[string]int{}, map[string]int{}, map[string]int{}
	for _, cookie := range strings.Split(got, ";") {
		count[strings.TrimSpace(cookie)]++
		for _, part := range strings.Split(bare.Replace(cookie), ";") {
			all[part]++
		}
	}
	for _, place := range places {
		here := map[string]int{}
		for _, cookie := range strings.Split(place, ";") {
			cookie = strings.TrimSpace(cookie)
			here[cookie]++
			most[cookie] = max(most[cookie], here[cookie])
			for _, part := range strings.Split(bare.Replace(cookie), ";") {
				if part != "" && all[part] == 0 {
					t.Errorf("the cookie %q is lost: %q of %q", cookie, got, places)
				}
			}
		}
	}
	for cookie, n := range count {
		if cookie != "" && n > most[cookie] {
			t.Errorf("the cookie %q is there %d times: %q of %q", cookie, n, got, places)
		}
	}
}

var bare = strings.NewReplacer(",", ";", " ", "", `"`, "", "\t", "", "\n", "", "\r", "", "\v", "", "\f", "", "\u0085", "", "\u00a0", "")

// checkResponse checks what holds for the answers to all kinds, and more for those that have
// a list of cookies, as payload format 2.0 wants it.
func checkResponse(t *testing.T, out []byte) {
	t.Helper()
	var resp struct {
		StatusCode        *int                `json:"statusCode"`
		StatusDescription string              `json:"statusDescription"`
		Headers           *map[string]string  `json:"headers"`
		MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
		Cookies           *[]string           `json:"cookies"`
		Body              *string             `json:"body"`
		IsBase64Encoded   *bool               `json:"isBase64Encoded"`
	}
	if err := json.Unmarshal(out, &resp, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if resp.StatusCode == nil || resp.Body == nil || resp.IsBase64Encoded == nil || resp.Headers == nil && resp.MultiValueHeaders == nil {
		t.Fatalf("a member is missing or null in %s", out)
	}
	if *resp.StatusCode < 100 || *resp.StatusCode > 599 {
		t.Errorf("status %d", *resp.StatusCode)
	}
	var values []string
	if resp.Cookies != nil {
		values = *resp.Cookies
	}
	if resp.Headers != nil {
		for name, value := range *resp.Headers {
			if name != http.CanonicalHeaderKey(name) || name == "Set-Cookie" && resp.Cookies != nil {
				t.Errorf("header %q", name)
			}
			values = append(values, value)
		}
	}
	for name, list := range resp.MultiValueHeaders {
		if name != http.CanonicalHeaderKey(name) {
			t.Errorf("header %q", name)
		}
		values = append(values, list...)
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
