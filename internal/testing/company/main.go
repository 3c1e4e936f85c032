// Command company runs a command, and gives it what examples/company finds in a company: a
// PostgreSQL with the users and the invoices, and with -provider an OpenID provider too.
// make test runs the example's tests with it, and make company the example itself, which
// listens at ADDR, by default localhost:8080.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/jackc/pgx/v5"

	"example.com/coatcheck/internal/local/childprocess"
	"example.com/coatcheck/internal/testing/oidcprovider"
	"example.com/coatcheck/internal/testing/postgrestest"
)

func main() {
	withProvider := flag.Bool("provider", false, "start an OpenID provider too")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	err := run(ctx, *withProvider, flag.Args())
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		os.Exit(1) // the command has said why
	}
	if err != nil && ctx.Err() == nil { // the user may have ended the program, which is no failure
		fmt.Fprintln(os.Stderr, "company:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, withProvider bool, command []string) error {
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
	environment := append(os.Environ(), "DATABASE_URL="+server.DSN)
	if withProvider {
		provider, err := startProvider(ctx, "http://"+cmp.Or(os.Getenv("ADDR"), "localhost:8080"), &environment)
		if err != nil {
			return err
		}
		defer provider.Stop()
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Env = os.Stdout, os.Stderr, environment
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

// startProvider starts a provider for the site at origin, and adds what the site needs to
// the environment.
func startProvider(ctx context.Context, origin string, environment *[]string) (*oidcprovider.Provider, error) {
	provider, err := oidcprovider.Start(ctx, oidcprovider.Options{Origin: origin})
	if err != nil {
		return nil, err
	}
	*environment = append(*environment, "PUBLIC_ORIGIN="+origin, "OIDC_NAME=Example ID", "OIDC_ISSUER="+provider.Issuer,
		"OIDC_CLIENT_ID="+oidcprovider.ClientID, "OIDC_CLIENT_SECRET="+oidcprovider.ClientSecret,
		"OIDC_KEYS=QW4gaW52ZW50ZWQga2V5IGZvciBvbmUgbWFjaGluZS4=")
	fmt.Printf("Sign in as ada@example.com with the password \"seven quiet umbrellas\", or at Example ID as alice with %q.\n", oidcprovider.Password)
	return provider, nil
}
