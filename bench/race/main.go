// Command race lets a logout cross another request of the same session, again and again, in
// Coatcheck and in other libraries, each set up as its documentation says, on one Redis and in
// memory. It prints how often the old cookie was signed in afterwards.
//
// Every library answers the same HTTP requests by the same script: sign in; send a request that
// reads the session and works for a moment, and a logout at a random time meanwhile; when both are
// answered, send the old cookie once more. A request that changes data saves it when its work is
// done.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"time"

	"example.com/coatcheck/internal/testing/redistest"
)

func main() {
	around := surroundings{ctx: context.Background()}
	flag.IntVar(&around.races, "races", 10_000, "how many races each case runs")
	flag.DurationVar(&around.limit, "limit", 20*time.Second, "how long each case begins new races")
	flag.DurationVar(&around.work, "work", 2*time.Millisecond, "how long a request works after it has read the session")
	only := flag.String("only", "", "run the cases whose names this regular expression matches")
	flag.Parse()
	if err := run(around, *only); err != nil {
		fmt.Fprintln(os.Stderr, "race:", err)
		os.Exit(1)
	}
}

func run(around surroundings, only string) error {
	chosen, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	server, stop, err := redistest.Open()
	if err != nil {
		return err
	}
	defer stop()
	around.redis = server.Options().Addr
	if err := around.printVersions(); err != nil {
		return err
	}
	fmt.Print("| library | store | the request | races | signed in again | per million |\n|---|---|---|---:|---:|---:|\n")
	ours := 0
	for _, c := range contests() {
		if !chosen.MatchString(c.name()) {
			continue
		}
		races, again, err := c.run(around)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name(), err)
		}
		fmt.Printf("| %s | %s | %s | %d | %d | %d |\n", c.library, c.store, c.request, races, again, again*1_000_000/races)
		if c.library == coatcheck {
			ours += again
		}
	}
	if ours > 0 {
		return fmt.Errorf("%d logouts of %s were undone", ours, coatcheck)
	}
	return nil
}
