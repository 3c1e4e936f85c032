package openapi_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/internal/testing/openapi"
)

const small = `
paths:
  /coats/{id}:
    get:
      tags: [coats]
      responses:
        '200':
          headers:
            Cache-Control: { $ref: '#/components/headers/Never' }
            ETag: { schema: { type: string, pattern: '^"' } }
          content:
            application/json:
              schema:
                type: object
                required: [id, since, pockets]
                additionalProperties: false
                properties:
                  id: { $ref: '#/components/schemas/ID' }
                  since: { type: [string, 'null'], format: date-time }
                  pockets: { type: array, maxItems: 2, items: { type: integer, minimum: 0 } }
        '204': { $ref: '#/components/responses/Gone' }
    post:
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema: { type: object, additionalProperties: false, minProperties: 1, properties: { color: { enum: [red, '7'] } } }
      responses:
        '204': { $ref: '#/components/responses/Gone' }
  /coats/all:
    get:
      responses:
        '204': { $ref: '#/components/responses/Gone' }
components:
  responses:
    Gone: { description: There is none. }
  headers:
    Never: { required: true, schema: { const: no-store } }
  schemas:
    ID: { type: string, minLength: 2, maxLength: 3 }
`

func reading(t testing.TB, text string) (*openapi.Document, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "openapi.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return openapi.Read(file)
}

func find(t testing.TB, method, path string) *openapi.Operation {
	t.Helper()
	d, err := reading(t, small)
	if err != nil {
		t.Fatal(err)
	}
	op, err := d.Find(method, path)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

// TestCheckAnswer: whatever is not as the document says is told.
func TestCheckAnswer(t *testing.T) {
	op := find(t, "HEAD", "/coats/12")
	const good = `{"id":"äöü","since":"2026-11-27T12:30:45Z","pockets":[0,7]}`
	right := http.Header{"Cache-Control": {"no-store"}, "Content-Type": {"application/json; charset=utf-8"}, "Date": {"now"}}
	with := func(name string, values ...string) http.Header {
		h := maps.Clone(right)
		h[name] = values
		return h
	}
	for _, tt := range []struct {
		status int
		header http.Header
		body   string
		want   string // a part of the error; "" if there is none
	}{
		{200, right, good, ""},
		{200, with("Etag", `"1"`), good, ""},
		{200, right, strings.Replace(good, `"2026-11-27T12:30:45Z"`, "null", 1), ""},
		{204, http.Header{}, "", ""},
		{500, right, good, "no such status"},
		{200, with("Etag", "1"), good, "the header Etag"},
		{200, with("Etag", `"1"`, "2"), good, "the header Etag"},
		{200, with("Location", "/"), good, "no such header: Location"},
		{200, with("Cache-Control", "public"), good, "the header Cache-Control"},
		{200, with("Cache-Control"), good, "the header Cache-Control is missing"},
		{200, with("Content-Type", "text/html"), good, `no such type: "text/html"`},
		{204, http.Header{}, "x", "a body that the document does not have"},
		{204, http.Header{"Content-Type": {"text/plain"}}, "", "no such type"},
		{200, right, "{", "unexpected end"},
		{200, right, "[]", "is no object"},
		{200, right, strings.Replace(good, "äöü", "ä", 1), "has 1 characters"},
		{200, right, strings.Replace(good, "äöü", "äöüß", 1), "has 4 characters"},
		{200, right, strings.Replace(good, `"id"`, `"ID"`, 1), "the field id is missing"},
		{200, right, strings.Replace(good, "{", `{"size":"m",`, 1), "no field size"},
		{200, right, strings.Replace(good, "2026-", "26-", 1), "parsing time"},
		{200, right, strings.Replace(good, ",7]", ",7,8]", 1), "a list of 3"},
		{200, right, strings.Replace(good, ",7]", ",7.5]", 1), "is no integer"},
		{200, right, strings.Replace(good, ",7]", ",-1]", 1), "less than 0"},
		{200, right, strings.Replace(good, ",7]", `,"7"]`, 1), "is no integer"},
	} {
		err := op.CheckAnswer(tt.status, tt.header, []byte(tt.body), false)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%d %v %s: %v, want %q", tt.status, tt.header, tt.body, err, tt.want)
		}
	}
	if err := op.CheckAnswer(200, right, nil, true); err != nil {
		t.Errorf("an answer to HEAD: %v", err)
	}
}

func TestCheckRequest(t *testing.T) {
	op := find(t, "POST", "/coats/12")
	const form = "application/x-www-form-urlencoded"
	for body, want := range map[string]string{"color=red": "", "color=7": "", "color=blue": "none of the values", "": "0 fields", "size=m": "no field size", "%zz": "invalid URL escape"} {
		if err := op.CheckRequest(form, []byte(body)); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", body, err, want)
		}
	}
	for _, kind := range []string{"", "application/json"} {
		if err := op.CheckRequest(kind, []byte("color=red")); err == nil {
			t.Errorf("a body of the type %q is none", kind)
		}
	}
}

// TestReadRefuses: a keyword or a method that this package does not check is an error, as a pattern
// is that Go does not have.
func TestReadRefuses(t *testing.T) {
	for old, wrong := range map[string]string{
		"minLength: 2": "multipleOf: 2", `pattern: '^"'`: `pattern: '(?=a)'`, "minimum: 0": "minimum: none", "    post:": "    delete:",
	} {
		if _, err := reading(t, strings.Replace(small, old, wrong, 1)); err == nil {
			t.Errorf("%s was read", wrong)
		}
	}
}

func TestFind(t *testing.T) {
	if op := find(t, "GET", "/coats/all"); op.Path != "/coats/all" {
		t.Errorf("found %s", op.Path)
	}
	d, err := reading(t, small)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/coats", "/coats/", "/coats/1/2", "/hats/1"} {
		if op, err := d.Find("GET", path); err == nil {
			t.Errorf("%s is %s", path, op.Path)
		}
	}
	if got := find(t, "GET", "/coats/1").Answers(); !slices.Equal(got, []string{"200 application/json", "204"}) {
		t.Errorf("the answers are %q", got)
	}
}

// TestOpen finds an object that is not closed, wherever it is.
func TestOpen(t *testing.T) {
	for old, want := range map[string]int{"": 0, "additionalProperties: false\n": 1} {
		d, err := reading(t, strings.Replace(small, old, "\n", min(want, 1)))
		if err != nil {
			t.Fatal(err)
		}
		if open := d.Open(); len(open) != want {
			t.Errorf("without %q these are open: %q", old, open)
		}
	}
}

func ExampleRead() {
	d, err := openapi.Read("../../../docs/openapi.yaml")
	if err != nil {
		fmt.Println(err)
		return
	}
	op, err := d.Find("GET", "/whoami")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(op.CheckAnswer(http.StatusTeapot, nil, nil, false))
	// Output: GET /whoami: 418: the document has no such status
}
