package legacy

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// decodeMsgpack reads a map in MessagePack. Extension types, such as times, become other.
func decodeMsgpack(text []byte) (map[string]any, error) {
	if len(text) > maxBytes {
		return nil, fmt.Errorf("%w: its content is too long", ErrRejected)
	}
	d := msgpack{rest: text}
	values, ok := d.value(0).(map[string]any)
	if d.bad || !ok || len(d.rest) > 0 {
		return nil, fmt.Errorf("%w: its content is no map in MessagePack", ErrRejected)
	}
	return values, nil
}

// msgpack reads values. Once it has met something bad, bad stays true and values are nil.
type msgpack struct {
	rest []byte
	bad  bool
}

func (d *msgpack) fail() any {
	d.bad, d.rest = true, nil
	return nil
}

// take returns the next n bytes.
func (d *msgpack) take(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.fail()
		return nil
	}
	taken := d.rest[:n]
	d.rest = d.rest[n:]
	return taken
}

// number reads a big-endian number of 1, 2, 4 or 8 bytes.
func (d *msgpack) number(bytes uint64) uint64 {
	var wide [8]byte
	copy(wide[8-bytes:], d.take(bytes))
	return binary.BigEndian.Uint64(wide[:])
}

// value reads one value. The format has one byte in front of each; see the table of formats
// in the specification of MessagePack.
func (d *msgpack) value(depth int) any {
	if depth > maxDepth || len(d.rest) == 0 {
		return d.fail()
	}
	switch first := uint64(d.take(1)[0]); {
	case first <= 0x7f:
		return unsigned(first)
	case first <= 0x8f:
		return d.object(first&0x0f, depth)
	case first <= 0x9f:
		return d.list(first&0x0f, depth)
	case first <= 0xbf:
		return d.text(first & 0x1f)
	case first >= 0xe0:
		return signed(int64(int8(first)))
	default:
		return d.long(first, depth)
	}
}

// long reads a value that says in 1, 2, 4 or 8 bytes how large it is.
func (d *msgpack) long(first uint64, depth int) any {
	switch first {
	case 0xc0:
		return nil
	case 0xc2, 0xc3:
		return first == 0xc3
	case 0xc4, 0xc5, 0xc6:
		return d.take(d.number(1 << (first - 0xc4)))
	case 0xc7, 0xc8, 0xc9:
		return d.extension(d.number(1 << (first - 0xc7)))
	case 0xca:
		return float64(math.Float32frombits(uint32(d.number(4))))
	case 0xcb:
		return math.Float64frombits(d.number(8))
	case 0xcc, 0xcd, 0xce, 0xcf:
		return unsigned(d.number(1 << (first - 0xcc)))
	case 0xd0:
		return signed(int64(int8(d.number(1))))
	case 0xd1:
		return signed(int64(int16(d.number(2))))
	case 0xd2:
		return signed(int64(int32(d.number(4))))
	case 0xd3:
		return signed(int64(d.number(8)))
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		return d.extension(1 << (first - 0xd4))
	case 0xd9, 0xda, 0xdb:
		return d.text(d.number(1 << (first - 0xd9)))
	case 0xdc, 0xdd:
		return d.list(d.number(2<<(first-0xdc)), depth)
	case 0xde, 0xdf:
		return d.object(d.number(2<<(first-0xde)), depth)
	}
	return d.fail()
}

func unsigned(n uint64) json.Number { return json.Number(strconv.FormatUint(n, 10)) }

func signed(n int64) json.Number { return json.Number(strconv.FormatInt(n, 10)) }

func (d *msgpack) extension(n uint64) any {
	d.take(1 + n)
	return other{}
}

func (d *msgpack) text(n uint64) any {
	text := d.take(n)
	if !utf8.Valid(text) {
		return d.fail()
	}
	return string(text)
}

func (d *msgpack) list(n uint64, depth int) any {
	var values []any // grows with what is there, and not with what n promises
	for ; n > 0 && !d.bad; n-- {
		values = append(values, d.value(depth+1))
	}
	return values
}

// object reads a map. Entries whose key is no text are read, and left out.
func (d *msgpack) object(n uint64, depth int) any {
	values := make(map[string]any)
	for ; n > 0 && !d.bad; n-- {
		key := d.value(depth + 1)
		value := d.value(depth + 1)
		if name, ok := key.(string); ok {
			values[name] = value
		}
	}
	return values
}
