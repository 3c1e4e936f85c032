package legacy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// DjangoDB says where Django keeps its sessions if SESSION_ENGINE is
// django.contrib.sessions.backends.db, as it is by default, or cached_db.
type DjangoDB struct {
	Cookie string   // SESSION_COOKIE_NAME; default "sessionid"
	Keys   [][]byte // SECRET_KEY, then SECRET_KEY_FALLBACKS, in any order
	SQL    SQL      // where the sessions are; required
	Table  string   // default "django_session"

	// Cache is the cache of cached_db, and nil with db. Django believes what is there before
	// it looks at the table, so the session's entry in it must be deleted too. Nothing is
	// read from it.
	Cache       KeyValue
	CachePrefix string // what Django puts in front of its keys: KEY_PREFIX, ":", VERSION, ":"; default ":1:"
}

type djangoDB struct {
	djangoBinds
	DjangoDB
}

// NewDjangoDB returns a source that reads the sessions that Django 3.1 and later keeps in a
// table. The identity of a session is the key of its row.
func NewDjangoDB(o DjangoDB) (Source, error) {
	if err := checkKeys(o.Keys); err != nil {
		return nil, fmt.Errorf("DjangoDB: %w", err)
	}
	if o.SQL.DB == nil {
		return nil, errors.New("DjangoDB: SQL.DB is missing")
	}
	o.Cookie, o.Table = cmp.Or(o.Cookie, "sessionid"), cmp.Or(o.Table, "django_session")
	o.CachePrefix = cmp.Or(o.CachePrefix, ":1:")
	return djangoDB{DjangoDB: o}, nil
}

// Cookies implements [Source].
func (d djangoDB) Cookies() []string { return []string{d.Cookie} }

// djangoKey is what Django's session keys look like. MySQL would also find one that is
// written in capital letters.
var djangoKey = shape{expression: `\A[a-z0-9]{32}\z`}

// openDjangoKey returns the session key of a request.
func openDjangoKey(cookies map[string]string, name string) (string, error) {
	key := cookies[name]
	if key == "" {
		return "", ErrAbsent
	}
	if !djangoKey.compiled().MatchString(key) {
		return "", fmt.Errorf("%w: it is no key of a session", ErrRejected)
	}
	return key, nil
}

// Open implements [Source].
func (d djangoDB) Open(ctx context.Context, cookies map[string]string, now time.Time) (Claim, error) {
	key, err := openDjangoKey(cookies, d.Cookie)
	if err != nil {
		return Claim{}, err
	}
	data, expires, err := d.read(ctx, key)
	if err != nil {
		return Claim{}, ended(key, err)
	}
	if !now.Before(expires) {
		return Claim{}, fmt.Errorf("%w: its session has expired", ErrRejected)
	}
	values, _, err := loadDjango(data, "django.contrib.sessions.SessionStore", d.Keys)
	if err != nil {
		return Claim{}, err
	}
	claim, err := djangoClaim(key, values, d.Keys)
	if err != nil {
		return Claim{}, err
	}
	claim.ExpiresAt = expires
	claim.End = func(ctx context.Context) error { return d.end(ctx, key) }
	return claim, nil
}

// read reads a row.
func (d djangoDB) read(ctx context.Context, key string) (data string, expires time.Time, err error) {
	var at sqlTime
	query := "SELECT session_data, expire_date FROM " + d.SQL.name(d.Table) + " WHERE session_key = ?"
	err = d.SQL.row(ctx, query, []any{key}, &data, &at)
	if errors.Is(err, ErrNoRow) {
		err = fmt.Errorf("%w: its session has ended, or never was", ErrRejected)
	}
	return data, at.Time, err
}

// end deletes a row, and then what a cache has of it: in the other order Django could fill
// the cache again in between.
func (d djangoDB) end(ctx context.Context, key string) error {
	err := d.SQL.exec(ctx, "DELETE FROM "+d.SQL.name(d.Table)+" WHERE session_key = ?", key)
	if err != nil || d.Cache == nil {
		return err
	}
	return d.Cache.Delete(ctx, d.CachePrefix+"django.contrib.sessions.cached_db"+key)
}
