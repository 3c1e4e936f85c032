// Package childprocess runs programs that end when this process does, in whatever way.
package childprocess

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
)

// Process is a child process. It leads a process group of its own, so that
// a Ctrl-C at the terminal reaches it by [Process.Stop] only.
type Process struct {
	cmd    *exec.Cmd
	stdin  *os.File      // see script
	exited chan struct{} // closed when the process has ended
	err    error         // to be read after exited
}

// script runs the command it is given until it reads a line, or until standard
// input closes because the parent process has died. Then it sends the signal $0 to
// the group. If there is a folder, $1, it ends the command alone first: a signal
// that cannot be caught would end these lines too, and when the parent has died
// nobody else is left to remove the folder. The command takes the shell's process ID.
const script = `exec 3<&0
{
	trap '' HUP INT TERM QUIT
	read -r line <&3
	if [ "$1" ]; then
		kill -"$0" $$
		for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 $$ && sleep 0.2; done
		[ "$line" ] || rm -rf "$1"
		set -- KILL
	else
		set -- "$0"
	fi
	kill -"$1" -$$
} >/dev/null 2>&1 &
shift
exec "$@" 3<&-`

// Signals are what can end a program: INT as Ctrl-C does, TERM, QUIT, KILL at once.
const (
	INT  = "INT"
	TERM = "TERM"
	QUIT = "QUIT"
	KILL = "KILL"
)

// Start starts a program, whose standard input must not be set. End is the
// signal that ends it and what it has started itself.
func Start(cmd *exec.Cmd, end string) (*Process, error) { return StartIn("", cmd, end) }

// StartIn is Start for a program that works in a folder of its own. The folder is
// removed when this process dies before [Process.Stop]; after Stop it is still there.
func StartIn(folder string, cmd *exec.Cmd, end string) (*Process, error) {
	if cmd.Err != nil {
		return nil, cmd.Err
	}
	shell, err := exec.LookPath("sh")
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	cmd.Args = append([]string{"sh", "-c", script, end, folder, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = shell
	cmd.Stdin = read
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := WithDefaultSignals(cmd.Start); err != nil {
		write.Close()
		return nil, err
	}
	p := &Process{cmd: cmd, stdin: write, exited: make(chan struct{})}
	go func() {
		defer close(p.exited)
		p.err = cmd.Wait()
	}()
	return p, nil
}

// WithDefaultSignals calls start. The process that start makes can be ended by the
// signals that this process ignores: nohup makes it ignore HUP, and a shell makes
// what it runs in the background ignore INT. A child process would inherit that.
func WithDefaultSignals(start func() error) error {
	caught := make(chan os.Signal, 1) // a signal with a handler has its default in a child process
	signal.Notify(caught, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM)
	defer signal.Stop(caught)
	return start()
}

// PID is the process ID of the program.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop ends the process and returns when it is gone. Stopping twice is no harm.
func (p *Process) Stop() {
	p.release()
	<-p.exited
}

// release has the script send its signal. A second time it does nothing.
func (p *Process) release() {
	p.stdin.WriteString("stop\n")
	p.stdin.Close()
}

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Wait returns when the process has ended, with the error of [exec.Cmd.Wait]. If
// ctx ends first it stops the process and returns ctx's error.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.exited:
		p.release()
		return p.err
	case <-ctx.Done():
		p.Stop()
		return ctx.Err()
	}
}

// LastPart cuts what a program said to what fits into an error.
func LastPart(output string) string {
	const most = 2000
	output = strings.TrimSpace(output)
	return output[max(0, len(output)-most):]
}

// FreePort returns a TCP port that was free on the host a moment ago, for
// programs that cannot choose one themselves. An empty host means all of them.
func FreePort(host string) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), nil
}
