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
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
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
roles, user_id, and active or disabled. Commas, semicolons or tabs separate columns, as the header shows. A hash is written as the other
system has it; ! is for a user without a password. A display name that is empty is the name.

Roles are separated by semicolons, in JSON they may be a list. A role is at most 254 bytes, without blanks, characters
that cannot be seen, and the characters of lists: , ; | { } [ ] " ' \

user_id is the ID that the other system has for the user, so that other tables still mean the same person: text of at
most 254 bytes, kept as it is, or in JSON a whole number. Without one the user gets a random ID. A user ID is given
once: not to two users, and not again when its user was deleted.

Who may not sign in there has false in active or true in disabled; 1 and 0, t and f, yes and no, y and n are the same, and
an empty one says nothing. Such a user is added disabled, and one who is there is disabled. Nobody is enabled.

It can be run again, also to finish one that was interrupted. It then replaces the hash of a user who came by an import,
if the other system has another one than was imported and the password was not changed here; and it ends every session
of a user whom it disables or gives a new hash. Nothing else of a user who is there changes, nor who is not in the file. A user who is there is the
same person by the user ID, and in a row without one by the name as it is spelled there. Otherwise, a row whose name
is that of a user who is there, in whatever spelling, is bad.

Bad rows are told with their line, and the others are imported; of two rows with one name or one user ID the second is
bad. With --json it prints JSON Lines: each bad row, and the summary last. A row is 64 KB at most. The file is UTF-8.
One without rows is an error.`
}

const importWorkers = 10 // writes at the same time: the SDK keeps this many connections

// Run implements the command.
func (c *importUsers) Run(ctx context.Context, at address) (err error) {
	open := openForNewUsers
	if c.DryRun {
		open = openUsers
	}
	opened, err := open(ctx, at)
	if err != nil {
		return err
	}
	defer opened.close(&err)
	users, err := opened.UsersForImport()
	if err != nil {
		return err
	}
	directory, err := signinconfig.Registrar(users)
	if err != nil {
		return err
	}
	sessions := sync.OnceValues(func() (*session.Manager, error) { return newSessions(opened, opened.log) })
	file := os.Stdin
	if c.File != "-" {
		if file, err = os.Open(c.File); err != nil {
			return fileError(err)
		}
		defer file.Close()
	}
	if !c.DryRun {
		if err := opened.identify(ctx); err != nil {
			return err
		}
	}
	i := &importer{operations: opened.operations, directory: directory, sessions: sessions, null: c.Null, dryRun: c.DryRun, jobs: make(chan job), results: make(chan rowResult)}
	report := newImportReport(c.output, c.DryRun, file)
	cause := i.run(ctx, file, report.add)
	return report.finish(cause)
}

// importer imports the rows of one file.
type importer struct {
	*operations
	directory *accounts.Registrar
	sessions  func() (*session.Manager, error) // called for the first user who is changed: an import that only adds needs none
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
	added    outcome = iota // or, in a dry run, would be; so the next ones
	changed                 // the user is there, and has the new hash
	disabled                // the user is there, and may not sign in any more
	present                 // the user is there already, and stays so
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
		if r.bad == nil && r.disabled {
			account.Disable()
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
			if err == nil && i.err() != nil { // the rows after it would not be in the trail either
				i.results <- r
				err = errNotRecorded
			}
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
	if errors.Is(err, accounts.ErrIDTaken) || errors.Is(err, accounts.ErrExists) {
		return i.again(ctx, j)
	}
	if err == nil && !i.dryRun {
		i.tell(ctx, "user_created", j.account.UserID, "", facts(j.account, "roles", "disabled"))
	}
	return rowResult{j.row, added}, err
}

// errNotRecorded stops an import. What could not be recorded is told at the end of the command.
var errNotRecorded = errors.New("the audit trail cannot be written")

// again imports the row of a user who could not be added.
func (i *importer) again(ctx context.Context, j job) (rowResult, error) {
	stored, why, err := i.same(ctx, j)
	if err != nil {
		return rowResult{}, err
	}
	if j.bad = why; why != nil {
		return rowResult{j.row, bad}, nil
	}
	differs := stored.Differs(j.account)
	if !i.dryRun {
		differs, err = i.reimport(ctx, stored, j.account)
	}
	switch {
	case errors.Is(err, authn.ErrBusy):
		j.bad = fmt.Errorf("%s is being changed by somebody else, or by a change that was interrupted; run it again in 15 seconds", who(stored))
		return rowResult{j.row, bad}, nil
	case err != nil:
		return rowResult{}, fmt.Errorf("%s: %w", who(stored), err)
	case differs.Disabled:
		return rowResult{j.row, disabled}, nil
	case differs.Password:
		return rowResult{j.row, changed}, nil
	}
	return rowResult{j.row, present}, nil
}

// reimport makes a user who is there as the row says.
func (i *importer) reimport(ctx context.Context, stored, row *accounts.Account) (accounts.Difference, error) {
	reason := "password_changed"
	if stored.Differs(row).Disabled {
		reason = "disabled"
	}
	differs, err := i.directory.Reimport(ctx, stored, row, func(ctx context.Context) error {
		sessions, err := i.sessions()
		if err != nil {
			return err
		}
		return sessions.RevokeAll(i.because(ctx, reason), stored.UserID)
	})
	if err == nil && differs.Password {
		i.tell(ctx, "password_set", stored.UserID, "", "")
	}
	if err == nil && differs.Disabled {
		i.updated(ctx, stored, row, "disabled")
	}
	return differs, err
}

// same returns the user who is there and whom the row means: by the user ID, and in a row
// without one by the name, spelled as it was when the user was added. Otherwise it returns
// why there is none. Any error is an outage.
func (i *importer) same(ctx context.Context, j job) (stored *accounts.Account, why, err error) {
	if j.userID != "" {
		stored, err = i.directory.FindID(ctx, j.userID)
		if err == nil {
			return stored, otherName(stored, j), nil
		}
	}
	if j.userID == "" || errors.Is(err, accounts.ErrNotFound) {
		stored, err = i.directory.Find(ctx, j.name)
	}
	switch {
	case errors.Is(err, accounts.ErrNotFound):
		return nil, accounts.ErrIDTaken, nil // by somebody who is added now, or who was deleted
	case err != nil:
		return nil, nil, err
	}
	return stored, otherPerson(stored, j), nil
}

// otherName returns an error if the user with the ID of the row has another name.
func otherName(stored *accounts.Account, j job) error {
	if name, err := accounts.Normalize(stored.Name); err == nil && name == j.account.Name {
		return nil
	}
	return fmt.Errorf("the user ID belongs to %s, who is there under that name; a name does not change", who(stored))
}

// otherPerson returns an error if the user with the name of the row may be another person.
func otherPerson(stored *accounts.Account, j job) error {
	switch {
	case j.userID != "" && j.userID != stored.UserID:
		return fmt.Errorf("%s has that name, with another user ID; mend the ID, or leave it out if it is the same person", who(stored))
	case j.userID == "" && j.account.Username != stored.Username && j.name != stored.Username:
		return fmt.Errorf("the name is another spelling of that of %s, and one name with it; if it is the same person give the user ID, or write the name as it is there", who(stored))
	case j.userID == "" && j.disabled && !stored.Disabled && !stored.FromImport():
		return fmt.Errorf("%s has that name and was not imported, so it may be another person than the one who may not sign in any more; give the user ID, or disable the user", who(stored))
	}
	return nil
}

// who names a user who is there, so that the row of a file can be told from it.
func who(user *accounts.Account) string {
	return fmt.Sprintf("user %q (user ID %q)", user.Name, user.UserID)
}
