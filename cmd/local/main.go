// Command local runs the same stack as in AWS on this machine. The command make local
// runs it, in the folder of template.yaml. The environment variable PORT is the port to
// listen on, 3000 by default. DYNAMODB_ENDPOINT is the endpoint of a DynamoDB Local; if
// it is empty, the program starts its own.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"example.com/coatcheck/cmd/server/demo"
	"example.com/coatcheck/internal/local/samlocal"
)

func main() {
	sam := flag.String("sam", "sam", "the SAM CLI; make build installs it if it is missing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if err := run(ctx, *sam); err != nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, sam string) error {
	port := cmp.Or(os.Getenv("PORT"), "3000")
	folder, err := filepath.Abs(filepath.Join(".cache", "local-"+port))
	if err != nil {
		return err
	}
	stack := &samlocal.Stack{SAM: sam, Port: port, Folder: folder, Database: os.Getenv("DYNAMODB_ENDPOINT"), Logs: os.Stdout}
	err = serve(ctx, stack)
	if ctx.Err() != nil { // the user has ended the program, so an error is no failure
		fmt.Println("Stopping.")
		err = nil
	}
	return errors.Join(err, stack.Stop())
}

// serve returns when ctx ends or something fails.
func serve(ctx context.Context, stack *samlocal.Stack) error {
	if err := stack.Check(ctx); err != nil {
		return err
	}
	if err := stack.StartDatabase(ctx); err != nil {
		return err
	}
	image, err := samlocal.BaseImage(ctx)
	if err != nil {
		return err
	}
	fmt.Println(image.Notice)
	fmt.Println("Building the functions; the first time this takes minutes.")
	if err := stack.Build(ctx); err != nil {
		return err
	}
	fmt.Println("Starting them.")
	if err := stack.StartAPI(ctx, image); err != nil {
		return err
	}
	fmt.Printf("Coatcheck is at http://localhost:%s\n", stack.Port)
	fmt.Println("A function of another stack is at /orders; the folder examples/stack has it.")
	fmt.Printf("Sign in as %q with the password %q. Ctrl-C ends it; what the functions log follows.\n", demo.Username, demo.Password)
	select {
	case <-ctx.Done():
		return nil
	case <-stack.Exited():
		return fmt.Errorf("sam local has ended by itself; see %s", stack.LogFile())
	}
}
