package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// row is one user in a file to import. Its errors quote nothing, because a hash could
// be in the wrong place.
type row struct {
	line int   // from 1
	end  int64 // number of bytes of the file up to the end of the row
	bad  error // why the row cannot be read; the other fields are then empty

	Name         string   `json:"name"`
	DisplayName  string   `json:"display_name"`
	PasswordHash string   `json:"password_hash"`
	Roles        []string `json:"roles"`
}

// columns lists the names of a row's fields.
const columns = "name, password_hash, display_name and roles"

// rows reads JSON Lines, or CSV with a header. The first line decides which of them
// it is. A row is one line, of 64 KB at most, and rows holds only one row at a time.
// If rows returns an error, it is the last value and concerns the whole file.
func rows(file io.Reader) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		lines := &lineReader{Reader: bufio.NewReaderSize(file, maxLine)}
		var parse func(text string) (row, error)
		for {
			text, err := lines.next()
			if err == io.EOF {
				return
			}
			if err == nil && parse == nil {
				if parse, err = parserFor(text); err == nil && !isJSON(text) {
					continue // the header
				}
			}
			if err != nil && (parse == nil || err != errTooLong) {
				yield(row{}, fmt.Errorf("line %d: %w", lines.number, err))
				return
			}
			var r row
			if err == nil {
				r, err = parse(text)
			}
			r.line, r.end, r.bad = lines.number, lines.end, err
			if !yield(r, nil) {
				return
			}
		}
	}
}

const maxLine = 64 << 10

var errTooLong = fmt.Errorf("is longer than %d bytes", maxLine)

// lineReader reads the lines of a file. It leaves out blank lines.
type lineReader struct {
	*bufio.Reader       // the size of its buffer is the maximum length of a line
	number        int   // the number of the last line
	end           int64 // number of bytes read, including the last line
}

// next returns the next line, without its end. If a line is too long, next skips it
// and returns errTooLong.
func (l *lineReader) next() (string, error) {
	for {
		line, err := l.ReadSlice('\n')
		l.number++
		l.end += int64(len(line))
		tooLong := err == bufio.ErrBufferFull
		for err == bufio.ErrBufferFull {
			var rest []byte
			rest, err = l.ReadSlice('\n')
			l.end += int64(len(rest))
		}
		if l.number == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff")) // Excel writes this byte order mark
		}
		switch {
		case err != nil && err != io.EOF:
			return "", err
		case tooLong:
			return "", errTooLong
		case len(bytes.TrimSpace(line)) > 0:
			return string(bytes.TrimRight(line, "\r\n")), nil
		case err == io.EOF:
			return "", err
		}
	}
}

func isJSON(first string) bool { return strings.HasPrefix(strings.TrimSpace(first), "{") }

func parserFor(first string) (func(string) (row, error), error) {
	if isJSON(first) {
		return parseJSON, nil
	}
	return parserOfCSV(first)
}

// parserOfCSV returns a parser for the lines after the header.
func parserOfCSV(header string) (func(string) (row, error), error) {
	names, err := fields(header)
	if err != nil {
		return nil, fmt.Errorf("neither the header of CSV nor a JSON object: %w", err)
	}
	for i, name := range names {
		if !slices.Contains([]string{"name", "password_hash", "display_name", "roles"}, name) {
			return nil, fmt.Errorf("column %d of the header is none of %s, separated by commas", i+1, columns)
		}
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("the header has the column %s twice", name)
		}
	}
	for _, required := range []string{"name", "password_hash"} {
		if !slices.Contains(names, required) {
			return nil, fmt.Errorf("the header has no column %s", required)
		}
	}
	return func(line string) (row, error) {
		values, err := fields(line)
		if err != nil {
			return row{}, err
		}
		if len(values) != len(names) {
			return row{}, fmt.Errorf("has %d columns, and the header %d", len(values), len(names))
		}
		value := map[string]string{}
		for i, name := range names {
			value[name] = values[i]
		}
		r := row{Name: value["name"], DisplayName: value["display_name"], PasswordHash: value["password_hash"]}
		if value["roles"] != "" {
			r.Roles = strings.Split(value["roles"], ";")
		}
		return r, nil
	}, nil
}

// fields reads one line of CSV. A field that continues on the next line is an error.
// No imported field may contain a line end, and a quote without its end would include
// the rest of the file.
func fields(line string) ([]string, error) {
	values, err := csv.NewReader(strings.NewReader(line)).Read()
	if parse, ok := errors.AsType[*csv.ParseError](err); ok {
		return nil, fmt.Errorf("is not CSV at byte %d: %w", parse.Column, parse.Err)
	}
	return values, err
}

func parseJSON(line string) (row, error) {
	var r row
	err := json.Unmarshal([]byte(line), &r, json.RejectUnknownMembers(true))
	if err == nil {
		return r, nil
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return row{}, errors.New("has a name twice")
	}
	if errors.Is(err, json.ErrUnknownName) {
		return row{}, fmt.Errorf("has a name that is none of %s", columns)
	}
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return row{}, fmt.Errorf("is not one JSON object at byte %d", syntax.ByteOffset+1)
	}
	return row{}, fmt.Errorf("is not a JSON object of texts, with a list of texts in roles")
}
