package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"
)

// testTimeout ends a test that hangs. It is long, because a busy machine is no reason to
// call a mutation killed.
const testTimeout = 3 * time.Minute

// runner runs mutations of the repository at root.
type runner struct {
	root string // absolute
	tmp  string // a folder of its own, for programs, overlays and the copy
	out  io.Writer

	mu       sync.Mutex
	programs map[string]func() (string, error) // the tests of each package without a mutation
	passes   map[string]func() error           // whether each named test passes without one

	tree     sync.Mutex // held by whoever uses the copy
	copyOnce func() error
}

// run runs the mutations at once, as many as there are processors, in their order, and
// begins none after the deadline, if there is one. It returns how many it has run, and the
// names of those that were not killed, of which it has printed why.
func run(ctx context.Context, root string, all []mutation, deadline time.Time, out io.Writer) (done int, failed []string, err error) {
	tmp, err := os.MkdirTemp("", "mutations")
	if err != nil {
		return 0, nil, err
	}
	defer os.RemoveAll(tmp)
	r := &runner{root: root, tmp: tmp, out: out, programs: map[string]func() (string, error){}, passes: map[string]func() error{}}
	r.copyOnce = sync.OnceValue(func() error { return copyTree(root, r.copied()) })
	var wg sync.WaitGroup
	next := 0
	take := func() (m mutation, ok bool) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if next == len(all) || ctx.Err() != nil || !deadline.IsZero() && time.Now().After(deadline) {
			return m, false
		}
		next++
		return all[next-1], true
	}
	for range runtime.NumCPU() {
		wg.Go(func() {
			for m, ok := take(); ok; m, ok = take() {
				if !r.report(ctx, m) {
					r.mu.Lock()
					failed = append(failed, m.name)
					r.mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return next, failed, ctx.Err()
}

// report runs one mutation, prints what became of it, and reports whether it was killed.
func (r *runner) report(ctx context.Context, m mutation) bool {
	start := time.Now()
	err := r.try(ctx, m)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		fmt.Fprintf(r.out, "%s %v\n  Repeat it with: go run ./mutations %s\n", m.name, err, m.name)
		return false
	}
	fmt.Fprintf(r.out, "%-50s killed by %s in %.1f s\n", m.name, m.test, time.Since(start).Seconds())
	return true
}

// try returns nil if the mutation's test fails with it and passes without it.
func (r *runner) try(ctx context.Context, m mutation) error {
	files, err := m.mutated(r.root)
	if err != nil {
		return err
	}
	if err := r.pass(ctx, m.pkg, m.test); err != nil {
		return err
	}
	if m.isGo() {
		return r.tryOverlay(ctx, m, files)
	}
	return r.tryCopy(ctx, m, files)
}

// tryOverlay builds the tests with the changed files in place of those of the repository.
// What the tests build themselves has them too, by GOFLAGS.
func (r *runner) tryOverlay(ctx context.Context, m mutation, files map[string]string) error {
	folder, err := os.MkdirTemp(r.tmp, "overlay")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	replace := map[string]string{}
	for file, text := range files {
		changed := filepath.Join(folder, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(changed, []byte(text), 0o644); err != nil {
			return err
		}
		replace[filepath.Join(r.root, filepath.FromSlash(file))] = changed
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	list := filepath.Join(folder, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o644); err != nil {
		return err
	}
	flags := "GOFLAGS=" + strings.TrimSpace(os.Getenv("GOFLAGS")+" '-overlay="+list+"'")
	program := filepath.Join(folder, "test")
	if err := r.build(ctx, m.pkg, program, flags); err != nil {
		return err
	}
	return m.verdict(r.test(ctx, program, filepath.Join(r.root, m.pkg), m.test, flags))
}

// copied returns the folder of the copy of the repository.
func (r *runner) copied() string { return filepath.Join(r.tmp, "copy") }

// tryCopy changes the files in the copy, and runs there the tests as they are.
func (r *runner) tryCopy(ctx context.Context, m mutation, files map[string]string) error {
	program, err := r.program(ctx, m.pkg)
	if err != nil {
		return err
	}
	r.tree.Lock()
	defer r.tree.Unlock()
	if err := r.copyOnce(); err != nil {
		return fmt.Errorf("copying the repository: %w", err)
	}
	for file, text := range files {
		if err := os.WriteFile(filepath.Join(r.copied(), filepath.FromSlash(file)), []byte(text), 0o644); err != nil {
			return err
		}
	}
	result := m.verdict(r.test(ctx, program, filepath.Join(r.copied(), m.pkg), m.test))
	for file := range files {
		back := filepath.FromSlash(file)
		if err := copyFile(filepath.Join(r.root, back), filepath.Join(r.copied(), back)); err != nil {
			return err
		}
	}
	return errors.Join(result, removeMade(filepath.Join(r.copied(), ".cache")))
}

// verdict says what the outcome of the mutation's test means.
func (m mutation) verdict(passed bool, err error) error {
	if err == nil && passed {
		return fmt.Errorf("SURVIVED: %s\n  %s %s passes with %s", m.sentence, m.pkg, m.test, m.path)
	}
	return err
}

// pass reports an error if the test does not pass without a mutation: with one that fails,
// nothing would be known of any mutation. Each test is tried once.
func (r *runner) pass(ctx context.Context, pkg, name string) error {
	r.mu.Lock()
	once, ok := r.passes[pkg+" "+name]
	if !ok {
		once = sync.OnceValue(func() error {
			program, err := r.program(ctx, pkg)
			if err != nil {
				return err
			}
			passed, err := r.test(ctx, program, filepath.Join(r.root, pkg), name)
			if err == nil && !passed {
				err = fmt.Errorf("does not count: %s %s fails without the mutation", pkg, name)
			}
			return err
		})
		r.passes[pkg+" "+name] = once
	}
	r.mu.Unlock()
	return once()
}

// program returns the tests of the package without a mutation. It builds them once.
func (r *runner) program(ctx context.Context, pkg string) (string, error) {
	r.mu.Lock()
	once, ok := r.programs[pkg]
	if !ok {
		path := filepath.Join(r.tmp, strings.ReplaceAll(strings.TrimPrefix(pkg, "./"), "/", "_")+".test")
		once = sync.OnceValues(func() (string, error) { return path, r.build(ctx, pkg, path) })
		r.programs[pkg] = once
	}
	r.mu.Unlock()
	return once()
}

func (r *runner) build(ctx context.Context, pkg, program string, env ...string) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-ldflags=-w", "-o", program, pkg)
	cmd.Dir, cmd.Env = r.root, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("does not count: the tests of %s do not build: %w\n%s", pkg, err, beginning(string(out)))
	}
	if _, err := os.Stat(program); err != nil {
		return fmt.Errorf("does not count: %s has no tests", pkg)
	}
	return nil
}

// test runs one test in a folder, and reports whether it passes. A test that is not there
// or that hangs is an error.
func (r *runner) test(ctx context.Context, program, folder, name string, env ...string) (passed bool, err error) {
	top, sub, _ := strings.Cut(name, "/")
	pattern := "^" + top + "$"
	if sub != "" {
		pattern += "/^" + regexp.QuoteMeta(sub) + "$"
	}
	cmd := exec.CommandContext(ctx, program, "-test.count=1", "-test.v", "-test.timeout="+testTimeout.String(), "-test.run="+pattern)
	cmd.Dir, cmd.Env = folder, append(os.Environ(), env...)
	cmd.WaitDelay = 10 * time.Second // for what a test that has died leaves running, with its output
	text, err := cmd.CombinedOutput()
	out := string(text)
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case strings.Contains(out, "\npanic: test timed out after "):
		return false, fmt.Errorf("does not count: %s hangs:\n%s", name, beginning(out))
	case !strings.Contains("\n"+out, "\n=== RUN   "+name+"\n"):
		return false, fmt.Errorf("does not count: %s does not run:\n%s", name, beginning(out))
	case err == nil:
		return true, nil
	case !errors.As(err, new(*exec.ExitError)):
		return false, err
	}
	return false, nil
}

// beginning returns the first lines of an output.
func beginning(out string) string {
	lines := strings.SplitAfterN(out, "\n", 21)
	return strings.Join(lines[:min(len(lines), 20)], "")
}
