package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// record is the text of one row: a line, or in CSV the lines that a quoted field holds
// together.
type record struct {
	place
	text string // with its line end
	bad  error  // why the record cannot be read
}

// place is where a record is in the file.
type place struct {
	line, last int   // its first and its last line, from 1
	end        int64 // number of bytes of the file up to its end
}

// maxRecord is the maximum size of a record in bytes, so that a quote without its end
// does not take the rest of the file into memory.
const maxRecord = 64 << 10

var (
	errTooLong = fmt.Errorf("is longer than %d bytes", maxRecord)
	errNoEnd   = errors.New("has a quote without its end, which makes one row of all lines up to the end of the file")
)

// recordReader reads the records of a file. It leaves out blank lines.
type recordReader struct {
	lines     *bufio.Reader
	delimiter byte // of CSV; if it is 0, every line is a record
	place          // of the last record
	text      []byte
	again     *record
}

func newRecordReader(file io.Reader) *recordReader {
	return &recordReader{lines: bufio.NewReaderSize(file, maxRecord)}
}

// unread makes next return the last record again.
func (r *recordReader) unread(last record) { r.again = &last }

// next returns the next record, or an error if the file cannot be read or has no more.
func (r *recordReader) next() (next record, err error) {
	if r.again != nil {
		next, r.again = *r.again, nil
		return next, nil
	}
	for {
		bad, err := r.read()
		if err != nil {
			return record{}, err
		}
		if bad != nil || len(bytes.TrimSpace(r.text)) > 0 {
			return record{r.place, string(r.text), bad}, nil
		}
	}
}

// read reads one record. It keeps at most maxRecord bytes of it, but reads up to its end:
// what is within quotes is never taken for rows.
func (r *recordReader) read() (bad, err error) {
	r.line, r.text = r.last+1, r.text[:0]
	quotes := quoting{delimiter: r.delimiter}
	for begins := true; ; {
		part, err := r.lines.ReadSlice('\n')
		r.end += int64(len(part))
		if begins && len(part) > 0 {
			r.last++
		}
		if begins && r.last == 1 {
			part = bytes.TrimPrefix(part, []byte(byteOrderMark)) // Excel writes it
		}
		if len(r.text)+len(part) > maxRecord {
			bad = errTooLong
		} else if bad == nil {
			r.text = append(r.text, part...)
		}
		quotes.read(part)
		begins = err == nil
		switch {
		case err == bufio.ErrBufferFull, err == nil && quotes.open():
		case err == io.EOF && quotes.open():
			return errNoEnd, nil
		case err == io.EOF && r.last >= r.line: // the last line has no end
			return bad, nil
		default:
			return bad, err
		}
	}
}

// quoting follows the quotes of a record of CSV as encoding/csv reads them.
type quoting struct {
	delimiter byte
	state     quotingState
}

type quotingState int

const (
	fieldStart quotingState = iota
	unquoted
	quoted
	quoteInQuoted // the field's end, or the first of two quotes that mean one
	broken        // a quote is where none may be: the record ends with the line
)

// open reports whether the record goes on in the next line.
func (q *quoting) open() bool { return q.state == quoted }

// read reads the next bytes of the record.
func (q *quoting) read(text []byte) {
	if q.delimiter == 0 {
		return
	}
	for _, b := range text {
		switch quote := b == '"'; {
		case q.state == broken:
			return
		case q.state == quoted && quote:
			q.state = quoteInQuoted
		case q.state == quoted, b == '\n':
		case b == q.delimiter:
			q.state = fieldStart
		case quote && q.state != unquoted:
			q.state = quoted
		case quote || q.state == quoteInQuoted:
			q.state = broken
		default:
			q.state = unquoted
		}
	}
}
