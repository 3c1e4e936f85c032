// Command local serves the deployed shape on this machine; it is what make local
// runs, in the folder of template.yaml. PORT is where, 3000 by default, and
// DYNAMODB_ENDPOINT a DynamoDB Local to use instead of one of its own.
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

	"example.com/coatcheck/internal/local/samlocal"
	"example.com/coatcheck/internal/mains/demo"
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
	if ctx.Err() != nil { // what is asked to end has not failed
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
	fmt.Printf("Sign in as %q with the password %q. Ctrl-C ends it; what the functions log follows.\n", demo.Username, demo.Password)
	select {
	case <-ctx.Done():
		return nil
	case <-stack.Exited():
		return fmt.Errorf("sam local has ended by itself; see %s", stack.LogFile())
	}
}
