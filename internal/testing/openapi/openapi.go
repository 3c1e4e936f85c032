// Package openapi reads the HTTP contract in docs/openapi.yaml, for tests, and compares requests
// and answers with it.
package openapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Document is an OpenAPI 3.1 document, of the parts that ours has. Read makes one.
type Document struct {
	Paths      map[string]*pathItem
	Components struct {
		Responses  map[string]*response
		Headers    map[string]*header
		Parameters map[string]*parameter
		Schemas    map[string]*Schema
	}
}

// pathItem has the methods that the document uses. Another is an error, because nobody would
// compare it.
type pathItem struct {
	Servers   []any
	Get, Post *Operation
	Others    map[string]any `yaml:",inline"`
}

// Operation is one method of one path.
type Operation struct {
	Method, Path string   `yaml:"-"`
	Tags         []string // the chapters of the document that it belongs to
	Parameters   []*parameter
	RequestBody  *struct{ Content map[string]media } `yaml:"requestBody"`
	Responses    map[string]*response

	of *Document
}

type response struct {
	Ref     string `yaml:"$ref"`
	Headers map[string]*header
	Content map[string]media
}

type header struct {
	Ref      string `yaml:"$ref"`
	Required bool
	Schema   *Schema
}

type parameter struct {
	Ref, Name, In string
	Schema        *Schema
}

type media struct{ Schema *Schema }

// Read reads the document in the file. The error says what in it this package does not know.
func Read(file string) (*Document, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	d := new(Document)
	if err := yaml.Unmarshal(text, d); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for path, item := range d.Paths {
		for other := range item.Others {
			return nil, fmt.Errorf("%s: %s: no test knows %s; write get or post, or let package openapi compare it", file, path, other)
		}
		for method, op := range map[string]*Operation{http.MethodGet: item.Get, http.MethodPost: item.Post} {
			if op != nil {
				op.Method, op.Path, op.of = method, path, d
			}
		}
	}
	return d, nil
}

// Operations returns all operations that have one of the tags or, if none is named, all. They
// are in the order of their paths and methods.
func (d *Document) Operations(tags ...string) (all []*Operation) {
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, op := range []*Operation{d.Paths[path].Get, d.Paths[path].Post} {
			if op != nil && (len(tags) == 0 || slices.ContainsFunc(op.Tags, func(tag string) bool { return slices.Contains(tags, tag) })) {
				all = append(all, op)
			}
		}
	}
	return all
}

// Find returns the operation for a request. HEAD is that of GET.
func (d *Document) Find(method, path string) (*Operation, error) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var found *Operation
	for _, op := range d.Operations() {
		if op.Method == method && matches(op.Path, path) && (found == nil || op.Path == path) {
			found = op
		}
	}
	if found == nil {
		return nil, fmt.Errorf("the document has no %s %s", method, path)
	}
	return found, nil
}

// matches reports whether the path is one of the template, such as /sessions/{id}/revoke.
func matches(template, path string) bool {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, got, func(want, got string) bool { return want == got || strings.HasPrefix(want, "{") && got != "" })
}

// Answers returns what the operation can answer: each status with each of its types, such as
// "200 text/html". An answer without a body is a status alone.
func (op *Operation) Answers() (all []string) {
	for status, r := range op.Responses {
		r := op.of.response(r)
		for kind := range r.Content {
			all = append(all, status+" "+kind)
		}
		if len(r.Content) == 0 {
			all = append(all, status)
		}
	}
	slices.Sort(all)
	return all
}

// Answer returns how Answers writes an answer.
func Answer(status int, h http.Header) string {
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, kind))
}

// unsaid are the headers that each server adds, and that no document lists.
var unsaid = []string{"Content-Length", "Content-Type", "Date"}

// CheckAnswer returns an error unless an answer is as the document says: its status, each of
// its headers, its type and its body. If bodiless, as an answer to HEAD, it has no body.
func (op *Operation) CheckAnswer(status int, h http.Header, body []byte, bodiless bool) error {
	where := fmt.Sprintf("%s %s: %d", op.Method, op.Path, status)
	r := op.of.response(op.Responses[fmt.Sprint(status)])
	if r == nil {
		return fmt.Errorf("%s: the document has no such status", where)
	}
	if err := op.of.checkHeaders(r, h); err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	content, known := r.Content[kind]
	switch {
	case kind == "" && len(r.Content) == 0:
		if len(body) > 0 {
			return fmt.Errorf("%s: a body that the document does not have", where)
		}
		return nil
	case !known:
		return fmt.Errorf("%s: the document has no such type: %q", where, kind)
	case bodiless:
		return nil
	}
	value, err := decode(kind, body)
	if err == nil {
		err = op.of.Check(content.Schema, value)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	return nil
}

// CheckRequest returns an error unless the body of a request is as the document says.
func (op *Operation) CheckRequest(contentType string, body []byte) error {
	if op.RequestBody == nil {
		return nil
	}
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) { // a parameter does not matter
		return err
	}
	content, known := op.RequestBody.Content[kind]
	if !known {
		return fmt.Errorf("the document has no body of the type %q", kind)
	}
	value, err := decode(kind, body)
	if err != nil {
		return err
	}
	return op.of.Check(content.Schema, value)
}

// decode returns JSON as its value, a form as an object of texts, and everything else as a text.
func decode(kind string, body []byte) (value any, err error) {
	if kind == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(body))
		object := map[string]any{}
		for name := range form {
			object[name] = form.Get(name)
		}
		return object, err
	}
	if !strings.HasSuffix(kind, "json") {
		return string(body), nil
	}
	err = json.Unmarshal(body, &value)
	return value, err
}

func (d *Document) checkHeaders(r *response, h http.Header) error {
	for name, values := range h {
		if slices.Contains(unsaid, name) {
			continue
		}
		known, ok := r.Headers[http.CanonicalHeaderKey(name)]
		if !ok {
			known, ok = r.Headers[spelled(r, name)]
		}
		if !ok {
			return fmt.Errorf("the document has no such header: %s", name)
		}
		for _, value := range values {
			if err := d.Check(d.header(known).Schema, value); err != nil {
				return fmt.Errorf("the header %s: %w", name, err)
			}
		}
	}
	for name, known := range r.Headers {
		if d.header(known).Required && h.Get(name) == "" {
			return fmt.Errorf("the header %s is missing", name)
		}
	}
	return nil
}

// spelled returns how the document spells a header: net/http has Www-Authenticate.
func spelled(r *response, name string) string {
	for spelling := range r.Headers {
		if strings.EqualFold(spelling, name) {
			return spelling
		}
	}
	return ""
}

// Fields returns the names of the fields that a body of the type may have, sorted, and nil if
// the operation reads none of that type.
func (op *Operation) Fields(kind string) []string {
	if op.RequestBody == nil {
		return nil
	}
	content, ok := op.RequestBody.Content[kind]
	if !ok {
		return nil
	}
	return slices.Sorted(maps.Keys(op.of.resolve(content.Schema).Properties))
}

func (d *Document) response(r *response) *response {
	if r != nil && r.Ref != "" {
		return d.Components.Responses[last(r.Ref)]
	}
	return r
}

func (d *Document) header(h *header) *header {
	if h.Ref != "" {
		return d.Components.Headers[last(h.Ref)]
	}
	return h
}

func (d *Document) resolve(s *Schema) *Schema {
	for s.Ref != "" && s.Properties == nil {
		s = d.Components.Schemas[last(s.Ref)]
	}
	return s
}

// last returns the name at the end of a reference.
func last(ref string) string { return ref[strings.LastIndex(ref, "/")+1:] }
