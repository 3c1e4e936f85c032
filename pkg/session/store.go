package session

import (
	"context"
	"time"
)

// Store keeps sessions. It is dumb: every rule that is not written here lives in
// [Manager]. A Store must be safe for concurrent use, must never read a clock
// (writes are told the time), and must return an error that is not
// [ErrNoSession] or [ErrConflict] when it does not know the answer: an outage, a
// cancelled context, a damaged record. storetest.Run is this contract as tests.
//
// Two rules hold for every method that changes a session that exists:
//
//   - A session that is gone, or dead (its ExpiresAt is not after now), is never
//     brought back: the answer is ErrNoSession.
//   - A driver may send a write again when an answer was lost. The second try
//     recognises the first one's work and reports its success, as far as anything
//     is left to recognise: a Delete that finds nothing may say ErrNoSession.
//
// Now, where a method is told it, may have any zone and fractions of a second. A
// Store may drop dead sessions at any time, as by a TTL; until then Get and List
// return them.
type Store interface {
	// Create stores a new session under s.Key(). ErrConflict if the key is taken.
	// It is sent once: a first try that arrives late could otherwise bring back a
	// session that was revoked in between. When the answer is lost the error is
	// an outage, and the Manager abandons the key.
	Create(ctx context.Context, s *Session) error

	// Get returns the session, dead or alive, with everything written before the
	// call (a strongly consistent read), as the caller's own copy. ErrNoSession
	// if there is none.
	Get(ctx context.Context, key Key) (*Session, error)

	// Update replaces Roles, Values, Secret and PreviousSecret by those of s and
	// Version by newVersion, if the stored version is s.Version. A zero
	// s.ExpiresAt leaves AuthenticatedAt and ExpiresAt as stored, so that an
	// Update never undoes a Touch; otherwise they are replaced too. Everything
	// else stays. If the stored version is already newVersion, this write was
	// applied before: nil. ErrNoSession if the session is gone or dead at now.
	// ErrConflict if the version differs and it is certain that this write was
	// not applied.
	Update(ctx context.Context, s *Session, now time.Time, newVersion int64) error

	// Touch sets LastSeenAt to now and ExpiresAt to expires. It only moves
	// forward: a stored LastSeenAt not before now, or a stored ExpiresAt after
	// expires, stays as it is together with the other, and the answer is nil.
	// Version stays. ErrNoSession if the session is gone or dead at now.
	Touch(ctx context.Context, key Key, now, expires time.Time) error

	// Delete removes the session. With a secret it does so only if that equals
	// the stored Secret or PreviousSecret; nil means unconditionally. ErrNoSession
	// if nothing was removed, or if what was removed was dead at now.
	Delete(ctx context.Context, key Key, secret *[32]byte, now time.Time) error

	// List returns all sessions of the owner, dead ones too, in any order, with
	// everything written before the call. None is not an error. If some are damaged,
	// it returns the others and an error that names those.
	List(ctx context.Context, owner string) ([]*Session, error)
}
