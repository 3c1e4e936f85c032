package legacy

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// check returns an error if there is no database.
func (s SQL) check() error {
	if s.DB == nil {
		return errors.New("SQL.DB is missing")
	}
	return nil
}

// session reads the row of a session. The first column is the key: MySQL takes texts in
// other capitals for the same, and such a row is of another session. It rejects the cookie
// if there is no row.
func (s SQL) session(ctx context.Context, query string, key any, into ...any) error {
	var stored any
	err := s.row(ctx, query, []any{key}, append([]any{&stored}, into...)...)
	if errors.Is(err, ErrNoRow) || err == nil && columnText(stored) != columnText(key) {
		return fmt.Errorf("%w: its session has ended, or never was", ErrRejected)
	}
	if err != nil {
		return fmt.Errorf("reading a session of the monolith: %w", err)
	}
	return nil
}

// columnText returns a column that has a text or an integer as text.
func columnText(column any) string {
	if text, ok := column.([]byte); ok {
		return string(text)
	}
	return fmt.Sprint(column)
}

// columnUserID returns a user's ID out of a column that has texts or integers. NULL is "".
func columnUserID(column any) (string, error) {
	switch v := column.(type) {
	case int64:
		return strconv.FormatInt(v, 10), nil
	case []byte:
		return userID(string(v))
	}
	return userID(column)
}
