package legacy

import (
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
)

// marshalVersion is in front of everything that Marshal writes.
const marshalVersion = "\x04\x08"

// rubyHashClass is a subclass of Hash without behaviour of interest, which many sessions of
// Rails have.
const rubyHashClass = "ActiveSupport::HashWithIndifferentAccess"

// readMarshal reads a value that Marshal of Ruby has written, version 4.8. Symbols are
// texts. What is neither nil, a truth value, a number, a string, a symbol, an array nor a
// hash is read over and becomes an other: objects, also those with a dump of their own
// such as Time, classes, modules, structs, regular expressions.
func readMarshal(data []byte) (any, error) {
	in, err := newInput(data)
	if err != nil {
		return nil, err
	}
	r := rubyReader{input: in}
	if version, err := r.take(2); err != nil || string(version) != marshalVersion {
		return nil, errMalformed
	}
	value, err := r.value()
	if err != nil {
		return nil, err
	}
	if len(r.rest) != 0 {
		return nil, errMalformed
	}
	return value, nil
}

// rubyReader has the symbols and objects that were read, because later ones refer to them
// by their number.
type rubyReader struct {
	input
	symbols []string
	objects []any
}

// add gives a value the next number of an object.
func (r *rubyReader) add(value any) any {
	r.objects = append(r.objects, value)
	return value
}

func (r *rubyReader) value() (any, error) {
	if err := r.enter(); err != nil {
		return nil, err
	}
	defer r.leave()
	kind, err := r.byte()
	if err != nil {
		return nil, err
	}
	if kind == 'I' {
		return r.withVariables()
	}
	return r.ofKind(kind)
}

// withVariables reads a value and its instance variables. Those of a string say its
// encoding; none of them is data of the session.
func (r *rubyReader) withVariables() (any, error) {
	kind, err := r.byte()
	if err != nil {
		return nil, err
	}
	if kind == 'u' { // its variables come before it has a number
		return r.userDefined(true)
	}
	value, err := r.ofKind(kind)
	if err != nil {
		return nil, err
	}
	return value, r.variables()
}

func (r *rubyReader) ofKind(kind byte) (any, error) {
	switch kind {
	case '0':
		return nil, nil
	case 'T', 'F':
		return kind == 'T', nil
	case 'i':
		n, err := r.long()
		return json.Number(strconv.Itoa(n)), err
	case 'l':
		return r.bignum()
	case 'f':
		return r.float()
	case '"':
		text, err := r.bytes()
		return r.add(string(text)), err
	case ':', ';':
		return r.symbol(kind)
	case '@':
		return r.link()
	case '[':
		return r.array()
	case '{', '}':
		return r.hash(kind == '}')
	case 'C':
		return r.subclass()
	}
	return r.noData(kind)
}

// long reads an integer in Ruby's packed form, in which lengths are too.
func (r *rubyReader) long() (int, error) {
	first, err := r.byte()
	if err != nil {
		return 0, err
	}
	switch c := int(int8(first)); {
	case c == 0:
		return 0, nil
	case c > 4:
		return c - 5, nil
	case c < -4:
		return c + 5, nil
	case c > 0:
		digits, err := r.take(c)
		return littleEndian(digits), err
	default:
		digits, err := r.take(-c)
		return littleEndian(digits) - 1<<(-8*c), err
	}
}

func littleEndian(digits []byte) int {
	n := 0
	for i, digit := range digits {
		n |= int(digit) << (8 * i)
	}
	return n
}

// bytes reads a length and as many bytes.
func (r *rubyReader) bytes() ([]byte, error) {
	n, err := r.long()
	if err != nil {
		return nil, err
	}
	return r.take(n)
}

func (r *rubyReader) bignum() (any, error) {
	sign, err := r.byte()
	if err != nil {
		return nil, err
	}
	halves, err := r.long()
	if err != nil {
		return nil, err
	}
	if halves < 0 || halves > 512 { // writing it as a decimal text costs the square
		return nil, errMalformed
	}
	digits, err := r.take(2 * halves)
	if err != nil {
		return nil, err
	}
	digits = slices.Clone(digits)
	slices.Reverse(digits)
	n := new(big.Int).SetBytes(digits)
	if sign == '-' {
		n.Neg(n)
	}
	return r.add(json.Number(n.String())), nil
}

func (r *rubyReader) float() (any, error) {
	text, err := r.bytes()
	if err != nil {
		return nil, err
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return nil, errMalformed
	}
	return r.add(f), nil
}

// symbol reads a symbol, or the number of one that was there before.
func (r *rubyReader) symbol(kind byte) (string, error) {
	switch kind {
	case ':':
		name, err := r.bytes()
		if err != nil {
			return "", err
		}
		r.symbols = append(r.symbols, string(name))
		return string(name), nil
	case ';':
		n, err := r.long()
		if err != nil || n < 0 || n >= len(r.symbols) {
			return "", errMalformed
		}
		return r.symbols[n], nil
	}
	return "", errMalformed
}

// name reads a symbol where nothing else may be.
func (r *rubyReader) name() (string, error) {
	kind, err := r.byte()
	if err != nil {
		return "", err
	}
	if kind != 'I' {
		return r.symbol(kind)
	}
	if kind, err = r.byte(); err != nil || kind != ':' {
		return "", errMalformed
	}
	name, err := r.symbol(kind)
	if err != nil {
		return "", err
	}
	return name, r.variables()
}

// link returns an object that was there before. Of an array or a hash that it stands in,
// there is nothing yet.
func (r *rubyReader) link() (any, error) {
	n, err := r.long()
	if err != nil || n < 0 || n >= len(r.objects) {
		return nil, errMalformed
	}
	return r.objects[n], nil
}

func (r *rubyReader) array() (any, error) {
	number := len(r.objects)
	r.add(other{})
	n, err := r.long()
	if err != nil || n < 0 {
		return nil, errMalformed
	}
	list := []any{}
	for range n {
		value, err := r.value()
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	r.objects[number] = list
	return list, nil
}

func (r *rubyReader) hash(withDefault bool) (any, error) {
	number := len(r.objects)
	r.add(other{})
	n, err := r.long()
	if err != nil || n < 0 {
		return nil, errMalformed
	}
	table := map[string]any{}
	for range n {
		key, err := r.value()
		if err != nil {
			return nil, err
		}
		value, err := r.value()
		if err != nil {
			return nil, err
		}
		if err := put(table, key, value); err != nil {
			return nil, err
		}
	}
	if withDefault {
		if _, err := r.value(); err != nil {
			return nil, err
		}
	}
	r.objects[number] = table
	return table, nil
}

// subclass reads an object of a subclass of String, Array, Hash or Regexp. Only one such
// class is known to be no more than its data.
func (r *rubyReader) subclass() (any, error) {
	class, err := r.name()
	if err != nil {
		return nil, err
	}
	number := len(r.objects)
	value, err := r.value()
	if err != nil {
		return nil, err
	}
	if class == rubyHashClass {
		return value, nil
	}
	if number < len(r.objects) {
		r.objects[number] = other{}
	}
	return other{}, nil
}

// noData reads over a value that is no data.
func (r *rubyReader) noData(kind byte) (any, error) {
	var err error
	switch kind {
	case 'o', 'S': // an object or a struct: its class, and its variables by name
		r.add(other{})
		if _, err = r.name(); err == nil {
			err = r.variables()
		}
	case 'U': // an object with marshal_dump: its class, and one value
		r.add(other{})
		err = r.named()
	case 'e': // an object that a module extends; it has its number from what follows
		number := len(r.objects)
		err = r.named()
		if err == nil && number < len(r.objects) {
			r.objects[number] = other{}
		}
	case 'u':
		return r.userDefined(false)
	case 'c', 'm', 'M': // a class or a module: its name
		r.add(other{})
		_, err = r.bytes()
	case '/': // a regular expression: its source, and its options
		r.add(other{})
		if _, err = r.bytes(); err == nil {
			_, err = r.byte()
		}
	default:
		err = errMalformed
	}
	return other{}, err
}

// named reads over a symbol and a value.
func (r *rubyReader) named() error {
	if _, err := r.name(); err != nil {
		return err
	}
	_, err := r.value()
	return err
}

// userDefined reads over an object with _dump: its class, and bytes.
func (r *rubyReader) userDefined(variables bool) (any, error) {
	if _, err := r.name(); err != nil {
		return nil, err
	}
	if _, err := r.bytes(); err != nil {
		return nil, err
	}
	if variables {
		if err := r.variables(); err != nil {
			return nil, err
		}
	}
	return r.add(other{}), nil
}

// variables reads over instance variables.
func (r *rubyReader) variables() error {
	if err := r.enter(); err != nil {
		return err
	}
	defer r.leave()
	n, err := r.long()
	if err != nil || n < 0 {
		return errMalformed
	}
	for range n {
		if err := r.named(); err != nil {
			return err
		}
	}
	return nil
}
