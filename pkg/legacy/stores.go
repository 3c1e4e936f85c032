package legacy

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrNoRow means that a store has nothing under a key.
var ErrNoRow error = constant("no such row")

// KeyValue is the store in which a monolith keeps sessions by keys, such as Redis. An
// error other than [ErrNoRow] is an outage.
type KeyValue interface {
	// Get returns the value, and when the store will forget it; the zero time means never.
	// It returns ErrNoRow if there is none.
	Get(ctx context.Context, key string) (value []byte, expires time.Time, err error)

	// Delete removes the value. It returns nil if there is none.
	Delete(ctx context.Context, key string) error
}

// SQL is the database in which a monolith keeps sessions. The statements of this package
// are the same on PostgreSQL, MySQL and SQLite, but for two things, which the fields say.
// The connection must give DATETIME columns in UTC; whether as times or as texts does not
// matter.
type SQL struct {
	DB *sql.DB // the open database; required

	// Placeholder returns the text of the parameter with that number, from 1. Nil means "?",
	// which MySQL and SQLite use. [DollarPlaceholder] is for PostgreSQL.
	Placeholder func(n int) string

	// Quote is in front of and behind the name of a table. Zero means the double quote of
	// the SQL standard, which PostgreSQL and SQLite use; MySQL wants '`'.
	Quote byte
}

// DollarPlaceholder returns "$1" for 1, as PostgreSQL wants it.
func DollarPlaceholder(n int) string { return fmt.Sprintf("$%d", n) }

// name quotes the name of a table. A dot stands between a schema and its table.
func (s SQL) name(table string) string {
	quote := `"`
	if s.Quote != 0 {
		quote = string(s.Quote)
	}
	parts := strings.Split(table, ".")
	for i, part := range parts {
		parts[i] = quote + strings.ReplaceAll(part, quote, quote+quote) + quote
	}
	return strings.Join(parts, ".")
}

// statement returns the statement with the database's own placeholders in place of each
// question mark. It must have no other question marks.
func (s SQL) statement(text string) string {
	if s.Placeholder == nil {
		return text
	}
	var b strings.Builder
	for n := 1; ; n++ {
		before, after, found := strings.Cut(text, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString(s.Placeholder(n))
		text = after
	}
}

// row reads the one row that a query has into the destinations, or returns ErrNoRow.
func (s SQL) row(ctx context.Context, query string, args []any, into ...any) error {
	err := s.DB.QueryRowContext(ctx, s.statement(query), args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNoRow
	}
	return err
}

// exec runs a statement that returns no rows.
func (s SQL) exec(ctx context.Context, statement string, args ...any) error {
	_, err := s.DB.ExecContext(ctx, s.statement(statement), args...)
	return err
}

// sqlTime reads a column that has a time: drivers give it as a time, as a text in UTC, or
// as seconds or milliseconds since 1970. NULL is the zero time.
type sqlTime struct{ time.Time }

// millisecondsFrom is the least number that is milliseconds since 1970 and not seconds:
// as seconds it is in the year 5138, as milliseconds in 1973.
const millisecondsFrom = 100_000_000_000

// Scan implements [sql.Scanner].
func (t *sqlTime) Scan(column any) error {
	switch v := column.(type) {
	case nil:
		t.Time = time.Time{}
	case time.Time:
		t.Time = v.UTC()
	case int64:
		t.Time = time.Unix(v, 0).UTC()
		if v >= millisecondsFrom {
			t.Time = time.UnixMilli(v).UTC()
		}
	case []byte:
		return t.parse(string(v))
	case string:
		return t.parse(v)
	default:
		return fmt.Errorf("a column with a time is a %T", column)
	}
	return nil
}

var sqlTimeLayouts = []string{
	"2006-01-02 15:04:05",
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02T15:04:05Z07:00",
}

func (t *sqlTime) parse(text string) error {
	for _, layout := range sqlTimeLayouts {
		if parsed, err := time.Parse(layout, text); err == nil {
			t.Time = parsed.UTC()
			return nil
		}
	}
	return errors.New("a column with a time has a text that is none")
}
