package rediscall

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Nodes returns a client for each node that has keys: the primaries of a Redis Cluster,
// else the one server. A client that may read from copies is refused.
func Nodes(ctx context.Context, client redis.UniversalClient) ([]redis.UniversalClient, error) {
	if err := Refuse(client); err != nil {
		return nil, err
	}
	cluster, ok := client.(*redis.ClusterClient)
	if !ok {
		return []redis.UniversalClient{client}, nil
	}
	return Await(ctx, func() (all []redis.UniversalClient, err error) {
		var mu sync.Mutex // ForEachMaster calls the function for all nodes at once
		err = cluster.ForEachMaster(ctx, func(_ context.Context, node *redis.Client) error {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, node)
			return nil
		})
		return all, err
	})
}

// Reply is what HGETALL answers for one key.
type Reply struct {
	Key    string
	Fields map[string]string // none if the key was deleted since it was found
	Err    error             // if the server cannot read this key alone
}

// Hashes returns every hash whose key begins with the prefix, once and in no order. It
// returns those that exist from the beginning of the call to its end; while a Redis Cluster
// moves slots some can be missing. It goes through all keys of the database, page by page,
// and holds the hashes of one page and all keys. If a page cannot be read, it returns an
// error and stops.
func Hashes(ctx context.Context, client redis.UniversalClient, prefix string) iter.Seq2[Reply, error] {
	return func(yield func(Reply, error) bool) {
		for keys, err := range scan(ctx, client, prefix) {
			var page []Reply
			if err == nil {
				page, err = read(ctx, client, keys)
			}
			if err != nil {
				yield(Reply{}, err)
				return
			}
			for _, hash := range page {
				if !yield(hash, nil) {
					return
				}
			}
		}
	}
}

// Keys returns every key that begins with the prefix, as [Hashes] does. The keys may be of
// any type.
func Keys(ctx context.Context, client redis.UniversalClient, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for keys, err := range scan(ctx, client, prefix) {
			if err != nil {
				yield("", err)
				return
			}
			for _, key := range keys {
				if !yield(key, nil) {
					return
				}
			}
		}
	}
}

// scan returns the keys with the prefix, each once, page by page, on all nodes. After an
// error it stops.
func scan(ctx context.Context, client redis.UniversalClient, prefix string) iter.Seq2[[]string, error] {
	pattern := escapeGlob.Replace(prefix) + "*"
	return func(yield func([]string, error) bool) {
		seen := map[string]bool{} // SCAN can return a key twice
		all, err := Nodes(ctx, client)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, node := range all {
			for next, more := uint64(0), true; more; more = next != 0 {
				page, err := Await(ctx, func() (*redis.ScanCmd, error) {
					cmd := node.Scan(ctx, next, pattern, 1000)
					return cmd, cmd.Err()
				})
				if err != nil {
					yield(nil, err)
					return
				}
				var keys []string
				keys, next = page.Val()
				keys = slices.DeleteFunc(keys, func(key string) bool {
					before := seen[key]
					seen[key] = true
					return before
				})
				if !yield(keys, nil) {
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
func read(ctx context.Context, client redis.UniversalClient, keys []string) ([]Reply, error) {
	return Await(ctx, func() (all []Reply, err error) {
		var hashes []*redis.MapStringStringCmd
		_, err = client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, key := range keys {
				hashes = append(hashes, p.HGetAll(ctx, key))
			}
			return nil
		})
		if answer := redis.Error(nil); err != nil && !errors.As(err, &answer) {
			return nil, err
		}
		for i, hash := range hashes {
			all = append(all, Reply{keys[i], hash.Val(), hash.Err()})
		}
		return all, nil
	})
}
