package storetimes_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/pkg/storetimes"
)

// client returns a measured client of a server that answers each call with that status.
func client(t testing.TB, status int, options ...func(*dynamodb.Options)) *dynamodb.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(status)
		io.WriteString(w, `{}`)
	}))
	t.Cleanup(server.Close)
	return dynamodb.New(dynamodb.Options{
		Region: "eu-west-1", BaseEndpoint: &server.URL, Credentials: aws.AnonymousCredentials{}, RetryMaxAttempts: 1,
	}, append(options, func(o *dynamodb.Options) { o.APIOptions = append(o.APIOptions, storetimes.Measure) })...)
}

func get(ctx context.Context, c *dynamodb.Client) error {
	_, err := c.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: new("coats")})
	return err
}

// serve serves one request by a handler, and returns the lines that were logged.
func serve(t testing.TB, namespace string, h http.HandlerFunc) []string {
	t.Helper()
	var log bytes.Buffer
	times := storetimes.New(namespace, slog.New(slog.NewJSONHandler(&log, nil)))
	times.Handler(h).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	return strings.Split(strings.TrimSpace(log.String()), "\n")
}

type line struct {
	Metadata struct {
		Timestamp         int64
		CloudWatchMetrics []struct {
			Namespace  string
			Dimensions [][]string
			Metrics    []struct{ Name, Unit string }
		}
	} `json:"_aws"`
	Store      string
	StoreTime  []float64
	Calls      int
	Operations []string
}

func decode(t testing.TB, text string) (l line) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return l
}

// A request gets one line, with the time of each call, those that fail and those that are made
// at the same time too.
func TestOneLineARequest(t *testing.T) {
	works, fails := client(t, http.StatusOK), client(t, http.StatusBadRequest)
	lines := serve(t, "Shop", func(_ http.ResponseWriter, r *http.Request) {
		if err := get(r.Context(), fails); err == nil {
			t.Error("no error")
		}
		if _, err := works.ListTables(r.Context(), nil); err != nil {
			t.Error(err)
		}
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() {
				if err := get(r.Context(), works); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if err := get(context.WithoutCancel(r.Context()), works); err != nil {
			t.Error(err)
		}
		if err := get(t.Context(), works); err != nil { // of no request
			t.Error(err)
		}
	})
	if len(lines) != 1 {
		t.Fatalf("%d lines: %s", len(lines), lines)
	}
	l := decode(t, lines[0])
	if l.Calls != 13 || len(l.StoreTime) != 13 || len(l.Operations) != 13 || l.Operations[0] != "DescribeTable" || l.Operations[1] != "ListTables" {
		t.Errorf("got %s", lines[0])
	}
	for _, ms := range l.StoreTime {
		if ms <= 0 {
			t.Errorf("a call took %v ms", ms)
		}
	}
	if d := l.Metadata.CloudWatchMetrics; len(d) != 1 || d[0].Namespace != "Shop" || fmt.Sprint(d[0].Dimensions) != "[[Store]]" || l.Store != "DynamoDB" ||
		fmt.Sprint(d[0].Metrics) != "[{StoreTime Milliseconds}]" || l.Metadata.Timestamp < 1_700_000_000_000 {
		t.Errorf("got %s", lines[0])
	}
}

// The format takes a hundred values of a metric. The line says how many calls there were.
func TestAHundredValues(t *testing.T) {
	c := client(t, http.StatusOK)
	for _, calls := range []int{1, 100, 101, 150} {
		lines := serve(t, "Shop", func(_ http.ResponseWriter, r *http.Request) {
			for range calls {
				if err := get(r.Context(), c); err != nil {
					t.Fatal(err)
				}
			}
		})
		if l := decode(t, lines[0]); len(lines) != 1 || l.Calls != calls || len(l.StoreTime) != min(calls, 100) {
			t.Errorf("%d calls: %d lines, %d values, %d calls", calls, len(lines), len(l.StoreTime), l.Calls)
		}
	}
}

// There is no line without calls, and none without a namespace. One whose handler has panicked
// is written all the same.
func TestLinesThatAreNotWritten(t *testing.T) {
	c := client(t, http.StatusOK)
	call := func(_ http.ResponseWriter, r *http.Request) { get(r.Context(), c) }
	if lines := serve(t, "Shop", func(http.ResponseWriter, *http.Request) {}); lines[0] != "" {
		t.Errorf("without calls: %s", lines)
	}
	if lines := serve(t, "", call); lines[0] != "" {
		t.Errorf("without a namespace: %s", lines)
	}
	var log bytes.Buffer
	times := storetimes.New("Shop", slog.New(slog.NewJSONHandler(&log, nil)))
	func() {
		defer func() { recover() }()
		times.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			call(w, r)
			panic("boom")
		})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	}()
	if l := decode(t, log.String()); l.Calls != 1 {
		t.Errorf("after a panic: %s", log.String())
	}
}

// BenchmarkHandler measures what a request with two calls costs more when it is measured.
func BenchmarkHandler(b *testing.B) {
	c := client(b, http.StatusOK)
	for name, namespace := range map[string]string{"measured": "Shop", "not measured": ""} {
		b.Run(name, func(b *testing.B) {
			h := storetimes.New(namespace, slog.New(slog.NewJSONHandler(io.Discard, nil))).Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				get(r.Context(), c)
				get(r.Context(), c)
			}))
			r := httptest.NewRequest("GET", "/", nil)
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}
