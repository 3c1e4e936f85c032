package testenv_test

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/testenv"
)

// A folder is kept until it is released, also if the garbage collector runs.
func TestKept(t *testing.T) {
	folder := t.TempDir()
	isFree := func() bool {
		t.Helper()
		other, err := os.Open(folder)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		err = syscall.Flock(int(other.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != nil && !errors.Is(err, syscall.EWOULDBLOCK) {
			t.Fatal(err)
		}
		return err == nil
	}
	_, release, err := testenv.Kept(folder)
	if err != nil || isFree() {
		t.Fatalf("the folder is free, %v", err)
	}
	if err := release(); err != nil || !isFree() {
		t.Errorf("the folder that was released is not free, %v", err)
	}
	if _, _, err := testenv.Kept(folder); err != nil { // until this process ends
		t.Fatal(err)
	}
	for range 5 {
		runtime.GC()
		time.Sleep(10 * time.Millisecond) // what closes files runs after a collection
		if isFree() {
			t.Fatal("the garbage collector has released the folder")
		}
	}
}
