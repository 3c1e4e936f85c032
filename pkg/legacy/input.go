package legacy

import (
	"encoding/json"
)

var errMalformed error = constant("malformed")

// input is what a decoder of a binary format still has to read. Each element of a list or
// a table takes a byte of it at least, so that its length bounds the memory.
type input struct {
	rest  []byte
	depth int
}

// newInput returns an input of a whole session.
func newInput(session []byte) (input, error) {
	if len(session) > maxBytes {
		return input{}, errMalformed
	}
	return input{rest: session}, nil
}

// take returns the next n bytes.
func (in *input) take(n int) ([]byte, error) {
	if n < 0 || n > len(in.rest) {
		return nil, errMalformed
	}
	taken := in.rest[:n]
	in.rest = in.rest[n:]
	return taken, nil
}

func (in *input) byte() (byte, error) {
	b, err := in.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// enter goes one level deeper. Each enter that succeeds needs a leave.
func (in *input) enter() error {
	if in.depth == maxDepth {
		return errMalformed
	}
	in.depth++
	return nil
}

func (in *input) leave() { in.depth-- }

// put adds an entry to a table. Two entries with one key are malformed: which of them
// counts would be a guess. An entry whose key is neither a text nor an integer is left out.
func put(table map[string]any, key, value any) error {
	name, ok := tableKey(key)
	if !ok {
		return nil
	}
	if _, exists := table[name]; exists {
		return errMalformed
	}
	table[name] = value
	return nil
}

func tableKey(key any) (name string, ok bool) {
	switch k := key.(type) {
	case string:
		return k, true
	case json.Number:
		return string(k), true
	}
	return "", false
}
