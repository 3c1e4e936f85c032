// Package testenv changes the environment of a test: the programs on the PATH, the
// default log. It also finds a free port, and a folder that stays from run to run.
package testenv

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"example.com/coatcheck/internal/local/childprocess"
)

// Program puts a shell script with the given name on the PATH, before all other
// programs.
func Program(tb testing.TB, name, script string) {
	tb.Helper()
	folder := tb.TempDir()
	if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		tb.Fatal(err)
	}
	tb.Setenv("PATH", folder+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// Log returns a buffer that gets the output of the default logger, as text, until the
// test ends.
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
	port, err := childprocess.FreePort("127.0.0.1")
	if err != nil {
		tb.Fatal(err)
	}
	return port
}

// Period returns the period of a limit for a test that must not see the limit's window
// end. Windows begin at multiples of their period, so the end of a short one may fall into
// any test.
func Period() time.Duration {
	longest, end := time.Duration(0), time.Time{}
	for _, period := range []time.Duration{9000 * time.Hour, 9600 * time.Hour} {
		if last := time.Now().Truncate(period).Add(period); last.After(end) {
			longest, end = period, last
		}
	}
	return longest
}
