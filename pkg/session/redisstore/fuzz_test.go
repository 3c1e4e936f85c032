package redisstore

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/session"
)

// FuzzDecode puts any text into one field of a hash. The result must be an error that
// names the field, or a session that is the same after it is stored and read again.
func FuzzDecode(f *testing.F) {
	f.Fuzz(func(t *testing.T, field, value string) {
		s, err := decode("key", "id", stored(t, &session.Session{ID: "id"}, field, value))
		if err != nil {
			if !strings.Contains(err.Error(), `key "key": field "`+field+`"`) {
				t.Errorf("the error does not name the field %q: %v", field, err)
			}
			return
		}
		again, err := decode("key", "id", stored(t, s, "later", "kept"))
		if err != nil || !reflect.DeepEqual(again, s) {
			t.Errorf("%+v is read again as %+v, %v", s, again, err)
		}
	})
}

// stored returns what HGETALL answers for s, with one field replaced or added.
func stored(t *testing.T, s *session.Session, field, value string) []any {
	args, err := createArgs(s)
	if err != nil {
		t.Fatal(err)
	}
	reply := []any{field, value}
	for i, arg := range args[1:] {
		switch v := arg.(type) {
		case []byte:
			args[1+i] = string(v)
		case int64:
			args[1+i] = strconv.FormatInt(v, 10)
		}
	}
	for pair := range slices.Chunk(args[1:], 2) {
		if pair[0] != field {
			reply = append(reply, pair...)
		}
	}
	return reply
}
