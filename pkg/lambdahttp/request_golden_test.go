package lambdahttp_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/lambdahttp"
)

// kinds are the kinds of events by the names that the golden files have.
var kinds = []string{"http-api", "function-url", "http-api-1", "rest-api", "load-balancer", "load-balancer-multi"}

// TestRequests compares the request that a handler sees with the *.request.txt beside each
// testdata/requests/*.event.json. Where there is no request, it compares what is said of it.
// With -update it writes these files instead.
func TestRequests(t *testing.T) {
	logTo(t, io.Discard)
	events, err := filepath.Glob("testdata/requests/*.event.json")
	if err != nil || len(events) == 0 {
		t.Fatalf("no events: %v", err)
	}
	for _, file := range events {
		name := strings.TrimSuffix(file, ".event.json")
		t.Run(filepath.Base(name), func(t *testing.T) {
			compareGolden(t, name+".request.txt", []byte(requestOf(t, read(t, file))))
		})
	}
}

// requestOf returns the request of an event as text, or what is wrong with the event.
func requestOf(t *testing.T, payload []byte) (text string) {
	t.Helper()
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { text = requestText(r) })
	out, err := lambdahttp.Handler(h).Invoke(t.Context(), payload)
	if err != nil {
		return "error of the invocation: " + err.Error() + "\n"
	}
	if text == "" {
		var answer struct{ Body string }
		if err := json.Unmarshal(out, &answer); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		return answer.Body
	}
	return text
}

func requestText(r *http.Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\npath: %s\nhost: %s\nscheme: %s\nclient: %s\n", r.Method, r.RequestURI, r.URL.Path, r.Host, lambdahttp.Scheme(r), r.RemoteAddr)
	query := r.URL.Query()
	for _, name := range slices.Sorted(maps.Keys(query)) {
		fmt.Fprintf(&b, "query %s: %q\n", name, query[name])
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(&b, "header %s: %q\n", name, r.Header[name])
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || int64(len(body)) != r.ContentLength {
		fmt.Fprintf(&b, "%v after %d bytes of %d\n", err, len(body), r.ContentLength)
	}
	if len(body) > 0 {
		fmt.Fprintf(&b, "body: %s\n", body)
	}
	return b.String()
}

// TestEveryCellHasAGoldenFile: the rows of the tables in the package's documentation have a
// golden file for each kind. Stages and base paths are API Gateway's.
func TestEveryCellHasAGoldenFile(t *testing.T) {
	cells := []string{"method", "path", "query", "headers", "cookies", "body", "host", "scheme", "client", "nulls"}
	for _, kind := range kinds {
		want := cells
		if kind == "http-api" || kind == "http-api-1" || kind == "rest-api" {
			want = append(slices.Clone(cells), "stage", "base-path")
		}
		for _, cell := range want {
			name := fmt.Sprintf("testdata/requests/%s-%s", kind, cell)
			for _, file := range []string{name + ".event.json", name + ".request.txt"} {
				if _, err := os.Stat(file); err != nil {
					t.Error(err)
				}
			}
		}
		for answer := range answers {
			if _, err := os.Stat(fmt.Sprintf("testdata/responses/response-%s-%s.json", kind, answer)); err != nil {
				t.Error(err)
			}
		}
	}
}
