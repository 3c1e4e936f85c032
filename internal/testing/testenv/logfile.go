package testenv

import (
	"os"
	"path/filepath"
	"testing"
)

// LogFile is the log of a process. The process writes to a file and not to a pipe. So when its
// answer arrives, everything that it logged before is in the file.
type LogFile struct{ *os.File }

// NewLogFile returns an empty LogFile for Cmd.Stderr, which takes its File.
func NewLogFile(t testing.TB) LogFile {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	return LogFile{file}
}

// String returns what has been logged so far.
func (l LogFile) String() string {
	text, err := os.ReadFile(l.Name())
	if err != nil {
		return err.Error()
	}
	return string(text)
}
