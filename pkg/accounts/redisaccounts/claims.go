package redisaccounts

import (
	"context"

	"example.com/coatcheck/pkg/accounts"
)

// claimedBy is the field of a claim that has its holder. No account has this field.
const claimedBy = "claimed_by"

// Claim implements [accounts.Registry].
func (s *Store) Claim(ctx context.Context, key, holder string) error {
	reply, _, err := s.run(ctx, claimScript, key, holder)
	if err == nil && reply != applied {
		return accounts.ErrExists
	}
	return err
}

// FindID implements [accounts.Store] by [accounts.FindByClaim].
func (s *Store) FindID(ctx context.Context, userID string) (*accounts.Account, error) {
	return accounts.FindByClaim(ctx, s, userID)
}

// Holder implements [accounts.Registry].
func (s *Store) Holder(ctx context.Context, key string) (string, error) {
	hash, err := s.hash(ctx, key)
	if err != nil {
		return "", err
	}
	if len(hash.Fields) == 0 {
		return "", accounts.ErrNotFound
	}
	if holder, claim := hash.Fields[claimedBy]; claim {
		return holder, nil
	}
	return key, nil
}

// PassClaim implements [accounts.Registry].
func (s *Store) PassClaim(ctx context.Context, key, from, to string) error {
	reply, tries, err := s.run(ctx, passScript, key, from, to)
	if err != nil || reply == applied {
		return err
	}
	return s.changed(key, tries)
}
