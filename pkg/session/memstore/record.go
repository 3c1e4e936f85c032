package memstore

import (
	"encoding/binary"
	"time"

	"example.com/coatcheck/pkg/session"
)

// record is a stored session. It takes a third of the memory of a [session.Session], and
// the garbage collector has three objects to look at: a record and its two texts. The
// texts never change, so a copy of a record can be read without the lock of its shard.
type record struct {
	prev, next *record // the other sessions of the owner

	login texts // ID, user ID, address and browser at login, owner: they stay
	data  texts // last address, last browser, roles, values, writes replace them

	created, authenticated, lastSeen, expires, ends int64 // in milliseconds since 1970
	version                                         int64
	secret, previousSecret                          [32]byte
	persistent                                      bool
}

func newRecord(key session.Key, s *session.Session) *record {
	return &record{
		login:          pack(key.ID, s.UserID, s.IP, s.UserAgent, key.Owner),
		data:           pack(s.LastIP, s.LastUserAgent) + packUserData(s.Roles, s.Values),
		created:        s.CreatedAt.UnixMilli(),
		authenticated:  s.AuthenticatedAt.UnixMilli(),
		lastSeen:       s.LastSeenAt.UnixMilli(),
		expires:        s.ExpiresAt.UnixMilli(),
		ends:           s.EndsAt.UnixMilli(),
		version:        s.Version,
		secret:         s.Secret,
		previousSecret: s.PreviousSecret,
		persistent:     s.Persistent,
	}
}

// key returns the key of r, whose texts are parts of r.login.
func (r *record) key() session.Key {
	login := r.login
	id := login.next()
	for range 3 {
		login.next()
	}
	return session.Key{Owner: login.next(), ID: id}
}

func (r *record) userID() string {
	login := r.login
	login.next()
	return login.next()
}

// deadAt reports whether r has expired at now.
func (r *record) deadAt(now time.Time) bool { return r.expires <= now.UnixMilli() }

// session returns the session in r. Nobody else has its Roles and Values. All texts are
// read before the session is made: so the garbage collector need not be told of each.
func (r *record) session() *session.Session {
	login, data := r.login, r.data
	id, userID, ip, userAgent := login.next(), login.next(), login.next(), login.next()
	lastIP, lastUserAgent := data.next(), data.next()
	roles, values := data.roles(), data.values()
	return &session.Session{
		ID:              id,
		UserID:          userID,
		Roles:           roles,
		Values:          values,
		CreatedAt:       utc(r.created),
		AuthenticatedAt: utc(r.authenticated),
		LastSeenAt:      utc(r.lastSeen),
		ExpiresAt:       utc(r.expires),
		EndsAt:          utc(r.ends),
		Persistent:      r.persistent,
		Version:         r.version,
		IP:              ip,
		UserAgent:       userAgent,
		LastIP:          lastIP,
		LastUserAgent:   lastUserAgent,
		Secret:          r.secret,
		PreviousSecret:  r.previousSecret,
	}
}

func utc(milliseconds int64) time.Time { return time.UnixMilli(milliseconds).UTC() }

// setLastClient replaces what data begins with.
func (r *record) setLastClient(ip, userAgent string) {
	rest := r.data
	lastIP, lastUserAgent := rest.next(), rest.next()
	if lastIP != ip || lastUserAgent != userAgent {
		r.data = pack(ip, userAgent) + rest
	}
}

// setUserData replaces what follows the last client in data.
func (r *record) setUserData(packed texts) {
	rest := r.data
	r.data = pack(rest.next(), rest.next()) + packed
}

// texts are texts and their numbers, one after the other. Each text comes after its length.
type texts string

// pack returns texts that share no memory with those of the caller: these may be parts of
// something large, such as the headers of a request.
func pack(list ...string) texts {
	var room [256]byte // on the stack
	packed := room[:0]
	for _, text := range list {
		packed = appendText(packed, text)
	}
	return texts(packed)
}

func packUserData(roles []string, values map[string]string) texts {
	var room [512]byte // on the stack
	packed := binary.AppendUvarint(room[:0], uint64(len(roles)))
	for _, role := range roles {
		packed = appendText(packed, role)
	}
	packed = binary.AppendUvarint(packed, uint64(len(values)))
	for name, value := range values {
		packed = appendText(appendText(packed, name), value)
	}
	return texts(packed)
}

func appendText(packed []byte, text string) []byte {
	return append(binary.AppendUvarint(packed, uint64(len(text))), text...)
}

// next cuts off a text and returns it.
func (t *texts) next() string {
	n := t.number()
	text := string((*t)[:n])
	*t = (*t)[n:]
	return text
}

// number cuts off a number and returns it. Most have one byte.
func (t *texts) number() int {
	n, size := uint64((*t)[0]), 1
	if n >= 1<<7 {
		n, size = binary.Uvarint([]byte(*t))
	}
	*t = (*t)[size:]
	return int(n)
}

func (t *texts) roles() (roles []string) {
	n := t.number()
	if n > 0 {
		roles = make([]string, n)
	}
	for i := range roles {
		roles[i] = t.next()
	}
	return roles
}

func (t *texts) values() map[string]string {
	n := t.number()
	values := make(map[string]string, n)
	for range n {
		name := t.next()
		values[name] = t.next()
	}
	return values
}
