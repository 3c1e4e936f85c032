package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

const secret = "c2VjcmV0c2VjcmV0"

// readRows returns the result of rows for a file, and the error at the end. For each
// row it returns one line with the row's line number and its fields or its error.
func readRows(file io.Reader) (string, error) {
	var got strings.Builder
	for r, err := range rows(file) {
		if err != nil {
			return got.String(), err
		}
		if r.bad != nil {
			fmt.Fprintf(&got, "%d: %v\n", r.line, r.bad)
			continue
		}
		fmt.Fprintf(&got, "%d: %q %q %q %q\n", r.line, r.Name, r.DisplayName, r.PasswordHash, r.Roles)
	}
	return got.String(), nil
}

func TestRows(t *testing.T) {
	long := strings.Repeat(secret, 1<<12)
	for name, test := range map[string]struct{ file, want string }{
		"empty":   {"", ""},
		"blank":   {" \n\r\n\t\n", ""},
		"header":  {"name,password_hash\n", ""},
		"minimal": {"name,password_hash\nalice,!\n", `2: "alice" "" "!" []` + "\n"},
		"all":     {"roles,name,display_name,password_hash\na;b,alice,Alice A.,!\n", `2: "alice" "Alice A." "!" ["a" "b"]` + "\n"},
		"excel":   {"\ufeffname,password_hash\r\nalice,!\r\n", `2: "alice" "" "!" []` + "\n"},
		"no end":  {"name,password_hash\nalice,!", `2: "alice" "" "!" []` + "\n"},
		"blanks":  {"\nname,password_hash\n\nalice,!\n\n", `4: "alice" "" "!" []` + "\n"},
		"quotes":  {"\"name\",password_hash\n\"a\"\"b, c\",\"!\"\n", `2: "a\"b, c" "" "!" []` + "\n"},
		"open quote": {"name,password_hash\n\"" + secret + "\nbob,!\n",
			"2: is not CSV at byte 18: extraneous or missing \" in quoted-field\n" + `3: "bob" "" "!" []` + "\n"},
		"bare quote": {"name,password_hash\na\"" + secret + ",!\nbob,!\n",
			"2: is not CSV at byte 2: bare \" in non-quoted-field\n" + `3: "bob" "" "!" []` + "\n"},
		"too few, too many": {"name,password_hash\n" + secret + "\na,b,c\nbob,!\n",
			"2: has 1 columns, and the header 2\n3: has 3 columns, and the header 2\n" + `4: "bob" "" "!" []` + "\n"},
		"too long": {"name,password_hash\nalice," + long + "\nbob,!\nalice," + long,
			"2: is longer than 65536 bytes\n" + `3: "bob" "" "!" []` + "\n4: is longer than 65536 bytes\n"},

		"json": {`{"name": "alice", "password_hash": "!"}` + "\n\n" + ` {"roles": ["a;b", "c"], "display_name": "Alice A.", "name": "alice", "password_hash": "!"}`,
			`1: "alice" "" "!" []` + "\n" + `3: "alice" "Alice A." "!" ["a;b" "c"]` + "\n"},
		"json, nulls":   {`{"name":"alice","display_name":null,"roles":null,"password_hash":"!"}`, `1: "alice" "" "!" []` + "\n"},
		"json, twice":   {`{"name":"alice","name":"bob"}`, "1: has a name twice\n"},
		"json, unknown": {`{"name":"alice","` + secret + `":"x"}`, "1: has a name that is none of name, password_hash, display_name and roles\n"},
		"json, case":    {`{"Name":"alice"}`, "1: has a name that is none of name, password_hash, display_name and roles\n"},
		"json, cut off": {`{"name":"alice","password_hash":"` + secret, "1: is not one JSON object at byte 50\n"},
		"json, two":     {`{"name":"alice"} {"name":"bob"}`, "1: is not one JSON object at byte 18\n"},
		"json, utf-8":   {`{"name":"` + "\xff" + `"}`, "1: is not one JSON object at byte 10\n"},
		"json, types": {`{"name":1}` + "\n" + `{"roles":"` + secret + `"}` + "\n" + `{"roles":[1]}` + "\n" + `["` + secret + `"]`,
			strings.ReplaceAll("1: X\n2: X\n3: X\n4: X\n", "X", "is not a JSON object of texts, with a list of texts in roles")},
		"json, then csv": {`{"name":"alice","password_hash":"!"}` + "\nname,password_hash\n",
			`1: "alice" "" "!" []` + "\n2: is not one JSON object at byte 2\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readRows(iotest.OneByteReader(strings.NewReader(test.file)))
			if got != test.want || err != nil {
				t.Errorf("got  %q, %v\nwant %q", got, err, test.want)
			}
			if strings.Contains(strings.ReplaceAll(got, "\n", ""), secret) {
				t.Errorf("%q tells a secret", got)
			}
		})
	}
}

func TestRowsRefusesTheFile(t *testing.T) {
	const list = "name, password_hash, display_name and roles, separated by commas"
	for file, want := range map[string]string{
		"alice,$2b$" + secret:                                 "line 1: column 1 of the header is none of " + list,
		"name,password_hash,mail\nalice,!,a@example.org":      "line 1: column 3 of the header is none of " + list,
		"name;password_hash":                                  "line 1: column 1 of the header is none of " + list,
		"name,password_hash,name":                             "line 1: the header has the column name twice",
		"\n\nname,roles":                                      "line 3: the header has no column password_hash",
		"password_hash":                                       "line 1: the header has no column name",
		"\"name,password_hash":                                "line 1: neither the header of CSV nor a JSON object: is not CSV at byte 20: extraneous or missing \" in quoted-field",
		"name,password_hash," + strings.Repeat(secret, 1<<12): "line 1: is longer than 65536 bytes",
		"\xff\xfen\x00a\x00m\x00e\x00,\x00":                   "line 1: column 1 of the header is none of " + list,
		"[{\"name\":\"alice\",\"password_hash\":\"!\"}]":      "line 1: neither the header of CSV nor a JSON object: is not CSV at byte 3: bare \" in non-quoted-field",
	} {
		if got, err := readRows(strings.NewReader(file)); got != "" || err == nil || err.Error() != want {
			t.Errorf("%.80q: %q, %v; want %s", file, got, err, want)
		}
	}
	broken := errors.New("broken")
	got, err := readRows(io.MultiReader(strings.NewReader("name,password_hash\nalice,!\nbob"), iotest.ErrReader(broken)))
	if got != `2: "alice" "" "!" []`+"\n" || !errors.Is(err, broken) {
		t.Errorf("a file that breaks: %q, %v", got, err)
	}
}
