package coatcheck_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAdopter follows README.md's instructions for another program that uses this
// module. It runs the commands, with a checkout next to the program, and then compiles
// the example and asks it for each of its routes. It fetches nothing, because the program
// needs only this module.
func TestAdopter(t *testing.T) {
	t.Parallel()
	commands, example := codeBlock(t, "README.md", "sh", "go mod edit"), codeBlock(t, "README.md", "go", "package main")
	folder := sameFolder(t, "adopter")
	app := filepath.Join(folder, "app")
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(root, filepath.Join(folder, "coatcheck")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(app, 0o755); err != nil {
		t.Fatal(err)
	}
	const listen = `log.Fatal(http.ListenAndServe("localhost:8080", nil))`
	if !strings.Contains(example, listen) {
		t.Fatalf("the example does not end with %s", listen)
	}
	for name, text := range map[string]string{"main.go": example, "ask.go": ask} {
		if err := os.WriteFile(filepath.Join(app, name), []byte(strings.ReplaceAll(text, listen, "log.Print(ask())")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	runOffline(t, app, "go", "mod", "init", "shop.example/app")
	runOffline(t, app, "sh", "-e", "-c", commands)
	runOffline(t, app, "go", "vet", ".")
	const want = "GET /profile 401\nPOST /login 204\nGET /profile 200\nGET /members 200\nPOST /logout 204\nGET /members 401\n"
	if got := string(runOffline(t, app, "go", "run", ".")); got != want {
		t.Errorf("the example answers\n%s\nwant\n%s", got, want)
	}

	var file struct{ Require []struct{ Path string } }
	if err := json.Unmarshal(runOffline(t, app, "go", "mod", "edit", "-json"), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Require) != 1 || file.Require[0].Path != module {
		t.Errorf("go.mod requires %v; want %s alone", file.Require, module)
	}
	if sum, err := os.ReadFile(filepath.Join(app, "go.sum")); len(sum) > 0 || err != nil && !os.IsNotExist(err) {
		t.Errorf("go.sum: %v\n%s", err, sum)
	}
}

// ask is a part of the program for the test. It prints what each route answers. It adds
// no implicit 200, like some adapters for Lambda: a handler that writes nothing answers 0.
const ask = `package main

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
)

func ask() error {
	jar, err := cookiejar.New(nil)
	for _, route := range [][2]string{{"GET", "/profile"}, {"POST", "/login"}, {"GET", "/profile"}, {"GET", "/members"}, {"POST", "/logout"}, {"GET", "/members"}} {
		r, w := httptest.NewRequest(route[0], "https://app.example"+route[1], nil), httptest.NewRecorder()
		w.Code = 0
		for _, c := range jar.Cookies(r.URL) {
			r.AddCookie(c)
		}
		http.DefaultServeMux.ServeHTTP(w, r)
		jar.SetCookies(r.URL, w.Result().Cookies())
		fmt.Println(route[0], route[1], w.Code)
	}
	return err
}
`

// codeBlock returns the first code block of the document that is in the language and
// contains the words.
func codeBlock(t *testing.T, document, language, words string) string {
	t.Helper()
	for _, block := range strings.Split(read(t, document), "```"+language+"\n")[1:] {
		if block, _, _ = strings.Cut(block, "```"); strings.Contains(block, words) {
			return block
		}
	}
	t.Fatalf("%s has no %s block with %q", document, language, words)
	return ""
}

// runOffline runs a command in the folder and returns its output. The command cannot
// fetch Go modules from the network. It does not ask git either, because the folder is
// in this repository but no part of it.
func runOffline(t *testing.T, folder, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOSUMDB=off", "GOFLAGS=-mod=mod -buildvcs=false", "GOWORK=off")
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, &errors)
	}
	return out
}
