package legacy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// RailsActiveRecord says how a Rails application with the gem activerecord-session_store
// keeps its sessions: in a table, under a hash of the cookie. Rows from before version 2.0,
// which are under the cookie itself, are not read.
type RailsActiveRecord struct {
	Cookie string // the key of config.session_store, such as "_shop_session"; required
	SQL    SQL    // where the sessions are; required
	Table  string // default "sessions"; has the columns session_id, data and updated_at

	// User is as in [RailsCookie].
	User string

	// Lifetime is how long after updated_at a row counts. The gem itself has no limit. The
	// default is 30 days, after which its task db:sessions:trim deletes a row.
	Lifetime time.Duration
}

type railsActiveRecord struct{ RailsActiveRecord }

// NewRailsActiveRecord returns a source that reads the sessions of the gem
// activerecord-session_store, serialized as JSON or by Marshal. The row's session_id is the
// identity of a session. Only a stamp says when the user signed in, see [StampKey]: a row's
// created_at does not, because the row is there before a sign-in, or is copied by one.
func NewRailsActiveRecord(o RailsActiveRecord) (Source, error) {
	if err := cmp.Or(checkLifetime(o.Lifetime), o.SQL.check()); err != nil {
		return nil, fmt.Errorf("RailsActiveRecord: %w", err)
	}
	if o.Cookie == "" {
		return nil, errors.New("RailsActiveRecord: Cookie is missing")
	}
	o.User, o.Table = cmp.Or(o.User, deviseUser), cmp.Or(o.Table, "sessions")
	o.Lifetime = cmp.Or(o.Lifetime, 30*24*time.Hour)
	return railsActiveRecord{o}, nil
}

// Cookies implements [Source].
func (r railsActiveRecord) Cookies() []string { return []string{r.Cookie} }

// Binds implements [Binder].
func (r railsActiveRecord) Binds() bool { return isDevise(r.User) }

// rackSessionID is how Rack makes the IDs of sessions, and how applications may shorten or
// lengthen them.
var rackSessionID = shape{expression: `\A[0-9a-f]{16,128}\z`}

// Open implements [Source].
func (r railsActiveRecord) Open(ctx context.Context, cookies map[string]string, now time.Time) (Claim, error) {
	cookie := cookies[r.Cookie]
	if cookie == "" {
		return Claim{}, ErrAbsent
	}
	if !rackSessionID.compiled().MatchString(cookie) {
		return Claim{}, fmt.Errorf("%w: it is no session ID of Rack", ErrRejected)
	}
	hash := sha256.Sum256([]byte(cookie))
	id := "2::" + hex.EncodeToString(hash[:])
	var data string
	var updated sqlTime
	query := `SELECT session_id, data, updated_at FROM ` + r.SQL.name(r.Table) + ` WHERE session_id = ?`
	if err := r.SQL.session(ctx, query, id, &data, &updated); err != nil {
		return Claim{}, ended(id, err)
	}
	expires := updated.Add(r.Lifetime)
	if !now.Before(expires) {
		return Claim{}, fmt.Errorf("%w: its session has expired", ErrRejected)
	}
	values, err := activeRecordValues(data)
	if err != nil {
		return Claim{}, err
	}
	claim, err := railsClaim(id, values, r.User)
	if err != nil {
		return Claim{}, err
	}
	claim.ExpiresAt = expires
	claim.End = func(ctx context.Context) error {
		return r.SQL.exec(ctx, `DELETE FROM `+r.SQL.name(r.Table)+` WHERE session_id = ?`, id)
	}
	return claim, nil
}

// activeRecordValues reads the column data: JSON, or base64 in lines of what Marshal wrote.
func activeRecordValues(data string) (map[string]any, error) {
	if strings.HasPrefix(data, "{") {
		return decodeJSON([]byte(data))
	}
	serialized, err := base64.StdEncoding.DecodeString(data) // skips line ends
	if err != nil || !isMarshal(serialized) {
		return nil, fmt.Errorf("%w: its session is neither JSON nor of Marshal", ErrRejected)
	}
	return railsValues(serialized)
}
