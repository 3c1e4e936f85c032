package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/session"
)

// unused finds the users who have not been here since a time.
type unused struct {
	since    time.Time
	sessions *session.Manager
	unknown  bool // those too of whom nothing is known

	left int // how many were left out because nothing is known of them
}

const day = 24 * time.Hour

// filter returns those of the users who were not here since then. Whoever has a session in
// which a request was made since then was here: somebody who stays signed in for months
// gives no password. It reads the sessions of those who did not sign in, and of no others.
func (u *unused) filter(ctx context.Context, users []*accounts.Account) ([]*accounts.Account, error) {
	if u.since.IsZero() {
		return users, nil
	}
	keep, errs := make([]bool, len(users)), make([]error, len(users))
	var all sync.WaitGroup
	for i, user := range users {
		switch {
		case user.CreatedAt.IsZero() && user.LastUsedAt.IsZero() && !u.unknown:
			u.left++
		case u.signedIn(user):
		default:
			all.Go(func() { keep[i], errs[i] = u.away(ctx, user) })
		}
	}
	all.Wait()
	var found []*accounts.Account
	for i, user := range users {
		if keep[i] {
			found = append(found, user)
		}
	}
	return found, errors.Join(errs...)
}

// signedIn reports whether the user has signed in since then, or may have: of the last day
// only the first sign-in is known. A user who was added since then counts too.
func (u *unused) signedIn(user *accounts.Account) bool {
	return user.LastUsedAt.Truncate(day).Add(day).After(u.since) || !user.CreatedAt.Before(u.since)
}

// away reports whether no session of the user was used since then.
func (u *unused) away(ctx context.Context, user *accounts.Account) (bool, error) {
	live, err := u.sessions.List(ctx, user.UserID)
	if err != nil {
		return false, fmt.Errorf("reading the sessions of user %q: %w", user.Name, err)
	}
	for _, s := range live {
		if !s.LastSeenAt.Before(u.since) {
			return false, nil
		}
	}
	return true, nil
}

// note says on standard error how many users were left out.
func (u *unused) note() {
	if u.left > 0 {
		fmt.Fprintf(os.Stderr, "coatcheck: %d users are left out: they are from before sign-ins were noted, and have not signed in since. List them too: --unknown\n", u.left)
	}
}

// used says when the account was last signed in to: on which day, never, or that nobody
// knows.
func used(a *accounts.Account) string {
	switch {
	case !a.LastUsedAt.IsZero():
		return a.LastUsedAt.Format(time.DateOnly)
	case a.CreatedAt.IsZero():
		return "unknown"
	}
	return "never"
}

// made says when the account was added.
func made(a *accounts.Account) string {
	if a.CreatedAt.IsZero() {
		return "unknown"
	}
	return a.CreatedAt.Format(time.RFC3339)
}
