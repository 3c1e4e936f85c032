package redisaccounts

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/stores/rediscall"
	"example.com/coatcheck/pkg/accounts"
)

// All returns every account, once and in no order. It returns the accounts that exist
// from the beginning of the call to its end. An account that is added or deleted during
// the call may be returned or not, and while a Redis Cluster moves slots accounts can be
// missing. All goes through all keys of the database, also through sessions, page by
// page. It holds the accounts of one page and the keys of all accounts.
//
// For a damaged hash it returns an error in place of the account, and goes on. If a
// page cannot be read, it returns an error and stops. It is for operators' commands.
func (s *Store) All(ctx context.Context) iter.Seq2[*accounts.Account, error] {
	return func(yield func(*accounts.Account, error) bool) {
		seen := map[string]bool{} // SCAN can return a key twice
		for keys, err := range s.scan(ctx) {
			keys = slices.DeleteFunc(keys, func(key string) bool {
				before := seen[key]
				seen[key] = true
				return before
			})
			var hashes []*redis.MapStringStringCmd
			if err == nil {
				hashes, err = s.read(ctx, keys)
			}
			if err != nil {
				yield(nil, fmt.Errorf("listing the users: %w", err))
				return
			}
			for i, hash := range hashes {
				a, err := listed(strings.TrimPrefix(keys[i], s.key("")), keys[i], hash)
				if !errors.Is(err, accounts.ErrNotFound) && !yield(a, err) {
					return
				}
			}
		}
	}
}

// scan returns the keys of all accounts, page by page, on all nodes. After an error it
// stops.
func (s *Store) scan(ctx context.Context) iter.Seq2[[]string, error] {
	pattern := escapeGlob.Replace(s.key("")) + "*"
	return func(yield func([]string, error) bool) {
		all, err := nodes(ctx, s.client)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, node := range all {
			for next, more := uint64(0), true; more; more = next != 0 {
				page, err := rediscall.Await(ctx, func() (*redis.ScanCmd, error) {
					cmd := node.Scan(ctx, next, pattern, 1000)
					return cmd, cmd.Err()
				})
				if err != nil {
					yield(nil, err)
					return
				}
				var keys []string
				if keys, next = page.Val(); !yield(keys, nil) {
					return
				}
			}
		}
	}
}

// escapeGlob escapes the characters that have a meaning in a pattern of SCAN.
var escapeGlob = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `^`, `\^`)

// read reads hashes in one round trip for each node. An error that the server answered
// for one hash is the error of that hash alone.
func (s *Store) read(ctx context.Context, keys []string) ([]*redis.MapStringStringCmd, error) {
	return rediscall.Await(ctx, func() (hashes []*redis.MapStringStringCmd, err error) {
		_, err = s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, key := range keys {
				hashes = append(hashes, p.HGetAll(ctx, key))
			}
			return nil
		})
		var answer redis.Error
		if errors.As(err, &answer) {
			err = nil
		}
		return hashes, err
	})
}

// listed returns the account in the hash, or ErrNotFound if it was deleted since its
// key was found.
func listed(name, key string, hash *redis.MapStringStringCmd) (*accounts.Account, error) {
	fields, err := hash.Result()
	if err != nil {
		return nil, fmt.Errorf("redis key %q: %w", key, err)
	}
	return decode(name, &rediscall.Hash{Key: key, Fields: fields})
}
