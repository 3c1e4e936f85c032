// Package childprocess runs programs that end when this process ends, even if it is
// killed.
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

// Process is a child process. It leads its own process group, so a Ctrl-C at the
// terminal does not reach it. It ends when this process calls [Process.Stop].
type Process struct {
	cmd    *exec.Cmd
	stdin  *os.File      // see script
	exited chan struct{} // closed when the process has ended
	err    error         // may be read only after exited is closed
}

// script runs the given command until it reads a line, or until standard input
// closes because the parent process has died. Then it sends the signal $0 to the
// process group. If there is a folder, $1, it first ends the command alone. A signal
// that cannot be caught would end these lines too, and if the parent has died, no
// other process removes the folder. The command takes the shell's process ID.
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

// The names of the signals that can end a program. INT is the signal of Ctrl-C, and
// KILL ends a program at once.
const (
	INT  = "INT"
	TERM = "TERM"
	QUIT = "QUIT"
	KILL = "KILL"
)

// Start starts a program. The standard input of cmd must not be set. End is the
// signal that ends the program and the processes that the program has started.
func Start(cmd *exec.Cmd, end string) (*Process, error) { return StartIn("", cmd, end) }

// StartIn is like Start, for a program that has its own folder. The folder is removed
// if this process dies before it calls [Process.Stop]. Stop does not remove it.
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

// WithDefaultSignals calls start, which starts a child process. The signals that this
// process ignores still end that child process. For example, nohup makes this process
// ignore HUP, and a shell makes its background programs ignore INT. Without this
// function, a child process would ignore these signals too.
func WithDefaultSignals(start func() error) error {
	// A signal that has a handler here has its default action in a child process.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM)
	defer signal.Stop(caught)
	return start()
}

// PID returns the process ID of the program.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop ends the process and returns after the process has ended. It may be called
// twice.
func (p *Process) Stop() {
	p.release()
	<-p.exited
}

// release makes the script send its signal. A second call does nothing.
func (p *Process) release() {
	p.stdin.WriteString("stop\n")
	p.stdin.Close()
}

// Exited returns a channel that is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Wait returns the error of [exec.Cmd.Wait] when the process has ended. If ctx ends
// first, Wait stops the process and returns the error of ctx.
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

// LastPart returns the end of a program's output, short enough for an error.
func LastPart(output string) string {
	const most = 2000
	output = strings.TrimSpace(output)
	return output[max(0, len(output)-most):]
}

// FreePort returns a TCP port that was free on the host a moment ago, for programs
// that cannot choose a free port themselves. An empty host means all interfaces.
func FreePort(host string) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), nil
}
