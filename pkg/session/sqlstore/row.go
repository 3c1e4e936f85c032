package sqlstore

import (
	"database/sql"
	"encoding/hex"
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

// createArgs returns the values of the owner and of the columns.
func createArgs(s *session.Session) ([]any, error) {
	roles, values, err := encode(s)
	return []any{
		s.Key().Owner, s.ID, s.Secret[:], s.PreviousSecret[:], s.UserID, roles, values,
		s.CreatedAt.UnixMilli(), s.AuthenticatedAt.Unix(), s.LastSeenAt.Unix(), s.ExpiresAt.Unix(),
		s.Version, s.IP, s.UserAgent, s.LastIP, s.LastUserAgent, s.Persistent, endsAt(s),
	}, err
}

// encode returns Roles and Values as JSON.
func encode(s *session.Session) (roles, values string, err error) {
	r, errRoles := json.Marshal(s.Roles)
	v, errValues := json.Marshal(s.Values)
	return string(r), string(v), errors.Join(errRoles, errValues)
}

// row is what the table has of a session but its owner. Its names in JSON are those of the
// columns, in their order.
type row struct {
	ID              string `json:"id"`
	Secret          hash   `json:"secret"`
	PreviousSecret  hash   `json:"previous_secret"`
	UserID          string `json:"user_id"`
	Roles           string `json:"roles"`
	Values          string `json:"values"`
	CreatedAt       int64  `json:"created_at"`
	AuthenticatedAt int64  `json:"authenticated_at"`
	LastSeenAt      int64  `json:"last_seen_at"`
	ExpiresAt       int64  `json:"expires_at"`
	Version         int64  `json:"version"`
	IP              string `json:"ip"`
	UserAgent       string `json:"user_agent"`
	LastIP          string `json:"last_ip"`
	LastUserAgent   string `json:"last_user_agent"`
	Persistent      bool   `json:"persistent"`
	EndsAt          *int64 `json:"ends_at"`
}

// hash is in hexadecimal in JSON.
type hash []byte

// UnmarshalText implements [encoding.TextUnmarshaler].
func (h *hash) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// decode reads a row. If it is damaged, the error names the row and the field, never
// a value. The error is not ErrNoSession, which would sign the user out.
func decode(owner string, columns interface{ Scan(...any) error }) (*session.Session, error) {
	var r row
	if err := columns.Scan(&r.ID, &r.Secret, &r.PreviousSecret, &r.UserID, &r.Roles, &r.Values,
		&r.CreatedAt, &r.AuthenticatedAt, &r.LastSeenAt, &r.ExpiresAt, &r.Version, &r.IP, &r.UserAgent, &r.LastIP, &r.LastUserAgent, &r.Persistent, &r.EndsAt); err != nil {
		return nil, err
	}
	return r.session(owner)
}

// session returns the owner's session, or what is damaged.
func (r row) session(owner string) (*session.Session, error) {
	s := &session.Session{
		ID: r.ID, UserID: r.UserID, Persistent: r.Persistent, Version: r.Version,
		IP: r.IP, UserAgent: r.UserAgent, LastIP: r.LastIP, LastUserAgent: r.LastUserAgent,
		CreatedAt:       time.UnixMilli(r.CreatedAt).UTC(),
		AuthenticatedAt: time.Unix(r.AuthenticatedAt, 0).UTC(),
		LastSeenAt:      time.Unix(r.LastSeenAt, 0).UTC(),
		ExpiresAt:       time.Unix(r.ExpiresAt, 0).UTC(),
	}
	if r.EndsAt != nil {
		s.EndsAt = time.Unix(*r.EndsAt, 0).UTC()
	}
	damaged := func(field, problem string) (*session.Session, error) {
		return nil, fmt.Errorf("row %q: field %q %s", owner+"/"+s.ID, field, problem)
	}
	if json.Unmarshal([]byte(r.Roles), &s.Roles, noNull) != nil {
		return damaged("roles", "is not a JSON array of strings")
	}
	if json.Unmarshal([]byte(r.Values), &s.Values, noNull) != nil {
		return damaged("values", "is not a JSON object of strings")
	}
	if len(r.Secret) != len(s.Secret) {
		return damaged("secret", fmt.Sprintf("has %d bytes, want 32", len(r.Secret)))
	}
	if len(r.PreviousSecret) != len(s.PreviousSecret) {
		return damaged("previous_secret", fmt.Sprintf("has %d bytes, want 32", len(r.PreviousSecret)))
	}
	s.Secret, s.PreviousSecret = [32]byte(r.Secret), [32]byte(r.PreviousSecret)
	return s, nil
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
