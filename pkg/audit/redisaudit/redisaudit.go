// Package redisaudit keeps the audit trail in Redis: one server, a primary with replicas
// behind Sentinel, or a Redis Cluster. It can use the same server and the same prefix as
// packages redisstore and redisaccounts.
//
// # Keys
//
// Programs in other languages may read them.
//
//	<prefix>audit:<user ID>   sorted set: a member for each entry, all with the score 0, so that
//	                          they have the order of their texts
//
// A member has three parts, with a blank between them: the Key of the entry, such as
// 2026-11-27T12:30:45.678Z#n4bQgYhMfWWaL-qgxVrQFa; the Unix second at which it expires; and a
// JSON object of event, session_id, ip, user_agent, reason, actor and details, in which what
// is empty is left out. The set expires with the last of its entries. An entry that has
// expired counts as absent; it is removed by an Append for the same user, once those before it
// have expired too.
//
// # The client
//
// It may be any client that package redisstore may have, with any options. Every call is one
// script. An ACL must allow, on the prefix, EVALSHA and EVAL; ZRANGE, ZRANGEBYLEX, ZADD, ZREM,
// PTTL and EXPIREAT to append; ZREVRANGEBYLEX to read; and SCAN to read all users.
//
// # What Redis does not promise
//
// By default Redis answers a write before its disk or a replica has it. So a failover can
// lose the last entries. Package redisstore says which settings limit this; no setting
// prevents it. Run redisaccounts.CheckConfiguration at start: a server that removes keys when
// it is full must not keep these.
//
// This package may still change in ways that break programs.
package redisaudit

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/stores/rediscall"
	"example.com/coatcheck/pkg/audit"
)

// Store is an [audit.Store] in Redis. If no answer comes, every call is sent again, three
// times in all. A call ends when its context ends, whatever the options of the client are.
// Redis may still carry out a write after that.
type Store struct {
	client redis.UniversalClient
	prefix string
}

var _ audit.Store = (*Store)(nil)

// New returns a Store whose keys begin with the prefix, for example "coatcheck:". The prefix
// must not contain braces, and no other program's keys may begin with it. New sends nothing.
func New(client redis.UniversalClient, prefix string) *Store {
	return &Store{client, prefix + "audit:"}
}

// Each script has one key, so that users are spread over the nodes of a Redis Cluster. A
// script is carried out as a whole or not at all.
var (
	// ARGV: the Key of the entry, its member, when that expires, and now. Keys are as long as
	// each other, so that a blank after one is before every other key.
	appendScript = redis.NewScript(`
if #redis.call('ZRANGEBYLEX', KEYS[1], '[' .. ARGV[1] .. ' ', '(' .. ARGV[1] .. '!', 'LIMIT', 0, 1) > 0 then return 0 end
local now = tonumber(ARGV[4])
local ends = now + math.ceil(redis.call('PTTL', KEYS[1]) / 1000)
redis.call('ZADD', KEYS[1], 0, ARGV[2])
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, 3)) do
	if tonumber(string.match(member, '^[^ ]* (%d+) ') or math.huge) > now then break end
	redis.call('ZREM', KEYS[1], member)
end
if ends < tonumber(ARGV[3]) then redis.call('EXPIREAT', KEYS[1], ARGV[3]) end
return 1
`)

	// ARGV: the first text that is too new, and how many members.
	listScript = redis.NewScript(`
return redis.call('ZREVRANGEBYLEX', KEYS[1], '(' .. ARGV[1], '-', 'LIMIT', 0, ARGV[2])
`)
)

// Append implements [audit.Writer].
func (s *Store) Append(ctx context.Context, e audit.Entry) error {
	member, err := encode(e)
	if err != nil {
		return err
	}
	key := s.prefix + e.UserID
	if _, _, err := rediscall.Run(ctx, s.client, appendScript, []string{key}, e.Key(), member, e.ExpiresAt.Unix(), time.Now().Unix()); err != nil {
		return fmt.Errorf("redis key %q: %w", key, err)
	}
	return nil
}

// List implements [audit.Reader] by one script, and by more if entries that have expired were
// among those that it returned.
func (s *Store) List(ctx context.Context, userID, before string, limit int) (list []audit.Entry, err error) {
	for e, err := range s.entries(ctx, userID, before, limit) {
		if err != nil {
			return nil, err
		}
		if list = append(list, e); len(list) == limit {
			break
		}
	}
	return list, nil
}

// entries returns the entries of a user from before on, newest first. It reads size of them
// at once. For a damaged one it returns an error and goes on.
func (s *Store) entries(ctx context.Context, userID, before string, size int) iter.Seq2[audit.Entry, error] {
	key := s.prefix + userID
	return func(yield func(audit.Entry, error) bool) {
		for top := cmp.Or(before, "~"); ; { // every key begins with a digit, which is less
			members, err := s.members(ctx, key, top, size)
			if err != nil {
				yield(audit.Entry{}, err)
				return
			}
			now := time.Now()
			for _, member := range members {
				top, _, _ = strings.Cut(member, " ")
				e, err := decode(key, userID, member)
				if (err != nil || e.ExpiresAt.After(now)) && !yield(e, err) {
					return
				}
			}
			if len(members) < size {
				return
			}
		}
	}
}

// members returns the members that are less than top, the greatest first.
func (s *Store) members(ctx context.Context, key, top string, limit int) ([]string, error) {
	reply, _, err := rediscall.Run(ctx, s.client, listScript, []string{key}, top, limit)
	if err != nil {
		return nil, fmt.Errorf("redis key %q: %w", key, err)
	}
	return rediscall.Strings(key, reply)
}

// pageSize is how many entries of a user All reads at once.
const pageSize = 1000

// All implements [audit.Store]. It returns the entries that exist from the beginning of the
// call to its end, user by user; while a Redis Cluster moves slots some can be missing. It goes
// through all keys of the database, also through sessions, page by page. It holds a thousand
// entries and the keys of all users. For a damaged entry it returns an error in its place,
// and goes on. If a page cannot be read, it returns an error and stops.
func (s *Store) All(ctx context.Context) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		for key, err := range rediscall.Keys(ctx, s.client, s.prefix) {
			if err != nil {
				yield(audit.Entry{}, fmt.Errorf("listing the users with entries: %w", err))
				return
			}
			for e, err := range s.entries(ctx, strings.TrimPrefix(key, s.prefix), "", pageSize) {
				if !yield(e, err) {
					return
				}
			}
		}
	}
}

// body is what a member has after its key and its expiry.
type body struct {
	Event     string            `json:"event"`
	SessionID string            `json:"session_id,omitempty"`
	IP        string            `json:"ip,omitempty"`
	UserAgent string            `json:"user_agent,omitempty"`
	Reason    string            `json:"reason,omitempty"`
	Actor     string            `json:"actor,omitempty"`
	Details   map[string]string `json:"details,omitempty"`
}

func encode(e audit.Entry) (member string, err error) {
	text, err := json.Marshal(body{e.Event, e.SessionID, e.IP, e.UserAgent, e.Reason, e.Actor, e.Details})
	return fmt.Sprintf("%s %d %s", e.Key(), e.ExpiresAt.Unix(), text), err
}

// decode reads a member. Its error quotes nothing of it.
func decode(key, userID, member string) (audit.Entry, error) {
	id, rest, _ := strings.Cut(member, " ")
	expiry, text, _ := strings.Cut(rest, " ")
	at, random, errKey := audit.ParseKey(id)
	seconds, errExpiry := strconv.ParseInt(expiry, 10, 64)
	var b body
	if errKey != nil || errExpiry != nil || json.Unmarshal([]byte(text), &b) != nil {
		return audit.Entry{}, fmt.Errorf("redis key %q: a member is not a key, a Unix second and a JSON object", key)
	}
	return audit.Entry{
		UserID: userID, At: at, ID: random, Event: b.Event, SessionID: b.SessionID, IP: b.IP, UserAgent: b.UserAgent,
		Reason: b.Reason, Actor: b.Actor, Details: b.Details, ExpiresAt: time.Unix(seconds, 0).UTC(),
	}, nil
}
