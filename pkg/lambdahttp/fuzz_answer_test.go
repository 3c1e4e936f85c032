package lambdahttp_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"example.com/coatcheck/pkg/lambdahttp"
)

// FuzzAnswer lets a handler write anything. Whatever it is, each front door gets JSON without
// a name twice, headers that cannot break a line, and the body that the handler wrote.
func FuzzAnswer(f *testing.F) {
	logTo(f, io.Discard)
	for _, seed := range []struct {
		name, value, body string
		status            int
	}{
		{"Vary", "Accept", "text", 200},
		{"set-cookie", "a=1", "", 303},
		{"sET-cOOKIE", "a=1\r\nb: c", "\x00\xff", 299},
		{"bad name", "ä\u2028\"\\", "<\"\\\u2028\x7f", 404},
		{"", "\xff", "\xed\xa0\x80", 599},
	} {
		f.Add(seed.name, seed.value, seed.body, seed.status)
	}
	f.Fuzz(func(t *testing.T, name, value, body string, status int) {
		if status < 200 || status > 599 || status == 204 || status == 304 {
			status = 200
		}
		h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()[name] = append(w.Header()[name], value, "plain")
			w.Header()["Set-Cookie"] = append(w.Header()["Set-Cookie"], value, "b=2", "c=3")
			w.WriteHeader(status)
			io.WriteString(w, body)
		})
		for door := range doors {
			checkAnswer(t, invoke(t, t.Context(), h, at(door, "GET", "/")), body)
		}
		out, err := lambdahttp.StreamingHandler(h).Invoke(t.Context(), at("rest-api", "GET", "/"))
		head, rest, _ := bytes.Cut(out, make([]byte, 8))
		checkAnswer(t, head, "")
		if err != nil || len(head) < 16<<10-8 && string(rest) != body {
			t.Errorf("the stream is %q, %v", out, err)
		}
	})
}

func checkAnswer(t *testing.T, answer []byte, body string) {
	t.Helper()
	var got struct {
		Headers           map[string]string
		MultiValueHeaders map[string][]string
		Cookies           []string
		Body              string
		IsBase64Encoded   bool
	}
	if err := json.Unmarshal(answer, &got, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatalf("%v in %q", err, answer)
	}
	if got.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(got.Body)
		if err != nil {
			t.Error(err)
		}
		got.Body = string(decoded)
	}
	if got.Body != body {
		t.Errorf("the body is %q in %q, want %q", got.Body, answer, body)
	}
	lines := got.Cookies
	for name, value := range got.Headers {
		lines = append(lines, name+value)
	}
	for name, values := range got.MultiValueHeaders {
		lines = append(lines, name+strings.Join(values, ""))
	}
	if strings.ContainsAny(strings.Join(lines, ""), "\r\n\x00") || !bytes.Contains(answer, []byte("b=2")) || !bytes.Contains(answer, []byte("c=3")) {
		t.Errorf("the headers are %q", answer)
	}
}
