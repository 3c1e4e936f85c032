package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"example.com/coatcheck/pkg/session"
)

// columns are all columns of the table except owner, in the order in which Create
// writes them and decode reads them.
const columns = `id, secret, previous_secret, user_id, roles, "values",
	created_at, authenticated_at, last_seen_at, expires_at, version, ip, user_agent, last_ip, last_user_agent, persistent, ends_at`

// endsAt returns the value of the column ends_at, which is NULL in most rows.
func endsAt(s *session.Session) sql.NullInt64 {
	return sql.NullInt64{Int64: s.EndsAt.Unix(), Valid: !s.EndsAt.IsZero()}
}

// encode returns Roles and Values as JSON.
func encode(s *session.Session) (roles, values string, err error) {
	r, errRoles := json.Marshal(s.Roles)
	v, errValues := json.Marshal(s.Values)
	return string(r), string(v), errors.Join(errRoles, errValues)
}

// decode reads a row. If it is damaged, the error names the row and the field, never
// a value. The error is not ErrNoSession, which would sign the user out.
func decode(owner string, row interface{ Scan(...any) error }) (*session.Session, error) {
	var s session.Session
	var roles, values, secret, previous []byte
	var created, authenticated, seen, expires int64
	var ends sql.NullInt64
	if err := row.Scan(&s.ID, &secret, &previous, &s.UserID, &roles, &values,
		&created, &authenticated, &seen, &expires, &s.Version, &s.IP, &s.UserAgent, &s.LastIP, &s.LastUserAgent, &s.Persistent, &ends); err != nil {
		return nil, err
	}
	s.CreatedAt = time.UnixMilli(created).UTC()
	s.AuthenticatedAt = time.Unix(authenticated, 0).UTC()
	s.LastSeenAt = time.Unix(seen, 0).UTC()
	s.ExpiresAt = time.Unix(expires, 0).UTC()
	if ends.Valid {
		s.EndsAt = time.Unix(ends.Int64, 0).UTC()
	}

	damaged := func(field, problem string) (*session.Session, error) {
		return nil, fmt.Errorf("row %q: field %q %s", owner+"/"+s.ID, field, problem)
	}
	if json.Unmarshal(roles, &s.Roles, noNull) != nil {
		return damaged("roles", "is not a JSON array of strings")
	}
	if json.Unmarshal(values, &s.Values, noNull) != nil {
		return damaged("values", "is not a JSON object of strings")
	}
	if len(secret) != len(s.Secret) {
		return damaged("secret", fmt.Sprintf("has %d bytes, want 32", len(secret)))
	}
	if len(previous) != len(s.PreviousSecret) {
		return damaged("previous_secret", fmt.Sprintf("has %d bytes, want 32", len(previous)))
	}
	s.Secret, s.PreviousSecret = [32]byte(secret), [32]byte(previous)
	return &s, nil
}

// noNull refuses null, because the decoder would turn it into an empty string, array
// or object.
var noNull = json.WithUnmarshalers(json.JoinUnmarshalers(
	json.UnmarshalFromFunc(refuseNull[string]),
	json.UnmarshalFromFunc(refuseNull[[]string]),
	json.UnmarshalFromFunc(refuseNull[map[string]string]),
))

func refuseNull[T any](d *jsontext.Decoder, _ *T) error {
	if d.PeekKind() == 'n' {
		return errors.New("null")
	}
	return errors.ErrUnsupported // the decoder goes on without this function
}
