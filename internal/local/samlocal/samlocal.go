// Package samlocal runs the same stack as in AWS on this machine. The functions are
// those that sam build makes of template.yaml and of examples/stack. They run in
// containers behind sam local start-api. The database is DynamoDB Local with the tables of
// template.yaml.
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

	"example.com/coatcheck/cmd/server/demo"
	"example.com/coatcheck/internal/local/childprocess"
	"example.com/coatcheck/internal/local/dynamolocal"
	"example.com/coatcheck/internal/local/samtemplate"
	"example.com/coatcheck/internal/stores/loopback"
)

// Stack is the stack on this machine. Set the exported fields, then call Check,
// StartDatabase, Build, StartAPI and Stop in this order. The working directory must be
// the folder of template.yaml.
type Stack struct {
	SAM      string    // the sam program
	Port     string    // to listen on, at localhost
	Folder   string    // for builds and logs; absolute, and used by no other Stack
	Database string    // the endpoint of a DynamoDB on this machine; if empty, the Stack starts one
	Logs     io.Writer // gets the functions' logs

	template *samtemplate.Template
	port     net.Listener
	dynamo   *dynamolocal.Server
	api      *childprocess.Process
}

// Check reports if something is missing on this machine, if the port is in use, or if
// the demo user may not be made in the database.
// Each error says what to do. Check keeps the port open for this Stack.
func (s *Stack) Check(ctx context.Context) error {
	if s.Database != "" {
		if err := demo.CheckStore(loopback.URL(s.Database)); err != nil {
			return fmt.Errorf("the DynamoDB at DYNAMODB_ENDPOINT: %w", err)
		}
	}
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

// architecture returns SAM's name for the architecture of this machine.
func architecture() string {
	if runtime.GOARCH == "amd64" {
		return "x86_64"
	}
	return runtime.GOARCH
}

// build returns the folder for the built functions. It is not SAM's own folder,
// because the user may deploy the content of that folder next.
func (s *Stack) build() string { return filepath.Join(s.Folder, "build") }

// localTemplate has the functions of template.yaml, and those of an example of another
// stack behind the same API.
const localTemplate = "examples/stack/local.yaml"

// Build builds the functions for this machine with make build, which also installs
// the SAM CLI if it is missing. If make fails, the error ends with its output.
func (s *Stack) Build(ctx context.Context) error {
	var output bytes.Buffer
	cmd := exec.Command("make", "--no-print-directory", "build", "TEMPLATE="+localTemplate, "ARCHITECTURE="+architecture(), "BUILD="+s.build())
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

// Stop ends every process and container that the Stack has started, and removes the
// built functions. It also works if nothing was started.
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
