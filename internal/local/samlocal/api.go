package samlocal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.com/coatcheck/internal/local/childprocess"
	"example.com/coatcheck/internal/local/samtemplate"
)

// The AWS region and credentials of the functions.
const (
	region    = "eu-west-1"
	accessKey = "local"
	secretKey = "local"
)

// StartAPI starts sam local start-api with the image, and returns when every function
// that has a route has answered a request. It does not wait for the functions of the
// example.
func (s *Stack) StartAPI(ctx context.Context, image Image) error {
	log, err := os.Create(s.LogFile())
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(s.SAM, slices.Concat([]string{"local", "start-api",
		"--template", filepath.Join(s.build(), "template.yaml"), "--host", "127.0.0.1", "--port", s.Port,
		// With EAGER, SAM starts all containers at once, and then loses some of them.
		"--warm-containers", "LAZY",
		"--add-host", "host.docker.internal:host-gateway",
		"--log-file", "/dev/stdout", // for the functions' logs; SAM's own output is on standard error
		"--parameter-overrides", "Architecture=" + architecture(), "DynamoDBEndpoint=" + fromContainers(s.Database),
	}, image.options)...)
	cmd.Env = append(os.Environ(), "SAM_CLI_TELEMETRY=0",
		"AWS_REGION="+region, "AWS_ACCESS_KEY_ID="+accessKey, "AWS_SECRET_ACCESS_KEY="+secretKey)
	cmd.Stdout, cmd.Stderr = &functionLogs{out: s.Logs}, log
	s.port.Close()
	if s.api, err = childprocess.Start(cmd, childprocess.TERM); err != nil {
		return fmt.Errorf("sam: %w", err)
	}
	for _, id := range slices.Sorted(maps.Keys(s.template.Functions)) {
		if err := s.warm(ctx, s.template.Functions[id]); err != nil {
			return fmt.Errorf("sam local does not serve %s: %w; see %s", id, err, s.LogFile())
		}
	}
	return nil
}

// Exited returns a channel that is closed when the API has ended.
func (s *Stack) Exited() <-chan struct{} { return s.api.Exited() }

// LogFile returns the path of the file with SAM's own output.
func (s *Stack) LogFile() string { return filepath.Join(s.Folder, "sam.log") }

// fromContainers returns the endpoint under the name that containers must use.
func fromContainers(endpoint string) string {
	return strings.NewReplacer("127.0.0.1", "host.docker.internal", "localhost", "host.docker.internal").Replace(endpoint)
}

// startTimeout is much longer than the second that a container takes to start.
const startTimeout = 2 * time.Minute

// warm waits until a function answers a GET at its first route. A GET never changes
// anything.
func (s *Stack) warm(ctx context.Context, function samtemplate.Function) error {
	if len(function.Routes) == 0 {
		return nil
	}
	_, path, ok := strings.Cut(function.Routes[0], " ")
	if !ok { // $default
		path = "/warm-up"
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+s.Port+path, nil)
	if err != nil {
		return err
	}
	request.Close = true
	last := errors.New("no answer")
	for {
		response, err := http.DefaultTransport.RoundTrip(request)
		if err == nil {
			response.Body.Close()
			if response.StatusCode < 500 {
				return nil
			}
			last = fmt.Errorf("GET %s answers %s", path, response.Status)
		}
		select {
		case <-s.api.Exited():
			return errors.New("it has ended")
		case <-ctx.Done():
			return last
		case <-time.After(100 * time.Millisecond):
		}
	}
}
