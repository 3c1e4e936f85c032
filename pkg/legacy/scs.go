package legacy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"
)

// SCS says where a Go program with alexedwards/scs, version 2, keeps its sessions in Redis,
// by redisstore or goredisstore, with scs.GobCodec, the default.
type SCS struct {
	Cookie string   // Cookie.Name; default "session"
	Store  KeyValue // where the sessions are; required
	Prefix string   // of the store; default "scs:session:"

	// HashTokenInStore is the field of the session manager with that name.
	HashTokenInStore bool

	// User is the key of the session under which the user's ID is: a text, an integer, or a
	// type of the program's own that is one of them. Required, because scs has no place for it.
	User string
}

type scs struct{ SCS }

// NewSCS returns a source that reads the sessions of scs. The identity of a session is its
// token, which a program should renew at a sign-in. Only a stamp says when the user signed
// in, see [StampKey]. Values of the program's own types are read over, and nothing of them
// needs to be registered.
func NewSCS(o SCS) (Source, error) {
	o.Cookie, o.Prefix = cmp.Or(o.Cookie, "session"), cmp.Or(o.Prefix, "scs:session:")
	switch {
	case o.Store == nil:
		return nil, fmt.Errorf("SCS: %w", missing("Store"))
	case o.User == "":
		return nil, errors.New("SCS: User is missing")
	}
	return scs{o}, nil
}

// Cookies implements [Source].
func (s scs) Cookies() []string { return []string{s.Cookie} }

// scsToken is 32 random bytes in base64.
var scsToken = shape{expression: `\A[A-Za-z0-9_-]{43}\z`}

// Open implements [Source].
func (s scs) Open(ctx context.Context, cookies map[string]string, now time.Time) (Claim, error) {
	token := cookies[s.Cookie]
	if token == "" {
		return Claim{}, ErrAbsent
	}
	if !scsToken.compiled().MatchString(token) {
		return Claim{}, fmt.Errorf("%w: it is no token of scs", ErrRejected)
	}
	key := s.Prefix + token
	if s.HashTokenInStore {
		hash := sha256.Sum256([]byte(token))
		key = s.Prefix + base64.RawURLEncoding.EncodeToString(hash[:])
	}
	value, expires, err := fetch(ctx, s.Store, key)
	if err != nil {
		return Claim{}, ended(token, err)
	}
	values, deadline, err := scsValues(value)
	if err != nil {
		return Claim{}, err
	}
	expires = earlier(expires, deadline)
	if !now.Before(expires) {
		return Claim{}, fmt.Errorf("%w: its session has expired", ErrRejected)
	}
	claim, err := newClaim(token, values, s.User)
	if err != nil {
		return Claim{}, err
	}
	claim.ExpiresAt = expires
	claim.End = func(ctx context.Context) error { return s.Store.Delete(ctx, key) }
	return claim, nil
}

// scsValues reads a gob of struct{Deadline time.Time; Values map[string]any}.
func scsValues(gob []byte) (values map[string]any, deadline time.Time, err error) {
	value, err := readGob(gob)
	session, _ := value.(map[string]any)
	encoded, ok := session["Deadline"].(gobEncoded)
	if err != nil || !ok || deadline.UnmarshalBinary(encoded) != nil {
		return nil, time.Time{}, fmt.Errorf("%w: its session is no gob of scs", ErrRejected)
	}
	values, _ = session["Values"].(map[string]any) // an empty map is left out
	return values, deadline.UTC(), nil
}
