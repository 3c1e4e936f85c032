package migration

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"example.com/coatcheck/internal/local/childprocess"
)

// Program is a program that serves HTTP on a port of this machine.
type Program struct {
	name, port  string
	folder      string   // in which it runs
	environment []string // beside that of this process
	serve       []string // its command
	log         string   // the path of its log

	process *childprocess.Process // nil before the first start
}

func newProgram(name, folder string) (*Program, error) {
	port, err := childprocess.FreePort("127.0.0.1")
	return &Program{name: name, port: port, log: filepath.Join(folder, name+".log")}, err
}

func (p *Program) url() string { return "http://127.0.0.1:" + p.port }

// Start starts the program as it was started last. It returns when the program answers.
func (p *Program) Start(ctx context.Context) error { return p.startWith(ctx) }

func (p *Program) startWith(ctx context.Context, more ...string) error {
	p.environment = append(p.environment, more...)
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.serve[0], p.serve[1:]...)
	cmd.Dir, cmd.Env = p.folder, append(os.Environ(), p.environment...)
	cmd.Stdout, cmd.Stderr = log, log
	if p.process, err = childprocess.Start(cmd, childprocess.TERM); err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	if err := p.wait(ctx); err != nil {
		p.Stop()
		return fmt.Errorf("%s does not start: %w; it said: %s", p.name, err, childprocess.LastPart(p.Log()))
	}
	return nil
}

// startTimeout is much longer than the second that a program takes to start.
const startTimeout = 2 * time.Minute

// wait returns when the program answers, whatever it answers.
func (p *Program) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodHead, p.url()+"/news", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultTransport.RoundTrip(request)
		if err == nil {
			return response.Body.Close()
		}
		select {
		case <-p.process.Exited():
			return errors.New("the process ended")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Stop ends the program. It may be called twice.
func (p *Program) Stop() {
	if p.process != nil {
		p.process.Stop()
	}
}

// Exited returns a channel that is closed when the program has ended.
func (p *Program) Exited() <-chan struct{} { return p.process.Exited() }

// Log returns what the program has printed.
func (p *Program) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// run runs another command in the program's folder and environment, and returns what it
// prints.
func (p *Program) run(ctx context.Context, command ...string) (string, error) {
	return p.runWith(ctx, "", command...)
}

func (p *Program) runWith(ctx context.Context, input string, command ...string) (string, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Env = p.folder, append(os.Environ(), p.environment...)
	cmd.Stdin = strings.NewReader(input)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, childprocess.LastPart(said.String()))
	}
	return string(out), nil
}
