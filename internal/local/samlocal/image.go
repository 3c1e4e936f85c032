package samlocal

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// Image is the container image for the functions.
type Image struct {
	Notice  string // tells the user which image it is
	options []string
}

// BaseImage returns SAM's own image if a container registry answers. Otherwise it
// builds a stand-in: a small image that replaces SAM's.
func BaseImage(ctx context.Context) (Image, error) {
	if registryAnswers(ctx) {
		return Image{Notice: "The functions run on Amazon's image for Lambda, which SAM pulls."}, nil
	}
	name, err := makeStandIn(ctx)
	return Image{
		Notice:  "No container registry answers, so the functions run on a stand-in for Amazon's image, made of busybox.",
		options: []string{"--skip-pull-image", "--invoke-image", name},
	}, err
}

// registryAnswers sends a request to Docker's default registry. If that one answers,
// we assume that the registry with SAM's image answers too.
func registryAnswers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := docker(ctx, nil, "search", "--limit", "1", "busybox")
	return err == nil
}

// makeStandIn builds the stand-in from the busybox of this machine, unless it exists
// already, and returns its name. SAM can use it as a base image. Our functions are
// statically linked, so they need only a /tmp in it. SAM needs a shell, mv and chmod.
func makeStandIn(ctx context.Context) (string, error) {
	busybox, err := staticBusybox()
	if err != nil {
		return "", fmt.Errorf("without a container registry the functions run on an image made of a static busybox; install one (Debian: apt-get install busybox-static): %w", err)
	}
	archive, err := standIn(busybox)
	if err != nil {
		return "", err
	}
	// SAM builds its own image on this one, and names it after this image's name
	// without the tag. So the checksum must be in the name and not in the tag.
	name := fmt.Sprintf("coatcheck-base-%.12x", sha256.Sum256(archive.Bytes()))
	if _, err := docker(ctx, nil, "image", "inspect", name); err == nil {
		return name, nil
	}
	_, err = docker(ctx, archive, "import", "-", name)
	return name, err
}

func staticBusybox() ([]byte, error) {
	file, err := exec.LookPath("busybox")
	if err != nil {
		return nil, err
	}
	program, err := elf.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	defer program.Close()
	if libraries, err := program.ImportedLibraries(); err != nil || len(libraries) > 0 {
		return nil, fmt.Errorf("%s needs the libraries %v", file, libraries)
	}
	return os.ReadFile(file)
}

// standIn returns the file system of the stand-in as a tar archive.
func standIn(busybox []byte) (*bytes.Buffer, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, e := range []struct {
		header  tar.Header
		content []byte
	}{
		{tar.Header{Name: "bin/busybox", Mode: 0o755}, busybox},
		{tar.Header{Name: "bin/sh", Typeflag: tar.TypeSymlink, Linkname: "busybox"}, nil},
		{tar.Header{Name: "bin/mv", Typeflag: tar.TypeSymlink, Linkname: "busybox"}, nil},
		{tar.Header{Name: "bin/chmod", Typeflag: tar.TypeSymlink, Linkname: "busybox"}, nil},
		{tar.Header{Name: "etc/passwd", Mode: 0o644}, []byte("root:x:0:0:root:/:/bin/sh\n")},
		{tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}, nil},
		{tar.Header{Name: "var/task/", Typeflag: tar.TypeDir, Mode: 0o755}, nil},
		{tar.Header{Name: "var/runtime/", Typeflag: tar.TypeDir, Mode: 0o755}, nil},
		{tar.Header{Name: "var/rapid/", Typeflag: tar.TypeDir, Mode: 0o755}, nil},
	} {
		e.header.Size = int64(len(e.content))
		if err := w.WriteHeader(&e.header); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.content); err != nil {
			return nil, err
		}
	}
	return &archive, w.Close()
}
