// Package redisstore keeps sessions in Redis: one server, a primary with
// replicas behind Sentinel, or a Redis Cluster.
//
// # Keys
//
// A session is one hash. One sorted set is the index of an owner's sessions. The
// braces are a hash tag: a Redis Cluster keeps all keys of one owner in one slot.
// Programs in other languages may read both.
//
//	<prefix>{<owner>}          sorted set: IDs, by the time in milliseconds at which Redis may remove them
//	<prefix>{<owner>}:<id>     hash:
//	  secret, previous_secret  SHA-256 of a token's 43 secret characters; 32 bytes
//	  user_id, ip, user_agent  text
//	  last_ip, last_user_agent text, optional; of the last touch, empty if they are as at login
//	  roles                    JSON array of strings
//	  values                   JSON object of strings
//	  created_at               Unix milliseconds
//	  authenticated_at,
//	  last_seen_at, expires_at Unix seconds; at expires_at the session is dead
//	  ends_at                  Unix seconds, optional, 0 means none; the session ends then, however much it is used
//	  persistent               1 or 0, optional, absent means 0; has the limits of persistent sessions
//	  version                  63 random bits in decimal, new on every Update
//
// Redis removes a session an hour after its expires_at, and an index together with
// the last session in it. This only cleans up: no answer depends on the server's
// clock, unless the clock is more than an hour fast.
//
// # The client
//
// The caller opens the client, with any timeouts; its MaxRetries does not matter.
// Every call is a script or an HGETALL, so every call is atomic. It goes to a primary.
// With ReadOnly, RouteByLatency, RouteRandomly or ReplicaOnly a read could come from a
// replica, which does not know yet what was ended, and with ClientSideCache from this
// process; a redis.Ring treats a server that is down as one that holds nothing. Every
// call of a client that shows one of them is an error. What wraps a client must not
// send reads elsewhere either. A redis.Client does not show that its address is that of
// a replica, or that FailoverOptions had ReplicaOnly: redisaccounts.CheckConfiguration
// asks the server.
//
// An ACL must allow, on the prefix, EVALSHA, EVAL, EXISTS, HSET, HMGET, HGETALL,
// PEXPIREAT, ZADD, ZRANGE, ZREM and DEL. Redis 5.0 has all of them, and passed
// storetest. All tests run on Redis 7.0, and have also passed on Redis 8.2 and Valkey 9.1.
//
// # What Redis does not promise
//
// By default Redis answers a write before its disk or a replica has it. So a failure
// may undo the last writes, for example a logout: the session is back until it
// expires or is ended again. The configuration decides how much can be undone:
//
//   - maxmemory-policy noeviction. Under any other policy a full server removes
//     sessions, which signs users out. It also removes indexes, which hides sessions
//     from List, so that logging out everywhere misses them. With noeviction a full
//     server refuses new sessions, as an outage; ending one still works.
//   - appendonly yes with appendfsync always: a restart loses nothing that the
//     server has answered. With everysec, the default, a restart may lose about a
//     second; without appendonly, everything since the last snapshot.
//   - min-replicas-to-write 1 with min-replicas-max-lag: a primary that has lost its
//     replicas for that time refuses writes, as an outage. This limits what a
//     failover can undo, but does not prevent it.
//   - WAIT, which this package does not send, tells how many replicas have received
//     a write. A failover tries to promote the replica that has received most, but
//     does not promise it (Redis: WAIT, "Consistency and WAIT"). So WAIT would make
//     an undone logout rarer, not impossible.
//
// A primary that a network failure cuts off continues to answer reads of the clients
// on its side: in a Redis Cluster for cluster-node-timeout, otherwise until it is
// demoted. These clients still see a session that was ended on the other side.
//
// After a failover or a restored backup, set [session.Config.NotBefore]. It ends
// every session from before that time, so the users must sign in again. Where a
// logout must never be undone, use another store.
//
// While a Redis Cluster moves a slot, calls for the owners in that slot may be
// outages.
package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/stores/rediscall"
	"example.com/coatcheck/pkg/session"
)

// Store is a [session.CreateLister] in Redis. A call is one round trip, and List is two. If
// no answer comes, every call except Create and CreateAndList is sent again, three times in all. A
// call ends when its context ends, whatever the options of the client are. Redis may
// still carry out a write after that.
type Store struct {
	client redis.UniversalClient
	prefix string
}

var _ session.CreateLister = (*Store)(nil)

// New returns a Store whose keys begin with the prefix, for example "coatcheck:".
// The prefix must not contain braces, and no other program's keys may begin with it.
// New sends nothing.
func New(client redis.UniversalClient, prefix string) *Store { return &Store{client, prefix} }

// run runs a script, and again if no answer comes. Its error names the first key.
func (s *Store) run(ctx context.Context, script *redis.Script, keys []string, args ...any) (reply any, tries int, err error) {
	reply, tries, err = rediscall.Run(ctx, s.client, script, keys, args...)
	return reply, tries, withKey(keys, err)
}

func withKey(keys []string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("key %q: %w", keys[0], err)
}

// Create implements [session.Store]; it is sent once.
func (s *Store) Create(ctx context.Context, sess *session.Session) error {
	_, err := s.create(ctx, createScript, sess)
	return err
}

// CreateAndList implements [session.CreateLister]: one script, sent once. It lists up to 500
// other sessions.
func (s *Store) CreateAndList(ctx context.Context, sess *session.Session) ([]*session.Session, error) {
	reply, err := s.create(ctx, createListScript, sess)
	others, listed := reply.([]any)
	if err != nil || !listed {
		return nil, err
	}
	all, damaged := []*session.Session{sess.Clone()}, []error(nil)
	for pair := range slices.Chunk(others, 2) {
		id, _ := pair[0].(string)
		other, err := decode(s.keys(session.Key{Owner: sess.Key().Owner, ID: id})[0], id, pair[1])
		if err != nil {
			damaged = append(damaged, err)
			continue
		}
		all = append(all, other)
	}
	return all, errors.Join(damaged...)
}

// create runs a script that stores a session. Unless the key is taken, it returns the answer.
func (s *Store) create(ctx context.Context, script *redis.Script, sess *session.Session) (reply any, err error) {
	args, err := createArgs(sess)
	if err != nil {
		return nil, err
	}
	keys := s.keys(sess.Key())
	reply, err = rediscall.RunOnce(ctx, s.client, script, keys, args...)
	if err == nil && reply == taken {
		return nil, session.ErrConflict
	}
	return reply, withKey(keys, err)
}

// Get implements [session.Store]: one HGETALL.
func (s *Store) Get(ctx context.Context, key session.Key) (*session.Session, error) {
	keys := s.keys(key)
	hash, err := rediscall.ReadHash(ctx, s.client, keys[0])
	if err != nil {
		return nil, withKey(keys, err)
	}
	return decodeHash(hash, key.ID)
}

// Update implements [session.Store].
func (s *Store) Update(ctx context.Context, sess *session.Session, now time.Time, newVersion int64) error {
	args, err := updateArgs(sess, now, newVersion)
	if err != nil {
		return err
	}
	keys := s.keys(sess.Key())
	reply, tries, err := s.run(ctx, updateScript, keys, args...)
	if err != nil || reply == applied {
		return err
	}
	current, err := decode(keys[0], sess.ID, reply)
	switch {
	case err != nil:
		return err
	case current.Version == newVersion:
		return nil // an earlier try of this call was applied
	case !current.ExpiresAt.After(now):
		return session.ErrNoSession
	case tries > 1:
		return fmt.Errorf("redis key %q: another write came between two tries of this one; whether it was applied is unknown", keys[0])
	}
	return session.ErrConflict
}

// Touch implements [session.Store].
func (s *Store) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	keys := s.keys(key)
	reply, _, err := s.run(ctx, touchScript, keys, now.Unix(), expires.Unix(), ip, userAgent)
	if err != nil || reply == applied {
		return err
	}
	current, err := decode(keys[0], key.ID, reply)
	if err == nil && !current.ExpiresAt.After(now) {
		return session.ErrNoSession
	}
	return err // nil: the session is alive, and its stored times must not go back
}

// Delete implements [session.Store].
func (s *Store) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (userID string, err error) {
	args := []any{now.Unix()}
	if secret != nil {
		args = append(args, string(secret[:]))
	}
	reply, tries, err := s.run(ctx, deleteScript, s.keys(key), args...)
	switch removed, live := reply.([]any); {
	case err != nil:
		return "", err
	case live:
		userID, _ = removed[0].(string)
		return userID, nil
	case reply == "absent" && tries > 1:
		return "", nil // an earlier try of this call removed it
	}
	return "", session.ErrNoSession // absent, dead, or the wrong secret
}

// List implements [session.Store]. It reads the index, then the sessions in it: two
// round trips, and one more for every further 500 sessions. The key of a session
// never changes, so List misses none in between.
func (s *Store) List(ctx context.Context, owner string) ([]*session.Session, error) {
	index := s.index(owner)
	reply, _, err := s.run(ctx, indexScript, []string{index})
	if err != nil {
		return nil, err
	}
	ids, err := rediscall.Strings(index, reply)
	if err != nil {
		return nil, err
	}
	var all []*session.Session
	var damaged []error
	for page := range slices.Chunk(ids, 500) {
		hashes, err := s.page(ctx, owner, page)
		if err != nil {
			return nil, err
		}
		for i, hash := range hashes {
			sess, err := decode(s.keys(session.Key{Owner: owner, ID: page[i]})[0], page[i], hash)
			switch {
			case err == nil:
				all = append(all, sess)
			case !errors.Is(err, session.ErrNoSession): // removed by Redis, or by another call since the index was read
				damaged = append(damaged, err)
			}
		}
	}
	return all, errors.Join(damaged...)
}

// page returns what is stored under the given IDs of the owner, in their order.
func (s *Store) page(ctx context.Context, owner string, ids []string) ([]any, error) {
	keys := []string{s.index(owner)}
	for _, id := range ids {
		keys = append(keys, s.keys(session.Key{Owner: owner, ID: id})[0])
	}
	reply, _, err := s.run(ctx, listScript, keys)
	if err != nil {
		return nil, err
	}
	hashes, ok := reply.([]any)
	if !ok || len(hashes) != len(ids) {
		return nil, fmt.Errorf("redis key %q: the server answered with %T for %d sessions", keys[0], reply, len(ids))
	}
	return hashes, nil
}

// keys returns the keys of a session and of its owner's index.
func (s *Store) keys(key session.Key) []string {
	index := s.index(key.Owner)
	return []string{index + ":" + key.ID, index}
}

func (s *Store) index(owner string) string { return s.prefix + "{" + owner + "}" }
