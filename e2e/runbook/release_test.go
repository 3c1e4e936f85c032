package runbook_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/internal/local/childprocess"
	"example.com/coatcheck/internal/testing/testenv"
	"example.com/coatcheck/pkg/lambdahttp/lambdahttptest"
)

// releases returns the commits of the releases whose items and programs this release has to
// get on with, the oldest first.
func releases(t testing.TB) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/releases")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

// checkout returns a folder with the files of a commit, from the history of this repository.
func checkout(commit string) (string, error) {
	folder := root(".cache/releases/" + commit)
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	if err := exec.Command("git", "-C", root("."), "cat-file", "-e", commit+"^{commit}").Run(); err != nil {
		return "", fmt.Errorf("this clone does not have the commit %s, whose programs are built here; get the whole history: git fetch --unshallow", commit)
	}
	if err := os.MkdirAll(root(".cache/releases"), 0o755); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(root(".cache/releases"), "unpacking-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	cmd := exec.Command("sh", "-ec", `git -C "$1" archive --output "$2/tar" "$3"; mkdir "$2/files"; tar -x -f "$2/tar" -C "$2/files"`, "sh", root("."), fresh, commit)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("unpacking %s: %w\n%s", commit, err, out)
	}
	return folder, os.Rename(filepath.Join(fresh, "files"), folder)
}

// folders are the functions that a user meets, with the patterns of their routes. They have
// been the same in every release.
var folders = map[string][]string{
	"login": {"/login", "/reauthenticate"}, "logout": {"/logout"}, "sessions": {"/sessions", "/sessions/"},
	"password": {"/password"}, "preferences": {"/preferences"}, "profile": {"/"},
}

// program builds a command of a checkout and returns the path of the program.
func program(t testing.TB, folder, command string) string {
	t.Helper()
	file := filepath.Join(folder, ".cache", "bin", command)
	cmd := exec.Command("go", "build", "-o", file, "./cmd/"+command)
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s in %s: %v\n%s", command, folder, err, out)
	}
	return file
}

// functionsOf builds the functions of a checkout and returns the folder of their programs.
func functionsOf(t testing.TB, folder string) string {
	t.Helper()
	if folder == root(".") {
		return binaries // TestMain has built them
	}
	target := filepath.Join(folder, ".cache", "functions")
	var ids []string
	for name := range folders {
		ids = append(ids, strings.ToUpper(name[:1])+name[1:]+"Function")
	}
	if err := build(folder, target, ids...); err != nil {
		t.Fatal(err)
	}
	return target
}

// serveFunctions starts the functions of a checkout with these variables, and returns where
// they answer.
func serveFunctions(t testing.TB, folder string, variables map[string]string) string {
	t.Helper()
	programs := functionsOf(t, folder)
	mux := http.NewServeMux()
	for name, patterns := range folders {
		cmd := exec.Command(filepath.Join(programs, name, "bootstrap"))
		cmd.Env = lambdaEnvironment(variables)
		function := lambdahttptest.Start(t, cmd)
		for _, pattern := range patterns {
			mux.Handle(pattern, door{function})
		}
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// serve starts cmd/server of a checkout on a store, with the demo user, and returns where it
// answers.
func serve(t testing.TB, folder, store string, args ...string) string {
	t.Helper()
	port, log := testenv.FreePort(t), testenv.NewLogFile(t)
	cmd := exec.Command(program(t, folder, "server"), append([]string{"-addr", "localhost:" + port, "-store", store, "-demo"}, args...)...)
	cmd.Dir = t.TempDir()
	cmd.Stdout, cmd.Stderr = log.File, log.File
	process, err := childprocess.Start(cmd, childprocess.KILL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		process.Stop()
		if t.Failed() {
			t.Logf("the server of %s has written:\n%s", folder, log.String())
		}
	})
	for !strings.Contains(log.String(), "Coatcheck is at") {
		select {
		case <-process.Exited():
			t.Fatalf("the server of %s has ended:\n%s", folder, log.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return "http://localhost:" + port
}
