package pinned

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// NPM is a folder of an npm package. Fetching it needs npm.
type NPM struct {
	Name, Version string
	Folder        string // in its archive: "package/lib"
	SHA512        string // of its archive, in hex
}

// Fetch returns the NPM's Folder, which is below the given one, and fetches it
// first if it is not there.
func (p NPM) Fetch(ctx context.Context, folder string) (string, error) {
	home := filepath.Join(folder, p.Version)
	if err := fill(ctx, home, p.Folder, p.unpack); err != nil {
		return "", fmt.Errorf("fetching the npm package %s %s: %w", p.Name, p.Version, err)
	}
	return home, nil
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
	if err := checkSum(archive, "SHA-512", hex.EncodeToString(sum[:]), p.SHA512); err != nil {
		return err
	}
	return run(ctx, folder, "tar", "-xzf", archive, p.Folder)
}
