package legacy

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"time"
)

// LaravelDatabase says where a Laravel application keeps its sessions with SESSION_DRIVER
// database, the default since Laravel 11.
type LaravelDatabase struct {
	LaravelApp
	SQL   SQL    // where the sessions are; required
	Table string // session.table; default "sessions"

	// Lifetime is session.lifetime, SESSION_LIFETIME in minutes: how long after its
	// last_activity a row counts. The default is Laravel's, 2 hours.
	Lifetime time.Duration
}

type laravelDatabase struct {
	laravelApp
	sql      SQL
	table    string
	lifetime time.Duration
}

// NewLaravelDatabase returns a source that reads the sessions which Laravel keeps in a
// table. The row's ID is the identity of a session. The user is the one in the payload, as
// Laravel itself reads it; the column user_id has the user of whichever guard was the
// default at the last request. Only a stamp says when the user signed in, see [StampKey].
func NewLaravelDatabase(o LaravelDatabase) (Source, error) {
	app, err := newLaravelApp(o.LaravelApp)
	if err = cmp.Or(err, o.SQL.check(), checkLifetime(o.Lifetime)); err != nil {
		return nil, fmt.Errorf("LaravelDatabase: %w", err)
	}
	table := o.SQL.name(cmp.Or(o.Table, "sessions"))
	return laravelDatabase{app, o.SQL, table, cmp.Or(o.Lifetime, 2*time.Hour)}, nil
}

// Open implements [Source].
func (l laravelDatabase) Open(ctx context.Context, cookies map[string]string, now time.Time) (Claim, error) {
	id, err := l.sessionID(cookies)
	if err != nil {
		return Claim{}, err
	}
	var payload string
	var activity int64
	query := `SELECT id, payload, last_activity FROM ` + l.table + ` WHERE id = ?`
	if err := l.sql.session(ctx, query, id, &payload, &activity); err != nil {
		return Claim{}, ended(id, err)
	}
	expires := time.Unix(activity, 0).Add(l.lifetime).UTC()
	if !now.Before(expires) {
		return Claim{}, fmt.Errorf("%w: its session has expired", ErrRejected)
	}
	serialized, err := base64.StdEncoding.DecodeString(payload)
	if err != nil {
		return Claim{}, fmt.Errorf("%w: its row is none of Laravel", ErrRejected)
	}
	claim, err := l.claim(id, serialized)
	if err != nil {
		return Claim{}, err
	}
	claim.ExpiresAt = expires
	claim.End = func(ctx context.Context) error {
		return l.sql.exec(ctx, `DELETE FROM `+l.table+` WHERE id = ?`, id)
	}
	return claim, nil
}
