// Package bridge makes sessions of those that users have at a monolith, once each, so that
// nobody is signed out when a route moves. [Bridge] has the rules, and a [Store] keeps two
// kinds of records: links, by which a session of the monolith becomes one of ours only
// once, and seals, by which what a user has ended stays ended.
//
// This package may still change in ways that break programs.
package bridge

import (
	"context"
	"errors"
	"iter"
	"time"

	"example.com/coatcheck/pkg/session"
)

var (
	// ErrExists means that there is a link with that ID already.
	ErrExists = errors.New("the link exists already")

	// ErrNotFound means that there is no such record.
	ErrNotFound = errors.New("no such record")
)

// Link says that a session of the monolith has become one of ours, or never will. It stays
// until the bridge's table is deleted.
type Link struct {
	ID      string      // hash of the source and the identity of the monolith's session
	Nonce   string      // random; says who wrote the link
	Source  string      // the name of the source
	Session session.Key // the session that it has become or is becoming; zero if it was ended before it became one
	At      time.Time   // when it was written, UTC, milliseconds
	Ended   bool        // whether a logout has ended it
}

// Window is how long the bridge is open.
type Window struct {
	EndsAt time.Time // no claim is accepted from then on; UTC, whole seconds
	Closed bool      // it was closed for ever
}

// Store keeps links, seals and the window. It has no rules, reads no clock and is safe for
// concurrent use. All reads are strongly consistent. An error other than the errors named
// here is an outage: the result is unknown. A write that was sent twice recognises itself.
// Package bridgetest tests this contract.
type Store interface {
	// PutLink stores a link if there is none with its ID. It returns nil if the stored one has
	// the same Nonce. Otherwise it returns the stored one and ErrExists.
	PutLink(ctx context.Context, l Link) (stored Link, err error)

	// GetLink returns the link with that ID, or ErrNotFound.
	GetLink(ctx context.Context, id string) (Link, error)

	// DeleteLink removes the link if it has that nonce, and returns nil in any case.
	DeleteLink(ctx context.Context, id, nonce string) error

	// EndLink stores l as ended, whatever there is, and returns what was there before: the
	// zero Link if nothing was. The Session is not that of l: the one of the link before
	// stays, so that an EndLink whose caller has stopped can be repeated.
	EndLink(ctx context.Context, l Link) (before Link, err error)

	// PutSeal stores the seal of the owner, which is [session.Key.Owner]. A later one that
	// is there stays.
	PutSeal(ctx context.Context, owner string, at time.Time) error

	// GetSeal returns the seal of the owner in UTC with milliseconds, or the zero time if
	// there is none.
	GetSeal(ctx context.Context, owner string) (time.Time, error)

	// OpenWindow stores the end of the bridge if none is stored, and returns what is stored.
	OpenWindow(ctx context.Context, endsAt time.Time) (Window, error)

	// GetWindow returns the window, or ErrNotFound if none was ever opened.
	GetWindow(ctx context.Context) (Window, error)

	// CloseWindow closes the bridge for ever. It returns ErrNotFound if none was ever opened.
	CloseWindow(ctx context.Context) error

	// Links returns every link, in any order.
	Links(ctx context.Context) iter.Seq2[Link, error]
}
