package redisaccounts

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

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
		for hash, err := range rediscall.Hashes(ctx, s.client, s.key("")) {
			if err != nil {
				yield(nil, fmt.Errorf("listing the users: %w", err))
				return
			}
			a, err := s.listed(hash)
			if !errors.Is(err, accounts.ErrNotFound) && !yield(a, err) {
				return
			}
		}
	}
}

// listed returns the account in the hash, or ErrNotFound if it was deleted since its
// key was found.
func (s *Store) listed(hash rediscall.Reply) (*accounts.Account, error) {
	if hash.Err != nil {
		return nil, fmt.Errorf("redis key %q: %w", hash.Key, hash.Err)
	}
	return decode(strings.TrimPrefix(hash.Key, s.key("")), &rediscall.Hash{Key: hash.Key, Fields: hash.Fields})
}
