package testenv

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// held has the folders' locks, each an *os.File. The garbage collector closes a file to which
// nothing refers, and that would end the lock of who never calls release.
var held sync.Map

// Kept makes the folder, if it is not there, and returns its absolute path. Tests keep
// in it what they build, so that the next run does not compile and link it again: the go
// command leaves a program that is up to date, and its build cache has a package by the
// path of its folder. A kept folder is in .cache.
//
// If another test has the folder, Kept waits. Release lets the next one have it. The end
// of the process does so too.
func Kept(folder string) (path string, release func() error, err error) {
	if path, err = filepath.Abs(folder); err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return "", nil, err
	}
	lock, err := os.Open(path)
	if err != nil {
		return "", nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", nil, errors.Join(err, lock.Close())
	}
	held.Store(lock, nil)
	return path, func() error {
		held.Delete(lock)
		return lock.Close()
	}, nil
}
