package legacy

import (
	"context"
	"fmt"
	"time"
)

// LaravelRedis says where a Laravel application keeps its sessions with SESSION_DRIVER redis.
type LaravelRedis struct {
	LaravelApp
	Store KeyValue // where the sessions are; required

	// Prefix is all that is in front of the session's ID: database.redis.options.prefix and
	// then cache.prefix, which Laravel before version 9 ends with a colon, such as
	// "shop_database_shop_cache:". Both have the application's name; redis-cli --scan shows
	// them. Required.
	Prefix string
}

type laravelRedis struct {
	laravelApp
	store  KeyValue
	prefix string
}

// NewLaravelRedis returns a source that reads the sessions which Laravel keeps in Redis. The
// identity of a session is its ID. Only a stamp says when the user signed in, see
// [StampKey].
func NewLaravelRedis(o LaravelRedis) (Source, error) {
	app, err := newLaravelApp(o.LaravelApp)
	switch {
	case err != nil:
	case o.Store == nil:
		err = missing("Store")
	case o.Prefix == "":
		err = missing("Prefix")
	default:
		return laravelRedis{app, o.Store, o.Prefix}, nil
	}
	return nil, fmt.Errorf("LaravelRedis: %w", err)
}

// Open implements [Source].
func (l laravelRedis) Open(ctx context.Context, cookies map[string]string, _ time.Time) (Claim, error) {
	id, err := l.sessionID(cookies)
	if err != nil {
		return Claim{}, err
	}
	value, expires, err := fetch(ctx, l.store, l.prefix+id)
	if err != nil {
		return Claim{}, ended(id, err)
	}
	payload, err := phpText(value) // the cache serializes once more what the session has serialized
	if err != nil {
		return Claim{}, err
	}
	claim, err := l.claim(id, payload)
	if err != nil {
		return Claim{}, err
	}
	claim.ExpiresAt = expires
	claim.End = func(ctx context.Context) error { return l.store.Delete(ctx, l.prefix+id) }
	return claim, nil
}
