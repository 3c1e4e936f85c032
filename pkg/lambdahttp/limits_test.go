package lambdahttp_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/lambdahttp"
)

// TestLimits: an answer of exactly the size that Lambda or the load balancer takes is sent,
// and one that is larger by the least that there can be is answered by a problem. What
// counts is the JSON: with headers, base64 and escapes.
func TestLimits(t *testing.T) {
	const lambda, loadBalancer = 6_291_556, 1_048_576
	bodies := map[string]struct {
		prefix, unit string
		size         int // of a unit in the JSON
	}{
		"text":         {"", "a", 1},
		"escaped text": {"", "\n", 2},
		"base64":       {"\xff\xff\xff", "\xff\xff\xff", 4},
	}
	for door := range doors {
		limit := lambda
		if strings.HasPrefix(door, "load-balancer") {
			limit = loadBalancer
		}
		for name, body := range bodies {
			if door != "load-balancer" && name != "base64" {
				continue // which is the fastest
			}
			t.Run(door+", "+name, func(t *testing.T) {
				var log bytes.Buffer
				logTo(t, &log)
				// answer has a header that fills what is left of the limit.
				answer := func(units, padding int) []byte {
					return invoke(t, t.Context(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
						w.Header().Set("Content-Type", "text/plain")
						w.Header().Set("X-Padding", "p"+strings.Repeat("p", padding))
						http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
						io.WriteString(w, body.prefix+strings.Repeat(body.unit, units))
					}), at(door, "GET", "/"))
				}
				left := limit - len(answer(0, 0))
				units, padding := left/body.size, left%body.size
				if out := answer(units, padding); len(out) != limit || status(t, out) != 200 || log.Len() != 0 {
					t.Errorf("%d bytes were answered %d by %d bytes, log: %s", limit, status(t, out), len(out), &log)
				}
				if out := answer(units, padding+1); status(t, out) != 500 || !bytes.Contains(out, []byte("The answer is too large to be sent.")) ||
					bytes.Contains(out, []byte("a=1")) || bytes.Contains(out, []byte("Padding")) {
					t.Errorf("more than %d bytes were answered %.300s", limit, out)
				}
				if want := fmt.Sprintf(`"bytes":%d,"limit":%d,`, limit+1, limit); !strings.Contains(log.String(), want) {
					t.Errorf("the log has no %s:\n%s", want, &log)
				}
			})
		}
	}
}

// TestManyBytes: what HEAD, 204 and 304 leave out does not count.
func TestManyBytes(t *testing.T) {
	for door := range doors {
		for _, status := range []int{200, 204, 304} {
			method := "GET"
			if status == 200 {
				method = "HEAD"
			}
			out := invoke(t, t.Context(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				w.Write(make([]byte, 7<<20))
			}), at(door, method, "/"))
			if want := fmt.Sprintf(`"statusCode":%d,`, status); !bytes.Contains(out, []byte(want)) {
				t.Errorf("%s %s: answered %.200s, want %s", door, method, out, want)
			}
		}
	}
}

// TestStatusDescription: a load balancer gets a text for each status. No other kind gets one.
func TestStatusDescription(t *testing.T) {
	for door := range doors {
		for status, want := range map[int]string{200: "200 OK", 299: "299 Unknown", 404: "404 Not Found", 499: "499 Unknown", 511: "511 Network Authentication Required"} {
			out := invoke(t, t.Context(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }), at(door, "GET", "/"))
			has := bytes.Contains(out, []byte(`"statusDescription":"`+want+`",`))
			if has != strings.HasPrefix(door, "load-balancer") || !has && bytes.Contains(out, []byte("statusDescription")) {
				t.Errorf("%s: %d was answered %s", door, status, out)
			}
		}
	}
}

// TestManyCookies: each of many cookies has a name of its own behind a load balancer that
// takes one value for each name, and each is a spelling of Set-Cookie.
func TestManyCookies(t *testing.T) {
	out := invoke(t, t.Context(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := range 60 {
			http.SetCookie(w, &http.Cookie{Name: fmt.Sprint("c", i), Value: "1"})
		}
	}), at("load-balancer", "GET", "/"))
	names := map[string]bool{}
	for i := range 60 {
		before, _, found := strings.Cut(string(out), fmt.Sprintf(`":"c%d=1"`, i))
		name := before[strings.LastIndexByte(before, '"')+1:]
		if !found || !strings.EqualFold(name, "Set-Cookie") || names[name] || i == 0 && name != "Set-Cookie" {
			t.Errorf("cookie %d has the name %q in %s", i, name, out)
		}
		names[name] = true
	}
}

// TestBrokenNames: a header whose name is not one is left out, and the rest is sent.
func TestBrokenNames(t *testing.T) {
	for door := range doors {
		var log bytes.Buffer
		logTo(t, &log)
		out := invoke(t, t.Context(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for _, name := range []string{"", "X-Canary\r\nSet-Cookie", "X-Canary\xff", "X Canary", "X-Canary:", "X-Cänary", "X-Canary\x7f"} {
				w.Header()[name] = []string{"canary"}
			}
			w.Header()["x-nothing"] = nil
			w.Header().Set("Allow", "GET")
		}), at(door, "GET", "/"))
		if bytes.Contains(out, []byte("anary")) || bytes.Contains(out, []byte("othing")) || !bytes.Contains(out, []byte(`"Allow":`)) {
			t.Errorf("%s: answered %s", door, out)
		}
		if n := strings.Count(log.String(), `"response_header_dropped"`); n != 7 || strings.Contains(log.String(), `"canary"`) {
			t.Errorf("%s: logged %d times, want 7:\n%s", door, n, &log)
		}
	}
}

// TestBrokenValues: a value with a character that no header has is left out, and the rest is
// sent.
func TestBrokenValues(t *testing.T) {
	logTo(t, io.Discard)
	for _, bad := range []string{"\x00", "\v", "\x1f", "\x7f", "\u0085", "\xff"} {
		for door := range doors {
			out := invoke(t, t.Context(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["X-Probe"] = []string{"canary" + bad, "good"}
				w.Header()["X-Other"] = []string{bad + "canary"}
			}), at(door, "GET", "/"))
			if bytes.Contains(out, []byte("canary")) || bytes.Contains(out, []byte("Other")) || !bytes.Contains(out, []byte("good")) {
				t.Errorf("%s, %q: answered %s", door, bad, out)
			}
		}
	}
}

// TestLargeProblem: a problem that is itself too large is replaced by the default.
func TestLargeProblem(t *testing.T) {
	logTo(t, io.Discard)
	large := func(w http.ResponseWriter, status int, _ string) {
		w.WriteHeader(status)
		w.Write(bytes.Repeat([]byte("a"), 1<<20))
	}
	boom := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })
	h := lambdahttp.Handler(boom, func(o *lambdahttp.Options) { o.Problem = large })
	out, err := h.Invoke(t.Context(), at("load-balancer", "GET", "/"))
	if err != nil || status(t, out) != 500 || len(out) > 1000 || !bytes.Contains(out, []byte("too large to be sent")) {
		t.Errorf("answered %.200s, %v", out, err)
	}
}

// TestTypeInLowerCase: a type whose header is spelled otherwise is not guessed beside it.
func TestTypeInLowerCase(t *testing.T) {
	got := respondTo(t, "GET", func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["content-type"] = []string{"text/plain"}
		io.WriteString(w, "<!DOCTYPE html>")
	})
	equal(t, "lambdahttp", got, response{StatusCode: 200, Headers: map[string]string{"Content-Type": "text/plain"}, Body: "<!DOCTYPE html>"})
}

// TestNilProblem: to set Problem to nil is to want the default, and no mistake that is logged.
func TestNilProblem(t *testing.T) {
	var log bytes.Buffer
	logTo(t, &log)
	h := lambdahttp.Handler(http.NotFoundHandler(), func(o *lambdahttp.Options) { o.Problem = nil })
	out, err := h.Invoke(t.Context(), at("http-api", "GET /", "/"))
	if err != nil || status(t, out) != 400 || strings.Contains(log.String(), "panic") {
		t.Errorf("answered %s, %v, log: %s", out, err, &log)
	}
}

// TestProblemOption: the program's own problem is the answer where the handler has none. One
// that fails is replaced by the default, and never breaks an answer.
func TestProblemOption(t *testing.T) {
	logTo(t, io.Discard)
	boom := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })
	large := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(bytes.Repeat([]byte("a"), 1<<20)) })
	for name, tt := range map[string]struct {
		problem func(w http.ResponseWriter, status int, detail string)
		own     bool
	}{
		"own": {func(w http.ResponseWriter, status int, detail string) {
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(status)
			fmt.Fprintf(w, "own %d", status)
		}, true},
		"panics": {func(w http.ResponseWriter, status int, _ string) {
			w.WriteHeader(status)
			io.WriteString(w, "own")
			panic("problem")
		}, false},
		"writes nothing": {func(w http.ResponseWriter, _ int, _ string) { w.Header().Set("X-Own", "own") }, false},
		"no such status": {func(w http.ResponseWriter, _ int, _ string) { w.WriteHeader(0) }, false},
		"not complete": {func(w http.ResponseWriter, status int, _ string) {
			w.Header().Set("Content-Length", "5")
			w.WriteHeader(status)
			io.WriteString(w, "own")
		}, false},
		"is nil":           {nil, false},
		"an informational": {func(w http.ResponseWriter, _ int, _ string) { w.WriteHeader(103) }, false},
	} {
		option := func(o *lambdahttp.Options) { o.Problem = tt.problem }
		for door := range doors {
			bad := bytes.Replace(at(door, "GET", "/"), []byte("{"), []byte(`{"isBase64Encoded": true, "body": "!", `), 1)
			bad = bytes.Replace(bad, []byte(`"body": "",`), nil, 1)
			for what, tt2 := range map[string]struct {
				event   []byte
				handler http.Handler
				status  int
			}{
				"panic":     {at(door, "GET", "/"), boom, 500},
				"too large": {at(door, "GET", "/"), large, 500},
				"bad event": {bad, boom, 400},
			} {
				if what == "too large" && !strings.HasPrefix(door, "load-balancer") {
					continue // TestLimits has these
				}
				out, err := lambdahttp.Handler(tt2.handler, option).Invoke(t.Context(), tt2.event)
				own := bytes.Contains(out, fmt.Appendf(nil, "own %d", tt2.status))
				if err != nil || status(t, out) != tt2.status || own != tt.own || !own && !bytes.Contains(out, []byte("about:blank")) ||
					!own && bytes.Contains(bytes.ToLower(out), []byte("own\"")) {
					t.Errorf("%s, %s, %s: answered %s, %v", name, door, what, out, err)
				}
			}
		}
	}
}
