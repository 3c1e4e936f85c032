package coatcheck_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/testenv"
)

// TestTranscript runs the curl commands of README.md's transcript against the real
// server, and compares their output. For random IDs, secrets and times it compares only
// the format. It does this with the curl of this machine, if there is one, and with our
// stand-in for curl, which must print the same.
func TestTranscript(t *testing.T) {
	folder, release, err := testenv.Kept(filepath.Join(".cache", "tested", "transcript"))
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	server := filepath.Join(folder, "server")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", server, "./cmd/server").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := exec.LookPath("curl"); err == nil {
		t.Run("curl", func(t *testing.T) { replay(t, server, os.Getenv("PATH")) })
	}
	t.Run("the stand-in", func(t *testing.T) { replay(t, server, standIn(t)) })
}

// standIn builds the stand-in for curl, a program that replaces it. It returns a PATH
// on which the stand-in is the first curl.
func standIn(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(folder, "curl"), "./testdata/curl").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return folder + string(os.PathListSeparator) + os.Getenv("PATH")
}

func replay(t *testing.T, server, path string) {
	t.Helper()
	url := serve(t, server)
	folder := t.TempDir()
	steps := transcript(t)
	if len(steps) < 5 {
		t.Fatalf("README.md has %d steps in its transcript", len(steps))
	}
	for _, step := range steps {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(step.command, "http://localhost:8080", url))
		cmd.Dir, cmd.Env = folder, append(os.Environ(), "PATH="+path)
		got, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("$ %s\n%v", step.command, err)
		}
		if got, want := masked(string(got)), masked(step.output); got != want {
			t.Errorf("$ %s\ngot  %s\nwant %s", step.command, got, want)
		}
	}
}

type step struct{ command, output string }

// transcript reads the console block of README.md. A line that begins with "$ " is a
// command. The lines after it, up to the next empty line, are its output.
func transcript(t *testing.T) []step {
	_, block, ok := strings.Cut(read(t, "README.md"), "```console\n")
	block, _, end := strings.Cut(block, "```")
	if !ok || !end {
		t.Fatal("README.md has no console block")
	}
	var steps []step
	for part := range strings.SplitSeq(strings.TrimSpace(block), "\n\n") {
		command, output, _ := strings.Cut(part, "\n")
		command, isCommand := strings.CutPrefix(command, "$ ")
		if !isCommand {
			t.Fatalf("README.md's transcript has a part without a command: %s", part)
		}
		steps = append(steps, step{command, output})
	}
	return steps
}

var masks = []struct {
	pattern *regexp.Regexp
	shape   string
}{
	{regexp.MustCompile(`=[\w-]{22}\.[\w-]{22}\.[\w-]{43};`), "=TOKEN;"},
	{regexp.MustCompile(`"[\w-]{22}"`), `"ID"`},
	{regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"`), `"TIME"`},
}

func masked(output string) string {
	for _, m := range masks {
		output = m.pattern.ReplaceAllString(output, m.shape)
	}
	return strings.TrimSpace(strings.ReplaceAll(output, "\r", ""))
}

// serve runs cmd/server's binary on a free port, and returns its URL. At the end of the
// test, it stops the server with the signal of Ctrl-C.
func serve(t *testing.T, binary string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	cmd := exec.CommandContext(ctx, binary, "-addr", "localhost:0")
	var log bytes.Buffer
	cmd.Stderr = &log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer cancel()
		if err := errors.Join(cmd.Process.Signal(syscall.SIGINT), cmd.Wait()); err != nil {
			t.Errorf("stopping the server: %v\n%s", err, &log)
		}
	})
	lines := bufio.NewReader(stdout)
	first, err := lines.ReadString('\n')
	if err != nil {
		t.Fatalf("the server printed nothing: %v\n%s", err, &log)
	}
	go io.Copy(io.Discard, lines)
	return regexp.MustCompile(`http://\S+`).FindString(first)
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
