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
	"example.com/coatcheck/pkg/config/signinconfig"
)

type importUsers struct {
	File   string `arg:"" help:"CSV with a header, or JSON Lines. - is standard input."`
	DryRun bool   `help:"Say what would be done, and write nothing."`
	Null   string `placeholder:"TEXT" help:"What CSV has for no value, such as NULL or \\N; it counts as empty."`
	output
}

// Help implements [kong.HelpProvider].
func (importUsers) Help() string {
	return `The columns of CSV, or the names in a line of JSON, are name, password_hash, and if there are any display_name,
roles and user_id. Commas, semicolons or tabs separate columns, as the header shows. A hash is written as the other
system has it; ! is for a user without a password. A display name that is empty is the name.

Roles are separated by semicolons, in JSON they may be a list. A role is at most 254 bytes, without blanks, characters
that cannot be seen, and the characters of lists: , ; | { } [ ] " ' \

user_id is the ID that the other system has for the user, so that other tables still mean the same person: text of at
most 254 bytes, kept as it is, or in JSON a whole number. Without one the user gets a random ID. A user ID is given
once: not to two users, and not again when its user was deleted.

A user whose name is there already stays as it is, so that an import that was interrupted is finished by running it
again; who is there with another user ID is a bad row. Bad rows are told with their line, and the others are imported;
of two rows with one name or one user ID the second is bad. With --json it prints JSON Lines: each bad row, and the
summary last. A row is 64 KB at most. The file is UTF-8. One without rows is an error.`
}

const importWorkers = 10 // writes at the same time: the SDK keeps this many connections

// Run implements the command.
func (c *importUsers) Run(ctx context.Context, at address) error {
	open := openForNewUsers
	if c.DryRun {
		open = openUsers
	}
	opened, err := open(ctx, at)
	if err != nil {
		return err
	}
	defer opened.Close()
	users, err := opened.UsersForImport()
	if err != nil {
		return err
	}
	directory, err := signinconfig.Directory(users)
	if err != nil {
		return err
	}
	file := os.Stdin
	if c.File != "-" {
		if file, err = os.Open(c.File); err != nil {
			return fileError(err)
		}
		defer file.Close()
	}
	i := &importer{directory: directory, null: c.Null, dryRun: c.DryRun, jobs: make(chan job), results: make(chan rowResult)}
	report := newImportReport(c.output, c.DryRun, file)
	cause := i.run(ctx, file, report.add)
	return report.finish(cause)
}

// importer imports the rows of one file.
type importer struct {
	directory *accounts.Directory
	null      string
	dryRun    bool
	jobs      chan job
	results   chan rowResult
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
	present                // the user is there already
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
	seen := newSeen()
	for r, err := range rows(file, i.null) {
		if err != nil {
			stop(err)
			return
		}
		var account *accounts.Account
		if r.bad == nil {
			account, r.bad = i.directory.Imported(r.name, r.displayName, r.roles, r.passwordHash, r.userID)
		}
		if r.bad == nil {
			r.bad = seen.check(r, account)
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

// seen has the lines of the good rows by hashes of their names and of their user IDs,
// about 20 bytes for each.
type seen struct {
	seed       maphash.Seed
	names, ids map[uint64]int
}

func newSeen() *seen { return &seen{maphash.MakeSeed(), map[uint64]int{}, map[uint64]int{}} }

// check returns an error if an earlier row has the name or the user ID of this one.
func (s *seen) check(r row, account *accounts.Account) error {
	name, id := maphash.String(s.seed, account.Name), maphash.String(s.seed, account.UserID)
	if line, ok := s.names[name]; ok {
		return fmt.Errorf("has the name of line %d", line)
	}
	if r.userID != "" {
		if line, ok := s.ids[id]; ok {
			return fmt.Errorf("has the user ID of line %d", line)
		}
		s.ids[id] = r.line
	}
	s.names[name] = r.line
	return nil
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

// do writes one account. In a dry run it only asks whether it could. Any error is an
// outage.
func (i *importer) do(ctx context.Context, j job) (rowResult, error) {
	add := i.directory.Add
	if i.dryRun {
		add = i.directory.CanAdd
	}
	err := add(ctx, j.account)
	switch {
	case errors.Is(err, accounts.ErrIDTaken):
		return i.look(ctx, j, accounts.ErrIDTaken) // without the ID, which is not quoted
	case errors.Is(err, accounts.ErrExists) && j.userID == "":
		return rowResult{j.row, present}, nil
	case errors.Is(err, accounts.ErrExists):
		return i.look(ctx, j, accounts.ErrExists)
	}
	return rowResult{j.row, added}, err
}

// look decides by the account that has the name of the row. Refused is why the row could
// not be added.
func (i *importer) look(ctx context.Context, j job, refused error) (rowResult, error) {
	stored, err := i.directory.Find(ctx, j.name)
	switch {
	case errors.Is(err, accounts.ErrNotFound):
		j.bad = refused
	case err != nil:
		return rowResult{}, err
	case j.userID != "" && j.userID != stored.UserID:
		j.bad = errOtherID
	default:
		return rowResult{j.row, present}, nil
	}
	return rowResult{j.row, bad}, nil
}

var errOtherID = errors.New("a user of that name is there with another user ID; mend the ID, or leave it out if it is the same person")
