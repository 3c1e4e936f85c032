package legacy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// PHPRedis says where a PHP application keeps its sessions with the session handler of
// phpredis.
type PHPRedis struct {
	Cookie string   // session.name; default "PHPSESSID"
	Store  KeyValue // where the sessions are; required
	Prefix string   // prefix of session.save_path; default "PHPREDIS_SESSION:"

	// Handler is session.serialize_handler: "php", the default, "php_serialize" or
	// "php_binary".
	Handler string

	// User is the path of the user's ID in $_SESSION, such as "user_id" or "user.id".
	// Required, because PHP has no place for it.
	User string
}

type phpRedis struct{ PHPRedis }

// phpHandlers returns what reads the rows of each of PHP's handlers.
func phpHandlers() map[string]func(row []byte) (map[string]any, error) {
	return map[string]func(row []byte) (map[string]any, error){
		"php": phpSession, "php_serialize": phpValues, "php_binary": phpBinarySession,
	}
}

// NewPHPRedis returns a source that reads the sessions of PHP itself. The identity of a
// session is its ID, which an application should renew at a sign-in. Only a stamp says when
// the user signed in, see [StampKey].
func NewPHPRedis(o PHPRedis) (Source, error) {
	o.Cookie, o.Prefix = cmp.Or(o.Cookie, "PHPSESSID"), cmp.Or(o.Prefix, "PHPREDIS_SESSION:")
	o.Handler = cmp.Or(o.Handler, "php")
	switch {
	case o.Store == nil:
		return nil, fmt.Errorf("PHPRedis: %w", missing("Store"))
	case o.User == "":
		return nil, errors.New("PHPRedis: User is missing")
	case phpHandlers()[o.Handler] == nil:
		return nil, fmt.Errorf("PHPRedis: Handler: %q is none of php, php_serialize and php_binary", o.Handler)
	}
	return phpRedis{o}, nil
}

// Cookies implements [Source].
func (p phpRedis) Cookies() []string { return []string{p.Cookie} }

// phpSessionID is what PHP takes for the ID of a session.
var phpSessionID = shape{expression: `\A[A-Za-z0-9,-]{1,256}\z`}

// Open implements [Source].
func (p phpRedis) Open(ctx context.Context, cookies map[string]string, _ time.Time) (Claim, error) {
	cookie := cookies[p.Cookie]
	if cookie == "" {
		return Claim{}, ErrAbsent
	}
	id, err := url.QueryUnescape(cookie)
	if err != nil || !phpSessionID.compiled().MatchString(id) {
		return Claim{}, fmt.Errorf("%w: it is no session ID of PHP", ErrRejected)
	}
	value, expires, err := fetch(ctx, p.Store, p.Prefix+id)
	if err != nil {
		return Claim{}, ended(id, err)
	}
	values, err := p.read(value)
	if err != nil {
		return Claim{}, err
	}
	claim, err := newClaim(id, values, p.User)
	if err != nil {
		return Claim{}, err
	}
	claim.ExpiresAt = expires
	claim.End = func(ctx context.Context) error { return p.Store.Delete(ctx, p.Prefix+id) }
	return claim, nil
}

// read reads a row. It rejects one that another handler could have written as well. Read by
// the wrong handler, a text that a user has put into the session could end early, and what
// follows in it would be variables.
func (p phpRedis) read(row []byte) (map[string]any, error) {
	values, err := phpHandlers()[p.Handler](row)
	if err != nil || len(values) == 0 {
		return values, err
	}
	for name, read := range phpHandlers() {
		if name == p.Handler {
			continue
		}
		if _, err := read(row); err == nil {
			return nil, fmt.Errorf("%w: its session looks as if the handler is %s, and not %s", ErrRejected, name, p.Handler)
		}
	}
	return values, nil
}

// phpSession reads what the handler "php" writes: names and values, with "|" between them.
// A name with "!" in front has no value.
func phpSession(serialized []byte) (map[string]any, error) {
	return phpPairs(serialized, func(r *phpReader) (name string, empty bool, err error) {
		name, err = r.until('|')
		return name, len(name) > 0 && name[0] == '!', err
	})
}

// phpBinarySession reads what the handler "php_binary" writes: the length of a name in one
// byte, the name and its value. The highest bit of the length says that there is no value.
func phpBinarySession(serialized []byte) (map[string]any, error) {
	return phpPairs(serialized, func(r *phpReader) (name string, empty bool, err error) {
		length, err := r.byte()
		if err != nil {
			return "", false, err
		}
		text, err := r.take(int(length &^ 0x80))
		return string(text), length&0x80 != 0, err
	})
}

// phpPairs reads names and values. A name is a text without control characters: so begins
// no row of igbinary or msgpack, which are other handlers.
func phpPairs(serialized []byte, nextName func(*phpReader) (string, bool, error)) (map[string]any, error) {
	in, err := newInput(serialized)
	if err != nil {
		return nil, fmt.Errorf("%w: its session is too long", ErrRejected)
	}
	r := phpReader{in}
	values := map[string]any{}
	for len(r.rest) > 0 {
		name, empty, err := nextName(&r)
		if strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == utf8.RuneError }) {
			err = errMalformed
		}
		if err == nil && !empty {
			var value any
			if value, err = r.value(); err == nil {
				err = put(values, name, value)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%w: its content is no session of PHP", ErrRejected)
		}
	}
	return values, nil
}
