// Package surroundings changes for a test what stands around the code under test:
// the programs on the PATH, the default log, a port of this machine.
package surroundings

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// Program puts a shell script of the name on the PATH, before all others.
func Program(tb testing.TB, name, script string) {
	tb.Helper()
	folder := tb.TempDir()
	if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		tb.Fatal(err)
	}
	tb.Setenv("PATH", folder+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// Log returns what the default logger says until the test ends, as text.
func Log(tb testing.TB) *bytes.Buffer {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	tb.Cleanup(func() { slog.SetDefault(before) })
	return &log
}

// FreePort returns a port that was free a moment ago.
func FreePort(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
