package functions_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// BenchmarkLogin measures what a sign-in costs the real login function: time of
// the processor, and the most memory that the process had. On Lambda a function
// gets a share of a processor in proportion to its memory, a whole one at 1,769 MB
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html); the
// last figure is the processor's time at the 1,024 MB of template.yaml.
func BenchmarkLogin(b *testing.B) {
	s := newStack(b, map[string]string{"ATTEMPTS_PER_NETWORK": "1000000,1h"})
	process := s.functions["LoginFunction"].cmd.Process.Pid
	s.signIn(b) // makes the connections
	before := processorSeconds(b, process)
	for b.Loop() {
		s.signIn(b)
	}
	perLogin := (processorSeconds(b, process) - before) / float64(b.N) * 1000
	b.ReportMetric(perLogin, "cpu-ms/op")
	b.ReportMetric(perLogin*1769/1024, "ms-at-1024MB/op")
	b.ReportMetric(peakMemory(b, process), "peak-MB")
}

// processorSeconds returns the processor time that a process has had: user and
// system, in hundredths of a second, are fields 14 and 15 of its stat (proc_pid_stat(5)).
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
