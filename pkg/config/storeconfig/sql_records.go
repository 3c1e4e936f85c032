//go:build !nosqlite || !nopostgres

package storeconfig

import (
	"context"
	"fmt"
	"iter"
)

// sqlTables are the tables of the parts.
var sqlTables = map[Part][]string{
	Sessions: {"coatcheck_sessions"}, Users: {"coatcheck_users"}, Attempts: {"coatcheck_attempts"},
	Bridge: {"coatcheck_bridge_links", "coatcheck_bridge_seals", "coatcheck_bridge_window"}, Links: {"coatcheck_oidc_links"}, Audit: {"coatcheck_audit"},
}

// Records reads each table by one SELECT.
func (s *sqlStores) Records(ctx context.Context, parts ...Part) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for _, part := range used(parts) {
			if trail, err := s.Audit(); part == Audit && (trail == nil || err != nil) {
				continue // its tables may be missing
			}
			for _, table := range sqlTables[part] {
				for row, err := range s.rows(ctx, table) {
					if !yield(Record{part, row}, err) || err != nil {
						return
					}
				}
			}
		}
	}
}

func (s *sqlStores) rows(ctx context.Context, table string) iter.Seq2[map[string]string, error] {
	return func(yield func(map[string]string, error) bool) {
		fail := func(err error) { yield(nil, fmt.Errorf("table %s: %w", table, err)) }
		rows, err := s.db.QueryContext(ctx, "SELECT * FROM "+table)
		if err != nil {
			fail(err)
			return
		}
		defer rows.Close()
		columns, err := rows.Columns()
		for err == nil && rows.Next() {
			values, targets := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				targets[i] = &values[i]
			}
			if err = rows.Scan(targets...); err != nil {
				break
			}
			fields := map[string]string{}
			for i, column := range columns {
				fields[column] = text(values[i])
			}
			if !yield(fields, nil) {
				return
			}
		}
		if err == nil {
			err = rows.Err()
		}
		if err != nil {
			fail(err)
		}
	}
}
