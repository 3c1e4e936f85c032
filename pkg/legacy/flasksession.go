package legacy

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// FlaskSession says where Flask-Session keeps the sessions of a Flask application in Redis.
// Flask-Session 0.7 and later writes msgpack, or JSON if told so; both are read. Earlier
// releases wrote pickles of any kind; those are rejected.
type FlaskSession struct {
	Cookie string   // SESSION_COOKIE_NAME; default "session"
	Store  KeyValue // where the sessions are; required
	Prefix string   // SESSION_KEY_PREFIX; default "session:"

	// Keys has SECRET_KEY, and those before it, if SESSION_USE_SIGNER is on. It is off by
	// default: then Keys is empty.
	Keys [][]byte

	User string // path of the user's ID; default "_user_id", see [Flask]
}

type flaskSession struct{ FlaskSession }

// NewFlaskSession returns a source that reads the sessions of Flask-Session. The identity
// of a session is the name of its row. Flask-Session keeps the row through a logout.
func NewFlaskSession(o FlaskSession) (Source, error) {
	if o.Store == nil {
		return nil, errors.New("FlaskSession: Store is missing")
	}
	if len(o.Keys) > 0 {
		if err := checkKeys(o.Keys); err != nil {
			return nil, fmt.Errorf("FlaskSession: %w", err)
		}
	}
	o.Cookie, o.Prefix, o.User = cmp.Or(o.Cookie, "session"), cmp.Or(o.Prefix, "session:"), cmp.Or(o.User, "_user_id")
	return flaskSession{o}, nil
}

// Cookies implements [Source].
func (f flaskSession) Cookies() []string { return []string{f.Cookie} }

// rowName is what the IDs of sessions look like in all releases of Flask-Session. What
// looks otherwise must not choose a key in the store.
var rowName = shape{expression: `\A[A-Za-z0-9_-]{22,128}\z`}

// Open implements [Source].
func (f flaskSession) Open(ctx context.Context, cookies map[string]string, _ time.Time) (Claim, error) {
	id := cookies[f.Cookie]
	if id == "" {
		return Claim{}, ErrAbsent
	}
	if len(f.Keys) > 0 {
		var ok bool
		if id, ok = unsignDangerous(id, "flask-session", f.Keys); !ok {
			return Claim{}, fmt.Errorf("%w: no key of this application signed it", ErrRejected)
		}
	}
	if !rowName.compiled().MatchString(id) {
		return Claim{}, fmt.Errorf("%w: it is no ID of a session", ErrRejected)
	}
	value, expires, err := fetch(ctx, f.Store, f.Prefix+id)
	if err != nil {
		return Claim{}, ended(id, err)
	}
	values, err := flaskSessionValues(value)
	if err != nil {
		return Claim{}, err
	}
	claim, err := newClaim(id, values, f.User)
	if err != nil {
		return Claim{}, err
	}
	claim.ExpiresAt = expires
	claim.End = func(ctx context.Context) error { return f.Store.Delete(ctx, f.Prefix+id) }
	return claim, nil
}

// fetch reads a value. It rejects the cookie if there is none.
func fetch(ctx context.Context, store KeyValue, key string) (value []byte, expires time.Time, err error) {
	value, expires, err = store.Get(ctx, key)
	if errors.Is(err, ErrNoRow) {
		err = fmt.Errorf("%w: its session has ended, or never was", ErrRejected)
	}
	return value, expires, err
}

// flaskSessionValues reads a row. JSON begins with a brace, which msgpack would take for a
// number.
func flaskSessionValues(row []byte) (map[string]any, error) {
	if bytes.HasPrefix(row, []byte("{")) {
		return decodeJSON(row)
	}
	return decodeMsgpack(row)
}
