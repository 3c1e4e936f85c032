package testenv

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// parentVariable is set in the environment of the processes that [KillParent] starts.
const parentVariable = "COATCHECK_TEST_PARENT"

// Parent returns at once, unless [KillParent] has started this process. In that case it
// calls start, which starts a child process, prints the line that start returns, and
// waits until it is killed. Call it at the beginning of TestMain.
func Parent(start func() (line string, err error)) {
	if os.Getenv(parentVariable) == "" {
		return
	}
	line, err := start()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(line)
	select {}
}

// KillParent runs this test binary again, with the further environment variables, so
// that [Parent] starts a child process there. It calls running with the line that
// describes the child process, and then kills the parent.
func KillParent(tb testing.TB, running func(line string), environment ...string) {
	tb.Helper()
	parent := exec.CommandContext(tb.Context(), os.Args[0])
	parent.Env = append(append(os.Environ(), parentVariable+"=1"), environment...)
	parent.Stderr = os.Stderr
	out, err := parent.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		tb.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatalf("the parent has started no child process: %v", err)
	}
	running(strings.TrimSpace(line))
	if err := parent.Process.Kill(); err != nil {
		tb.Fatal(err)
	}
	parent.Wait()
}
