package legacy

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// readPHP reads a value that serialize of PHP has written. Objects and references are read
// over and become others: no class is ever looked up.
func readPHP(data []byte) (any, error) {
	in, err := newInput(data)
	if err != nil {
		return nil, err
	}
	r := phpReader{in}
	value, err := r.value()
	if err != nil {
		return nil, err
	}
	if len(r.rest) != 0 {
		return nil, errMalformed
	}
	return value, nil
}

type phpReader struct{ input }

func (r *phpReader) value() (any, error) {
	if err := r.enter(); err != nil {
		return nil, err
	}
	defer r.leave()
	head, err := r.take(2)
	if err != nil {
		return nil, err
	}
	switch string(head) {
	case "N;":
		return nil, nil
	case "b:":
		return r.truth()
	case "i:":
		n, err := r.integer(';')
		return json.Number(strconv.FormatInt(n, 10)), err
	case "d:":
		return r.float()
	case "s:":
		text, err := r.text()
		if err != nil {
			return nil, err
		}
		return text, r.expect(";")
	case "a:":
		return r.array()
	}
	return r.noData(head)
}

// expect reads that text and nothing else.
func (r *phpReader) expect(text string) error {
	if got, err := r.take(len(text)); err != nil || string(got) != text {
		return errMalformed
	}
	return nil
}

// until reads up to that byte, and over it.
func (r *phpReader) until(end byte) (string, error) {
	before, after, found := bytes.Cut(r.rest, []byte{end})
	if !found {
		return "", errMalformed
	}
	r.rest = after
	return string(before), nil
}

func (r *phpReader) integer(end byte) (int64, error) {
	text, err := r.until(end)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, errMalformed
	}
	return n, nil
}

// count reads how many there are of something, each of which takes a byte at least.
func (r *phpReader) count() (int, error) {
	n, err := r.integer(':')
	if err != nil || n < 0 || n > int64(len(r.rest)) {
		return 0, errMalformed
	}
	return int(n), nil
}

func (r *phpReader) truth() (any, error) {
	text, err := r.until(';')
	if err != nil || text != "0" && text != "1" {
		return nil, errMalformed
	}
	return text == "1", nil
}

func (r *phpReader) float() (any, error) {
	text, err := r.until(';')
	if err != nil {
		return nil, err
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, errMalformed
	}
	return f, nil
}

// text reads a text in double quotes, behind its length in bytes.
func (r *phpReader) text() (string, error) {
	n, err := r.count()
	if err != nil {
		return "", err
	}
	if err := r.expect(`"`); err != nil {
		return "", err
	}
	text, err := r.take(n)
	if err != nil {
		return "", err
	}
	return string(text), r.expect(`"`)
}

// array reads an array. Its keys are texts and integers, which in PHP are the same key if
// they are written alike.
func (r *phpReader) array() (any, error) {
	n, err := r.count()
	if err != nil {
		return nil, err
	}
	if err := r.expect("{"); err != nil {
		return nil, err
	}
	table := map[string]any{}
	for range n {
		key, err := r.value()
		if err != nil {
			return nil, err
		}
		if _, ok := tableKey(key); !ok {
			return nil, errMalformed
		}
		value, err := r.value()
		if err != nil {
			return nil, err
		}
		if err := put(table, key, value); err != nil {
			return nil, err
		}
	}
	return table, r.expect("}")
}

// noData reads over a value that is no data.
func (r *phpReader) noData(head []byte) (any, error) {
	var err error
	switch string(head) {
	case "R:", "r:": // the number of a value that was there before
		_, err = r.integer(';')
	case "E:": // a case of an enumeration: its name
		if _, err = r.text(); err == nil {
			err = r.expect(";")
		}
	case "O:": // an object: its class, and its properties like an array
		if _, err = r.text(); err == nil {
			err = r.expect(":")
		}
		if err == nil {
			_, err = r.array()
		}
	case "C:": // an object with a format of its own: its class, and bytes
		err = r.custom()
	default:
		err = errMalformed
	}
	return other{}, err
}

func (r *phpReader) custom() error {
	if _, err := r.text(); err != nil {
		return err
	}
	if err := r.expect(":"); err != nil {
		return err
	}
	n, err := r.count()
	if err != nil {
		return err
	}
	if err := r.expect("{"); err != nil {
		return err
	}
	if _, err := r.take(n); err != nil {
		return err
	}
	return r.expect("}")
}
