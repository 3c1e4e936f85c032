package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"example.com/coatcheck/internal/testing/dynamotest"
)

// runImport runs an import whose input is what write writes. It returns the import's
// output and its peak memory, in MB.
func runImport(tb testing.TB, cmd *exec.Cmd, write func(io.Writer)) (stdout string, peak int) {
	tb.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	write(stdin)
	// The memory that wait reports for a child process starts with the memory of its
	// parent. So it is read from /proc.
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err != nil {
		tb.Fatal(err)
	}
	kilobytes, err := strconv.Atoi(string(regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)[1]))
	if err != nil {
		tb.Fatal(err)
	}
	stdin.Close()
	cmd.Wait()
	return out.String(), kilobytes >> 10
}

// TestImportStreams imports 90 MB with much less memory. The import holds neither
// the whole file nor many rows that wait to be written, and a quote without its end, which
// makes one row of the last quarter, is told as what it is.
func TestImportStreams(t *testing.T) {
	sh := newShell(t)
	const rows, bad = 100, 999
	stdout, peak := runImport(t, sh.command("users", "import", "-"), func(stdin io.Writer) {
		io.WriteString(stdin, someRows(rows))
		for range bad {
			io.WriteString(stdin, strings.Repeat("x", 69<<10)+"\n")
		}
		io.WriteString(stdin, "\"open,")
		for range bad / 3 {
			io.WriteString(stdin, strings.Repeat(strings.Repeat("x", 1<<10)+"\n", 69))
		}
	})
	if want := counts(rows+bad+1, rows, 0, bad+1); stdout != want {
		t.Errorf("%s, want %s", stdout, want)
	}
	if peak > 60 {
		t.Errorf("it took %d MB", peak)
	}
	if stored := len(sh.all()); stored != rows {
		t.Errorf("%d users are stored, want %d", stored, rows)
	}
}

// BenchmarkImport imports users into tables of their own.
func BenchmarkImport(b *testing.B) {
	for _, rows := range []int{10_000, 100_000} {
		b.Run(strconv.Itoa(rows), func(b *testing.B) {
			text := someRows(rows)
			for b.Loop() {
				cmd := exec.Command(binary, "users", "import", "-")
				cmd.Env = []string{"HOME=" + b.TempDir(), "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
					"AWS_ENDPOINT_URL_DYNAMODB=" + dynamotest.Endpoint(b), "USERS_TABLE=" + dynamotest.Table(b, "UsersTable")}
				stdout, peak := runImport(b, cmd, func(stdin io.Writer) { io.WriteString(stdin, text) })
				if stdout != counts(rows, rows, 0, 0) {
					b.Fatal(stdout)
				}
				b.ReportMetric(float64(peak), "MB")
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// TestImportShowsProgress: on a terminal an import shows its progress, and removes it
// before it prints a message. With --json it shows no progress.
func TestImportShowsProgress(t *testing.T) {
	sh := newShell(t)
	_, more, _ := strings.Cut(someRows(300), "\n")
	text := someRows(300) + "bad,,x,,\n" + strings.ReplaceAll(more, "user", "more")
	screen := func(text string, args ...string) *terminal {
		screen, tty := openTerminal(t)
		cmd := sh.command(append([]string{"users", "import", sh.file("users.csv", text)}, args...)...)
		cmd.Stdout, cmd.Stderr = tty, tty
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if cmd.Run(); cmd.ProcessState.ExitCode() != 1 {
			t.Errorf("%v, want exit code 1", cmd.ProcessState)
		}
		return screen
	}
	bar := screen(text)
	bar.shows(strings.TrimSpace(counts(601, 600, 0, 1)) + "\r\ncoatcheck: 1 bad rows were left out")
	for _, want := range []string{"Importing", "%", " \rcoatcheck: line 302: password hash: of no known scheme\r\n", " \rRows: 601."} {
		if !strings.Contains(bar.shown(), want) {
			t.Errorf("no %q on the screen: %q", want, bar.shown())
		}
	}
	quiet := screen(someRows(3)+"bad,,x,,\n", "--json")
	quiet.shows(`"complete":true}` + "\r\ncoatcheck: 1 bad rows were left out")
	if strings.Contains(quiet.shown(), "Importing") {
		t.Errorf("with --json the screen shows %q", quiet.shown())
	}
}
