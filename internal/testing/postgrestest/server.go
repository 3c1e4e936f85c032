package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/coatcheck/internal/local/childprocess"
)

// Server is a PostgreSQL of its own, as a child process. It listens on a socket
// in a folder that nobody else may enter, and on no port.
type Server struct {
	DSN string // of a superuser, in the database postgres

	account *account
	bin     string // the folder of the programs
	folder  string // of the socket and, below it, the data
	process *childprocess.Process
	output  *bytes.Buffer // of the process, to be read after it has ended
}

// Start makes an empty database and starts a server on it. It must be stopped
// with [Server.Stop]; it also ends, and its folder is removed, when this process
// does, in whatever way. Ctx bounds the start, not the server's life.
func Start(ctx context.Context) (*Server, error) {
	bin, err := programs(ctx, installed)
	if err != nil {
		return nil, err
	}
	account, err := unprivileged()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "pg")
	if err != nil {
		return nil, fmt.Errorf("making a folder for PostgreSQL: %w", err)
	}
	s := &Server{DSN: dsn(folder), account: account, bin: bin, folder: folder}
	if err := s.initialize(ctx); err != nil {
		os.RemoveAll(folder)
		return nil, err
	}
	if err := s.Resume(ctx); err != nil {
		os.RemoveAll(folder)
		return nil, err
	}
	return s, nil
}

// account is who runs the server when this process is root, which PostgreSQL
// refuses to be.
type account struct{ uid, gid int }

// unprivileged returns nil if this process is not root.
func unprivileged() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errU := strconv.Atoi(u.Uid)
		gid, errG := strconv.Atoi(u.Gid)
		if errU == nil && errG == nil {
			return &account{uid, gid}, nil
		}
	}
	return nil, fmt.Errorf("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody to run it as")
}

// command returns the words that run one of PostgreSQL's programs.
func (s *Server) command(program string, args ...string) []string {
	return s.account.words(append([]string{filepath.Join(s.bin, program), "-D", s.data()}, args...)...)
}

// words returns the words that run a command as the account, if there is one.
func (a *account) words(command ...string) []string {
	if a == nil {
		return command
	}
	return append([]string{"setpriv", fmt.Sprintf("--reuid=%d", a.uid), fmt.Sprintf("--regid=%d", a.gid), "--clear-groups"}, command...)
}

// hand gives the folder to the account. Programs that were fetched to where the
// account does not reach them, as in the home of root, are copied to the folder.
func (s *Server) hand(ctx context.Context) error {
	if err := os.Chown(s.folder, s.account.uid, s.account.gid); err != nil {
		return err
	}
	home, bin, fetched := fetchedHome(s.bin)
	try := s.account.words("test", "-x", filepath.Join(s.bin, "initdb"))
	if !fetched || exec.CommandContext(ctx, try[0], try[1:]...).Run() == nil {
		return nil
	}
	copied := filepath.Join(s.folder, "programs")
	if err := os.CopyFS(copied, os.DirFS(home)); err != nil {
		return err
	}
	s.bin = filepath.Join(copied, bin)
	return filepath.WalkDir(copied, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, s.account.uid, s.account.gid))
	})
}

func (s *Server) data() string { return filepath.Join(s.folder, "data") }

// initialize makes the files of an empty database. Whoever reaches the socket is
// trusted: the folder keeps all others out.
func (s *Server) initialize(ctx context.Context) error {
	if s.account != nil {
		if err := s.hand(ctx); err != nil {
			return fmt.Errorf("giving PostgreSQL its folder: %w", err)
		}
	}
	words := s.command("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir = s.folder
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("making a database for PostgreSQL: %w; initdb said: %s", err, childprocess.LastPart(string(output)))
	}
	return nil
}

// Resume starts the server again after [Server.Crash], on the same socket and
// the same data, and waits until it answers.
func (s *Server) Resume(ctx context.Context) error {
	words := s.command("postgres", "-k", s.folder, "-c", "listen_addresses=",
		"-c", "fsync=off", "-c", "full_page_writes=off", // the machine does not crash, only the server
		"-c", "max_connections=200", "-c", "log_min_messages=fatal")
	s.output = &bytes.Buffer{}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = s.folder
	cmd.Stdout, cmd.Stderr = s.output, s.output
	process, err := childprocess.StartIn(s.folder, cmd, childprocess.QUIT) // PostgreSQL's immediate shutdown
	if err != nil {
		return fmt.Errorf("starting PostgreSQL: %w", err)
	}
	s.process = process
	if err := s.wait(ctx); err != nil {
		s.Crash()
		return fmt.Errorf("PostgreSQL did not start: %w; it said: %s", err, childprocess.LastPart(s.output.String()))
	}
	return nil
}

// Crash ends the server at once: connections break, and what the next start
// knows it has from the log of committed writes. It returns when the process is
// gone.
func (s *Server) Crash() {
	s.process.Stop()
}

// Stop ends the server and removes its folder. Stopping twice is no harm.
func (s *Server) Stop() {
	s.Crash()
	os.RemoveAll(s.folder)
}

// wait returns when the server answers, has ended, or has run out of time.
func (s *Server) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.DSN)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.process.Exited():
			return fmt.Errorf("the process ended")
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func dsn(folder string) string {
	return "postgres:///postgres?" + url.Values{"host": {folder}, "port": {"5432"}, "user": {"postgres"}, "sslmode": {"disable"}}.Encode()
}
