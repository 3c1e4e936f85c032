package sqlstore

import (
	"context"
	"fmt"
	"iter"

	"example.com/coatcheck/pkg/session"
)

// pageSize is how many sessions All reads with one statement.
const pageSize = 500

// All returns every session, dead ones too, ordered by owner and ID, for operators. It includes
// those that are there from the beginning of the iteration to its end. For a damaged one it
// returns an error in place of the session and goes on. If the database fails it returns an
// error and stops. It holds 500 sessions at a time, and no connection between its statements.
func (s *Store) All(ctx context.Context) iter.Seq2[*session.Session, error] {
	return func(yield func(*session.Session, error) bool) {
		var last session.Key // no session has this key, and every one comes after it
		for {
			page, err := s.page(ctx, last)
			for _, row := range page {
				last = row.key
				if !yield(row.session, methodError("All", row.err)) {
					return
				}
			}
			if err != nil {
				yield(nil, methodError("All", err))
				return
			}
			if len(page) < pageSize {
				return
			}
		}
	}
}

// scanned is one row. It has a session or an error.
type scanned struct {
	key     session.Key
	session *session.Session
	err     error
}

// page returns the first rows after the key.
func (s *Store) page(ctx context.Context, after session.Key) ([]scanned, error) {
	const query = `SELECT owner, id, ` + columns + ` FROM coatcheck_sessions
		WHERE owner > $1 OR owner = $2 AND id > $3 ORDER BY owner, id LIMIT $4`
	rows, err := s.db.QueryContext(ctx, query, after.Owner, after.Owner, after.ID, pageSize)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var page []scanned
	for rows.Next() {
		var row scanned
		row.session, row.err = decode("", keyed{rows, &row.key})
		if row.err != nil {
			row.session, row.err = nil, fmt.Errorf("owner %q, ID %q: %w", row.key.Owner, row.key.ID, row.err)
		}
		page = append(page, row)
	}
	return page, rows.Err()
}

// keyed reads the key in front of what decode reads.
type keyed struct {
	row interface{ Scan(...any) error }
	key *session.Key
}

// Scan implements what decode wants.
func (k keyed) Scan(columns ...any) error {
	return k.row.Scan(append([]any{&k.key.Owner, &k.key.ID}, columns...)...)
}
