package legacy

import (
	"encoding/binary"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What ObjectOutputStream of Java 1.1 and later puts in front of a plain value. In front of
// a number or a truth value it is the description of its class, which is always the same.
const (
	javaString  = "\xac\xed\x00\x05t"
	javaLong    = "\xac\xed\x00\x05sr\x00\x0ejava.lang.Long;\x8b\xe4\x90\xcc\x8f#\xdf\x02\x00\x01J\x00\x05valuexr\x00\x10java.lang.Number\x86\xac\x95\x1d\x0b\x94\xe0\x8b\x02\x00\x00xp"
	javaInteger = "\xac\xed\x00\x05sr\x00\x11java.lang.Integer\x12\xe2\xa0\xa4\xf7\x81\x878\x02\x00\x01I\x00\x05valuexr\x00\x10java.lang.Number\x86\xac\x95\x1d\x0b\x94\xe0\x8b\x02\x00\x00xp"
	javaBoolean = "\xac\xed\x00\x05sr\x00\x11java.lang.Boolean\xcd r\x80\xd5\x9c\xfa\xee\x02\x00\x01Z\x00\x05valuexp"
)

// readJava reads a value that Java has serialized, if it is a String, a Long, an Integer or
// a Boolean and nothing else. These are recognised by their first bytes: no other class, and
// so no object, is ever understood.
func readJava(serialized []byte) (value any, ok bool) {
	text := string(serialized)
	if rest, ok := strings.CutPrefix(text, javaString); ok {
		return javaText(rest)
	}
	if rest, ok := strings.CutPrefix(text, javaLong); ok && len(rest) == 8 {
		return javaNumber(int64(binary.BigEndian.Uint64([]byte(rest)))), true
	}
	if rest, ok := strings.CutPrefix(text, javaInteger); ok && len(rest) == 4 {
		return javaNumber(int64(int32(binary.BigEndian.Uint32([]byte(rest))))), true
	}
	if rest, ok := strings.CutPrefix(text, javaBoolean); ok && len(rest) == 1 {
		return rest != "\x00", true
	}
	return nil, false
}

func javaNumber(n int64) json.Number { return json.Number(strconv.FormatInt(n, 10)) }

// javaText reads a text behind its length in two bytes. Java's own UTF-8 differs from UTF-8
// in the character zero and in those beyond 65535: a text with one of them is not read.
func javaText(rest string) (value any, ok bool) {
	if len(rest) < 2 {
		return nil, false
	}
	length, text := int(rest[0])<<8|int(rest[1]), rest[2:]
	return text, length == len(text) && utf8.ValidString(text)
}
