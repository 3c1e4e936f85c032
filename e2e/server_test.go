package e2e_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/internal/local/childprocess"
)

// server is a make target that serves the product.
type server struct {
	url     string
	pid     int
	process *childprocess.Process
}

// makeTimeout is long enough for a make target that first builds everything on a slow
// machine.
const makeTimeout = 10 * time.Minute

var announced = regexp.MustCompile(`^(?:Coatcheck|Harbour News|The portal) is at (http://\S+)\n$`)

// serve runs make with the arguments. It returns when the target has printed its
// address. Stopping the process is like Ctrl-C; at the latest the end of the test stops
// it.
func serve(t testing.TB, args ...string) *server {
	t.Helper()
	cmd := exec.Command("make", append([]string{"--no-print-directory", "-C", ".."}, args...)...)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = write, write
	process, err := childprocess.Start(cmd, childprocess.INT)
	write.Close()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{pid: cmd.Process.Pid, process: process}
	found, drained := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(drained)
		lines := bufio.NewReader(read)
		for {
			line, err := lines.ReadString('\n')
			log.WriteString(line)
			if match := announced.FindStringSubmatch(line); match != nil {
				found <- match[1]
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		s.process.Stop()
		<-drained
		if t.Failed() {
			t.Logf("make %s printed:\n%s", strings.Join(args, " "), &log)
		}
	})
	select {
	case s.url = <-found:
	case <-process.Exited():
		t.Fatalf("make %s has ended", strings.Join(args, " "))
	case <-time.After(makeTimeout):
		t.Fatalf("make %s does not serve after %v", strings.Join(args, " "), makeTimeout)
	}
	return s
}

// httpsOf returns the https address of make run at this address.
func httpsOf(address string) string { return "https" + strings.TrimPrefix(address, "http") }

// containers lists the containers of Lambda functions, running or not.
func containers(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command("docker", "ps", "--all", "--quiet", "--filter", "label=sam.cli.container.type=lambda")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("docker ps: %v", err)
	}
	return strings.Fields(string(out))
}

// descendants lists the processes that a process has started, and all that those have
// started. It reads Linux's /proc.
func descendants(t *testing.T, pid int) (all []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		t.Fatal("no /proc: this test needs Linux")
	}
	children := map[int][]int{}
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // the process has ended
		}
		child, rest, _ := strings.Cut(string(text), " (")
		fields := strings.Fields(rest[strings.LastIndex(rest, ")")+1:])
		id, _ := strconv.Atoi(child)
		parent, _ := strconv.Atoi(fields[1])
		children[parent] = append(children[parent], id)
	}
	for queue := []int{pid}; len(queue) > 0; queue = queue[1:] {
		all = append(all, children[queue[0]]...)
		queue = append(queue, children[queue[0]]...)
	}
	return all
}

// survives returns the command of a process that still runs after a minute. It waits so
// long because ending may be slow on a busy machine.
func survives(pid int) (string, bool) {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		command, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		if err != nil || len(command) == 0 { // it has ended, or is a zombie
			return "", false
		}
		if time.Now().After(deadline) {
			return strings.ReplaceAll(string(command), "\x00", " "), true
		}
	}
}

// stopAll stops the server, which must have started at least so many processes, and checks
// that it leaves none of them behind.
func (s *server) stopAll(t *testing.T, least int) {
	t.Helper()
	started := descendants(t, s.pid)
	if len(started) < least {
		t.Fatalf("only the processes %v run", started)
	}
	s.process.Stop()
	for _, pid := range started {
		if command, ok := survives(pid); ok {
			t.Errorf("the process %d is left: %s", pid, command)
		}
	}
}

// makeFails runs a make target that must fail, and returns its output.
func makeFails(t *testing.T, environment []string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), makeTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "make", append([]string{"--no-print-directory", "-C", ".."}, args...)...)
	cmd.Env = append(os.Environ(), environment...)
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("make %s succeeds:\n%s", strings.Join(args, " "), out)
	}
	return string(out)
}
