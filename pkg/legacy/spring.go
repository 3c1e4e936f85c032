package legacy

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
)

// SpringJDBC says where an application with Spring Session keeps its sessions in a database,
// by spring-session-jdbc.
type SpringJDBC struct {
	Cookie string // of DefaultCookieSerializer with its base64; default "SESSION"
	SQL    SQL    // where the sessions are; required
	Table  string // default "SPRING_SESSION", and beside it Table + "_ATTRIBUTES"

	// Users is a statement that selects a user's ID by the name that Spring Security calls the
	// principal, such as "SELECT id FROM users WHERE username = ?". It runs in the same
	// database. Spring Session stores no ID of the user, only that name. Without a statement
	// the name is the ID: then the accounts must have come over with the names as their IDs,
	// and the application must never give a name to another person.
	Users string
}

type springJDBC struct {
	SpringJDBC
	attributes string
}

// plainTable is a table's name that needs no quotes. The schemas of Spring Session have
// none, so that PostgreSQL knows the table in small letters, and MySQL on Linux in capital
// ones: in quotes, one name would not do for both.
var plainTable = shape{expression: `\A[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?\z`}

// NewSpringJDBC returns a source that reads the sessions of spring-session-jdbc. The
// session's ID is its identity. It reads no objects of Java: only those attributes that are a
// String, an Integer, a Long or a Boolean.
//
// Only a stamp says when the user signed in, see [StampKey]. CREATION_TIME does not: with
// Spring Security's protection against session fixation, the session from before the sign-in
// goes on under another ID; and when a remember-me cookie signs a user in, nobody has given
// a password.
func NewSpringJDBC(o SpringJDBC) (Source, error) {
	if err := o.SQL.check(); err != nil {
		return nil, fmt.Errorf("SpringJDBC: %w", err)
	}
	o.Cookie, o.Table = cmp.Or(o.Cookie, "SESSION"), cmp.Or(o.Table, "SPRING_SESSION")
	if !plainTable.compiled().MatchString(o.Table) {
		return nil, fmt.Errorf("SpringJDBC: Table: %q is no plain name of a table", o.Table)
	}
	if o.Users != "" && strings.Count(o.Users, "?") != 1 {
		return nil, errors.New("SpringJDBC: Users should be a statement with one question mark, for the name of the user")
	}
	return springJDBC{o, o.Table + "_ATTRIBUTES"}, nil
}

// Cookies implements [Source].
func (s springJDBC) Cookies() []string { return []string{s.Cookie} }

var springID = shape{expression: `\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\z`}

// Open implements [Source].
func (s springJDBC) Open(ctx context.Context, cookies map[string]string, now time.Time) (Claim, error) {
	cookie := cookies[s.Cookie]
	if cookie == "" {
		return Claim{}, ErrAbsent
	}
	id, err := decodeBase64(base64.StdEncoding, cookie)
	if err != nil {
		return Claim{}, err
	}
	if !springID.compiled().Match(id) {
		return Claim{}, fmt.Errorf("%w: it is no session ID of Spring Session", ErrRejected)
	}
	return s.open(ctx, string(id), now)
}

func (s springJDBC) open(ctx context.Context, id string, now time.Time) (Claim, error) {
	var key string
	var principal *string
	var expiry int64
	query := `SELECT SESSION_ID, PRIMARY_ID, PRINCIPAL_NAME, EXPIRY_TIME FROM ` + s.Table + ` WHERE SESSION_ID = ?`
	if err := s.SQL.session(ctx, query, id, &key, &principal, &expiry); err != nil {
		return Claim{}, ended(id, err)
	}
	expires := time.UnixMilli(expiry).UTC()
	if !now.Before(expires) {
		return Claim{}, fmt.Errorf("%w: its session has expired", ErrRejected)
	}
	user, err := s.user(ctx, principal)
	if err != nil {
		return Claim{}, err
	}
	values, err := s.values(ctx, key)
	if err != nil {
		return Claim{}, err
	}
	claim := Claim{UserID: user, Identity: id, ExpiresAt: expires, Data: texts(values)}
	claim.applyStamp(claim.Data[StampKey])
	claim.End = func(ctx context.Context) error { // the schema deletes its attributes with it
		return s.SQL.exec(ctx, `DELETE FROM `+s.Table+` WHERE SESSION_ID = ?`, id)
	}
	return claim, nil
}

// user returns the ID of the user whom Spring Security knows by that name. NULL is nobody.
func (s springJDBC) user(ctx context.Context, principal *string) (string, error) {
	if principal == nil {
		return "", nil
	}
	if s.Users == "" {
		return userID(*principal)
	}
	rows, err := s.SQL.DB.QueryContext(ctx, s.SQL.statement(s.Users), *principal)
	if err != nil {
		return "", fmt.Errorf("asking for the ID of a user: %w", err)
	}
	defer rows.Close()
	var found []any
	for rows.Next() && len(found) < 2 {
		var column any
		if err := rows.Scan(&column); err != nil {
			return "", fmt.Errorf("asking for the ID of a user: %w", err)
		}
		found = append(found, column)
	}
	if err := rows.Err(); err != nil {
		return "", fmt.Errorf("asking for the ID of a user: %w", err)
	}
	if len(found) != 1 || found[0] == nil {
		return "", fmt.Errorf("%w: not one user has the name of its session", ErrRejected)
	}
	return columnUserID(found[0])
}

// values reads the attributes of a session that are plain values.
func (s springJDBC) values(ctx context.Context, key string) (map[string]any, error) {
	query := `SELECT ATTRIBUTE_NAME, ATTRIBUTE_BYTES FROM ` + s.attributes + ` WHERE SESSION_PRIMARY_ID = ?`
	rows, err := s.SQL.DB.QueryContext(ctx, s.SQL.statement(query), key)
	if err != nil {
		return nil, fmt.Errorf("reading a session of Spring: %w", err)
	}
	defer rows.Close()
	values := map[string]any{}
	for rows.Next() {
		var name string
		var serialized []byte
		if err := rows.Scan(&name, &serialized); err != nil {
			return nil, fmt.Errorf("reading a session of Spring: %w", err)
		}
		if value, ok := readJava(serialized); ok {
			values[name] = value
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading a session of Spring: %w", err)
	}
	return values, nil
}
