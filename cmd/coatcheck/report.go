package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// importReport shows the progress of an import and reports its results.
type importReport struct {
	output
	dryRun bool
	bar    *progressbar.ProgressBar
	read   int64 // number of bytes of the file
	counts [bad + 1]int
}

func newImportReport(o output, dryRun bool, file *os.File) *importReport {
	return &importReport{output: o, dryRun: dryRun, bar: progress(file, !o.JSON && term.IsTerminal(int(os.Stderr.Fd())))}
}

// progress returns a progress bar for the bytes of file. If the size of file is
// unknown, the bar has no end.
func progress(file *os.File, visible bool) *progressbar.ProgressBar {
	size := int64(-1)
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		size = info.Size()
	}
	return progressbar.NewOptions64(size, progressbar.OptionSetVisibility(visible), progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionSetDescription("Importing"), progressbar.OptionShowBytes(true), progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetSpinnerChangeInterval(0)) // without a goroutine that writes between our own lines
}

// add counts the result of a row. If the row is bad, it also reports it.
func (r *importReport) add(result rowResult) {
	r.counts[result.outcome]++
	if result.outcome == bad {
		r.printBadRow(result)
	}
	if result.end > r.read { // rows finish in another order than they are read
		r.read = result.end
		r.bar.Set64(r.read)
	}
}

func (r *importReport) printBadRow(result rowResult) {
	if r.JSON {
		r.printJSON(struct {
			Line     int    `json:"line"`
			LastLine int    `json:"last_line"` // another one if a quoted field spans lines
			Error    string `json:"error"`
		}{result.line, result.last, result.bad.Error()})
		return
	}
	r.bar.Clear()
	where := fmt.Sprintf("line %d", result.line)
	if result.last > result.line {
		where = fmt.Sprintf("lines %d to %d", result.line, result.last)
	}
	printError(fmt.Sprintf("%s: %v", where, result.bad))
}

// finish prints the counts. It returns the error of the command: the cause for which
// the import stopped, or an error that says that there were bad rows.
func (r *importReport) finish(cause error) error {
	r.bar.Clear()
	rows := 0
	for _, count := range r.counts {
		rows += count
	}
	if rows > 0 || cause == nil {
		if err := r.summary(rows, cause == nil); err != nil {
			return err
		}
	}
	switch {
	case errors.Is(cause, context.Canceled):
		return errors.New("interrupted; run it again for the rest")
	case cause != nil && rows == 0:
		return cause
	case cause != nil:
		return fmt.Errorf("the import is not complete; run it again for the rest: %w", cause)
	case r.counts[bad] > 0:
		return fmt.Errorf("%d bad rows were left out; mend them and run it again", r.counts[bad])
	}
	return nil
}

func (r *importReport) summary(rows int, complete bool) error {
	if r.JSON {
		return r.printJSON(struct {
			Rows     int  `json:"rows"`
			Added    int  `json:"added"`
			Changed  int  `json:"changed"`
			Disabled int  `json:"disabled"`
			Present  int  `json:"present"`
			Bad      int  `json:"bad"`
			DryRun   bool `json:"dry_run"`
			Complete bool `json:"complete"`
		}{rows, r.counts[added], r.counts[changed], r.counts[disabled], r.counts[present], r.counts[bad], r.dryRun, complete})
	}
	format := "Rows: %d. Users added: %d. Given a new hash: %d. Disabled: %d. There already, and left as they are: %d. Bad rows: %d.\n"
	if r.dryRun {
		format = "Rows: %d. Users that would be added: %d. Given a new hash: %d. Disabled: %d. There already: %d. Bad rows: %d. Nothing was written.\n"
	}
	_, err := fmt.Printf(format, rows, r.counts[added], r.counts[changed], r.counts[disabled], r.counts[present], r.counts[bad])
	return err
}
