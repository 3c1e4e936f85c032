//go:build !noredis

package storeconfig

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"example.com/coatcheck/internal/stores/rediscall"
)

// redisKeys are what the keys of the parts begin with.
var redisKeys = map[Part]string{
	Sessions: "{", Users: "user:", Attempts: "attempts:", Bridge: "bridge:", Links: "oidc:", Audit: "audit:",
}

// Records goes through all keys of the database.
func (s redisStores) Records(ctx context.Context, parts ...Part) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for key, err := range rediscall.Keys(ctx, s.client, redisPrefix) {
			if err != nil {
				yield(Record{}, fmt.Errorf("listing the keys: %w", err))
				return
			}
			i := slices.IndexFunc(parts, func(p Part) bool { return strings.HasPrefix(key, redisPrefix+redisKeys[p]) })
			if i < 0 {
				continue
			}
			fields, err := s.fields(ctx, key)
			if !yield(Record{parts[i], fields}, err) || err != nil {
				return
			}
		}
	}
}

// fields returns what is under the key, and the key itself.
func (s redisStores) fields(ctx context.Context, key string) (fields map[string]string, err error) {
	kind, err := s.client.Type(ctx, key).Result()
	switch {
	case err != nil:
	case kind == "hash":
		fields, err = s.client.HGetAll(ctx, key).Result()
	case kind == "zset":
		var members []string
		members, err = s.client.ZRange(ctx, key, 0, -1).Result()
		fields = map[string]string{"members": text(members)}
	case kind == "string":
		var value string
		value, err = s.client.Get(ctx, key).Result()
		fields = map[string]string{"value": value}
	}
	if err != nil {
		return nil, fmt.Errorf("redis key %q: %w", key, err)
	}
	if fields == nil {
		fields = map[string]string{} // it was deleted since
	}
	fields["key"] = key
	return fields, nil
}
