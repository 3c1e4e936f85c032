package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkInit measures how long the function takes from its start until it asks Lambda for
// the first event: what users wait for at a cold start, without what Lambda itself takes. If
// COATCHECK_BASE names a commit, that commit's function is started in turn with this one:
//
//	COATCHECK_BASE=9021d56 go test -run '^$' -bench Init -benchtime 200x ./functions/profile
func BenchmarkInit(b *testing.B) {
	binaries := map[string]string{"now": buildProfile(b, filepath.Join("..", ".."))}
	if base := os.Getenv("COATCHECK_BASE"); base != "" {
		binaries["base"] = buildProfile(b, worktree(b, base))
	}
	asked := make(chan struct{})
	lambda := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done() // there is no event
	}))
	defer lambda.Close()
	dynamodb := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		io.WriteString(w, "{}") // there is no such item
	}))
	defer dynamodb.Close()
	environment := []string{
		"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(lambda.URL, "http://"), "AWS_ENDPOINT_URL_DYNAMODB=" + dynamodb.URL,
		"AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "SESSIONS_TABLE=sessions",
	}
	took, cpu := map[string][]float64{}, map[string][]float64{}
	for b.Loop() {
		for _, name := range []string{"base", "now"} {
			if binaries[name] == "" {
				continue
			}
			function := exec.Command(binaries[name])
			function.Env = environment
			began := time.Now()
			if err := function.Start(); err != nil {
				b.Fatal(err)
			}
			<-asked
			took[name] = append(took[name], float64(time.Since(began).Microseconds())/1000)
			function.Process.Kill()
			function.Wait() // always an error: it was killed
			cpu[name] = append(cpu[name], float64((function.ProcessState.UserTime()+function.ProcessState.SystemTime()).Microseconds())/1000)
		}
	}
	for name := range took {
		b.ReportMetric(median(took[name]), name+"-median-ms")
		b.ReportMetric(median(cpu[name]), name+"-median-cpu-ms") // which says more on a busy machine
	}
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// buildProfile builds the function of a working tree as it is deployed, for this machine.
func buildProfile(b *testing.B, tree string) string {
	b.Helper()
	folder := b.TempDir()
	build := exec.Command("make", "-C", tree, "build-ProfileFunction", "GOOS="+runtime.GOOS, "ARCHITECTURE="+runtime.GOARCH, "ARTIFACTS_DIR="+folder)
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(folder, "bootstrap")
}

// worktree returns a folder with the files of a commit.
func worktree(b *testing.B, commit string) string {
	b.Helper()
	folder := filepath.Join(b.TempDir(), "tree")
	if out, err := exec.Command("git", "worktree", "add", "--detach", folder, commit).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	b.Cleanup(func() { exec.Command("git", "worktree", "remove", "--force", folder).Run() })
	return folder
}
