// Package migration runs a monolith of examples/monolith and the product behind one host,
// as they are while routes move from one to the other. The routes, the mode of the
// monolith's middleware and each of the two programs can be changed while it runs.
package migration

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"example.com/coatcheck/internal/local/childprocess"
	"example.com/coatcheck/internal/local/pinned"
)

// The modes of the middleware: the monolith's own cookies sign users in too, or only ours
// does.
const (
	Also = "also"
	Only = "only"
)

// Password is the password of each of the monolith's users, who are ada, ben, cleo and dan.
const Password = "seven quiet umbrellas"

// Options say what is migrated.
type Options struct {
	Framework Framework
	Stateless bool   // whether the monolith's cookie is the session; otherwise it has rows
	Redis     string // URL of the Redis with the rows of Flask or Express
	Port      string // of the host; empty: a free one
	Folder    string // for the databases and logs, an empty one

	Environment []string // of the product, beside what it needs
}

// Stack is a monolith and the product behind one host. It is the handler of that host.
type Stack struct {
	URL   string // of the host, as browsers see it
	Proxy *Proxy

	Monolith, Ours *Program

	options  Options
	listener net.Listener
	server   *http.Server
	operator string // the path of the operator's command line

	protection http.CrossOriginProtection // of the page with the moves

	mu   sync.Mutex // of the monolith's mode
	mode string
}

// Start starts everything, with all movable routes at the monolith in the mode [Also], and
// the monolith's users imported. After an error nothing runs.
func Start(ctx context.Context, o Options) (*Stack, error) {
	s := &Stack{options: o}
	err := s.start(ctx)
	if err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context) (err error) {
	if s.listener, err = net.Listen("tcp", net.JoinHostPort("localhost", cmp.Or(s.options.Port, "0"))); err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	s.URL = "http://localhost:" + port
	if s.Monolith, err = newProgram(s.options.Framework.Name, s.options.Folder); err != nil {
		return err
	}
	if s.Ours, err = newProgram("coatcheck", s.options.Folder); err != nil {
		return err
	}
	if err := s.startMonolith(ctx); err != nil {
		return err
	}
	if err := s.startOurs(ctx); err != nil {
		return err
	}
	if err := s.importUsers(ctx); err != nil {
		return err
	}
	s.Proxy = newProxy(s.Monolith.url(), s.Ours.url())
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go s.server.Serve(s.listener)
	return nil
}

// Stop ends everything. It may be called twice.
func (s *Stack) Stop() {
	if s.server != nil {
		s.server.Close()
	} else if s.listener != nil {
		s.listener.Close()
	}
	for _, p := range []*Program{s.Monolith, s.Ours} {
		if p != nil {
			p.Stop()
		}
	}
}

// secretKey is the key with which the monolith signs.
const secretKey = "an-invented-key-of-harbour-news-that-signs-its-cookies"

// startMonolith makes its users and starts it.
func (s *Stack) startMonolith(ctx context.Context) error {
	f := s.options.Framework
	cache, err := pinned.Cache(filepath.Join("monolith", f.Name))
	if err != nil {
		return err
	}
	project := f.folder(cache)
	packages, err := f.fetch(ctx, project, cache)
	if err != nil {
		return err
	}
	s.Monolith.folder = project
	s.Monolith.environment = []string{
		f.packages + "=" + packages, "PYTHONDONTWRITEBYTECODE=1", "NODE_ENV=production", "SECRET_KEY=" + secretKey,
		"DATABASE=" + s.options.database(f.Name), "PORT=" + s.Monolith.port,
		"COATCHECK_ORIGIN=" + s.Ours.url(), "SESSIONS=" + s.options.sessions().kind, "REDIS_URL=" + s.options.Redis,
	}
	for _, command := range f.prepare {
		if _, err := s.Monolith.run(ctx, command...); err != nil {
			return err
		}
	}
	s.Monolith.serve = f.serve(s.Monolith.port)
	return s.setMode(ctx, Also)
}

// SetMode starts the monolith again with another mode of its middleware.
func (s *Stack) SetMode(ctx context.Context, mode string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.setMode(ctx, mode)
}

func (s *Stack) setMode(ctx context.Context, mode string) error {
	s.mode = mode
	s.Monolith.Stop()
	return s.Monolith.startWith(ctx, "COATCHECK_MODE="+mode)
}

func (s *Stack) startOurs(ctx context.Context) error {
	server, err := build(ctx, "server")
	if err != nil {
		return err
	}
	if s.operator, err = build(ctx, "coatcheck"); err != nil {
		return err
	}
	legacy, err := s.options.sessions().variables()
	if err != nil {
		return err
	}
	s.Ours.environment = append(append(legacy, s.options.Environment...),
		"STORE=sqlite:"+s.options.database("coatcheck"), "ADDR=127.0.0.1:"+s.Ours.port, "PUBLIC_ORIGIN="+s.URL,
		"BRIDGE_TABLE=on", "BRIDGE_ENDS_AT="+time.Now().AddDate(0, 0, 30).UTC().Format(time.RFC3339),
	)
	s.Ours.serve = []string{server, "-tables"}
	return s.Ours.Start(ctx)
}

// importUsers gives the product the users that the monolith exports.
func (s *Stack) importUsers(ctx context.Context) error {
	users, err := s.Monolith.run(ctx, s.options.Framework.export...)
	if err != nil {
		return err
	}
	_, err = s.Operate(ctx, users, "users", "import", "-")
	return err
}

// Operate runs the operator's command line with this standard input, and returns what it
// prints.
func (s *Stack) Operate(ctx context.Context, input string, args ...string) (string, error) {
	return s.Ours.runWith(ctx, input, append([]string{s.operator}, args...)...)
}

// build builds a command of this repository, and returns the path of the program. It needs
// only the stores that a migration on one machine has.
func build(ctx context.Context, command string) (string, error) {
	folder, err := pinned.Cache("monolith")
	if err != nil {
		return "", err
	}
	program := filepath.Join(folder, command)
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", "nopostgres,nodynamodb", "-o", program, "./cmd/"+command)
	cmd.Dir = filepath.Dir(filepath.Dir(folder))
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/%s: %w: %s", command, err, childprocess.LastPart(string(out)))
	}
	return program, nil
}
