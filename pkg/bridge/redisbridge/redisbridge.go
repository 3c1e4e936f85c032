// Package redisbridge keeps the records of a bridge in Redis: one server, a primary with
// replicas behind Sentinel, or a Redis Cluster. It can use the same server and the same
// prefix as packages redisstore and redisaccounts.
//
// # Keys
//
// None of them expires. Programs in other languages may read them.
//
//	<prefix>bridge:link:<ID>      hash:
//	  nonce, source               text
//	  session_owner, session_id   text, the key of a session; absent if there is none
//	  written_at                  Unix milliseconds
//	  ended                       1 or 0
//	<prefix>bridge:seal:<owner>   string: Unix milliseconds
//	<prefix>bridge:window         hash:
//	  ends_at                     Unix seconds
//	  closed                      1 or 0
//
// # The client
//
// It may be any client that package redisstore may have, with any options. Every call of a
// [Store] but Links is one script or one HGETALL. An ACL must allow, on the prefix, EVALSHA, EVAL, EXISTS,
// HSET, HGET, HGETALL, GET, SET and DEL; and beside the prefix SCAN for [Store.Links].
//
// # What Redis does not promise
//
// By default Redis answers a write before its disk or a replica has it. So a failover can
// undo the last links and seals: then a session of the monolith that was ended may become
// one of ours, and one that has become one of ours may do so again. Package redisstore says
// which settings limit this; no setting prevents it. Run redisaccounts.CheckConfiguration at
// start: a server that removes keys when it is full must not keep these.
//
// This package may still change in ways that break programs.
package redisbridge

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/stores/rediscall"
	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/session"
)

// Store is a [bridge.Store] in Redis. If no answer comes, every call is sent again, three
// times in all. A call ends when its context ends, whatever the options of the client are.
// Redis may still carry out a write after that.
type Store struct {
	client redis.UniversalClient
	prefix string
}

var _ bridge.Store = (*Store)(nil)

// New returns a Store whose keys begin with the prefix, for example "coatcheck:". The prefix
// must not contain braces, and no other program's keys may begin with it. New sends nothing.
func New(client redis.UniversalClient, prefix string) *Store {
	return &Store{client, prefix + "bridge:"}
}

func (s *Store) linkKey(id string) string { return s.prefix + "link:" + id }

func (s *Store) sealKey(owner string) string { return s.prefix + "seal:" + owner }

func (s *Store) windowKey() string { return s.prefix + "window" }

func (s *Store) run(ctx context.Context, script *redis.Script, key string, args ...any) (any, error) {
	reply, _, err := rediscall.Run(ctx, s.client, script, []string{key}, args...)
	if err != nil {
		return nil, fmt.Errorf("redis key %q: %w", key, err)
	}
	return reply, nil
}

// hash runs a script that returns the hash at the key.
func (s *Store) hash(ctx context.Context, script *redis.Script, key string, args ...any) (*rediscall.Hash, error) {
	reply, err := s.run(ctx, script, key, args...)
	if err != nil {
		return nil, err
	}
	return rediscall.NewHash(key, reply)
}

// read reads the hash at the key.
func (s *Store) read(ctx context.Context, key string) (*rediscall.Hash, error) {
	hash, err := rediscall.ReadHash(ctx, s.client, key)
	if err != nil {
		return nil, fmt.Errorf("redis key %q: %w", key, err)
	}
	return hash, nil
}

// PutLink implements [bridge.Store].
func (s *Store) PutLink(ctx context.Context, l bridge.Link) (bridge.Link, error) {
	fields := linkFields(l)
	if l.Session != (session.Key{}) {
		fields = append(fields, "session_owner", l.Session.Owner, "session_id", l.Session.ID)
	}
	stored, err := s.link(s.hash(ctx, putScript, s.linkKey(l.ID), fields...))
	if err == nil && stored.Nonce != l.Nonce { // else this call has put it, with its first try or another
		err = bridge.ErrExists
	}
	return stored, err
}

// linkFields returns the fields of a link but its session, each followed by its value.
func linkFields(l bridge.Link) []any {
	return []any{"nonce", l.Nonce, "source", l.Source, "written_at", l.At.UnixMilli(), "ended", l.Ended}
}

// GetLink implements [bridge.Store].
func (s *Store) GetLink(ctx context.Context, id string) (bridge.Link, error) {
	return s.link(s.read(ctx, s.linkKey(id)))
}

// DeleteLink implements [bridge.Store].
func (s *Store) DeleteLink(ctx context.Context, id, nonce string) error {
	_, err := s.run(ctx, deleteScript, s.linkKey(id), nonce)
	return err
}

// EndLink implements [bridge.Store]. If the answer to its first try was lost, it returns what
// that has stored, with the session that was there before.
func (s *Store) EndLink(ctx context.Context, l bridge.Link) (before bridge.Link, err error) {
	l.Ended = true
	before, err = s.link(s.hash(ctx, endScript, s.linkKey(l.ID), linkFields(l)...))
	if err == bridge.ErrNotFound {
		return bridge.Link{}, nil
	}
	return before, err
}

// PutSeal implements [bridge.Store].
func (s *Store) PutSeal(ctx context.Context, owner string, at time.Time) error {
	_, err := s.run(ctx, sealScript, s.sealKey(owner), at.UnixMilli())
	return err
}

// GetSeal implements [bridge.Store].
func (s *Store) GetSeal(ctx context.Context, owner string) (time.Time, error) {
	key := s.sealKey(owner)
	reply, err := s.run(ctx, getSealScript, key)
	if err != nil || reply == "" {
		return time.Time{}, err
	}
	text, _ := reply.(string)
	at, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("redis key %q: it is not a whole number of 64 bits", key)
	}
	return time.UnixMilli(at).UTC(), nil
}

// OpenWindow implements [bridge.Store].
func (s *Store) OpenWindow(ctx context.Context, endsAt time.Time) (bridge.Window, error) {
	return window(s.hash(ctx, openScript, s.windowKey(), endsAt.Unix()))
}

// GetWindow implements [bridge.Store].
func (s *Store) GetWindow(ctx context.Context) (bridge.Window, error) {
	return window(s.read(ctx, s.windowKey()))
}

// CloseWindow implements [bridge.Store].
func (s *Store) CloseWindow(ctx context.Context) error {
	reply, err := s.run(ctx, closeScript, s.windowKey())
	if err == nil && reply == int64(0) {
		return bridge.ErrNotFound
	}
	return err
}

// Links implements [bridge.Store]. It goes through all keys of the database, also through
// sessions, page by page, and holds the links of one page and the keys of all. While a Redis
// Cluster moves slots links can be missing. For a damaged link it returns an error in place
// of the link, and goes on. If a page cannot be read, it returns an error and stops.
func (s *Store) Links(ctx context.Context) iter.Seq2[bridge.Link, error] {
	return func(yield func(bridge.Link, error) bool) {
		for hash, err := range rediscall.Hashes(ctx, s.client, s.linkKey("")) {
			if err == nil && hash.Err != nil {
				hash.Err = fmt.Errorf("redis key %q: %w", hash.Key, hash.Err)
			}
			if err != nil {
				yield(bridge.Link{}, fmt.Errorf("redis keys %s*: %w", s.linkKey(""), err))
				return
			}
			l, err := s.link(&rediscall.Hash{Key: hash.Key, Fields: hash.Fields}, hash.Err)
			if err != bridge.ErrNotFound && !yield(l, err) { // ErrNotFound: deleted since its key was found
				return
			}
		}
	}
}

// link reads a link, or returns ErrNotFound if there is none. If a field is missing or
// malformed, the error names it.
func (s *Store) link(h *rediscall.Hash, err error) (bridge.Link, error) {
	if err != nil {
		return bridge.Link{}, err
	}
	if len(h.Fields) == 0 {
		return bridge.Link{}, bridge.ErrNotFound
	}
	l := bridge.Link{
		ID:      strings.TrimPrefix(h.Key, s.linkKey("")),
		Nonce:   h.Text("nonce"),
		Source:  h.Text("source"),
		Session: session.Key{Owner: h.Fields["session_owner"], ID: h.Fields["session_id"]},
		At:      time.UnixMilli(h.Int("written_at")).UTC(),
		Ended:   h.Bool("ended"),
	}
	if err := h.Err(); err != nil {
		return bridge.Link{}, err
	}
	return l, nil
}

// window reads the window, or returns ErrNotFound if there is none.
func window(h *rediscall.Hash, err error) (bridge.Window, error) {
	if err != nil {
		return bridge.Window{}, err
	}
	if len(h.Fields) == 0 {
		return bridge.Window{}, bridge.ErrNotFound
	}
	w := bridge.Window{EndsAt: time.Unix(h.Int("ends_at"), 0).UTC(), Closed: h.Bool("closed")}
	if err := h.Err(); err != nil {
		return bridge.Window{}, err
	}
	return w, nil
}
