// Package redisaccounts keeps accounts, and the attempts to sign in to them, in Redis:
// one server, a primary with replicas behind Sentinel, or a Redis Cluster. It can use
// the same server and the same prefix as package redisstore.
//
// # Keys
//
// An account is one hash, and so is a counter of attempts. Programs in other languages
// may read both.
//
//	<prefix>user:<name>        hash:
//	  username, user_id,
//	  display_name,
//	  password_hash, revision  text
//	  roles                    JSON array of strings
//	  preference:<name>        text; one field for each preference
//	  disabled                 1 or 0
//	  frozen_until             Unix seconds; 0: not frozen
//	  version,
//	  credential_version       whole numbers
//	  origin, imported_hash    text
//	  closed                   1 or 0
//	  created_at, last_used_at Unix seconds; 0: not known
//	  renamed_to, renamed_from text
//	  claimed_by               text; a hash with this field has no other one. It is no
//	                           account but a claim of its key
//	<prefix>attempts:<key>     hash:
//	  failures                 whole number
//	  last_at, previous_at     Unix milliseconds: the last attempt, and the one before it; 0: none
//	  attempt                  the random ID of the last attempt
//	  expires_at               Unix seconds; 0: kept until it is cleared
//
// Redis removes a counter an hour after its expires_at, and no account. This only
// cleans up: no answer depends on the server's clock, unless the clock is more than an
// hour fast.
//
// # The client
//
// It may be any client that package redisstore may have, with any options. Every call
// of a [Store] and of [Attempts] is one script or one HGETALL. An ACL must allow, on the prefix,
// EVALSHA, EVAL, EXISTS, HSET, HGET, HMGET, HGETALL, HKEYS, HDEL, HINCRBY, PEXPIREAT,
// PERSIST and DEL; and beside the prefix INFO for [CheckConfiguration], and SCAN for
// [Store.All].
//
// # What Redis does not promise
//
// By default Redis answers a write before its disk or a replica has it. So a failover
// can undo the last writes, also these: an account that was disabled is enabled again,
// a changed password is the old one again, a user who was deleted is back, an unlocked
// name is locked, and the last failures of a guesser were never counted. Nothing tells
// that it happened. Package redisstore says which settings limit this; no setting
// prevents it. After a failover look at what was last changed, and change it again:
// each command of coatcheck can be repeated.
//
// [CheckConfiguration] refuses a server on which more than that would be lost.
//
// This package may still change in ways that break programs.
package redisaccounts

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/stores/epoch"
	"example.com/coatcheck/internal/stores/rediscall"
	"example.com/coatcheck/pkg/accounts"
)

// Store is an [accounts.Registry] in Redis. If no answer comes, every call except
// SetPreferences is sent again, three times in all. A call ends when its context ends,
// whatever the options of the client are. Redis may still carry out a write after that.
type Store struct {
	client redis.UniversalClient
	prefix string
}

var _ accounts.Registry = (*Store)(nil)

// New returns a Store whose keys begin with the prefix, for example "coatcheck:". The
// prefix must not contain braces, and no other program's keys may begin with it. A
// redisstore may have the same prefix. New sends nothing.
func New(client redis.UniversalClient, prefix string) *Store { return &Store{client, prefix} }

// lastUsed is the field that SetLastUsed writes, and no Update.
const lastUsed = "last_used_at"

// preference is what the names of the fields with preferences begin with.
const preference = "preference:"

// Get implements [accounts.Store]. If a field is missing or malformed, the error names
// the key and the field. It is not ErrNotFound.
func (s *Store) Get(ctx context.Context, name string) (*accounts.Account, error) {
	hash, err := s.hash(ctx, name)
	if err != nil {
		return nil, err
	}
	return decode(name, hash)
}

// hash reads the hash of an account or of a claim.
func (s *Store) hash(ctx context.Context, name string) (*rediscall.Hash, error) {
	return rediscall.ReadHash(ctx, s.client, s.key(name))
}

// Create implements [accounts.Registry].
func (s *Store) Create(ctx context.Context, a *accounts.Account) error {
	args, err := fields(a, a.Revision)
	if err != nil {
		return err
	}
	args = append(args, "user_id", a.UserID, "created_at", epoch.Seconds(a.CreatedAt), lastUsed, epoch.Seconds(a.LastUsedAt))
	reply, tries, err := s.run(ctx, createScript, a.Name, args...)
	switch {
	case err != nil:
		return err
	case reply == applied:
		return nil
	case tries > 1 && reply == a.Revision:
		return nil // The revision is random, so an earlier try of this call made it. Two imports at once give the same user ID.
	}
	return accounts.ErrExists
}

// Update implements [accounts.Store]. It keeps fields that it does not know.
func (s *Store) Update(ctx context.Context, a *accounts.Account, newRevision string) error {
	args, err := fields(a, newRevision)
	if err != nil {
		return err
	}
	reply, tries, err := s.run(ctx, updateScript, a.Name, append([]any{a.Revision}, args...)...)
	switch {
	case err != nil:
		return err
	case reply == applied, reply == newRevision: // newRevision: an earlier try of this call was applied
		return nil
	}
	return s.changed(a.Name, tries)
}

// SetPreferences implements [accounts.Store]. It is sent once. A second try could set
// newRevision again after another write, and somebody who has read the account before
// that write could then undo it.
func (s *Store) SetPreferences(ctx context.Context, name, userID string, settings map[string]string, newRevision string) error {
	args := []any{userID, "revision", newRevision}
	for key, setting := range settings {
		args = append(args, preference+key, setting)
	}
	reply, err := rediscall.RunOnce(ctx, s.client, setScript, []string{s.key(name)}, args...)
	if err == nil && reply != applied {
		return accounts.ErrNotFound
	}
	return err
}

// SetLastUsed implements [accounts.UseStore].
func (s *Store) SetLastUsed(ctx context.Context, name, userID string, at time.Time) error {
	reply, _, err := s.run(ctx, usedScript, name, userID, epoch.Seconds(at))
	if err == nil && reply != applied {
		return accounts.ErrNotFound
	}
	return err
}

// Delete implements [accounts.Registry].
func (s *Store) Delete(ctx context.Context, a *accounts.Account) error {
	reply, tries, err := s.run(ctx, deleteScript, a.Name, a.Revision)
	if err != nil || reply == applied {
		return err
	}
	return s.changed(a.Name, tries)
}

// changed returns the result of a write that found another revision. After more than
// one try, an earlier one may have been applied before somebody else wrote.
func (s *Store) changed(name string, tries int) error {
	if tries > 1 {
		return fmt.Errorf("redis key %q: another write came between two tries of this one; whether it was applied is unknown", s.key(name))
	}
	return accounts.ErrChanged
}

func (s *Store) run(ctx context.Context, script *redis.Script, name string, args ...any) (reply any, tries int, err error) {
	return rediscall.Run(ctx, s.client, script, []string{s.key(name)}, args...)
}

func (s *Store) key(name string) string { return s.prefix + "user:" + name }

// fields returns the fields that every Update writes, each followed by its value.
func fields(a *accounts.Account, revision string) ([]any, error) {
	roles, err := json.Marshal(a.Roles)
	if err != nil {
		return nil, fmt.Errorf("encoding the roles of user ID %s: %w", a.UserID, err)
	}
	all := []any{
		"display_name", a.DisplayName, "password_hash", a.PasswordHash, "roles", roles, "disabled", a.Disabled,
		"frozen_until", epoch.Seconds(a.FrozenUntil), "version", a.Version, "credential_version", a.CredentialVersion,
		"revision", revision, "username", a.Username, "renamed_to", a.RenamedTo, "renamed_from", a.RenamedFrom, "origin", a.Origin, "imported_hash", a.ImportedHash, "closed", a.Closed,
	}
	for key, setting := range a.Preferences {
		all = append(all, preference+key, setting)
	}
	return all, nil
}

// decode reads an account. A claim is none.
func decode(name string, h *rediscall.Hash) (*accounts.Account, error) {
	if _, claim := h.Fields[claimedBy]; claim || len(h.Fields) == 0 {
		return nil, accounts.ErrNotFound
	}
	a := &accounts.Account{
		Name:              name,
		Username:          h.Text("username"),
		UserID:            h.Text("user_id"),
		DisplayName:       h.Text("display_name"),
		Roles:             h.Strings("roles"),
		Preferences:       map[string]string{},
		PasswordHash:      h.Text("password_hash"),
		Disabled:          h.Bool("disabled"),
		FrozenUntil:       epoch.Time(h.Int("frozen_until")),
		Version:           h.Int("version"),
		CredentialVersion: h.Int("credential_version"),
		Revision:          h.Text("revision"),
		RenamedTo:         h.Fields["renamed_to"], // these may be absent
		RenamedFrom:       h.Fields["renamed_from"],
		Origin:            h.Fields["origin"],
		ImportedHash:      h.Fields["imported_hash"],
	}
	if _, ok := h.Fields["closed"]; ok {
		a.Closed = h.Bool("closed")
	}
	if _, ok := h.Fields["created_at"]; ok {
		a.CreatedAt = epoch.Time(h.Int("created_at"))
	}
	if _, ok := h.Fields[lastUsed]; ok {
		a.LastUsedAt = epoch.Time(h.Int(lastUsed))
	}
	for field, setting := range h.Fields {
		if key, ok := strings.CutPrefix(field, preference); ok {
			a.Preferences[key] = setting
		}
	}
	if err := h.Err(); err != nil {
		return nil, err
	}
	return a, nil
}
