package postgrestest

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Proxy is a proxy between a driver and PostgreSQL. It records every statement, and can
// make statements fail. PostgreSQL carries out every statement that the proxy passes
// on, even if the sender gives up. The proxy does not support TLS.
type Proxy struct {
	DSN string // for connections through the proxy

	tb               testing.TB
	network, address string // of PostgreSQL
	done             chan struct{}
	hung             atomic.Int32

	mu     sync.Mutex
	seen   []string
	faults map[string][]Fault // for the next statements of a kind
	always Fault              // for everything else
	held   []*relay
}

// Hung returns how many statements and connections met the fault Hang so far.
func (p *Proxy) Hung() int { return int(p.hung.Load()) }

// Fault is what happens to a statement in place of an answer.
type Fault int

const (
	None       Fault = iota // the statement is answered
	Refuse                  // the connection is closed; PostgreSQL never gets the statement
	Hang                    // nothing happens until the sender gives up; PostgreSQL never gets the statement
	LoseAnswer              // PostgreSQL carries the statement out, then the connection is closed
	CutAnswer               // like LoseAnswer, but the sender gets the rows; only the report of success is lost
	Hold                    // the connection is closed, and the statement is kept for Deliver
)

// NewProxy starts a proxy for the server of the DSN. It ends with the test.
func NewProxy(tb testing.TB, dsn string) *Proxy {
	tb.Helper()
	target, err := pgconn.ParseConfig(dsn)
	if err != nil {
		tb.Fatal(err)
	}
	folder, err := os.MkdirTemp("", "pg") // not tb.TempDir, because the path of a socket must be short
	if err != nil {
		tb.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(folder, ".s.PGSQL.5432"))
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{
		DSN: With(dsn, "host", folder, "port", "5432", "sslmode", "disable"),
		tb:  tb, done: make(chan struct{}), faults: map[string][]Fault{},
	}
	p.network, p.address = pgconn.NetworkAddress(target.Host, target.Port)
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Go(func() { p.serve(client) })
		}
	})
	tb.Cleanup(func() {
		close(p.done)
		listener.Close()
		connections.Wait()
		for _, r := range p.held {
			r.server.Close()
		}
		os.RemoveAll(folder)
	})
	return p
}

// Fail gives the next statements of the kind one fault each, in order. The kind of a
// statement is its first word ("UPDATE").
func (p *Proxy) Fail(kind string, faults ...Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults[kind] = append(p.faults[kind], faults...)
}

// FailAll gives the fault to all statements and to new connections from now on.
// FailAll(None) ends this.
func (p *Proxy) FailAll(fault Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.always = fault
}

// Take returns the kinds of the statements since the last Take, in the order of their
// arrival.
func (p *Proxy) Take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := p.seen
	p.seen = nil
	return seen
}

// Deliver sends the kept statements to PostgreSQL, the oldest first, and returns the
// answer to each, such as "UPDATE 1".
func (p *Proxy) Deliver() []string {
	p.tb.Helper()
	p.mu.Lock()
	held := p.held
	p.held = nil
	p.mu.Unlock()
	var answers []string
	for _, r := range held {
		r.server.Write(r.batch)
		select {
		case answer := <-r.answered:
			answers = append(answers, answer)
		case <-time.After(timeout):
			p.tb.Fatal("a statement that was held is not answered")
		}
		r.server.Close()
	}
	return answers
}

// next records a statement and returns its fault. The kind is empty for everything that
// is not a statement.
func (p *Proxy) next(kind string) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	if kind != "" {
		p.seen = append(p.seen, kind)
	}
	if next := p.faults[kind]; len(next) > 0 {
		p.faults[kind] = next[1:]
		return next[0]
	}
	return p.always
}

// serve handles one connection.
func (p *Proxy) serve(client net.Conn) {
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-p.done:
		case <-ended:
		}
		client.Close()
	}()
	startup, err := readStartup(client)
	if err != nil || isCancel(startup) { // a driver sends a cancel request for each connection that breaks
		return
	}
	switch p.next("") {
	case Refuse:
		return
	case Hang:
		p.hung.Add(1)
		io.Copy(io.Discard, client)
		return
	}
	server, err := net.Dial(p.network, p.address)
	if err != nil {
		return // without the proxy, the client would get an error too
	}
	r := &relay{p: p, client: client, server: server, answered: make(chan string, 1), statements: map[string]string{}}
	go r.answers()
	server.Write(startup)
	if held := r.requests(); !held {
		server.Close()
	}
}

// relay is one connection through the proxy.
type relay struct {
	p              *Proxy
	client, server net.Conn

	statements map[string]string // the SQL of prepared statements by name
	batch      []byte            // messages, up to the one that asks for an answer
	kind       string            // the kind of the statement in the batch

	mu       sync.Mutex
	fault    Fault
	answered chan string // gets the answer to a kept statement
}

// requests passes messages from the client to the server, one batch at a time. It
// returns when the client disconnects, or when a fault ends the connection. It reports
// whether the last batch was kept for Deliver.
func (r *relay) requests() (held bool) {
	for {
		message, err := readMessage(r.client)
		if err != nil {
			return false
		}
		r.add(message)
		if !asksForAnswer(message) {
			continue
		}
		fault := r.p.next(r.kind)
		switch fault {
		case Refuse:
			return false
		case Hang:
			r.p.hung.Add(1)
			io.Copy(io.Discard, r.client)
			return false
		}
		r.mu.Lock()
		r.fault = fault
		r.mu.Unlock()
		if fault == Hold {
			r.p.mu.Lock()
			r.p.held = append(r.p.held, r)
			r.p.mu.Unlock()
			return true
		}
		r.server.Write(r.batch)
		r.batch, r.kind = nil, ""
	}
}

// add appends the message to the batch. If the message has a statement, add sets the
// kind.
func (r *relay) add(message []byte) {
	r.batch = append(r.batch, message...)
	fields := bytes.Split(message[headerSize:], []byte{0})
	sql := ""
	switch message[0] {
	case 'P': // Parse: name, SQL
		r.statements[string(fields[0])] = string(fields[1])
	case 'B': // Bind: portal, name
		sql = r.statements[string(fields[1])]
	case 'Q': // Query: SQL
		sql = string(fields[0])
	}
	if words := strings.Fields(sql); len(words) > 0 && words[0] != "--" { // pgx uses a comment as a ping
		r.kind = words[0]
	}
}

// answers passes messages from the server to the client. If the current batch has a
// fault, answers drops messages as the fault says.
func (r *relay) answers() {
	defer r.client.Close()
	tag := ""
	for {
		message, err := readMessage(r.server)
		if err != nil {
			return
		}
		r.mu.Lock()
		fault := r.fault
		r.mu.Unlock()
		kind := message[0]
		if kind == 'C' { // CommandComplete: "UPDATE 1"
			tag = string(bytes.TrimRight(message[headerSize:], "\x00"))
		}
		switch {
		case fault == None, fault == CutAnswer && kind != 'C' && kind != 'Z':
			r.client.Write(message)
		case kind == 'Z': // ReadyForQuery: the statement was carried out
			r.answered <- tag
			return
		}
	}
}
