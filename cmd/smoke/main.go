// Command smoke walks a user through a running product and fails if something is
// not as it should be. The user is SMOKE_USER, alice by default, and the password
// SMOKE_PASSWORD. It is what make smoke runs.
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"

	"example.com/coatcheck/internal/local/smoketest"
)

func main() {
	if len(os.Args) != 2 || os.Getenv("SMOKE_PASSWORD") == "" {
		fmt.Fprintln(os.Stderr, "smoke: call it as: SMOKE_USER=alice SMOKE_PASSWORD=… make smoke URL=https://app.example.com")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	walk := &smoketest.Walk{
		URL:      os.Args[1],
		Username: cmp.Or(os.Getenv("SMOKE_USER"), "alice"),
		Password: os.Getenv("SMOKE_PASSWORD"),
		Step:     func(name string) { fmt.Println(name) },
	}
	if err := walk.Run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "smoke:", err)
		os.Exit(1)
	}
	fmt.Println("All is as it should be.")
}
