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

// Server is a PostgreSQL server in a child process. It listens only on a Unix socket,
// in a folder that other users may not open. It listens on no port.
type Server struct {
	DSN string // of a superuser, in the database postgres

	account *account
	bin     string // the folder of the programs
	folder  string // has the socket, and the data in a subfolder
	process *childprocess.Process
	output  *bytes.Buffer // of the process; may be read only after it has ended
}

// Start creates an empty database and starts a server with it. The caller must stop the
// server with [Server.Stop]. If this process ends before, even if it is killed, the
// server ends too and its folder is removed. Ctx limits the time of the start, not of
// the server.
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

// account is the user who runs the server if this process runs as root. PostgreSQL
// refuses to run as root.
type account struct{ uid, gid int }

// unprivileged returns a user who is not root. It returns nil if this process does not
// run as root.
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

// command returns the command line that runs one of PostgreSQL's programs.
func (s *Server) command(program string, args ...string) []string {
	return s.account.commandLine(append([]string{filepath.Join(s.bin, program), "-D", s.data()}, args...)...)
}

// commandLine returns the command line that runs a command as the account, if there is
// one.
func (a *account) commandLine(command ...string) []string {
	if a == nil {
		return command
	}
	return append([]string{"setpriv", fmt.Sprintf("--reuid=%d", a.uid), fmt.Sprintf("--regid=%d", a.gid), "--clear-groups"}, command...)
}

// giveFolder makes the account the owner of the folder. If the account cannot read the
// fetched programs, for example in the home of root, giveFolder copies them to the
// folder.
func (s *Server) giveFolder(ctx context.Context) error {
	if err := os.Chown(s.folder, s.account.uid, s.account.gid); err != nil {
		return err
	}
	home, bin, fetched := fetchedHome(s.bin)
	try := s.account.commandLine("test", "-x", filepath.Join(s.bin, "initdb"))
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

// initialize creates the files of an empty database. The server trusts everyone who can
// open the socket, because other users cannot open its folder.
func (s *Server) initialize(ctx context.Context) error {
	if s.account != nil {
		if err := s.giveFolder(ctx); err != nil {
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
		"-c", "fsync=off", "-c", "full_page_writes=off", // only the server crashes, not the machine
		"-c", "max_connections=1000", "-c", "log_min_messages=fatal")
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

// Crash ends the server at once. Connections break, and the next start must recover
// from the log of committed writes. Crash returns after the process has ended.
func (s *Server) Crash() {
	s.process.Stop()
}

// Stop ends the server and removes its folder. It may be called twice.
func (s *Server) Stop() {
	s.Crash()
	os.RemoveAll(s.folder)
}

// wait returns when the server answers, when it has ended, or when the time is over.
func (s *Server) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
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
