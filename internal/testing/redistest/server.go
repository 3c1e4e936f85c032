package redistest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"example.com/coatcheck/internal/local/childprocess"
)

// Server is a Redis or Valkey server on this machine, with its own folder.
type Server struct {
	address string
	folder  string
	args    []string

	process *childprocess.Process // nil before the first start
	output  bytes.Buffer          // may be read only after the process has ended
}

// startTimeout is much longer than the tenth of a second that a start takes.
const startTimeout = time.Minute

// start starts a server on a free port. The server ends when this process ends, even if
// this process is killed.
func start(args ...string) (*Server, error) {
	port, err := childprocess.FreePort("127.0.0.1")
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "redistest-")
	if err != nil {
		return nil, err
	}
	s := &Server{address: net.JoinHostPort("127.0.0.1", port), folder: folder}
	s.args = append([]string{"--bind", "127.0.0.1", "--port", port, "--dir", folder, "--save", ""}, args...)
	if err := s.Start(); err != nil {
		s.discard()
		return nil, err
	}
	return s, nil
}

// Open starts a server for a program that is no test, and turns off the log of go-redis, as Main
// does. The caller calls stop when it is done.
func Open() (s *Server, stop func(), err error) {
	logging.Disable()
	if s, err = start(); err != nil {
		return nil, nil, err
	}
	return s, s.discard, nil
}

// Options returns options for a client of the server.
func (s *Server) Options() *redis.Options { return &redis.Options{Addr: s.address} }

// Start starts a killed server again, with the same port and the same data. It returns
// when the server answers.
func (s *Server) Start() error {
	program, err := program(context.Background())
	if err != nil {
		return err
	}
	if err := s.launch(program); err != nil {
		return fmt.Errorf("starting %s: %w", program, err)
	}
	if err := s.wait(); err != nil {
		s.Kill()
		return fmt.Errorf("%s did not start: %w; it said: %s", program, err, childprocess.LastPart(s.output.String()))
	}
	return nil
}

// Kill ends the server with the signal KILL, and returns after its process has ended.
// It may be called twice.
func (s *Server) Kill() {
	if s.process != nil {
		s.process.Stop()
	}
}

// Pause stops the process by the signal STOP: the kernel still accepts connections, and
// nothing answers. Resume continues it.
func (s *Server) Pause() error { return syscall.Kill(s.process.PID(), syscall.SIGSTOP) }

// Resume continues a paused server.
func (s *Server) Resume() error { return syscall.Kill(s.process.PID(), syscall.SIGCONT) }

// discard kills the server and deletes its data.
func (s *Server) discard() {
	s.Kill()
	os.RemoveAll(s.folder)
}

func (s *Server) launch(program string) error {
	cmd := exec.Command(program, s.args...)
	s.output.Reset()
	cmd.Stdout, cmd.Stderr = &s.output, &s.output
	process, err := childprocess.StartIn(s.folder, cmd, childprocess.KILL)
	if err != nil {
		return err
	}
	s.process = process
	return nil
}

// wait returns when the process answers commands, when it has ended, or when the time
// is over. The port was free a moment ago, but another process may use it now. So the
// answer must come from our process.
func (s *Server) wait() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	options := s.Options()
	options.DialerRetries = 1
	client := redis.NewClient(options)
	defer client.Close()
	for {
		info, err := client.Info(ctx, "server").Result()
		if err == nil && strings.Contains(info, fmt.Sprintf("\nprocess_id:%d\r\n", s.process.PID())) && client.Ping(ctx).Err() == nil {
			return nil
		}
		select {
		case <-s.process.Exited():
			return errors.New("the process ended")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}
