package selfsigned

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
)

// Listener returns a listener that takes what l takes, as plain connections or over TLS:
// the first byte of the client decides. The server needs only one port for http and https,
// and whoever knows one address knows the other.
func Listener(l net.Listener, certificate tls.Certificate) net.Listener {
	return &listener{l, &tls.Config{Certificates: []tls.Certificate{certificate}}}
}

type listener struct {
	net.Listener
	config *tls.Config
}

func (l *listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: accepted, config: l.config}, nil
}

// conn decides at its first Read whether the client speaks TLS. Deciding in Accept would
// make all clients wait for one that sends nothing. A server must read before it writes.
type conn struct {
	net.Conn // as accepted; deadlines and addresses are its own
	config   *tls.Config

	plain io.Reader                // nil until the first byte has come; over TLS it is not read
	over  atomic.Pointer[tls.Conn] // nil unless the client speaks TLS; Close may be called at any time
}

// handshake is the first byte of TLS (RFC 8446, section 5.1). No HTTP request begins with it.
const handshake = 22

func (c *conn) Read(p []byte) (int, error) {
	if c.plain == nil {
		if err := c.begin(); err != nil {
			return 0, err
		}
	}
	if over := c.over.Load(); over != nil {
		return over.Read(p)
	}
	return c.plain.Read(p)
}

// begin reads the first byte, and puts it back in front of the others.
func (c *conn) begin() error {
	var first [1]byte
	if _, err := io.ReadFull(c.Conn, first[:]); err != nil {
		return err
	}
	c.plain = io.MultiReader(bytes.NewReader(first[:]), c.Conn)
	if first[0] == handshake {
		c.over.Store(tls.Server(whole{c.Conn, c.plain}, c.config))
	}
	return nil
}

// whole is a connection with all that the client has sent, the first byte too.
type whole struct {
	net.Conn
	from io.Reader
}

func (w whole) Read(p []byte) (int, error) { return w.from.Read(p) }

// current returns the connection to write to, and to close.
func (c *conn) current() net.Conn {
	if over := c.over.Load(); over != nil {
		return over
	}
	return c.Conn
}

func (c *conn) Write(p []byte) (int, error) { return c.current().Write(p) }

func (c *conn) Close() error { return c.current().Close() }

// CloseWrite tells the client that nothing more will come. net/http calls it after an
// answer to a request that it has not read to the end. Without it the client may see the
// connection break before it has the answer.
func (c *conn) CloseWrite() error {
	if half, ok := c.current().(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
