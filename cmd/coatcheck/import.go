package main

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"sync"

	"example.com/coatcheck/pkg/accounts"
)

type importUsers struct {
	File   string `arg:"" help:"CSV with a header, or JSON Lines. - is standard input."`
	DryRun bool   `help:"Say what would be done, and write nothing."`
	output
}

// Help implements [kong.HelpProvider].
func (importUsers) Help() string {
	return `The columns of CSV, or the names in a line of JSON, are name, password_hash, and if there are any display_name and
roles: in CSV separated by semicolons, in JSON a list. A hash is written as the other system has it; ! is for a user
without a password. A display name that is empty is the name.

A user whose name is there already stays as it is, so that an import that was interrupted is finished by running it
again. Bad rows are told with their line, and the others are imported; of two rows with one name the second is bad. With
--json it prints JSON Lines: each bad row, and the summary last. A row is a line, of 64 KB at most.`
}

const importWorkers = 10 // writes at the same time: the SDK keeps this many connections

// Run implements the command.
func (c *importUsers) Run(ctx context.Context, at address) error {
	b, err := openUsers(ctx, at)
	if err != nil {
		return err
	}
	defer b.Close()
	if b.users, err = b.UsersForImport(); err != nil {
		return err
	}
	file := os.Stdin
	if c.File != "-" {
		if file, err = os.Open(c.File); err != nil {
			return err
		}
		defer file.Close()
	}
	i := &importer{backend: b, dryRun: c.DryRun, jobs: make(chan job), results: make(chan rowResult)}
	report := newImportReport(c.output, c.DryRun, file)
	cause := i.run(ctx, file, report.add)
	return report.finish(cause)
}

// importer imports the rows of one file.
type importer struct {
	*backend
	dryRun  bool
	jobs    chan job
	results chan rowResult
}

// job is a row without errors, and its account.
type job struct {
	row
	account *accounts.Account
}

// rowResult is the result of importing a row.
type rowResult struct {
	row
	outcome outcome
}

type outcome int

const (
	added   outcome = iota // or, in a dry run, would be added
	present                // an account has the name already
	bad
)

// run imports the rows of file, and calls add with the result of each. It returns the
// reason if it stopped before the end of the file: the file cannot be read, there was
// an outage, or ctx ended. It waits for writes that are in progress.
func (i *importer) run(ctx context.Context, file io.Reader, add func(rowResult)) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go i.read(ctx, stop, file)
	var workers sync.WaitGroup
	for range importWorkers {
		workers.Go(func() { i.work(ctx, stop) })
	}
	done := make(chan struct{})
	go func() {
		workers.Wait()
		close(done)
	}()
	for {
		select {
		case r := <-i.results:
			add(r)
		case <-done:
			return context.Cause(ctx)
		}
	}
}

// read turns rows into jobs. It may still wait for standard input when run has
// returned.
func (i *importer) read(ctx context.Context, stop context.CancelCauseFunc, file io.Reader) {
	seed, seen := maphash.MakeSeed(), map[uint64]int{} // line numbers, by a hash of the name: about 20 bytes for each row
	for r, err := range rows(file) {
		if err != nil {
			stop(err)
			return
		}
		var account *accounts.Account
		if account, r.bad = i.check(r); r.bad == nil {
			name := maphash.String(seed, account.Name)
			if line, ok := seen[name]; ok {
				r.bad = fmt.Errorf("has the name of line %d", line)
			} else {
				seen[name] = r.line
			}
		}
		jobs, results := i.jobs, i.results
		if r.bad != nil {
			jobs = nil
		} else {
			results = nil
		}
		select {
		case jobs <- job{r, account}:
		case results <- rowResult{r, bad}:
		case <-ctx.Done():
			return
		}
	}
	close(i.jobs)
}

// check returns the account for a row.
func (i *importer) check(r row) (*accounts.Account, error) {
	if r.bad != nil {
		return nil, r.bad
	}
	return i.directory.Imported(r.Name, r.DisplayName, r.Roles, r.PasswordHash)
}

func (i *importer) work(ctx context.Context, stop context.CancelCauseFunc) {
	for {
		select {
		case j, ok := <-i.jobs:
			if !ok {
				return
			}
			r, err := i.do(context.WithoutCancel(ctx), j)
			if err != nil {
				stop(err)
				return
			}
			i.results <- r
		case <-ctx.Done():
			return
		}
	}
}

// do writes one account. In a dry run it only checks whether the account exists. Any
// error is an outage.
func (i *importer) do(ctx context.Context, j job) (rowResult, error) {
	var err error
	if i.dryRun {
		if _, err = i.users.Get(ctx, j.account.Name); err == nil {
			err = accounts.ErrExists
		} else if errors.Is(err, accounts.ErrNotFound) {
			err = nil
		}
	} else {
		err = i.users.Create(ctx, j.account)
	}
	if errors.Is(err, accounts.ErrExists) {
		return rowResult{j.row, present}, nil
	}
	return rowResult{j.row, added}, err
}
