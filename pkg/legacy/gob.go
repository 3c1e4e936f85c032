package legacy

import (
	"encoding/json"
	"math"
	"math/bits"
	"strconv"
)

// The numbers of the types that every gob knows.
const (
	gobBool = iota + 1
	gobInt
	gobUint
	gobFloat
	gobBytes
	gobString
	gobComplex
	gobInterface
	gobWireType   = 16
	gobCommonType = 18
	gobFieldType  = 21
	gobFields     = 22
	gobFirstOwn   = 64 // from here on, a gob describes its types itself
)

// gobType is how the values of a type are written.
type gobType struct {
	fields    []gobField // of a struct
	key, elem int        // of a map; a list has no key
	encoded   bool       // the type's own encoder has written bytes
}

type gobField struct {
	name string
	kind int
}

// gobDescription returns a type by which a gob describes its types. The first field of
// most of them is embedded in each.
func gobDescription(kind int) (gobType, bool) {
	common := gobField{"Common", gobCommonType}
	switch kind {
	case gobWireType:
		return gobType{fields: []gobField{
			{"Array", 17}, {"Slice", 19}, {"Struct", 20}, {"Map", 23}, {"Encoder", 24}, {"Encoder", 24}, {"Encoder", 24},
		}}, true
	case 17:
		return gobType{fields: []gobField{common, {"Elem", gobInt}, {"Len", gobInt}}}, true
	case gobCommonType, gobFieldType:
		return gobType{fields: []gobField{{"Name", gobString}, {"Id", gobInt}}}, true
	case 19:
		return gobType{fields: []gobField{common, {"Elem", gobInt}}}, true
	case 20:
		return gobType{fields: []gobField{common, {"Fields", gobFields}}}, true
	case gobFields:
		return gobType{elem: gobFieldType}, true
	case 23:
		return gobType{fields: []gobField{common, {"Key", gobInt}, {"Elem", gobInt}}}, true
	case 24:
		return gobType{fields: []gobField{common}}, true
	}
	return gobType{}, false
}

// gobEncoded are the bytes of a value whose type has an encoder of its own, such as
// [time.Time].
type gobEncoded []byte

// readGob reads the first value of a gob. Structs are tables by the names of their fields,
// in which fields with the zero value are missing. The package encoding/gob cannot read
// such values without the Go types of the program that wrote them: one value of an unknown
// type makes the whole gob unreadable for it. This function needs no types. What is no
// data, it reads over.
func readGob(data []byte) (any, error) {
	in, err := newInput(data)
	if err != nil {
		return nil, err
	}
	r := gobReader{later: in.rest, types: map[int]gobType{}}
	kind, err := r.typeNumber(false)
	if err != nil {
		return nil, err
	}
	value, err := r.single(kind)
	if err != nil {
		return nil, err
	}
	if len(r.rest)+len(r.later) != 0 {
		return nil, errMalformed
	}
	return value, nil
}

// gobReader reads one message of a gob after the other. A message ends behind each
// description of a type, even in the middle of a value.
type gobReader struct {
	input
	later []byte // the messages behind this one
	types map[int]gobType
}

// next goes on to the next message.
func (r *gobReader) next() error {
	whole := gobReader{input: input{rest: r.later}}
	message, err := whole.bytes()
	r.rest, r.later = message, whole.rest
	return err
}

// typeNumber reads descriptions of types, and then the number of the type of a value. A
// value in an interface may follow a description without a new message: then there is a
// length between them.
func (r *gobReader) typeNumber(inInterface bool) (int, error) {
	for {
		if len(r.rest) == 0 {
			if err := r.next(); err != nil {
				return 0, err
			}
		}
		n, err := r.integer()
		if err != nil || n > math.MaxInt32 || n < -math.MaxInt32 {
			return 0, errMalformed
		}
		if n >= 0 {
			return int(n), nil
		}
		if err := r.describe(int(-n)); err != nil {
			return 0, err
		}
		if len(r.rest) == 0 {
			continue
		}
		if !inInterface {
			return 0, errMalformed
		}
		if _, err := r.unsigned(); err != nil {
			return 0, err
		}
	}
}

// unsigned reads a number: itself if it is below 128, else its bytes behind their count.
func (r *gobReader) unsigned() (uint64, error) {
	first, err := r.byte()
	if err != nil || first < 128 {
		return uint64(first), err
	}
	bytes, err := r.take(-int(int8(first)))
	if err != nil || len(bytes) > 8 {
		return 0, errMalformed
	}
	var n uint64
	for _, b := range bytes {
		n = n<<8 | uint64(b)
	}
	return n, nil
}

// integer reads a number whose lowest bit is the sign.
func (r *gobReader) integer() (int64, error) {
	n, err := r.unsigned()
	if n&1 != 0 {
		return ^int64(n >> 1), err
	}
	return int64(n >> 1), err
}

// count reads how many there are of something, each of which takes a byte at least.
func (r *gobReader) count() (int, error) {
	n, err := r.unsigned()
	if err != nil || n > uint64(len(r.rest)+len(r.later)) {
		return 0, errMalformed
	}
	return int(n), nil
}

// bytes reads a count and as many bytes.
func (r *gobReader) bytes() ([]byte, error) {
	n, err := r.count()
	if err != nil {
		return nil, err
	}
	return r.take(n)
}

// describe reads the description of a type.
func (r *gobReader) describe(kind int) error {
	if _, exists := r.types[kind]; exists || kind < gobFirstOwn {
		return errMalformed
	}
	value, err := r.value(gobWireType)
	if err != nil {
		return err
	}
	for name, description := range value.(map[string]any) {
		fields, _ := description.(map[string]any)
		r.types[kind] = gobDescribed(name, fields)
	}
	return nil
}

func gobDescribed(name string, description map[string]any) gobType {
	switch name {
	case "Encoder":
		return gobType{encoded: true}
	case "Map":
		return gobType{key: gobNumber(description["Key"]), elem: gobNumber(description["Elem"])}
	case "Struct":
		list, _ := description["Fields"].([]any)
		fields := []gobField{}
		for _, each := range list {
			field, _ := each.(map[string]any)
			name, _ := field["Name"].(string)
			fields = append(fields, gobField{name, gobNumber(field["Id"])})
		}
		return gobType{fields: fields}
	default:
		return gobType{elem: gobNumber(description["Elem"])}
	}
}

// gobNumber returns the number of a type in a description: 0, which is none, if it is
// missing.
func gobNumber(value any) int {
	text, _ := value.(json.Number)
	n, _ := strconv.Atoi(string(text))
	return n
}

// single reads a value that stands alone: if it is no struct, a zero is in front of it.
func (r *gobReader) single(kind int) (any, error) {
	if known, ok := r.typeOf(kind); !ok || known.fields == nil {
		if zero, err := r.byte(); err != nil || zero != 0 {
			return nil, errMalformed
		}
	}
	return r.value(kind)
}

func (r *gobReader) typeOf(kind int) (gobType, bool) {
	if kind < gobFirstOwn {
		return gobDescription(kind)
	}
	t, ok := r.types[kind]
	return t, ok
}

func (r *gobReader) value(kind int) (any, error) {
	if err := r.enter(); err != nil {
		return nil, err
	}
	defer r.leave()
	switch kind {
	case gobBool:
		n, err := r.unsigned()
		return n != 0, err
	case gobInt:
		n, err := r.integer()
		return json.Number(strconv.FormatInt(n, 10)), err
	case gobUint:
		n, err := r.unsigned()
		return json.Number(strconv.FormatUint(n, 10)), err
	case gobFloat:
		n, err := r.unsigned()
		return math.Float64frombits(bits.ReverseBytes64(n)), err
	case gobBytes:
		return r.bytes()
	case gobString:
		text, err := r.bytes()
		return string(text), err
	case gobComplex:
		if _, err := r.unsigned(); err != nil {
			return nil, err
		}
		_, err := r.unsigned()
		return other{}, err
	case gobInterface:
		return r.dynamic()
	}
	return r.composed(kind)
}

// composed reads a value of a type that the gob describes.
func (r *gobReader) composed(kind int) (any, error) {
	t, ok := r.typeOf(kind)
	switch {
	case !ok:
		return nil, errMalformed
	case t.encoded:
		bytes, err := r.bytes()
		return gobEncoded(bytes), err
	case t.fields != nil:
		return r.structure(t.fields)
	case t.key != 0:
		return r.table(t)
	default:
		return r.list(t.elem)
	}
}

// structure reads the fields of a struct, each behind its distance from the one before.
func (r *gobReader) structure(fields []gobField) (any, error) {
	table := map[string]any{}
	for i := -1; ; {
		distance, err := r.unsigned()
		if err != nil {
			return nil, err
		}
		if distance == 0 {
			return table, nil
		}
		if distance >= uint64(len(fields)-i) {
			return nil, errMalformed
		}
		i += int(distance)
		value, err := r.value(fields[i].kind)
		if err != nil {
			return nil, err
		}
		if err := put(table, fields[i].name, value); err != nil {
			return nil, err
		}
	}
}

func (r *gobReader) table(t gobType) (any, error) {
	n, err := r.count()
	if err != nil {
		return nil, err
	}
	table := map[string]any{}
	for range n {
		key, err := r.value(t.key)
		if err != nil {
			return nil, err
		}
		value, err := r.value(t.elem)
		if err != nil {
			return nil, err
		}
		if err := put(table, key, value); err != nil {
			return nil, err
		}
	}
	return table, nil
}

func (r *gobReader) list(elem int) (any, error) {
	n, err := r.count()
	if err != nil {
		return nil, err
	}
	list := []any{}
	for range n {
		value, err := r.value(elem)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, nil
}

// dynamic reads a value in an interface: the name of its Go type, which counts for nothing,
// the number of its type, its length, and itself.
func (r *gobReader) dynamic() (any, error) {
	name, err := r.bytes()
	if err != nil || len(name) == 0 {
		return nil, err
	}
	kind, err := r.typeNumber(true)
	if err != nil {
		return nil, err
	}
	if _, err := r.unsigned(); err != nil {
		return nil, err
	}
	return r.single(kind)
}
