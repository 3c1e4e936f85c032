package samlocal

import (
	"bytes"
	"io"
)

// functionLogs writes the lines of the functions to out. It leaves out the START, END
// and REPORT lines around them, which are the same for every request, and empty lines.
type functionLogs struct {
	out  io.Writer
	line []byte // the beginning of a line that is not complete yet
}

// Write implements [io.Writer].
func (l *functionLogs) Write(p []byte) (int, error) {
	l.line = append(l.line, p...)
	for {
		end := bytes.IndexByte(l.line, '\n')
		if end < 0 {
			return len(p), nil
		}
		line := l.line[:end+1]
		l.line = l.line[end+1:]
		if isPlatformLine(line) {
			continue
		}
		if _, err := l.out.Write(line); err != nil {
			return 0, err
		}
	}
}

func isPlatformLine(line []byte) bool {
	for _, start := range []string{"START RequestId: ", "END RequestId: ", "REPORT RequestId: "} {
		if bytes.HasPrefix(line, []byte(start)) {
			return true
		}
	}
	return len(bytes.TrimSpace(line)) == 0
}
