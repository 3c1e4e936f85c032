// Package audit keeps what has happened to each user's account and sessions, longer than
// logs are kept: who, when, from where, and why. It takes the events that package events
// marks as kept, each when it has happened, and never changes one afterwards.
//
// This package may still change in ways that break programs.
package audit

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"
)

// Entry is one event in the trail. It has no token, no password and no name that somebody
// typed.
type Entry struct {
	UserID string    // whose account or session it is about
	At     time.Time // when it happened, in UTC, to the millisecond
	ID     string    // 22 random characters (128 bits): nobody can guess the key of an entry, and write over it

	Event     string            // the name of its kind in package events
	SessionID string            // "" if it is about no session
	IP        string            // of the client; "" for work that no request asked for
	UserAgent string            // of the client; "" as IP
	Reason    string            // why a session ended, or something was refused
	Actor     string            // the operator who did it; "" if the user did, or nobody
	Details   map[string]string // the other attributes of the event, such as before and after

	ExpiresAt time.Time // when the store may drop it, to the second
}

// keyTime is how a Key has the time: of two keys, the earlier is less.
const keyTime = "2006-01-02T15:04:05.000Z"

// Key returns what tells the entry from all others of its user: its time and its ID, such
// as 2026-11-27T12:30:45.678Z#n4bQgYhMfWWaL-qgxVrQFa. Keys sort as the times do. It is
// where a [Reader] goes on.
func (e Entry) Key() string { return e.At.UTC().Format(keyTime) + "#" + e.ID }

// ParseKey returns the time and the ID in a Key, or an error if key is none.
func ParseKey(key string) (at time.Time, id string, err error) {
	stamp, id, _ := strings.Cut(key, "#")
	at, err = time.Parse(keyTime, stamp)
	random, notID := base64.RawURLEncoding.DecodeString(id)
	if err == nil && (len(stamp) != len(keyTime) || len(id) != idSize || notID != nil || len(random) != 16) {
		err = errors.New("it must be a time and an ID of 22 characters of base64url")
	}
	if err != nil {
		return time.Time{}, "", fmt.Errorf("%q is not the key of an entry: %w", key, err)
	}
	return at, id, nil
}

// idSize is the length of an Entry's ID, which has six bits in each character.
const idSize = 22

// Writer is what appends to the trail.
type Writer interface {
	// Append adds an entry. It never changes one that is there. An entry that comes twice,
	// because the answer to the first call was lost, is there once. Append returns when ctx
	// ends, at the latest. It is safe for concurrent use.
	Append(ctx context.Context, e Entry) error
}

// Reader is what reads it.
type Reader interface {
	// List returns the newest entries of a user, newest first, limit at most, and fewer only if
	// there are no more. If before is not "", they are older than the entry with that Key, which
	// need not be there. What has expired is not there.
	List(ctx context.Context, userID, before string, limit int) ([]Entry, error)
}

// Store is where a trail is kept. Programs that serve requests need only one of Writer and
// Reader.
type Store interface {
	Writer
	Reader

	// All returns the entries of all users, in no order, for operators. For a damaged one it
	// returns an error in its place, and goes on.
	All(ctx context.Context) iter.Seq2[Entry, error]
}

// Everybody is the UserID of entries that are about no single user, such as that an operator
// has closed a migration. No user has it.
const Everybody = "\x01everybody"
