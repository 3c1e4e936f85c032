package main

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// row is one user in a file to import. Its errors quote nothing, because a hash could
// be in the wrong place.
type row struct {
	place
	bad error // why the row cannot be read; the other fields are then empty

	name, displayName, passwordHash string
	roles                           []string
	userID                          string // "" for a random one
	disabled                        bool   // may not sign in there
}

// parser reads the text of one row.
type parser func(text string) (row, error)

// columns are the names of a row's fields, and columnNames are the same in a sentence.
var (
	columns     = []string{"name", "password_hash", "display_name", "roles", "user_id", "active", "disabled"}
	columnNames = strings.Join(columns[:6], ", ") + " and " + columns[6]
)

// errNoRows means that the file is empty, or has nothing after its header. That is most
// likely a mistake on the way to the file.
var errNoRows = errors.New("the file has no rows; it must be CSV with a header, or JSON Lines")

// rows reads JSON Lines, or CSV with a header. The first line decides which of them it
// is. A value of CSV that is null counts as empty. Rows holds only one row at a time. If
// it returns an error, it is the last value and concerns the whole file.
func rows(file io.Reader, null string) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		records := newRecordReader(file)
		parse, err := begin(records, null)
		for n := 0; err == nil; n++ {
			var next record
			if next, err = records.next(); err == io.EOF && n > 0 {
				return
			}
			if err != nil {
				break
			}
			r, bad := row{}, next.bad
			if bad == nil {
				r, bad = parse(next.text)
			}
			r.place, r.bad = next.place, bad
			if !yield(r, nil) {
				return
			}
		}
		if err == io.EOF {
			yield(row{}, errNoRows)
			return
		}
		yield(row{}, fmt.Errorf("line %d: %w", records.line, err))
	}
}

// begin returns the parser of the file's rows. It reads the header of CSV.
func begin(records *recordReader, null string) (parser, error) {
	first, err := records.next()
	switch {
	case err != nil:
		return nil, err
	case isUTF16(first.text):
		return nil, errors.New("the file is UTF-16, or has NUL bytes as UTF-16 has; save it as UTF-8")
	case first.bad != nil:
		return nil, first.bad
	case strings.HasPrefix(strings.TrimSpace(first.text), "{"):
		records.unread(first)
		return parseJSON, nil
	}
	if i := strings.IndexAny(first.text, ",;\t"); i >= 0 { // no column has one of these in its name
		records.delimiter = first.text[i]
	} else {
		records.delimiter = ','
	}
	names, err := parseHeader(strings.TrimRight(first.text, "\r\n"), records.delimiter)
	return csvParser(names, records.delimiter, null), err
}

// parseHeader returns the names of the columns.
func parseHeader(text string, delimiter byte) ([]string, error) {
	switch {
	case strings.HasPrefix(strings.ToLower(strings.Trim(text, `"`)), "sep="):
		return nil, errors.New("a line sep= is for Excel alone; remove it. Commas, semicolons and tabs are recognised by the header")
	case strings.Contains(text, "\r"):
		return nil, errors.New("the lines end with a carriage return alone; save the file with the line ends of Unix or Windows")
	}
	names, err := fields(text, delimiter)
	if err != nil {
		return nil, fmt.Errorf("neither the header of CSV nor a JSON object: %w", err)
	}
	for i, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains(columns, name) {
			return nil, fmt.Errorf("column %d of the header is none of %s, with commas, semicolons or tabs between them", i+1, columnNames)
		}
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("the header has the column %s twice", name)
		}
		names[i] = name
	}
	for _, required := range []string{"name", "password_hash"} {
		if !slices.Contains(names, required) {
			return nil, fmt.Errorf("the header has no column %s", required)
		}
	}
	return names, nil
}

// csvParser returns a parser for the rows after a header with these names.
func csvParser(names []string, delimiter byte, null string) parser {
	return func(text string) (row, error) {
		values, err := fields(text, delimiter)
		if err != nil {
			return row{}, err
		}
		if len(values) != len(names) {
			return row{}, fmt.Errorf("has %d columns, and the header %d", len(values), len(names))
		}
		value := map[string]string{}
		for i, name := range names {
			if values[i] != null {
				value[name] = values[i]
			}
		}
		disabled, err := isDisabled(value["active"], value["disabled"])
		return row{
			name: value["name"], displayName: value["display_name"], passwordHash: value["password_hash"],
			roles: splitRoles(value["roles"]), userID: value["user_id"], disabled: disabled,
		}, err
	}
}

// fields reads one record of CSV.
func fields(text string, delimiter byte) ([]string, error) {
	reader := csv.NewReader(strings.NewReader(text))
	reader.Comma = rune(delimiter)
	values, err := reader.Read()
	if parse, ok := errors.AsType[*csv.ParseError](err); ok {
		where := fmt.Sprintf("byte %d", parse.Column)
		if parse.Line > 1 {
			where += fmt.Sprintf(" of its line %d", parse.Line)
		}
		return nil, fmt.Errorf("is not CSV at %s: %w", where, parse.Err)
	}
	return values, err
}

// splitRoles reads a list of roles that is written as text: there are semicolons between
// them, and there may be blanks around them. Empty text is no role.
func splitRoles(text string) []string {
	if text == "" {
		return nil
	}
	roles := strings.Split(text, ";")
	for i, role := range roles {
		roles[i] = strings.TrimSpace(role)
	}
	return roles
}

// flagRoles returns the roles of the flag --role, which can be repeated. An empty one is
// a role without a name, which the rule refuses.
func flagRoles(flags []string) (roles []string) {
	for _, text := range flags {
		roles = append(roles, splitRoles(cmp.Or(text, " "))...)
	}
	return roles
}

// parseJSON reads one line of JSON.
func parseJSON(line string) (row, error) {
	var r struct {
		Name         string         `json:"name"`
		DisplayName  string         `json:"display_name"`
		PasswordHash string         `json:"password_hash"`
		Roles        jsontext.Value `json:"roles"`
		UserID       jsontext.Value `json:"user_id"`
		Active       jsontext.Value `json:"active"`
		Disabled     jsontext.Value `json:"disabled"`
	}
	if err := json.Unmarshal([]byte(line), &r, json.RejectUnknownMembers(true)); err != nil {
		return row{}, explainJSON(err)
	}
	roles, err := jsonRoles(r.Roles)
	if err != nil {
		return row{}, err
	}
	id, err := jsonUserID(r.UserID)
	if err != nil {
		return row{}, err
	}
	disabled, err := isDisabled(jsonFlag(r.Active), jsonFlag(r.Disabled))
	return row{name: r.Name, displayName: r.DisplayName, passwordHash: r.PasswordHash, roles: roles, userID: id, disabled: disabled}, err
}

// flags are the spellings in which programs write yes and no.
var flags = map[string]bool{
	"true": true, "t": true, "1": true, "yes": true, "y": true,
	"false": false, "f": false, "0": false, "no": false, "n": false,
}

// isDisabled reads the two columns that say whether a user may sign in. An empty one
// says nothing. If one of them says no, the user may not.
func isDisabled(active, disabled string) (bool, error) {
	yes, known := flags[strings.ToLower(cmp.Or(strings.TrimSpace(active), "true"))]
	no, alsoKnown := flags[strings.ToLower(cmp.Or(strings.TrimSpace(disabled), "false"))]
	if !known || !alsoKnown {
		return false, errors.New("active or disabled is neither true nor false")
	}
	return no || !yes, nil
}

// jsonFlag returns true, false or a number as CSV has it, and the text of a text.
func jsonFlag(value jsontext.Value) string {
	var text string
	if value == nil || json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}

var errJSONTypes = errors.New("is not a JSON object of texts, with a list of texts in roles")

func explainJSON(err error) error {
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return errors.New("has a name twice")
	}
	if errors.Is(err, json.ErrUnknownName) {
		return fmt.Errorf("has a name that is none of %s", columnNames)
	}
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Errorf("is not one JSON object at byte %d", syntax.ByteOffset+1)
	}
	return errJSONTypes
}

// jsonRoles reads a list, or a text as CSV has it.
func jsonRoles(value jsontext.Value) (roles []string, err error) {
	if value.Kind() == '"' {
		var text string
		err = json.Unmarshal(value, &text)
		return splitRoles(text), err
	}
	if value != nil && json.Unmarshal(value, &roles) != nil {
		return nil, errJSONTypes
	}
	return roles, nil
}

// plainInteger is a whole number in the only spelling that every program writes.
var plainInteger = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

// jsonUserID reads a text or a whole number.
func jsonUserID(value jsontext.Value) (id string, err error) {
	switch {
	case value == nil:
		return "", nil
	case plainInteger.Match(value):
		return string(value), nil
	case json.Unmarshal(value, &id) != nil:
		return "", errors.New("user_id is neither a text nor a whole number in plain digits")
	}
	return id, nil
}
