package redistest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Proxy is a proxy between go-redis and its servers. It records every call of a script
// and every HGETALL, and can make such calls fail. It passes other commands on unchanged. A client uses
// the proxy with this option:
//
//	options.Dialer = proxy.Dial
//
// The server carries out every call that reaches it.
type Proxy struct {
	tb   testing.TB
	hung atomic.Int32

	mu        sync.Mutex
	listeners map[string]net.Listener // the proxy's listeners by the server's address
	open      []net.Conn
	calls     []Call
	faults    []Fault // for the next calls
	always    Fault   // for all other calls
	between   func()
	held      []heldCall
}

// Call is one call by a client.
type Call struct {
	Command string // "evalsha", "eval" or "hgetall"
	Fault   Fault
}

// heldCall is a command and the connection to its server.
type heldCall struct {
	server  net.Conn
	command []byte
}

// Hung returns how many calls met the fault Hang so far.
func (p *Proxy) Hung() int { return int(p.hung.Load()) }

// Fault is what happens to a call in place of an answer.
type Fault int

const (
	None       Fault = iota // the call is answered
	Refuse                  // the connection is closed; Redis never gets the call
	Hang                    // nothing happens until the client gives up; Redis never gets the call
	LoseAnswer              // Redis carries the call out, then the connection is closed
	Hold                    // the connection is closed, and the call is kept for Deliver
)

// NewProxy returns a proxy that ends with the test.
func NewProxy(tb testing.TB) *Proxy {
	p := &Proxy{tb: tb, listeners: map[string]net.Listener{}}
	tb.Cleanup(p.close)
	return p
}

// Dial connects to the server at the address, through the proxy.
func (p *Proxy) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	front, err := p.listenFor(address)
	if err != nil {
		return nil, err
	}
	return new(net.Dialer).DialContext(ctx, network, front)
}

// Fail gives the next calls one fault each, in order. A second try of the client counts
// as a call.
func (p *Proxy) Fail(faults ...Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, faults...)
}

// FailAll gives every call the fault from now on. FailAll(None) ends this.
func (p *Proxy) FailAll(fault Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.always = fault
}

// Between runs f once, after the next call that fails and before its client knows about
// the failure.
func (p *Proxy) Between(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.between = f
}

// Take returns the calls since the last Take, in the order of their arrival.
func (p *Proxy) Take() []Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	calls := p.calls
	p.calls = nil
	return calls
}

// Deliver sends the kept calls to their servers, the oldest first, and waits for the
// answers.
func (p *Proxy) Deliver() {
	p.tb.Helper()
	p.mu.Lock()
	held := p.held
	p.held = nil
	p.mu.Unlock()
	for _, c := range held {
		if _, err := exchange(c.server, bufio.NewReader(c.server), c.command); err != nil {
			p.tb.Fatalf("delivering a call that was held: %v", err)
		}
	}
}

// listenFor returns the address at which the proxy accepts connections for the server.
func (p *Proxy) listenFor(server string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.listeners[server]; l != nil {
		return l.Addr().String(), nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	p.listeners[server] = l
	go p.accept(l, server)
	return l.Addr().String(), nil
}

func (p *Proxy) accept(l net.Listener, server string) {
	for {
		client, err := l.Accept()
		if err != nil {
			return // the listener is closed
		}
		p.track(client)
		go p.serve(client, server)
	}
}

// serve handles one connection. It passes commands and answers on, one after the other.
func (p *Proxy) serve(client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	p.track(server)
	commands, answers := bufio.NewReader(client), bufio.NewReader(server)
	for {
		command, err := readValue(commands)
		name := commandName(command)
		if err != nil || name == "" {
			server.Close()
			return
		}
		fault, between := p.record(name)
		switch fault {
		case Hang:
			p.hung.Add(1)
			between()
			io.Copy(io.Discard, client)
			server.Close()
			return
		case Hold:
			p.hold(server, command)
			between()
			return
		case Refuse:
			between()
			server.Close()
			return
		}
		answer, err := exchange(server, answers, command)
		if err != nil || fault == LoseAnswer {
			between()
			server.Close()
			return
		}
		client.Write(answer)
	}
}

// commandName returns the name of a command, or "" if this is not a command. Clients of
// other servers may send something else, because another server may have used this
// port a moment ago.
func commandName(command []byte) string {
	parts := bytes.SplitN(command, []byte("\r\n"), 4) // such as *1, $4, PING
	if len(parts) < 4 {
		return ""
	}
	return strings.ToLower(string(parts[2]))
}

// record adds a call to the list, and returns its fault and the function to run
// when it fails.
func (p *Proxy) record(name string) (fault Fault, between func()) {
	if name != "evalsha" && name != "eval" && name != "hgetall" {
		return None, func() {}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fault, between = p.always, func() {}
	if len(p.faults) > 0 {
		fault, p.faults = p.faults[0], p.faults[1:]
	}
	if fault != None && p.between != nil {
		between, p.between = p.between, nil
	}
	p.calls = append(p.calls, Call{name, fault})
	return fault, between
}

func (p *Proxy) hold(server net.Conn, command []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = append(p.held, heldCall{server, command})
}

// track remembers a connection, so that the proxy closes it at the end.
func (p *Proxy) track(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = append(p.open, conn)
}

func (p *Proxy) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.listeners {
		l.Close()
	}
	for _, conn := range p.open {
		conn.Close()
	}
}

// exchange sends a command and reads the whole answer.
func exchange(server net.Conn, answers *bufio.Reader, command []byte) ([]byte, error) {
	if _, err := server.Write(command); err != nil {
		return nil, err
	}
	return readValue(answers)
}

// readValue reads one command or answer and returns its bytes unchanged (Redis
// serialization protocol specification).
func readValue(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	kind, size := line[0], 0
	if strings.ContainsRune("$=!*~>%", rune(kind)) {
		if size, err = strconv.Atoi(strings.TrimSpace(string(line[1:]))); err != nil {
			return nil, fmt.Errorf("reading %q: %w", line, err)
		}
	}
	switch kind {
	case '$', '=', '!': // one text, or nothing if the size is -1
		if size < 0 {
			return line, nil
		}
		text := make([]byte, size+len("\r\n"))
		_, err = io.ReadFull(r, text)
		return append(line, text...), err
	case '%': // pairs
		size *= 2
	}
	for range size {
		element, err := readValue(r)
		if err != nil {
			return nil, err
		}
		line = append(line, element...)
	}
	return line, nil
}
