package samlocal

import (
	"bytes"
	"io"
)

// functionLogs passes on the lines that functions have written, and leaves out
// what stands around them, which is the same for every request.
type functionLogs struct {
	out  io.Writer
	line []byte // the beginning of one
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
		if around(line) {
			continue
		}
		if _, err := l.out.Write(line); err != nil {
			return 0, err
		}
	}
}

func around(line []byte) bool {
	for _, start := range []string{"START RequestId: ", "END RequestId: ", "REPORT RequestId: "} {
		if bytes.HasPrefix(line, []byte(start)) {
			return true
		}
	}
	return len(bytes.TrimSpace(line)) == 0
}
