package postgrestest

import (
	"encoding/binary"
	"io"
)

// The format of a message is in PostgreSQL's manual, "Frontend/Backend Protocol". The
// first byte is the type. The next four bytes are the length of the message without
// the type, and include these four bytes. The content follows. The first message of a
// client has no type.

const headerSize = 5

// maxMessage limits the memory for one message, in case its length was read wrongly.
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

// isCancel reports whether a client's first message does not start a connection, but
// cancels the statement of another connection.
func isCancel(startup []byte) bool {
	const cancelRequest = 80877102
	return len(startup) >= 8 && binary.BigEndian.Uint32(startup[4:]) == cancelRequest
}

// asksForAnswer reports whether a client's message ends a batch. These messages are
// Sync, Query, a password and Terminate.
func asksForAnswer(message []byte) bool {
	switch message[0] {
	case 'S', 'Q', 'p', 'X':
		return true
	}
	return false
}
