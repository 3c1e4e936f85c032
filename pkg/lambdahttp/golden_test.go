package lambdahttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
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

var update = flag.Bool("update", false, "write the golden files instead")

// TestGolden compares the whole answer to each testdata/*.event.json with the
// *.response.json beside it. The handler shows the request it was given. An error of the
// invocation is written as Lambda's runtime writes it.
func TestGolden(t *testing.T) {
	events, err := filepath.Glob("testdata/*.event.json")
	if err != nil || len(events) == 0 {
		t.Fatalf("no events in testdata: %v", err)
	}
	logTo(t, io.Discard)
	for _, file := range events {
		name := strings.TrimSuffix(file, ".event.json")
		t.Run(filepath.Base(name), func(t *testing.T) {
			out, err := lambdahttp.Handler(http.HandlerFunc(show)).Invoke(t.Context(), read(t, file))
			if err != nil {
				out = fmt.Appendf(nil, `{"errorMessage":%q}`, err)
			}
			compareGolden(t, name+".response.json", indent(t, out))
		})
	}
}

// compareGolden compares what there is with a golden file, and writes the file if -update is given.
func compareGolden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if want := read(t, file); !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// show writes the request as the handler sees it, and a header and a cookie twice.
func show(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Add("Vary", "Accept")
	w.Header().Add("Vary", "Accept-Encoding")
	http.SetCookie(w, &http.Cookie{Name: "a", Value: "1", Path: "/"})
	http.SetCookie(w, &http.Cookie{Name: "b", Value: "2,3", Path: "/"})
	fmt.Fprintf(w, "%s %s (path %q)\n", r.Method, r.RequestURI, r.URL.Path)
	fmt.Fprintf(w, "host %s, from %s, %d bytes\n", r.Host, r.RemoteAddr, r.ContentLength)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(w, "%s: %q\n", name, r.Header[name])
	}
	fmt.Fprintln(w)
	io.Copy(w, r.Body)
}

func invoke(t testing.TB, ctx context.Context, h http.Handler, payload []byte) []byte {
	t.Helper()
	out, err := lambdahttp.Handler(h).Invoke(ctx, payload)
	if err != nil {
		t.Fatalf("Invoke returned an error, which the gateway answers without our headers: %v", err)
	}
	return out
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// indent also sorts the members of objects. It keeps the difference between null and
// empty.
func indent(t *testing.T, b []byte) []byte {
	t.Helper()
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
