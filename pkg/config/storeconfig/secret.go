package storeconfig

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
)

// ambiguous reports whether a URL can be read in more than one way, because a "/", "?",
// "#" or "@" stands in its password as it is. Then an "@" comes after the host, or a
// second one before it. The parsers do not all notice that: they would take a piece of
// the password for the host, look it up, and name it in errors.
func ambiguous(url string) bool {
	_, rest, isURL := strings.Cut(url, "://")
	end := strings.IndexAny(rest, "/?")
	return !isURL || strings.Contains(rest, "#") || strings.Count(rest, "@") > 1 || end >= 0 && strings.Contains(rest[end:], "@")
}

// hidden is an error with another text, because its own text quotes an address.
type hidden struct {
	text string
	err  error
}

func (h hidden) Error() string { return h.text }
func (h hidden) Unwrap() error { return h.err }

// dialFunc is the type of the functions by which drivers connect.
type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// quiet returns a function that connects as dial does. Errors of its connections quote
// no address. These errors end in the log.
func quiet(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if socket, ok := conn.(syscall.Conn); ok { // go-redis asks it whether an idle connection is still open
			return struct {
				quietConn
				syscall.Conn
			}{quietConn{conn}, socket}, nil
		}
		return quietConn{conn}, nil
	}
}

type quietConn struct{ net.Conn }

// Read implements [net.Conn].
func (c quietConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	return n, withoutAddresses(err)
}

// Write implements [net.Conn].
func (c quietConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	return n, withoutAddresses(err)
}

// withoutAddresses takes the addresses of both ends out of an error of a connection.
func withoutAddresses(err error) error {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok {
		return err
	}
	return &net.OpError{Op: op.Op, Net: op.Net, Err: op.Err}
}
