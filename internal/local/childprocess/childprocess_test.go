package childprocess_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/coatcheck/internal/local/childprocess"
	"example.com/coatcheck/internal/testing/testenv"
)

// folderVariable is an environment variable with the folder of a child process.
const folderVariable = "CHILDPROCESS_TEST_FOLDER"

func TestMain(m *testing.M) {
	testenv.Parent(func() (string, error) {
		p, err := childprocess.StartIn(os.Getenv(folderVariable), exec.Command("sleep", "600"), childprocess.KILL)
		if err != nil {
			return "", err
		}
		return strconv.Itoa(p.PID()), nil
	})
	m.Run()
}

func waitUntilGone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); syscall.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d is still there after a minute", pid)
		}
	}
}

func TestStop(t *testing.T) {
	for signal, want := range map[string]syscall.Signal{childprocess.INT: syscall.SIGINT, childprocess.TERM: syscall.SIGTERM, childprocess.KILL: syscall.SIGKILL} {
		p, err := childprocess.Start(exec.Command("sleep", "600"), signal)
		if err != nil {
			t.Fatal(err)
		}
		p.Stop()
		p.Stop()
		exit, ok := errors.AsType[*exec.ExitError](p.Wait(t.Context()))
		if !ok || exit.Sys().(syscall.WaitStatus).Signal() != want {
			t.Errorf("%s ended it by %v, want %v", signal, exit, want)
		}
	}
}

// TestStopInTheBackground tests that a signal which this process ignores still ends
// its child processes.
func TestStopInTheBackground(t *testing.T) {
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP)
	defer signal.Reset(syscall.SIGINT, syscall.SIGHUP)
	p, err := childprocess.Start(exec.Command("sleep", "600"), childprocess.INT)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		p.Stop()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		syscall.Kill(-p.PID(), syscall.SIGKILL)
		t.Error("the child process ignores INT, as its parent does")
	}
}

// TestStopWaits runs a program that needs time to clean up.
func TestStopWaits(t *testing.T) {
	var out bytes.Buffer
	cmd := exec.Command("sh", "-c", `trap 'sleep 0.3; echo cleaned; exit' TERM; echo up >&2; while :; do sleep 0.05; done`)
	cmd.Stdout = &out
	ready, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := childprocess.Start(cmd, childprocess.TERM)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(ready).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	p.Stop()
	if out.String() != "cleaned\n" {
		t.Errorf("printed %q before Stop returned", &out)
	}
}

// TestStopEndsTheGroup tests that Stop also ends the processes that the program has
// started.
func TestStopEndsTheGroup(t *testing.T) {
	cmd := exec.Command("sh", "-c", `sleep 600 & echo $!; wait`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := childprocess.Start(cmd, childprocess.TERM)
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	grandchild, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	p.Stop()
	waitUntilGone(t, grandchild)
}

func TestWait(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 3": 3} {
		p, err := childprocess.Start(exec.Command("sh", "-c", script), childprocess.TERM)
		if err != nil {
			t.Fatal(err)
		}
		err = p.Wait(t.Context())
		if exit, ok := errors.AsType[*exec.ExitError](err); (want == 0) != (err == nil) || ok && exit.ExitCode() != want {
			t.Errorf("%s: %v", script, err)
		}
		<-p.Exited()
	}

	p, err := childprocess.Start(exec.Command("sleep", "600"), childprocess.TERM)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait: %v", err)
	}
	waitUntilGone(t, p.PID())
}

// TestStopKeepsTheFolder tests that Stop keeps the folder, because the program needs
// its data at the next start.
func TestStopKeepsTheFolder(t *testing.T) {
	for _, signal := range []string{childprocess.TERM, childprocess.KILL} {
		folder := t.TempDir()
		p, err := childprocess.StartIn(folder, exec.Command("sleep", "600"), signal)
		if err != nil {
			t.Fatal(err)
		}
		p.Stop()
		for deadline := time.Now().Add(time.Minute); syscall.Kill(-p.PID(), 0) == nil && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond) // until the shell that removes folders has ended too
		}
		if _, err := os.Stat(folder); err != nil {
			t.Errorf("%s: after Stop: %v", signal, err)
		}
	}
}

// TestEndsWithItsParent tests that neither the program nor its folder is left.
func TestEndsWithItsParent(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	var child int
	testenv.KillParent(t, func(line string) {
		var err error
		if child, err = strconv.Atoi(line); err != nil || syscall.Kill(child, 0) != nil {
			t.Fatalf("no child %q: %v", line, err)
		}
	}, folderVariable+"="+folder)
	waitUntilGone(t, child)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("its folder is still there after a minute")
		}
	}
}

func TestStartExplains(t *testing.T) {
	if _, err := childprocess.Start(exec.Command("coatcheck-no-such-program"), childprocess.TERM); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("a missing program: %v", err)
	}
}
