package samlocal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func checkDocker(ctx context.Context) error {
	if _, err := exec.LookPath("docker"); err != nil {
		return errors.New("the functions run in containers, and docker is not on the PATH: install Docker (Debian: apt-get install docker.io)")
	}
	if _, err := docker(ctx, nil, "version"); err != nil {
		return fmt.Errorf("the functions run in containers, and Docker does not answer; start it (systemctl start docker), or let this user use it: %w", err)
	}
	return nil
}

// docker runs one docker command and returns its output. Its error is one line.
func docker(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "docker", args...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = stdin, &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", args[0], err, strings.Join(strings.Fields(stderr.String()), " "))
	}
	return strings.TrimSpace(string(out)), nil
}

// removeContainers removes the containers that run functions from the folder build.
// SAM removes its containers when it ends, except those that it was just creating.
func removeContainers(ctx context.Context, build string) error {
	folder, err := os.Stat(build)
	if err != nil {
		return err
	}
	list, err := docker(ctx, nil, "ps", "--all", "--quiet", "--filter", "label=sam.cli.container.type=lambda")
	if err != nil || list == "" {
		return err
	}
	inspect := append([]string{"inspect", "--format", "{{.Id}}{{range .Mounts}} {{.Source}}{{end}}"}, strings.Fields(list)...)
	mounts, err := docker(ctx, nil, inspect...)
	if err != nil {
		return err
	}
	for line := range strings.Lines(mounts) {
		id, source, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !below(source, folder) {
			continue
		}
		if _, err := docker(ctx, nil, "rm", "--force", id); err != nil {
			return err
		}
	}
	return nil
}

// below reports whether a folder of a function is in the folder, or in a folder of that,
// which is where SAM builds the functions of a nested stack.
func below(function string, folder os.FileInfo) bool {
	for parent := filepath.Dir(function); ; parent = filepath.Dir(parent) {
		if info, err := os.Stat(parent); err == nil && os.SameFile(info, folder) {
			return true
		}
		if parent == filepath.Dir(parent) {
			return false
		}
	}
}
