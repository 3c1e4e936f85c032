// Command share runs a command, and gives it a DynamoDB Local that the tests of all packages
// share, and with -postgres a PostgreSQL too. make test runs the tests with it: otherwise each
// package starts its own, and a Java program is slow for as long as it is new.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"example.com/coatcheck/internal/local/dynamolocal"
	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/internal/testing/postgrestest"
)

func main() {
	withPostgres := flag.Bool("postgres", false, "start a PostgreSQL too")
	flag.Parse()
	err := run(*withPostgres, flag.Args())
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		os.Exit(1) // the command has said why
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "share:", err)
		os.Exit(1)
	}
}

func run(withPostgres bool, command []string) error {
	if len(command) == 0 {
		return errors.New("name the command to run")
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = os.Environ()
	if os.Getenv(dynamotest.Variable) == "" {
		server, err := dynamolocal.Start(context.Background(), filepath.Join(".cache", "dynamodb-local"), dynamolocal.Options{})
		if err != nil {
			return err
		}
		defer server.Stop()
		cmd.Env = append(cmd.Env, dynamotest.Variable+"="+server.Endpoint)
	}
	if withPostgres && os.Getenv(postgrestest.Variable) == "" && os.Getenv(postgrestest.Shared) == "" {
		server, err := postgrestest.Start(context.Background())
		if err != nil {
			return err
		}
		defer server.Stop()
		cmd.Env = append(cmd.Env, postgrestest.Shared+"="+server.DSN)
	}
	return cmd.Run()
}
