package session

import (
	"context"
	"time"
)

// Store keeps sessions. It has only the rules that are written here; all other rules
// are in [Manager]. A Store must be safe for concurrent use. It must never read a
// clock: the methods that write get the time as an argument. If it does not know the
// answer, it must return an error that is not [ErrNoSession] or [ErrConflict].
// Examples are an outage, a cancelled context and a damaged record. storetest.Run
// tests this contract.
//
// Two rules hold for every method that changes an existing session:
//
//   - A session that is gone, or dead (its ExpiresAt is not after now), is never
//     brought back: the answer is ErrNoSession.
//   - A driver may send a write again when an answer was lost. The second try must
//     recognise what the first one did and report success, as far as the store still
//     shows it: a Delete that finds nothing may return ErrNoSession.
//
// A Store is believed. One that forgets a write which it has confirmed, or reads from a copy
// that is behind, brings back what a logout has ended, and no caller can notice:
// storetest.Run finds only what goes wrong while it runs.
//
// The argument now may have any time zone and fractions of a second. A Store may
// remove dead sessions at any time, for example by a TTL. Until then Get and List
// return them.
type Store interface {
	// Create stores a new session under s.Key(). It returns ErrConflict if the key
	// is taken. A Store must send it only once: otherwise a first try that arrives
	// late could bring back a session that was revoked in between. When the answer
	// is lost, the error is an outage, and the Manager abandons the key.
	Create(ctx context.Context, s *Session) error

	// Get returns the session, dead or alive, as the caller's own copy. It includes
	// everything that was written before the call (a strongly consistent read). It
	// returns ErrNoSession if there is none.
	Get(ctx context.Context, key Key) (*Session, error)

	// Update replaces Roles, Values, Secret and PreviousSecret by those of s and
	// Version by newVersion, if the stored version is s.Version. If s.ExpiresAt is
	// zero, AuthenticatedAt, EndsAt and ExpiresAt stay as stored, so that an Update never
	// undoes a Touch; otherwise they are replaced too, and a zero EndsAt removes the one
	// that is stored. Everything else stays. If the
	// stored version is already newVersion, this write was applied before, and
	// Update returns nil. It returns ErrNoSession if the session is gone or dead at
	// now. It returns ErrConflict if the version differs and it is certain that this
	// write was not applied.
	Update(ctx context.Context, s *Session, now time.Time, newVersion int64) error

	// Touch sets LastSeenAt to now, ExpiresAt to expires, LastIP to ip and
	// LastUserAgent to userAgent; the texts may be empty. It only moves the times
	// forward: if the stored LastSeenAt is not before now, or the stored ExpiresAt
	// is after expires, all four stay as they are and Touch returns nil. Version
	// stays. Touch returns ErrNoSession if the session is gone or dead at now.
	Touch(ctx context.Context, key Key, now, expires time.Time, ip, userAgent string) error

	// Delete removes the session, and returns its UserID. With a secret it does so
	// only if the secret equals the stored Secret or PreviousSecret; nil means
	// unconditionally. Delete returns ErrNoSession if it removed nothing, or if what
	// it removed was dead at now. The UserID may be empty if the record was damaged,
	// or if an earlier try of this call has removed it.
	Delete(ctx context.Context, key Key, secret *[32]byte, now time.Time) (userID string, err error)

	// List returns all sessions of the owner, dead ones too, in any order. It
	// includes everything that was written before the call. It is not an error if
	// there are none. If some are damaged, List returns the others and an error that
	// names the damaged ones.
	List(ctx context.Context, owner string) ([]*Session, error)
}

// CreateLister is a [Store] that can create a session and list those of its owner in one
// round trip. [Manager.Create] uses it if [Config.MaxSessions] limits the sessions of a
// user. What a login does is the same with a Store that cannot: it calls Create and List.
// A Store that wraps another passes the method on, or each login is a round trip longer. One
// that embeds another by its type, not as a Store, has the method already: if it has a Create
// of its own, it needs a CreateAndList of its own too, or a login goes past it.
type CreateLister interface {
	Store

	// CreateAndList is Create, and then List of the owner of s. It lists when s is stored,
	// not before: so of several calls at once for one owner, the last to store its session
	// returns those of all. Like Create it must be sent only once.
	//
	// If s is stored, CreateAndList returns the sessions, s among them even if another call
	// has ended it since, and as its error that of List, which names the damaged ones. It
	// may also return no sessions and no error, if they are many or it cannot list them:
	// then s is stored, and the caller calls List. If s is not stored, or nobody knows, it
	// returns no sessions and the error of Create.
	CreateAndList(ctx context.Context, s *Session) ([]*Session, error)
}
