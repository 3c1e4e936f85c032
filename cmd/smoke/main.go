// Command smoke tests a running server over HTTP with the requests of one user, and
// fails if something is wrong. The environment variable SMOKE_USER is the user name,
// alice by default. SMOKE_PASSWORD is the password. The command make smoke runs it.
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"

	"example.com/coatcheck/pkg/smoketest"
)

func main() {
	if len(os.Args) != 2 || os.Getenv("SMOKE_PASSWORD") == "" {
		fmt.Fprintln(os.Stderr, "smoke: call it as: SMOKE_USER=alice SMOKE_PASSWORD=… make smoke URL=https://app.example.com")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	test := &smoketest.Test{
		URL:      os.Args[1],
		Username: cmp.Or(os.Getenv("SMOKE_USER"), "alice"),
		Password: os.Getenv("SMOKE_PASSWORD"),
		Step:     func(name string) { fmt.Println(name) },
	}
	if err := test.Run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "smoke:", err)
		os.Exit(1)
	}
	fmt.Println("All is as it should be.")
}
