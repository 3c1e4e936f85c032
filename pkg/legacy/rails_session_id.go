package legacy

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"
)

// RailsSessionID says how a Rails application with the generated authentication of Rails 8
// keeps its sessions: the ID of a row of the table sessions in a signed cookie. An
// application that does the same in Rails 6 or 7 is read too.
type RailsSessionID struct {
	Cookie string   // default "session_id"
	Keys   [][]byte // secret_key_base as Rails has it, and those before it, in any order
	SQL    SQL      // where the sessions are; required
	Table  string   // default "sessions"; has the columns id, user_id and created_at

	// Lifetime is how long after created_at the application accepts a row. Zero means as
	// long as the cookie says: the generated code has no limit of its own, and its cookies
	// are good for 20 years.
	Lifetime time.Duration
}

type railsSessionID struct {
	RailsSessionID
	keys [][]byte
}

// NewRailsSessionID returns a source that reads the signed session_id of Rails 8's generated
// authentication. The row's ID is the identity of a session. The row's created_at is the
// time of the sign-in: the generated code makes a row when a user has given a password, and
// nowhere else. It binds sessions to no password: newer versions of it delete the user's
// rows at a reset, and the first ones do nothing.
//
// The tests have cookies of Rails 7.2 and 6.1, made by the generated code's own call. Rails 8
// itself was not run.
func NewRailsSessionID(o RailsSessionID) (Source, error) {
	if err := cmp.Or(checkKeys(o.Keys), checkLifetime(o.Lifetime), o.SQL.check()); err != nil {
		return nil, fmt.Errorf("RailsSessionID: %w", err)
	}
	o.Cookie, o.Table = cmp.Or(o.Cookie, "session_id"), cmp.Or(o.Table, "sessions")
	keys, err := railsKeys(o.Keys, "signed cookie", 64)
	if err != nil {
		return nil, fmt.Errorf("RailsSessionID: %w", err)
	}
	return railsSessionID{o, keys}, nil
}

// Cookies implements [Source].
func (r railsSessionID) Cookies() []string { return []string{r.Cookie} }

// Open implements [Source].
func (r railsSessionID) Open(ctx context.Context, cookies map[string]string, now time.Time) (Claim, error) {
	cookie := cookies[r.Cookie]
	if cookie == "" {
		return Claim{}, ErrAbsent
	}
	envelope, err := r.verify(cookie)
	if err != nil {
		return Claim{}, err
	}
	message, expires, err := railsMessage(envelope, r.Cookie, now)
	if err != nil {
		return Claim{}, err
	}
	id, err := railsRowID(message)
	if err != nil {
		return Claim{}, err
	}
	claim, err := r.row(ctx, id, now)
	if err != nil {
		return Claim{}, err
	}
	claim.ExpiresAt = earlier(claim.ExpiresAt, expires)
	return claim, nil
}

// verify returns the content of a signed cookie: base64, "--", and its HMAC in hexadecimal
// digits, with SHA-1 unless the application sets signed_cookie_digest.
func (r railsSessionID) verify(cookie string) ([]byte, error) {
	text, err := railsCookie(cookie)
	if err != nil {
		return nil, err
	}
	data, digest, _ := strings.Cut(text, "--")
	algorithm := map[int]func() hash.Hash{hex.EncodedLen(sha1.Size): sha1.New, hex.EncodedLen(sha256.Size): sha256.New}[len(digest)]
	if algorithm == nil {
		return nil, fmt.Errorf("%w: it is no signed cookie of Rails", ErrRejected)
	}
	for _, key := range r.keys {
		mac := hmac.New(algorithm, key)
		mac.Write([]byte(data))
		if hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(digest)) {
			return decodeBase64(base64.StdEncoding, data)
		}
	}
	return nil, fmt.Errorf("%w: no key of this application signed it", ErrRejected)
}

// jsonRowID is the ID of a row in JSON: an integer, or a text such as a UUID.
var jsonRowID = shape{expression: `\A([1-9][0-9]{0,18}|"[0-9A-Za-z_-]{1,64}")\z`}

// railsRowID reads the ID of a row that Rails has serialized. It is a text or an int64.
func railsRowID(serialized []byte) (any, error) {
	text := strings.Trim(string(serialized), `"`)
	switch {
	case isMarshal(serialized):
		value, err := readMarshal(serialized)
		if err != nil {
			return nil, fmt.Errorf("%w: its content is nothing that Marshal has written", ErrRejected)
		}
		if text, err = userID(value); err != nil || text == "" {
			return nil, fmt.Errorf("%w: its content is no ID of a row", ErrRejected)
		}
		if _, isText := value.(string); isText {
			return text, nil
		}
	case !jsonRowID.compiled().Match(serialized):
		return nil, fmt.Errorf("%w: its content is no ID of a row", ErrRejected)
	case serialized[0] == '"':
		return text, nil
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%w: its content is no ID of a row", ErrRejected)
	}
	return id, nil
}

// row makes a claim of the row with that ID.
func (r railsSessionID) row(ctx context.Context, id any, now time.Time) (Claim, error) {
	var user any
	var created sqlTime
	query := `SELECT id, user_id, created_at FROM ` + r.SQL.name(r.Table) + ` WHERE id = ?`
	if err := r.SQL.session(ctx, query, id, &user, &created); err != nil {
		return Claim{}, ended(fmt.Sprint(id), err)
	}
	userID, err := columnUserID(user)
	if err != nil {
		return Claim{}, err
	}
	claim := Claim{
		UserID: userID, Identity: fmt.Sprint(id), SignedInAt: created.Time,
		End: func(ctx context.Context) error {
			return r.SQL.exec(ctx, `DELETE FROM `+r.SQL.name(r.Table)+` WHERE id = ?`, id)
		},
	}
	if r.Lifetime > 0 {
		claim.ExpiresAt = created.Add(r.Lifetime)
		if !now.Before(claim.ExpiresAt) {
			return Claim{}, fmt.Errorf("%w: its session has expired", ErrRejected)
		}
	}
	return claim, nil
}
