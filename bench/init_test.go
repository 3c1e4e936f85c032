package bench_test

import (
	"archive/zip"
	"compress/flate"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// initTable is what users wait for at a cold start, without what Lambda itself takes: the time from
// the start of a function until it asks for the first event.
var initTable = table{
	name:    "init",
	modules: []string{"github.com/aws/aws-lambda-go", "github.com/aws/aws-sdk-go-v2/config", "github.com/aws/aws-sdk-go-v2/service/dynamodb"},
	measure: func(t *testing.T) grid {
		g := grid{head: []string{"", "CPU", "ms", "time", "ms", "peak MB", "zip MB"}}
		functions := []starter{
			{"functions/profile without its first call", compile(t, tree(t), "./functions/profile", "-overlay="+withoutWarmUp(t))},
			{"the SDK and its default configuration", compile(t, ".", "./functions/config", "")},
			{"the SDK alone", compile(t, ".", "./functions/sdk", "")},
			{"an empty function", compile(t, ".", "./functions/empty", "")},
			{"functions/profile, with its first call", compile(t, tree(t), "./functions/profile", "")},
		}
		lambda := newRuntime(t)
		all, peaks := make([]samples, len(functions)), make([]samples, len(functions))
		for range max(1, turns**rounds) {
			for i, f := range functions {
				took, peak := lambda.start(t, f.binary)
				all[i], peaks[i] = append(all[i], took), append(peaks[i], cost{bytes: peak})
			}
		}
		for i, f := range functions {
			g.add(f.name, times(all[i].ratio(all[0], cpu)), number(all[i].median(cpu)/1e6), times(all[i].ratio(all[0], wall)), number(all[i].median(wall)/1e6),
				number(peaks[i].median(heap)/1e6), zipSize(t, f.binary))
		}
		return g
	},
}

// starter is a function whose start is measured.
type starter struct{ name, binary string }

// lambdaRuntime is Lambda's runtime API, without events, and a DynamoDB without items.
type lambdaRuntime struct {
	asked       chan struct{}
	environment []string
}

func newRuntime(t *testing.T) lambdaRuntime {
	asked := make(chan struct{})
	lambda := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(lambda.Close)
	dynamodb := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		io.WriteString(w, "{}")
	}))
	t.Cleanup(dynamodb.Close)
	return lambdaRuntime{asked, []string{
		"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(lambda.URL, "http://"), "AWS_ENDPOINT_URL_DYNAMODB=" + dynamodb.URL,
		"AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "SESSIONS_TABLE=sessions",
	}}
}

// start starts the function and ends it when it asks for an event. Peak is the most memory that it had.
func (l lambdaRuntime) start(t *testing.T, binary string) (took cost, peak float64) {
	t.Helper()
	function := exec.Command(binary)
	function.Env = l.environment
	began := time.Now()
	if err := function.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-l.asked:
	case <-waiting(t).Done():
		t.Errorf("%s does not ask for an event", binary)
	}
	took.wall = float64(time.Since(began))
	peak = peakMemory(t, function.Process.Pid)
	function.Process.Kill()
	function.Wait() // always an error: it was killed
	took.cpu = float64(function.ProcessState.UserTime() + function.ProcessState.SystemTime())
	return took, peak
}

var peakLine = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peakMemory returns how many bytes a process has had at the most.
func peakMemory(t *testing.T, pid int) float64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	match := peakLine.FindSubmatch(status)
	if match == nil {
		t.Fatalf("process %d does not say how much memory it has had: %s", pid, status)
	}
	kilobytes, err := strconv.ParseFloat(string(match[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes * 1024
}

// withoutWarmUp returns a file for go build's flag -overlay, with which WarmUp makes no call.
func withoutWarmUp(t *testing.T) string {
	t.Helper()
	const call, none = "_ = call(ctx)", "_, _ = call, ctx"
	files, err := filepath.Glob(filepath.Join(tree(t), "pkg", "config", "dynamoconfig", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	replaced := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if changed := strings.Replace(string(text), call, none, 1); changed != string(text) {
			replaced[file] = filepath.Join(t.TempDir(), "warmup.go")
			if err := os.WriteFile(replaced[file], []byte(changed), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(replaced) != 1 {
		t.Fatalf("%q stands in %d files of dynamoconfig, want one", call, len(replaced))
	}
	overlay, _ := json.Marshal(map[string]any{"Replace": replaced})
	file := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(file, overlay, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// compile compiles a program as the Makefile compiles functions for Lambda, for this machine, with
// more flags of go build.
func compile(t *testing.T, folder, program, flags string) string {
	t.Helper()
	rule, err := exec.Command("make", "-n", "-C", tree(t), "build-ProfileFunction", "GOOS="+runtime.GOOS, "ARCHITECTURE="+runtime.GOARCH, "ARTIFACTS_DIR=OUT").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, rule)
	}
	command := regexp.MustCompile(`(?s)CGO_ENABLED=0.*?-o OUT/bootstrap \./functions/profile`).FindString(string(rule))
	if command == "" {
		t.Fatalf("the rule for functions is not as it was: %s", rule)
	}
	file := built(t, folder, program)
	if flags != "" {
		file += "-without-warm-up"
	}
	command = strings.Replace(command, "OUT/bootstrap ./functions/profile", file+" "+program, 1)
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = folder
	if folder != "." {
		cmd.Env = append(os.Environ(), "GOFLAGS="+flags)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return file
}

// zipSize returns how many MB the function has as it is sent to Lambda.
func zipSize(t *testing.T, binary string) string {
	t.Helper()
	content, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	var size counter
	archive := zip.NewWriter(&size)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, 6) })
	file, err := archive.Create("bootstrap")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%.2f", float64(size)/1e6)
}

// counter counts what is written to it.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
