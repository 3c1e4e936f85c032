// Command company runs a command, and gives it what examples/company finds in a company: a
// PostgreSQL with the users and the invoices. make test runs the example's tests with it,
// and make company the example itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/jackc/pgx/v5"

	"example.com/coatcheck/internal/local/childprocess"
	"example.com/coatcheck/internal/testing/postgrestest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	err := run(ctx, os.Args[1:])
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		os.Exit(1) // the command has said why
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "company:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, command []string) error {
	if len(command) == 0 {
		return errors.New("name the command to run")
	}
	server, err := postgrestest.Start(ctx)
	if err != nil {
		return err
	}
	defer server.Stop()
	if err := load(ctx, server.DSN, "schema.sql", "portal.sql"); err != nil {
		return err
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "DATABASE_URL="+server.DSN)
	process, err := childprocess.Start(cmd, childprocess.INT)
	if err != nil {
		return err
	}
	return process.Wait(ctx)
}

// load runs files of examples/company. The folder of this repository is the current one.
func load(ctx context.Context, dsn string, files ...string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join("examples", "company", file))
		if err != nil {
			return err
		}
		if _, err := conn.Exec(ctx, string(text)); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}
