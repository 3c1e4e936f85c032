// Command share runs a command, and gives it a DynamoDB Local that the tests of all
// packages share. make test runs go test with it: otherwise each package starts its
// own, and a Java program is slow for as long as it is new.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"example.com/coatcheck/internal/local/dynamolocal"
	"example.com/coatcheck/internal/testing/dynamotest"
)

func main() {
	err := run(os.Args[1:])
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		os.Exit(1) // the command has said why
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "share:", err)
		os.Exit(1)
	}
}

func run(command []string) error {
	if len(command) == 0 {
		return errors.New("name the command to run")
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if os.Getenv(dynamotest.Variable) == "" {
		server, err := dynamolocal.Start(context.Background(), filepath.Join(".cache", "dynamodb-local"), dynamolocal.Options{})
		if err != nil {
			return err
		}
		defer server.Stop()
		cmd.Env = append(os.Environ(), dynamotest.Variable+"="+server.Endpoint)
	}
	return cmd.Run()
}
