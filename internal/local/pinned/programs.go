package pinned

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// PythonPackages returns a folder with the packages that the given requirements.txt names
// with their versions. It is a subfolder of the given folder, and belongs into PYTHONPATH.
// PythonPackages fetches the packages first if that is not there yet. It needs Python 3
// with pip or venv.
func PythonPackages(ctx context.Context, requirements, folder string) (string, error) {
	list, err := os.ReadFile(requirements)
	if err != nil {
		return "", err
	}
	// Packages with code in C fit one version of Python.
	version, err := exec.CommandContext(ctx, "python3", "-VV").Output()
	if err != nil {
		return "", fmt.Errorf("python3 -VV: %w (Debian: apt-get install python3-venv)", err)
	}
	home := filepath.Join(folder, nameOf(list, version))
	err = fetchOnce(ctx, home, "", func(ctx context.Context, content string) error {
		scratch, err := os.MkdirTemp(filepath.Dir(content), "pip-")
		if err != nil {
			return err
		}
		python, err := pythonWithPip(ctx, scratch)
		if err != nil {
			return err
		}
		file, err := filepath.Abs(requirements)
		if err != nil {
			return err
		}
		return run(ctx, scratch, python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
			"--only-binary", ":all:", "--target", content, "--requirement", file)
	})
	if err != nil {
		return "", fmt.Errorf("fetching the packages of %s: %w", requirements, err)
	}
	return home, nil
}

// NodePackages returns a folder node_modules with the packages that the package-lock.json
// in the folder project names, with their sums. It is below the given folder, and belongs
// into NODE_PATH. NodePackages fetches the packages first if that is not there yet. It
// needs the program npm. No script of a package runs.
func NodePackages(ctx context.Context, project, folder string) (string, error) {
	var files [2][]byte
	names := [2]string{"package.json", "package-lock.json"}
	for i, name := range names {
		var err error
		if files[i], err = os.ReadFile(filepath.Join(project, name)); err != nil {
			return "", err
		}
	}
	home := filepath.Join(folder, nameOf(files[0], files[1]))
	err := fetchOnce(ctx, home, "", func(ctx context.Context, content string) error {
		for i, name := range names {
			if err := os.WriteFile(filepath.Join(content, name), files[i], 0o644); err != nil {
				return err
			}
		}
		return run(ctx, content, "npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	})
	if err != nil {
		return "", fmt.Errorf("fetching the packages of %s: %w", filepath.Join(project, names[1]), err)
	}
	return filepath.Join(home, "node_modules"), nil
}

// nameOf returns a name for a folder with what these files say.
func nameOf(files ...[]byte) string {
	all := sha256.New()
	for _, file := range files {
		all.Write(file)
	}
	return hex.EncodeToString(all.Sum(nil)[:8])
}
