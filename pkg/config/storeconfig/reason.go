package storeconfig

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
)

// reason says why a server cannot be reached. It quotes nothing of the server's
// address, which may hold a password, also in the place of the host's name.
func reason(err error) string {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return "it does not answer"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "nobody knows the name of its host"
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it closes the connection"
	}
	return "the connection fails"
}
