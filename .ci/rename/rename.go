// Command rename gives the module, and the modules below it, another path. It changes
// go.mod, imports, and every other place in the files of this folder that has the path.
//
//	go run .ci/rename/rename.go github.com/you/coatcheck
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	if len(os.Args) != 2 || os.Args[1] == "" {
		exit("say which: make rename MODULE=github.com/you/coatcheck")
	}
	to := os.Args[1]
	if err := check(to); err != nil {
		exit(err)
	}
	out, err := exec.Command("go", "mod", "edit", "-json").Output() // go.mod alone: a go.work would name more modules
	if err != nil {
		exit(err)
	}
	var mod struct{ Module struct{ Path string } }
	if err := json.Unmarshal(out, &mod); err != nil {
		exit(err)
	}
	from := mod.Module.Path
	if to == from {
		exit(to + " is the module's path already")
	}
	if err := renameAll(from, to); err != nil {
		exit(err)
	}
}

func exit(why any) {
	fmt.Fprintln(os.Stderr, "rename:", why)
	os.Exit(1)
}

// check asks the go command whether path is a valid module path. The go command also
// accepts a path without a host name, but only the standard library may use such a path.
func check(path string) error {
	folder, err := os.MkdirTemp("", "rename")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	cmd := exec.Command("go", "mod", "init", path)
	cmd.Dir, cmd.Env = folder, append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%q is no module path: %s", path, bytes.TrimSpace(out))
	}
	if host, _, ok := strings.Cut(path, "/"); !ok || !strings.Contains(host, ".") {
		return fmt.Errorf("%q is no module path: it must begin with a host name, as github.com/you/coatcheck does", path)
	}
	if regexp.MustCompile(`/v[0-9]+$`).MatchString(path) {
		return fmt.Errorf("%q names a major version, which the modules have not reached: they require each other as v0.0.0", path)
	}
	return nil
}

// renameAll changes every text file, except those that were built or fetched. If one
// cannot be changed, none is.
func renameAll(from, to string) error {
	changed := map[string][]byte{}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && (name == ".git" || name == ".cache" || name == ".aws-sam") {
			return filepath.SkipDir
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		text, err := renamed(path, from, to)
		if text != nil {
			changed[path] = text
		}
		return err
	})
	if err != nil {
		return err
	}
	for path, text := range changed {
		if err := os.WriteFile(path, text, 0o644); err != nil { // which leaves the mode as it is
			return err
		}
	}
	return nil
}

// renamed returns the new text of a file, or nil if nothing changes in it.
func renamed(path, from, to string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(text, []byte(from)) || bytes.IndexByte(text, 0) >= 0 {
		return nil, err
	}
	text = replace(text, from, to)
	if filepath.Ext(path) == ".go" {
		// The new path may change the order of the imports.
		if text, err = format.Source(text); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return text, nil
}

// replace does not change longer names. A path that begins or ends with the module's
// path is not always a path in the module.
func replace(text []byte, from, to string) []byte {
	var out []byte
	for {
		i := bytes.Index(text, []byte(from))
		if i < 0 {
			return append(out, text...)
		}
		end := i + len(from)
		longer := i > 0 && inName(text[i-1]) || end < len(text) && inName(text[end]) && !endsSentence(text[end:])
		out = append(out, text[:i]...)
		if longer {
			out = append(out, from...)
		} else {
			out = append(out, to...)
		}
		text = text[end:]
	}
}

// inName reports whether c can be next to a letter in one element of a path.
func inName(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// endsSentence reports whether rest begins with a full stop that is not part of a path.
func endsSentence(rest []byte) bool {
	return rest[0] == '.' && (len(rest) == 1 || !inName(rest[1]))
}
