package redisstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"example.com/coatcheck/internal/stores/rediscall"
	"example.com/coatcheck/pkg/session"
)

// All returns every session, dead ones too, each once and in no order, for operators. It
// includes those that are there from the beginning of the iteration to its end; while a Redis
// Cluster moves slots some can be missing. For a damaged one it returns an error in place of
// the session and goes on. If Redis fails it returns an error and stops. It goes through all
// keys of the database, and holds these keys and one page of sessions. An ACL must allow SCAN
// too.
func (s *Store) All(ctx context.Context) iter.Seq2[*session.Session, error] {
	return func(yield func(*session.Session, error) bool) {
		for hash, err := range rediscall.Hashes(ctx, s.client, s.prefix+"{") {
			if err != nil {
				yield(nil, fmt.Errorf("listing the sessions: %w", err))
				return
			}
			_, id, found := strings.Cut(hash.Key, "}:")
			if !found {
				continue // the index of an owner
			}
			sess, err := scanned(hash, id)
			if !errors.Is(err, session.ErrNoSession) && !yield(sess, err) {
				return
			}
		}
	}
}

func scanned(hash rediscall.Reply, id string) (*session.Session, error) {
	if hash.Err != nil {
		return nil, fmt.Errorf("redis key %q: %w", hash.Key, hash.Err)
	}
	return decodeHash(&rediscall.Hash{Key: hash.Key, Fields: hash.Fields}, id)
}
