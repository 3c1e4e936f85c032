package functions_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// BenchmarkLogin measures the processor time and the peak memory of the real login
// function for a sign-in. On Lambda a function gets processor time in proportion to
// its memory. With 1,769 MB it gets a whole processor
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html).
// ms-at-1024MB/op is the time with the 1,024 MB of template.yaml.
func BenchmarkLogin(b *testing.B) {
	s := newStack(b, map[string]string{"ATTEMPTS_PER_NETWORK": "1000000,1h"})
	s.signIn(b) // starts the function, and opens the connections
	process := s.functions["LoginFunction"].cmd.Process.Pid
	before := processorSeconds(b, process)
	for b.Loop() {
		s.signIn(b)
	}
	perLogin := (processorSeconds(b, process) - before) / float64(b.N) * 1000
	b.ReportMetric(perLogin, "cpu-ms/op")
	b.ReportMetric(perLogin*1769/1024, "ms-at-1024MB/op")
	b.ReportMetric(peakMemory(b, process), "peak-MB")
}

// BenchmarkLoad sends one kind of request after another to the real functions, as a Lambda
// instance gets them, and measures the processor time of each. ms/op is the time at the
// memory that template.yaml gives the function. docs/capacity.md says what follows from it.
func BenchmarkLoad(b *testing.B) {
	s := newStack(b, map[string]string{"ATTEMPTS_PER_NETWORK": "1000000,1h"})
	cookie := s.signIn(b)
	for _, load := range []struct {
		function, path string
		memory         float64 // in MB
	}{
		{"ProfileFunction", "/profile", 256},
		{"WhoamiFunction", "/whoami", 256},
		{"SessionsFunction", "/sessions", 256},
	} {
		b.Run(load.path, func(b *testing.B) {
			s.measure(b, load.function, load.memory, func() {
				if r := s.do(b, request{method: "GET", path: load.path, cookie: cookie}); r.status != http.StatusOK {
					b.Fatalf("%d %s", r.status, r.body)
				}
			})
		})
	}
	var cookies []string
	b.Run("/login", func(b *testing.B) {
		s.measure(b, "LoginFunction", 1024, func() { cookies = append(cookies, s.signIn(b)) })
	})
	b.Run("/logout", func(b *testing.B) {
		s.measure(b, "LogoutFunction", 256, func() {
			cookie, cookies = cookies[0], append(cookies[1:], cookies[0]) // a session that has ended costs the same call
			if r := s.do(b, request{method: "POST", path: "/logout", cookie: cookie}); r.status >= http.StatusBadRequest {
				b.Fatalf("%d %s", r.status, r.body)
			}
		})
	})
}

// measure calls do b.N times, and reports the processor time that the function has taken for
// each. With 1,769 MB a function gets a whole processor.
func (s *stack) measure(b *testing.B, function string, memory float64, do func()) {
	do() // starts the function, and opens the connections
	process := s.functions[function].cmd.Process.Pid
	before := processorSeconds(b, process)
	for b.Loop() {
		do()
	}
	each := (processorSeconds(b, process) - before) / float64(b.N) * 1000
	b.ReportMetric(each, "cpu-ms/op")
	b.ReportMetric(each*1769/memory, "ms-at-its-memory/op")
	b.ReportMetric(peakMemory(b, process), "peak-MB")
}

// processorSeconds returns the processor time that a process has used. Fields 14 and 15
// of its stat file are user and system time, in hundredths of a second
// (proc_pid_stat(5)).
func processorSeconds(b *testing.B, process int) float64 {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", process))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100
}

var peak = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

func peakMemory(b *testing.B, process int) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process))
	if err != nil {
		b.Fatal(err)
	}
	kilobytes, err := strconv.ParseFloat(peak.FindStringSubmatch(string(status))[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kilobytes / 1024
}
