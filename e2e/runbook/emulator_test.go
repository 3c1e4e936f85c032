package runbook_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/coatcheck/internal/local/childprocess"
	"example.com/coatcheck/internal/testing/testenv"
)

// region is where the emulator has everything.
const region = "eu-west-1"

// tools is the folder of the programs of the Python environment that make has installed:
// aws, moto_server and python.
func tools() (string, error) {
	found, err := filepath.Glob(root(".cache/moto-*/installed"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("make runbooks installs moto once; found %q, %v", found, err)
	}
	return filepath.Join(filepath.Dir(found[0]), "bin"), nil
}

// root returns the path of a file of the repository.
func root(file string) string {
	path, err := filepath.Abs(filepath.Join("..", "..", file))
	if err != nil {
		panic(err)
	}
	return path
}

// moto is the only emulator of this test process, because its start takes seconds. Each test
// has a stack of its own in it.
var moto struct {
	sync.Mutex
	url     string
	process *childprocess.Process
}

// startMoto starts moto, an emulator of AWS's control plane, if it does not run yet, and
// returns its URL.
func startMoto(t testing.TB) string {
	t.Helper()
	moto.Lock()
	defer moto.Unlock()
	if moto.url != "" {
		return moto.url
	}
	folder, err := tools()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(root(".cache/moto.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	port := testenv.FreePort(t)
	cmd := exec.Command(filepath.Join(folder, "moto_server"), "--host", "127.0.0.1", "--port", port)
	cmd.Stdout, cmd.Stderr = log, log
	if moto.process, err = childprocess.Start(cmd, childprocess.KILL); err != nil {
		t.Fatal(err)
	}
	url := "http://127.0.0.1:" + port
	for {
		if resp, err := http.Get(url + "/moto-api/"); err == nil {
			resp.Body.Close()
			moto.url = url
			return url
		}
		select {
		case <-moto.process.Exited():
			t.Fatalf("moto has ended; %s has its output", log.Name())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// withMoto runs the tests and then stops moto, if one of them has started it.
func withMoto(m interface{ Run() int }) {
	m.Run()
	if moto.process != nil {
		moto.process.Stop()
	}
}

// notEmulated asks moto which kinds of resources of the template its CloudFormation does not
// make.
var notEmulated = sync.OnceValues(func() (missing []string, err error) {
	t, err := readTemplate()
	if err != nil {
		return nil, err
	}
	const program = `
import json, sys
from moto import server, backends
from moto.cloudformation import parsing
print(json.dumps([kind for kind in sys.argv[1:] if parsing.resource_class_from_type(kind) is None]))`
	args := []string{"-c", program}
	for _, r := range t.Resources {
		if !slices.Contains(args, r.Type) {
			args = append(args, r.Type)
		}
	}
	folder, err := tools()
	if err != nil {
		return nil, err
	}
	out, err := exec.Command(filepath.Join(folder, "python"), args...).Output()
	if err == nil {
		err = json.Unmarshal(out, &missing)
	}
	return missing, err
})

// aws runs the command aws on the emulator and returns what it prints.
func (s *stack) aws(args ...string) (string, error) {
	cmd := exec.Command(filepath.Join(s.tools, "aws"), args...)
	cmd.Env = s.environment()
	out, err := cmd.Output()
	if exit, ok := err.(*exec.ExitError); ok {
		err = fmt.Errorf("aws %s: %w: %s", strings.Join(args[:2], " "), err, exit.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}

// query runs the command aws and decodes the JSON that it prints.
func (s *stack) query(value any, args ...string) error {
	out, err := s.aws(append(args, "--output", "json")...)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(out), value)
}

// environment is what the commands of the runbook run with.
func (s *stack) environment() []string {
	return append(os.Environ(),
		"PATH="+s.programs+string(os.PathListSeparator)+s.tools+string(os.PathListSeparator)+os.Getenv("PATH"),
		"AWS_ENDPOINT_URL="+s.moto, "AWS_ENDPOINT_URL_DYNAMODB="+s.database,
		"AWS_REGION="+region, "AWS_DEFAULT_REGION="+region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_PAGER=", "STACK="+s.name, "STAND_IN_FOR_SAM="+s.hook,
	)
}
