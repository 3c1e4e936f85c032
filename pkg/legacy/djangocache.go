package legacy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// DjangoCache says where Django keeps its sessions if SESSION_ENGINE is
// django.contrib.sessions.backends.cache, and the cache is Redis. The values are pickles.
// A pickle is read as data only: a session with objects in it, such as a datetime, is
// rejected.
type DjangoCache struct {
	Cookie string   // SESSION_COOKIE_NAME; default "sessionid"
	Keys   [][]byte // SECRET_KEY, then SECRET_KEY_FALLBACKS, in any order; they bind sessions to passwords
	Store  KeyValue // where the sessions are; required
	Prefix string   // what Django puts in front of its keys: KEY_PREFIX, ":", VERSION, ":"; default ":1:"
}

type djangoCache struct {
	djangoBinds
	DjangoCache
}

// NewDjangoCache returns a source that reads the sessions that Django 4.0 and later, or
// django-redis, keeps in Redis. The identity of a session is its key.
func NewDjangoCache(o DjangoCache) (Source, error) {
	if err := checkKeys(o.Keys); err != nil {
		return nil, fmt.Errorf("DjangoCache: %w", err)
	}
	if o.Store == nil {
		return nil, errors.New("DjangoCache: Store is missing")
	}
	o.Cookie, o.Prefix = cmp.Or(o.Cookie, "sessionid"), cmp.Or(o.Prefix, ":1:")
	return djangoCache{DjangoCache: o}, nil
}

// Cookies implements [Source].
func (d djangoCache) Cookies() []string { return []string{d.Cookie} }

// Open implements [Source].
func (d djangoCache) Open(ctx context.Context, cookies map[string]string, _ time.Time) (Claim, error) {
	key, err := openDjangoKey(cookies, d.Cookie)
	if err != nil {
		return Claim{}, err
	}
	name := d.Prefix + "django.contrib.sessions.cache" + key
	value, expires, err := fetch(ctx, d.Store, name)
	if err != nil {
		return Claim{}, ended(key, err)
	}
	values, err := decodePickle(value)
	if err != nil {
		return Claim{}, err
	}
	claim, err := djangoClaim(key, values, d.Keys)
	if err != nil {
		return Claim{}, err
	}
	claim.ExpiresAt = expires
	claim.End = func(ctx context.Context) error { return d.Store.Delete(ctx, name) }
	return claim, nil
}
