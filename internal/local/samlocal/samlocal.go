// Package samlocal runs the deployed shape on this machine: the functions as sam
// build makes them, in containers behind sam local start-api, and DynamoDB Local
// with the tables of template.yaml.
package samlocal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"example.com/coatcheck/internal/local/childprocess"
	"example.com/coatcheck/internal/local/dynamolocal"
	"example.com/coatcheck/internal/local/samtemplate"
)

// Stack is the deployed shape. Fill in the fields, then call the methods in the
// order in which they stand here. The working directory has to be the folder of
// template.yaml.
type Stack struct {
	SAM      string    // the sam program
	Port     string    // to listen on, at localhost
	Folder   string    // for what is built and logged; absolute, and used by no other Stack
	Database string    // the DynamoDB to use; empty means one that the Stack starts
	Logs     io.Writer // what the functions log goes here

	template *samtemplate.Template
	port     net.Listener
	dynamo   *dynamolocal.Server
	api      *childprocess.Process
}

// Check reports what is missing on this machine, or in the way: each error says
// what to do. From here on the port is taken.
func (s *Stack) Check(ctx context.Context) error {
	if err := s.takePort(); err != nil {
		return err
	}
	if err := checkDocker(ctx); err != nil {
		return err
	}
	if err := s.checkSAM(ctx); err != nil {
		return err
	}
	var err error
	if s.template, err = samtemplate.Read("template.yaml"); err != nil {
		return err
	}
	return os.MkdirAll(s.Folder, 0o755)
}

func (s *Stack) takePort() error {
	const elsewhere = "choose another port with: PORT=3001 make local"
	if n, err := strconv.ParseUint(s.Port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("PORT is %q; it must be a number from 1 to 65535", s.Port)
	}
	var err error
	s.port, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", s.Port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port %s is taken, by another make local or another program; end that one, or %s", s.Port, elsewhere)
	}
	if err != nil {
		return fmt.Errorf("cannot listen on port %s: %w; %s", s.Port, err, elsewhere)
	}
	return nil
}

func (s *Stack) checkSAM(ctx context.Context) error {
	if _, err := exec.LookPath(s.SAM); err == nil {
		return nil
	}
	if err := exec.CommandContext(ctx, "python3", "-c", "import ensurepip, venv").Run(); err != nil {
		return errors.New("the SAM CLI is not on the PATH, and without Python 3 and its venv it cannot be installed: install either (Debian: apt-get install python3-venv)")
	}
	return nil
}

// architecture is this machine's, as SAM calls it.
func architecture() string {
	if runtime.GOARCH == "amd64" {
		return "x86_64"
	}
	return runtime.GOARCH
}

// build is where the functions are built: not in SAM's own folder, because what
// is there may be deployed next.
func (s *Stack) build() string { return filepath.Join(s.Folder, "build") }

// Build builds the functions for this machine, by the Makefile, which also
// installs the SAM CLI if need be. If it fails the error ends with its output.
func (s *Stack) Build(ctx context.Context) error {
	var output bytes.Buffer
	cmd := exec.Command("make", "--no-print-directory", "build", "ARCHITECTURE="+architecture(), "BUILD="+s.build())
	cmd.Stdout, cmd.Stderr = &output, &output
	process, err := childprocess.Start(cmd, childprocess.TERM)
	if err != nil {
		return fmt.Errorf("make: %w", err)
	}
	if err := process.Wait(ctx); err != nil {
		return fmt.Errorf("make build: %w\n%s", err, strings.TrimSpace(output.String()))
	}
	return nil
}

// Stop ends all that was started, and returns when it and what was built are gone.
// Before any start it does nothing.
func (s *Stack) Stop() error {
	var err error
	if s.api != nil {
		s.api.Stop()
		err = removeContainers(context.Background(), s.build())
	}
	if s.template != nil {
		err = errors.Join(err, os.RemoveAll(s.build()))
	}
	if s.dynamo != nil {
		s.dynamo.Stop()
	}
	if s.port != nil {
		s.port.Close()
	}
	return err
}
