// Package childprocess runs programs that end when this process does, in whatever way.
package childprocess

import (
	"context"
	"io"
	"os/exec"
	"syscall"
)

// Process is a child process. It leads a process group of its own, so that
// a Ctrl-C at the terminal reaches it by [Process.Stop] only.
type Process struct {
	cmd    *exec.Cmd
	stdin  io.Closer     // see script
	exited chan struct{} // closed when the process has ended
	err    error         // to be read after exited
}

// script runs the command it is given until standard input closes, which it does
// at the latest when the parent process dies; then it sends the signal $0 to the
// group. The command takes the shell's process ID.
const script = `exec 3<&0
{ trap '' HUP INT TERM; cat <&3; kill -"$0" -$$; } >/dev/null 2>&1 &
exec "$@" 3<&-`

// Signals are what can end a program: INT as Ctrl-C does, TERM, KILL at once.
const (
	INT  = "INT"
	TERM = "TERM"
	KILL = "KILL"
)

// Start starts a program, whose standard input must not be set. The signal is
// what ends it and what it has started itself.
func Start(cmd *exec.Cmd, signal string) (*Process, error) {
	if cmd.Err != nil {
		return nil, cmd.Err
	}
	shell, err := exec.LookPath("sh")
	if err != nil {
		return nil, err
	}
	cmd.Args = append([]string{"sh", "-c", script, signal, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = shell
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p := &Process{cmd: cmd, exited: make(chan struct{})}
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.exited)
		p.err = cmd.Wait()
	}()
	return p, nil
}

// Stop ends the process and returns when it is gone. Stopping twice is no harm.
func (p *Process) Stop() {
	p.stdin.Close()
	<-p.exited
}

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Wait returns when the process has ended, with the error of [exec.Cmd.Wait]. If
// ctx ends first it stops the process and returns ctx's error.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.exited:
		p.stdin.Close()
		return p.err
	case <-ctx.Done():
		p.Stop()
		return ctx.Err()
	}
}
