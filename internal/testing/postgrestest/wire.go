package postgrestest

import (
	"encoding/binary"
	"io"
)

// PostgreSQL's messages ("Frontend/Backend Protocol" in its manual): a byte that
// says what it is, the length of the rest as four bytes that count themselves,
// the rest. The first message of a client has no such byte.

const headerSize = 5

// maxMessage bounds what a length that was misread can ask for.
const maxMessage = 64 << 20

func readMessage(r io.Reader) ([]byte, error) {
	var kind [1]byte
	if _, err := io.ReadFull(r, kind[:]); err != nil {
		return nil, err
	}
	rest, err := readStartup(r)
	return append(kind[:], rest...), err
}

func readStartup(r io.Reader) ([]byte, error) {
	length := make([]byte, 4)
	if _, err := io.ReadFull(r, length); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length)
	if n < 4 || n > maxMessage {
		return nil, io.ErrUnexpectedEOF
	}
	message := append(length, make([]byte, n-4)...)
	_, err := io.ReadFull(r, message[4:])
	return message, err
}

// isCancel reports whether a first message asks for another connection's statement
// to be cancelled, not for a connection.
func isCancel(startup []byte) bool {
	const cancelRequest = 80877102
	return len(startup) >= 8 && binary.BigEndian.Uint32(startup[4:]) == cancelRequest
}

// asksForAnswer reports whether a client's message ends a batch: Sync, Query, a
// password, Terminate.
func asksForAnswer(message []byte) bool {
	switch message[0] {
	case 'S', 'Q', 'p', 'X':
		return true
	}
	return false
}
