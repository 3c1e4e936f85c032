package legacy

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"unicode/utf8"
)

// decodePickle reads a dict that Python pickled with protocol 2 to 5. It is data only: it
// knows dict, list, tuple, str, bytes, int, float, bool and None. Any other opcode, above
// all one that names a class or calls something, makes it reject the pickle.
func decodePickle(text []byte) (map[string]any, error) {
	if len(text) > maxBytes {
		return nil, fmt.Errorf("%w: its content is too long", ErrRejected)
	}
	p := pickle{rest: text}
	for !p.stopped && !p.bad {
		p.step()
	}
	if p.bad || len(p.rest) > 0 || len(p.stack) != 1 || len(p.marks) > 0 {
		return nil, fmt.Errorf("%w: its content is no pickle of plain data", ErrRejected)
	}
	dict, ok := p.stack[0].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%w: its content is no dict", ErrRejected)
	}
	return plain(dict), nil
}

// pickle is the machine that a pickle is a program for. A list is a *[]any, because opcodes
// add to lists that the memo has already. It may come to contain itself: nothing here walks
// into what it contains.
type pickle struct {
	rest    []byte
	stack   []any
	marks   []int // where in the stack the marks are
	memo    []any // this package writes what the pickler writes: numbers without gaps
	stopped bool
	bad     bool
}

// plain replaces the lists of a dict by what this package uses for a list.
func plain(dict map[string]any) map[string]any {
	for name, value := range dict {
		if list, ok := value.(*[]any); ok {
			dict[name] = *list
		}
	}
	return dict
}

func (p *pickle) fail() { p.bad, p.stack, p.rest = true, nil, nil }

func (p *pickle) push(v any) { p.stack = append(p.stack, v) }

// take returns the next n bytes.
func (p *pickle) take(n uint64) []byte {
	if n > uint64(len(p.rest)) {
		p.fail()
		return nil
	}
	taken := p.rest[:n]
	p.rest = p.rest[n:]
	return taken
}

// number reads a little-endian number of up to 8 bytes.
func (p *pickle) number(bytes uint64) uint64 {
	var wide [8]byte
	copy(wide[:], p.take(bytes))
	return binary.LittleEndian.Uint64(wide[:])
}

// step runs one opcode. The names beside them are those of Python's pickletools.
func (p *pickle) step() {
	code := p.take(1)
	if p.bad {
		return
	}
	switch code[0] {
	case 0x80: // PROTO
		p.take(1)
	case 0x95: // FRAME
		p.take(8)
	case '.': // STOP
		p.stopped = true
	case '(': // MARK
		p.marks = append(p.marks, len(p.stack))
	case 'h': // BINGET
		p.get(p.number(1))
	case 'j': // LONG_BINGET
		p.get(p.number(4))
	case 'q': // BINPUT
		p.put(p.number(1))
	case 'r': // LONG_BINPUT
		p.put(p.number(4))
	case 0x94: // MEMOIZE
		p.put(uint64(len(p.memo)))
	default:
		p.scalar(code[0])
	}
}

func (p *pickle) scalar(code byte) {
	switch code {
	case 'N': // NONE
		p.push(nil)
	case 0x88, 0x89: // NEWTRUE, NEWFALSE
		p.push(code == 0x88)
	case 'K': // BININT1
		p.push(unsigned(p.number(1)))
	case 'M': // BININT2
		p.push(unsigned(p.number(2)))
	case 'J': // BININT
		p.push(signed(int64(int32(p.number(4)))))
	case 0x8a: // LONG1
		p.long(p.number(1))
	case 'G': // BINFLOAT, big-endian
		var wide [8]byte
		copy(wide[:], p.take(8))
		p.push(math.Float64frombits(binary.BigEndian.Uint64(wide[:])))
	case 0x8c: // SHORT_BINUNICODE
		p.text(p.number(1))
	case 'X': // BINUNICODE
		p.text(p.number(4))
	case 0x8d: // BINUNICODE8
		p.text(p.number(8))
	case 'C': // SHORT_BINBYTES
		p.bytes(p.number(1))
	case 'B': // BINBYTES
		p.bytes(p.number(4))
	case 0x8e: // BINBYTES8
		p.bytes(p.number(8))
	default:
		p.container(code)
	}
}

func (p *pickle) container(code byte) {
	switch code {
	case '}': // EMPTY_DICT
		p.push(make(map[string]any))
	case ']': // EMPTY_LIST
		p.push(new([]any))
	case ')': // EMPTY_TUPLE
		p.push([]any(nil))
	case 0x85, 0x86, 0x87: // TUPLE1, TUPLE2, TUPLE3
		p.push(p.pop(int(code - 0x84)))
	case 't': // TUPLE
		p.push(p.popMark())
	case 'a': // APPEND
		p.appends(p.pop(1))
	case 'e': // APPENDS
		p.appends(p.popMark())
	case 's': // SETITEM
		p.setItems(p.pop(2))
	case 'u': // SETITEMS
		p.setItems(p.popMark())
	default: // GLOBAL, REDUCE, BUILD, and all the others that run code
		p.fail()
	}
}

// pop takes values off the stack, but none from below the last mark.
func (p *pickle) pop(n int) []any {
	floor := 0
	if len(p.marks) > 0 {
		floor = p.marks[len(p.marks)-1]
	}
	if p.bad || len(p.stack)-n < floor {
		p.fail()
		return nil
	}
	popped := slices.Clone(p.stack[len(p.stack)-n:])
	p.stack = p.stack[:len(p.stack)-n]
	return popped
}

// popMark takes the values above the last mark off the stack, and the mark.
func (p *pickle) popMark() []any {
	if p.bad || len(p.marks) == 0 {
		p.fail()
		return nil
	}
	mark := p.marks[len(p.marks)-1]
	popped := p.pop(len(p.stack) - mark)
	p.marks = p.marks[:len(p.marks)-1]
	return popped
}

// top returns the value at the top of the stack, which stays.
func (p *pickle) top() any {
	popped := p.pop(1)
	if p.bad {
		return nil
	}
	p.push(popped[0])
	return popped[0]
}

func (p *pickle) appends(values []any) {
	list, ok := p.top().(*[]any)
	if p.bad || !ok {
		p.fail()
		return
	}
	*list = append(*list, values...)
}

// setItems puts pairs into a dict. Pairs whose key is no text are left out.
func (p *pickle) setItems(pairs []any) {
	dict, ok := p.top().(map[string]any)
	if p.bad || !ok || len(pairs)%2 != 0 {
		p.fail()
		return
	}
	for pair := range slices.Chunk(pairs, 2) {
		if name, ok := pair[0].(string); ok {
			dict[name] = pair[1]
		}
	}
}

func (p *pickle) get(n uint64) {
	if n >= uint64(len(p.memo)) {
		p.fail()
		return
	}
	p.push(p.memo[n])
}

// put keeps the top of the stack under the next number. Python's pickler counts up.
func (p *pickle) put(n uint64) {
	top := p.top()
	if p.bad || n != uint64(len(p.memo)) {
		p.fail()
		return
	}
	p.memo = append(p.memo, top)
}

func (p *pickle) text(n uint64) {
	text := p.take(n)
	if !utf8.Valid(text) {
		p.fail()
		return
	}
	p.push(string(text))
}

// bytes reads bytes, for which nothing here has a use. If the memo had them, a short pickle
// could repeat them often.
func (p *pickle) bytes(n uint64) {
	p.take(n)
	p.push(other{})
}

// long reads an integer as two's complement, the least byte first.
func (p *pickle) long(n uint64) {
	digits := slices.Clone(p.take(n))
	slices.Reverse(digits)
	number := new(big.Int).SetBytes(digits)
	if len(digits) > 0 && digits[0] >= 0x80 {
		number.Sub(number, new(big.Int).Lsh(big.NewInt(1), uint(8*len(digits))))
	}
	p.push(json.Number(number.String()))
}
