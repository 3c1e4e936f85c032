package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

const secret = "c2VjcmV0c2VjcmV0"

// readRows returns the result of rows for a file, and the error at the end. For each
// row it returns one line with the row's lines in the file, and its fields or its error.
func readRows(file io.Reader, null string) (string, error) {
	var got strings.Builder
	for r, err := range rows(file, null) {
		if err != nil {
			return got.String(), err
		}
		fmt.Fprint(&got, r.line)
		if r.last != r.line {
			fmt.Fprintf(&got, "-%d", r.last)
		}
		if r.bad != nil {
			fmt.Fprintf(&got, ": %v\n", r.bad)
			continue
		}
		fmt.Fprintf(&got, ": %q %q %q %q", r.name, r.displayName, r.passwordHash, r.roles)
		if r.userID != "" {
			fmt.Fprintf(&got, " %q", r.userID)
		}
		if r.disabled {
			fmt.Fprint(&got, " disabled")
		}
		fmt.Fprintln(&got)
	}
	return got.String(), nil
}

func TestRows(t *testing.T) {
	long := strings.Repeat(secret, 1<<12)
	for name, test := range map[string]struct{ file, want string }{
		"minimal": {"name,password_hash\nalice,!\n", `2: "alice" "" "!" []` + "\n"},
		"all":     {"roles,name,display_name,password_hash\na;b,alice,Alice A.,!\n", `2: "alice" "Alice A." "!" ["a" "b"]` + "\n"},
		"excel":   {"\ufeffname,password_hash\r\nalice,!\r\n", `2: "alice" "" "!" []` + "\n"},
		"no end":  {"name,password_hash\nalice,!", `2: "alice" "" "!" []` + "\n"},
		"blanks":  {"\nname,password_hash\n\nalice,!\n\n", `4: "alice" "" "!" []` + "\n"},
		"quotes":  {"\"name\",password_hash\n\"a\"\"b, c\",\"!\"\n", `2: "a\"b, c" "" "!" []` + "\n"},
		"open quote": {"name,password_hash\nalice,!\n\"" + secret + "\nbob,!\n\n",
			`2: "alice" "" "!" []` + "\n3-5: has a quote without its end, which makes one row of all lines up to the end of the file\n"},
		"open quote, no end": {"name,password_hash\nalice,\"" + secret, "2: has a quote without its end, which makes one row of all lines up to the end of the file\n"},
		"open quote, closed by another row": {"name,password_hash\n\"alice,!\ncarol,!\n\"" + secret + "\",!\nbob,!\n",
			"2-4: is not CSV at byte 1 of its line 3: extraneous or missing \" in quoted-field\n" + `5: "bob" "" "!" []` + "\n"},
		"open quote, too long": {"name,password_hash\n\"alice,!\n" + strings.Repeat("bob,!\n", 1<<14) + "\"carol\",!\ndave,!\n",
			"2-16387: is longer than 65536 bytes\n" + `16388: "dave" "" "!" []` + "\n"},
		"lines in fields": {"name,password_hash,display_name,roles\r\nalice,!,\"Alice\r\nA.\",\"a;\r\n\r\nb\"\r\n\"\n\nbob\n\",!,,\r\n",
			`2-5: "alice" "Alice\nA." "!" ["a" "b"]` + "\n" + `6-9: "\n\nbob\n" "" "!" []` + "\n"},
		"rows in a field": {"name,password_hash,display_name\nalice,!,\"x\nmallory,!,\n\"\nbob,!,\n", `2-4: "alice" "x\nmallory,!,\n" "!" []` + "\n" + `5: "bob" "" "!" []` + "\n"},
		"rows in a field that is too long": {"name,password_hash,display_name\nalice,!,\"" + strings.Repeat("x", 1<<17) + "\nmallory,!,\n\"\nbob,!,\n",
			"2-4: is longer than 65536 bytes\n" + `5: "bob" "" "!" []` + "\n"},
		"quotes in quotes": {"name,password_hash\n\"a\"\"\nb\"\"\",!\n\"\"\"\",!\n\"\",!\n", `2-3: "a\"\nb\"" "" "!" []` + "\n" + `4: "\"" "" "!" []` + "\n" + `5: "" "" "!" []` + "\n"},
		"text after a quote": {"name,password_hash\n\"a\" ,\"\n!\"\nbob,!\n",
			"2: is not CSV at byte 3: extraneous or missing \" in quoted-field\n3: is not CSV at byte 2: bare \" in non-quoted-field\n" + `4: "bob" "" "!" []` + "\n"},
		"one column too few": {"name,password_hash,roles\nalice,!\n", "2: has 2 columns, and the header 3\n"},

		"header":           {" Name ,PASSWORD_HASH,Display_Name,\tROLES,\"User_ID \"\nalice,!,A,r,7\n", `2: "alice" "A" "!" ["r"] "7"` + "\n"},
		"semicolons":       {"name;password_hash;roles\nalice;!;\"admin; editor\"\nbob, b.;!;a\n", `2: "alice" "" "!" ["admin" "editor"]` + "\n" + `3: "bob, b." "" "!" ["a"]` + "\n"},
		"semicolons, list": {"name;password_hash;roles\nalice;!;admin;editor\n", "2: has 4 columns, and the header 3\n"},
		"tabs":             {"name\tpassword_hash\troles\nalice\t!\ta; b\n\"b\tc\nd\"\t!\t\n", `2: "alice" "" "!" ["a" "b"]` + "\n" + `3-4: "b\tc\nd" "" "!" []` + "\n"},
		"roles": {"name,password_hash,roles\na,!,a;b\nb,!, a ;\tb \nc,!,a;\nd,!, \ne,!,;\n",
			`2: "a" "" "!" ["a" "b"]` + "\n" + `3: "b" "" "!" ["a" "b"]` + "\n" + `4: "c" "" "!" ["a" ""]` + "\n" + `5: "d" "" "!" [""]` + "\n" + `6: "e" "" "!" ["" ""]` + "\n"},
		"user IDs": {"user_id,name,password_hash\n017,a,!\n,b,!\n 17,c,!\n1e3,d,!\n", `2: "a" "" "!" [] "017"` + "\n" + `3: "b" "" "!" []` + "\n" + `4: "c" "" "!" [] " 17"` + "\n" + `5: "d" "" "!" [] "1e3"` + "\n"},
		"no null":  {"name,password_hash,display_name\nNULL,\\N,NULL\n", `2: "NULL" "NULL" "\\N" []` + "\n"},
		"bare quote": {"name,password_hash\na\"" + secret + ",!\nbob,!\n",
			"2: is not CSV at byte 2: bare \" in non-quoted-field\n" + `3: "bob" "" "!" []` + "\n"},
		"too few, too many": {"name,password_hash\n" + secret + "\na,b,c\nbob,!\n",
			"2: has 1 columns, and the header 2\n3: has 3 columns, and the header 2\n" + `4: "bob" "" "!" []` + "\n"},
		"too long": {"name,password_hash\nalice," + long + "\nbob,!\nalice," + long,
			"2: is longer than 65536 bytes\n" + `3: "bob" "" "!" []` + "\n4: is longer than 65536 bytes\n"},

		"json": {`{"name": "alice", "password_hash": "!"}` + "\n\n" + ` {"roles": ["a;b", "c"], "display_name": "Alice A.", "name": "alice", "password_hash": "!"}`,
			`1: "alice" "" "!" []` + "\n" + `3: "alice" "Alice A." "!" ["a;b" "c"]` + "\n"},
		"active": {"active,name,password_hash,disabled\nt,a,!,\nF,b,!,\n1,c,!,0\n 0 ,d,!,0\nYes,e,!,N\nno,f,!,\ntrue,g,!,TRUE\n,h,!,y\n,i,!,\n2,j,!,\n,k,!," + secret + "\n",
			`2: "a" "" "!" []` + "\n" + `3: "b" "" "!" [] disabled` + "\n" + `4: "c" "" "!" []` + "\n" + `5: "d" "" "!" [] disabled` + "\n" + `6: "e" "" "!" []` + "\n" + `7: "f" "" "!" [] disabled` + "\n" +
				`8: "g" "" "!" [] disabled` + "\n" + `9: "h" "" "!" [] disabled` + "\n" + `10: "i" "" "!" []` + "\n" + "11: active or disabled is neither true nor false\n12: active or disabled is neither true nor false\n"},
		"json, active": {`{"active":true}` + "\n" + `{"active":false}` + "\n" + `{"active":0}` + "\n" + `{"active":null,"disabled":"t"}` + "\n" + `{"disabled":""}` + "\n" + `{"active":1.0}` + "\n" + `{"active":["` + secret + `"]}` + "\n" + `{"disabled":"` + secret + `"}`,
			`1: "" "" "" []` + "\n" + `2: "" "" "" [] disabled` + "\n" + `3: "" "" "" [] disabled` + "\n" + `4: "" "" "" [] disabled` + "\n" + `5: "" "" "" []` + "\n" + strings.ReplaceAll("6: X\n7: X\n8: X\n", "X", "active or disabled is neither true nor false")},
		"json, nulls":   {`{"name":"alice","display_name":null,"roles":null,"password_hash":"!"}`, `1: "alice" "" "!" []` + "\n"},
		"json, twice":   {`{"name":"alice","name":"bob"}`, "1: has a name twice\n"},
		"json, unknown": {`{"name":"alice","` + secret + `":"x"}`, "1: has a name that is none of name, password_hash, display_name, roles, user_id, active and disabled\n"},
		"json, case":    {`{"Name":"alice"}`, "1: has a name that is none of name, password_hash, display_name, roles, user_id, active and disabled\n"},
		"json, cut off": {`{"name":"alice","password_hash":"` + secret, "1: is not one JSON object at byte 50\n"},
		"json, two":     {`{"name":"alice"} {"name":"bob"}`, "1: is not one JSON object at byte 18\n"},
		"json, utf-8":   {`{"name":"` + "\xff" + `"}`, "1: is not one JSON object at byte 10\n"},
		"json, types": {`{"name":1}` + "\n" + `{"roles":{"` + secret + `":1}}` + "\n" + `{"roles":[1]}` + "\n" + `["` + secret + `"]`,
			strings.ReplaceAll("1: X\n2: X\n3: X\n4: X\n", "X", "is not a JSON object of texts, with a list of texts in roles")},
		"json, roles as text": {`{"name":"a","roles":"admin; editor"}` + "\n" + `{"name":"b","roles":""}` + "\n" + `{"name":"c","roles":" "}` + "\n" + `{"name":"d","roles":["a; b"," "]}` + "\n" + `{"name":"e","roles":["\ud800"]}`,
			`1: "a" "" "" ["admin" "editor"]` + "\n" + `2: "b" "" "" []` + "\n" + `3: "c" "" "" [""]` + "\n" + `4: "d" "" "" ["a; b" " "]` + "\n5: is not one JSON object at byte 23\n"},
		"json, user IDs": {`{"user_id":17}` + "\n" + `{"user_id":"017"}` + "\n" + `{"user_id":9007199254740993}` + "\n" + `{"user_id":-5}` + "\n" + `{"user_id":0}` + "\n" + `{"user_id":null}` + "\n" + `{"user_id":""}`,
			`1: "" "" "" [] "17"` + "\n" + `2: "" "" "" [] "017"` + "\n" + `3: "" "" "" [] "9007199254740993"` + "\n" + `4: "" "" "" [] "-5"` + "\n" + `5: "" "" "" [] "0"` + "\n" + `6: "" "" "" []` + "\n" + `7: "" "" "" []` + "\n"},
		"json, other numbers": {`{"user_id":1.0}` + "\n" + `{"user_id":1e3}` + "\n" + `{"user_id":-0}` + "\n" + `{"user_id":true}` + "\n" + `{"user_id":["` + secret + `"]}` + "\n" + `{"user_id":0.5}` + "\n" + `{"user_id":{}}`,
			strings.ReplaceAll("1: X\n2: X\n3: X\n4: X\n5: X\n6: X\n7: X\n", "X", "user_id is neither a text nor a whole number in plain digits")},
		"json, quotes": {`{"name":"a\"b"}` + "\n" + `{"name":"\""}`, `1: "a\"b" "" "" []` + "\n" + `2: "\"" "" "" []` + "\n"},
		"json, then csv": {`{"name":"alice","password_hash":"!"}` + "\nname,password_hash\n",
			`1: "alice" "" "!" []` + "\n2: is not one JSON object at byte 2\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readRows(iotest.OneByteReader(strings.NewReader(test.file)), "")
			if got != test.want || err != nil {
				t.Errorf("got  %q, %v\nwant %q", got, err, test.want)
			}
			if strings.Contains(strings.ReplaceAll(got, "\n", ""), secret) {
				t.Errorf("%q tells a secret", got)
			}
		})
	}
}

// TestNull: what a file has for no value is empty where the flag says so.
func TestNull(t *testing.T) {
	const header = "name\tpassword_hash\tdisplay_name\troles\tuser_id\n"
	for null, want := range map[string]string{
		`\N`:   `2: "alice" "" "" []` + "\n" + `3: "NULL" "NULL" "NULL" ["NULL"] "NULL"` + "\n",
		"NULL": `2: "alice" "\\N" "\\N" ["\\N"] "\\N"` + "\n" + `3: "" "" "" []` + "\n",
		"null": `2: "alice" "\\N" "\\N" ["\\N"] "\\N"` + "\n" + `3: "NULL" "NULL" "NULL" ["NULL"] "NULL"` + "\n",
	} {
		got, err := readRows(strings.NewReader(header+"alice\t\\N\t\\N\t\\N\t\\N\nNULL\tNULL\tNULL\tNULL\tNULL\n"), null)
		if got != want || err != nil {
			t.Errorf("null is %s: got  %q, %v\nwant %q", null, got, err, want)
		}
	}
}

func TestRowsRefusesTheFile(t *testing.T) {
	const (
		list  = "name, password_hash, display_name, roles, user_id, active and disabled, with commas, semicolons or tabs between them"
		utf16 = "line 1: the file is UTF-16, or has NUL bytes as UTF-16 has; save it as UTF-8"
		sep   = "line 1: a line sep= is for Excel alone; remove it. Commas, semicolons and tabs are recognised by the header"
		none  = "the file has no rows; it must be CSV with a header, or JSON Lines"
		csv   = "name;password_hash\nalice;!\n"
		json  = `{"name":"alice","password_hash":"!"}` + "\n"
	)
	for file, want := range map[string]string{
		"alice,$2b$" + secret:                            "line 1: column 1 of the header is none of " + list,
		"name,password_hash,mail\nalice,!,a@example.org": "line 1: column 3 of the header is none of " + list,
		"name|password_hash":                             "line 1: column 1 of the header is none of " + list,
		"":                                               none,
		"\ufeff":                                         none,
		" \n\r\n\t\n":                                    none,
		"name,password_hash\n":                           none,
		"name,password_hash\n\n \n":                      none,
		"sep=;\n" + csv:                                  sep,
		"\ufeffSEP=\t\r\nname\tpassword_hash\r\n": sep,
		"\"sep=,\"\n" + csv:                       sep,
		utf16LE(csv):                              utf16,
		utf16BE(csv):                              utf16,
		utf16LE(csv)[2:]:                          utf16,
		utf16BE(csv)[2:]:                          utf16,
		utf16LE(json):                             utf16,
		utf16BE(json)[2:]:                         utf16,
		utf16LE(json)[2:]:                         utf16,
		"name,password_hash\ralice,!\r":           "line 1: the lines end with a carriage return alone; save the file with the line ends of Unix or Windows",
		"name,password_hash,Name ":                "line 1: the header has the column name twice",
		"name,password_hash,name":                 "line 1: the header has the column name twice",
		"\n\nname,roles":                          "line 3: the header has no column password_hash",
		"password_hash":                           "line 1: the header has no column name",
		"\"name,password_hash":                    "line 1: neither the header of CSV nor a JSON object: is not CSV at byte 20: extraneous or missing \" in quoted-field",
		"name,password_hash," + strings.Repeat(secret, 1<<12): "line 1: is longer than 65536 bytes",
		"[{\"name\":\"alice\",\"password_hash\":\"!\"}]":      "line 1: neither the header of CSV nor a JSON object: is not CSV at byte 3: bare \" in non-quoted-field",
	} {
		if got, err := readRows(strings.NewReader(file), ""); got != "" || err == nil || err.Error() != want {
			t.Errorf("%.80q: %q, %v; want %s", file, got, err, want)
		}
	}
	broken := errors.New("broken")
	got, err := readRows(io.MultiReader(strings.NewReader("name,password_hash\nalice,!\nbob"), iotest.ErrReader(broken)), "")
	if got != `2: "alice" "" "!" []`+"\n" || !errors.Is(err, broken) {
		t.Errorf("a file that breaks: %q, %v", got, err)
	}
}

// FuzzRows reads files in which a secret may be anywhere. Their errors are of a few
// known forms, so that they quote nothing; rows come in the order of the file; and rows
// of CSV are those that encoding/csv reads from it.
func FuzzRows(f *testing.F) {
	for _, file := range []string{
		"alice,!\r\n\"a\"\"\n,b\",!\n", "\"a\"\r,\"\nb\"\n", "a\"b,\"\nc", "\n \n,\n\"", "\"\"\"\n\",x", "\"a\"b,\"c\n\",d\n", "a,b\r\r\n", "\ufeffa,b",
	} {
		f.Add("name,password_hash\n" + file)
	}
	for _, file := range []string{
		"sep=;\n", "\xff\xfen\x00", "Name;password_hash;user_id\na;b;c\n", "name\tpassword_hash\na\tb\n", `{"name":"a","user_id":1,"roles":"a;b"}`, `{"user_id":1e3}`, `{"roles":[null]}`, "{\n\"\n",
	} {
		f.Add(file)
	}
	known := regexp.MustCompile(`^(is not CSV at byte \d+( of its line \d+)?: (bare " in non-quoted-field|extraneous or missing " in quoted-field)|has \d+ columns, and the header \d+|is longer than 65536 bytes|` +
		`has a quote without its end, .*|has a name twice|has a name that is none of .* and user_id|is not one JSON object at byte \d+|is not a JSON object of texts, with a list of texts in roles|` +
		`user_id is neither a text nor a whole number in plain digits)$`)
	const header = "name,password_hash\n"
	f.Fuzz(func(t *testing.T, file string) {
		var got [][]string
		var before place
		for r, err := range rows(strings.NewReader(file), "") {
			if err != nil {
				break
			}
			if r.bad != nil && !known.MatchString(r.bad.Error()) {
				t.Errorf("the error is %v", r.bad)
			}
			if r.line <= before.last || r.last < r.line || r.end <= before.end || r.end > int64(len(file)) {
				t.Errorf("a row at %+v comes after one at %+v, of %d bytes", r.place, before, len(file))
			}
			before = r.place
			if r.bad == nil {
				got = append(got, []string{r.name, r.passwordHash})
			}
		}
		if !strings.HasPrefix(file, header) || len(file) > maxRecord {
			return
		}
		whole, want := csv.NewReader(strings.NewReader(file[len(header):])), [][]string(nil)
		whole.FieldsPerRecord = -1
		for {
			values, err := whole.Read()
			if err == io.EOF {
				break
			}
			if err == nil && len(values) == 2 {
				want = append(want, values)
			}
		}
		if !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("the rows are %q, encoding/csv reads %q", got, want)
		}
	})
}
