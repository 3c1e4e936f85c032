package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// An overlay reaches only what the go command reads. Tests read other files, such as
// template.yaml, where they are. So a mutation of such a file is made in a copy of the
// repository, and the test runs in the copy.

// made are the entries of .cache that are made of files of the repository, or are kept for
// the tests of one tree at a time. A copy has its own. The others are large and never
// change, and a copy shares them.
func made(name string) bool {
	return strings.HasSuffix(name, ".json") || name == "tested" || name == "bin"
}

// copyTree copies the repository at root, without git's folder, to a folder that is empty.
func copyTree(root, to string) error {
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, below)
		switch {
		case below == ".git", below == ".cache", below == ".aws-sam":
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		case !entry.Type().IsRegular():
			return nil
		}
		return copyFile(path, target)
	})
	if err != nil {
		return err
	}
	return shareCache(filepath.Join(root, ".cache"), filepath.Join(to, ".cache"))
}

// copyFile keeps the time of the file, because make compares times.
func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if err := os.WriteFile(to, text, info.Mode().Perm()); err != nil {
		return err
	}
	return os.Chtimes(to, info.ModTime(), info.ModTime())
}

// shareCache makes a folder with links to what can be shared of another.
func shareCache(from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(from, entry.Name())
		switch {
		case !made(entry.Name()):
			err = os.Symlink(path, filepath.Join(to, entry.Name()))
		case !entry.IsDir():
			err = copyFile(path, filepath.Join(to, entry.Name()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// removeMade removes what was made in a copy of files that were changed there.
func removeMade(cache string) error {
	files, err := filepath.Glob(filepath.Join(cache, "*.json"))
	for _, file := range files {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}
