// Package redislinks keeps the links of OpenID sessions in Redis: one server, a primary with
// replicas behind Sentinel, or a Redis Cluster. It can use the same server and the same
// prefix as packages redisstore and redisaccounts.
//
// # Keys
//
// Programs in other languages may read them. All times are Unix seconds. Of the fields,
// those of a kind are all there or all absent.
//
//	<prefix>oidc:<ID>                           hash, which expires with the last of these:
//	  session_owner, session_id, linked_until   the key of a session, and until when
//	  before_owner, before_id, before_until     the link that it has replaced, for a call that is sent again
//	  ended_at, ended_until                     when it ended, and until when that is kept
//
// # The client
//
// It may be any client that package redisstore may have, with any options. Every call is one
// script or one HGETALL. An ACL must allow, on the prefix, EVALSHA, EVAL, HSET, HGETALL, DEL and EXPIREAT.
//
// # What Redis does not promise
//
// By default Redis answers a write before its disk or a replica has it. So a failover can
// undo the last links and ends: then a session here may outlive the one at the provider, or
// what the provider said before its end may be used once more. Package redisstore says which
// settings limit this; no setting prevents it. Run redisaccounts.CheckConfiguration at start:
// a server that removes keys when it is full must not keep these.
//
// This package may still change in ways that break programs.
package redislinks

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/stores/rediscall"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/oidc"
)

// Store is an [oidc.Store] in Redis. If no answer comes, every call is sent again, three
// times in all. A call ends when its context ends, whatever the options of the client are.
// Redis may still carry out a write after that.
type Store struct {
	client redis.UniversalClient
	prefix string
}

var _ oidc.Store = (*Store)(nil)

// New returns a Store whose keys begin with the prefix, for example "coatcheck:". The prefix
// must not contain braces, and no other program's keys may begin with it. New sends nothing.
func New(client redis.UniversalClient, prefix string) *Store {
	return &Store{client, prefix + "oidc:"}
}

// Link implements [oidc.Store].
func (s *Store) Link(ctx context.Context, l oidc.Link) (oidc.Link, error) {
	now := time.Now()
	found, err := s.run(ctx, linkScript, l.ID, now, now.Unix(), l.Session.Owner, l.Session.ID, l.ExpiresAt.Unix())
	switch {
	case err != nil:
		return oidc.Link{}, err
	case !found.endedAt.IsZero():
		return oidc.Link{}, oidc.ErrEnded
	case found.link.Session == l.Session && found.link.ID != "" && found.link.ExpiresAt.Unix() >= l.ExpiresAt.Unix():
		return found.before, nil // the same call again
	}
	return found.link, nil
}

// End implements [oidc.Store].
func (s *Store) End(ctx context.Context, id string, at, expiresAt time.Time) (oidc.Link, error) {
	now := time.Now()
	found, err := s.run(ctx, endScript, id, now, now.Unix(), at.Unix(), expiresAt.Unix())
	return found.link, err
}

// Ended implements [oidc.Store].
func (s *Store) Ended(ctx context.Context, id string) (oidc.Link, time.Time, error) {
	key := s.prefix + id
	h, err := rediscall.ReadHash(ctx, s.client, key)
	if err != nil {
		return oidc.Link{}, time.Time{}, fmt.Errorf("redis key %q: %w", key, err)
	}
	found, err := read(h, id, time.Now())
	return found.link, found.endedAt, err
}

// record is what there is of one ID.
type record struct {
	link, before oidc.Link
	endedAt      time.Time // zero if it has not ended
}

// run runs a script that returns the hash of the ID as it was before, and returns what of it
// has not expired.
func (s *Store) run(ctx context.Context, script *redis.Script, id string, now time.Time, args ...any) (record, error) {
	key := s.prefix + id
	reply, _, err := rediscall.Run(ctx, s.client, script, []string{key}, args...)
	if err != nil {
		return record{}, fmt.Errorf("redis key %q: %w", key, err)
	}
	h, err := rediscall.NewHash(key, reply)
	if err != nil {
		return record{}, err
	}
	return read(h, id, now)
}

// read returns what has not expired of the hash of the ID.
func read(h *rediscall.Hash, id string, now time.Time) (record, error) {
	r := record{
		link:   link(h, id, now, "session_owner", "session_id", "linked_until"),
		before: link(h, id, now, "before_owner", "before_id", "before_until"),
	}
	if some(h, "ended_at", "ended_until") && time.Unix(h.Int("ended_until"), 0).After(now) {
		r.endedAt = time.Unix(h.Int("ended_at"), 0).UTC()
	}
	if err := h.Err(); err != nil {
		return record{}, err
	}
	return r, nil
}

// link reads a link. One that has expired is the zero Link.
func link(h *rediscall.Hash, id string, now time.Time, owner, sessionID, until string) oidc.Link {
	if !some(h, owner, sessionID, until) {
		return oidc.Link{}
	}
	l := oidc.Link{ID: id, Session: session.Key{Owner: h.Text(owner), ID: h.Text(sessionID)}, ExpiresAt: time.Unix(h.Int(until), 0).UTC()}
	if !l.ExpiresAt.After(now) {
		return oidc.Link{}
	}
	return l
}

// some reports whether one of the fields is there. Then all must be.
func some(h *rediscall.Hash, fields ...string) bool {
	for _, field := range fields {
		if _, ok := h.Fields[field]; ok {
			return true
		}
	}
	return false
}
