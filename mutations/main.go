// Command mutations breaks each guarantee once, and sees the test fail that watches it. A
// mutation is a patch of a line or two in a folder beside this file: its first line says in
// a sentence what is wrong in the broken program, the second names the test that has to
// fail, and a diff follows. A mutation with which its test passes has survived, and the
// command fails.
//
//	go run ./mutations                        # all of them
//	go run ./mutations -minutes 8             # as many as that allows, another share at each commit
//	go run ./mutations throttle/lock-is-late  # one
//	go run ./mutations -check                 # whether all apply and compile
//
// It reads the repository in the current folder, changes nothing in it, and runs the tests
// without the race detector.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	minutes := flag.Float64("minutes", 0, "begin no mutation after so many minutes; 0 means that all run")
	only := flag.Bool("check", false, "run nothing, and report what does not apply or compile, or names no test")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	root, err := filepath.Abs(".")
	if err == nil && *only {
		err = checkAll(root, os.Stdout)
	} else if err == nil {
		err = runSome(ctx, root, flag.Args(), time.Duration(*minutes*float64(time.Minute)), os.Stdout)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutations:", err)
		os.Exit(1)
	}
}

// checkAll checks every mutation without running it.
func checkAll(root string, out io.Writer) error {
	all, err := load(root)
	if err != nil {
		return err
	}
	if err := check(root, all); err != nil {
		return err
	}
	fmt.Fprintf(out, "All %d mutations apply and compile, and their tests are there.\n", len(all))
	return nil
}

// runSome runs the named mutations, all if none is named, or as many as the limit allows.
func runSome(ctx context.Context, root string, names []string, limit time.Duration, out io.Writer) error {
	all, err := load(root)
	if err != nil {
		return err
	}
	chosen, err := choose(all, names)
	if err != nil {
		return err
	}
	start, deadline := time.Now(), time.Time{}
	if limit > 0 {
		deadline = start.Add(limit)
		first, why := begin(root, len(chosen))
		chosen = slices.Concat(chosen[first:], chosen[:first])
		fmt.Fprintf(out, "This share begins with %s, number %d of %d: %s.\n", chosen[0].name, first+1, len(chosen), why)
	}
	done, failed, err := run(ctx, root, chosen, deadline, out)
	fmt.Fprintf(out, "%d of %d mutations ran in %v.\n", done, len(chosen), time.Since(start).Round(time.Second))
	if err == nil && len(failed) > 0 {
		slices.Sort(failed)
		err = fmt.Errorf("%d were not killed: %s", len(failed), strings.Join(failed, ", "))
	}
	return err
}

// choose returns the mutations with these names, or those of an area; all without a name.
func choose(all []mutation, names []string) (chosen []mutation, err error) {
	if len(names) == 0 {
		return all, nil
	}
	for _, name := range names {
		before := len(chosen)
		for _, m := range all {
			if m.name == name || m.area() == name {
				chosen = append(chosen, m)
			}
		}
		if len(chosen) == before {
			return nil, fmt.Errorf("there is no mutation %q; want an area such as throttle, or a name such as %s", name, all[0].name)
		}
	}
	return chosen, nil
}
