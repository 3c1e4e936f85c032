package rediscall

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
)

// Hash reads the fields of one hash by type. It keeps the first error. No error quotes
// what is stored.
type Hash struct {
	Key    string
	Fields map[string]string
	err    error
}

// NewHash reads the answer of HGETALL for the key. If there is no such key, the Hash
// has no fields.
func NewHash(key string, reply any) (*Hash, error) {
	pairs, err := Strings(key, reply)
	if err != nil {
		return nil, err
	}
	h := &Hash{Key: key, Fields: make(map[string]string, len(pairs)/2)}
	for i := 1; i < len(pairs); i += 2 {
		h.Fields[pairs[i-1]] = pairs[i]
	}
	return h, nil
}

// Strings reads an array of strings, which is the answer of a script for the key. An answer
// among others may be an error.
func Strings(key string, reply any) ([]string, error) {
	if err, failed := reply.(error); failed {
		return nil, fmt.Errorf("redis key %q: %w", key, err)
	}
	array, ok := reply.([]any)
	if !ok {
		return nil, fmt.Errorf("redis key %q: the server answered with %T, want an array", key, reply)
	}
	all := make([]string, len(array))
	for i, v := range array {
		if all[i], ok = v.(string); !ok {
			return nil, fmt.Errorf("redis key %q: the server answered with %T in an array, want strings", key, v)
		}
	}
	return all, nil
}

// Text returns a field, which must be there.
func (h *Hash) Text(field string) string {
	text, ok := h.Fields[field]
	if !ok {
		h.Fail(field, "is missing")
	}
	return text
}

// Int returns a field that is a whole number.
func (h *Hash) Int(field string) int64 {
	n, err := strconv.ParseInt(h.Text(field), 10, 64)
	if err != nil {
		h.Fail(field, "is not a whole number of 64 bits")
	}
	return n
}

// Bool returns a field that is 1 or 0.
func (h *Hash) Bool(field string) bool {
	text := h.Text(field)
	if text != "1" && text != "0" {
		h.Fail(field, "is not 1 or 0")
	}
	return text == "1"
}

// Strings returns a field that is a JSON array of strings.
func (h *Hash) Strings(field string) []string {
	var elements []*string // null would otherwise become an empty string
	err := json.Unmarshal([]byte(h.Text(field)), &elements)
	if err != nil || elements == nil || slices.Contains(elements, nil) {
		h.Fail(field, "is not a JSON array of strings")
		return nil
	}
	all := make([]string, len(elements))
	for i, e := range elements {
		all[i] = *e
	}
	return all
}

// Fail records an error that names the field, unless there was an error before.
func (h *Hash) Fail(field, problem string) {
	if h.err == nil {
		h.err = fmt.Errorf("redis key %q: field %q %s", h.Key, field, problem)
	}
}

// Err returns the first error, or nil.
func (h *Hash) Err() error { return h.err }
