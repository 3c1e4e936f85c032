package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

// Config is what a [Bridge] is made of.
type Config struct {
	Sessions *session.Manager // makes and ends our sessions
	Users    authn.Identifier // knows the users
	Store    Store            // keeps the links and seals
	Sources  []Source         // at least one

	// EndsAt is required. From then on no claim is accepted. It ends no session. The end that
	// was given at the first start is never postponed: a later one is an error of [New].
	EndsAt time.Time

	// Values, if not nil, returns what a session that comes over keeps in its Values beside
	// those of the user, as at a sign-in: see [authn.ValuesFunc]. The default adds nothing.
	// They go before the data of the monolith's session ([Source.Values]) of the same name.
	Values authn.ValuesFunc

	// Logger receives one line per event. The default is slog.Default().
	Logger *slog.Logger
}

// Source is a monolith whose sessions come over.
type Source struct {
	legacy.Source

	// Name is required, and no two sources have the same. It is in links and logs. A source
	// that gets another name has no links any more, so do not change it.
	Name string

	// Namespace begins the IDs of this source's users with us: a user has the ID Namespace +
	// Claim.UserID. None of several sources may have a namespace with which that of another
	// begins, as it does if both are "": a user of one could have the ID of one of the other.
	Namespace string

	// Password returns the hash of the user's password as it is at the monolith now, or "" if
	// the monolith has no such user. The ID is that of the monolith. Any error is an outage.
	// It is required if the source binds sessions to passwords ([legacy.Binder]), unless
	// ImportedPasswords is set.
	Password func(ctx context.Context, userID string) (hash string, err error)

	// ImportedPasswords says that no password changes at the monolith any more. Then
	// sessions must be bound to the hash that was imported, and Password is not called. If
	// one does change there all the same, a session of the old password still comes over.
	ImportedPasswords bool

	// Values names the data of the monolith's session that becomes Values of ours. One that
	// the session could not keep, because it would be too large for example, is left out. The
	// values of a sign-in, such as the user's name, go before those of the same name.
	Values []string
}

// Bridge makes sessions of those that users have at a monolith. Make one with [New]. It is
// safe for concurrent use, and implements [authn.Converter].
type Bridge struct {
	sessions *session.Manager
	users    authn.Identifier
	store    Store
	sources  []Source
	endsAt   time.Time
	values   authn.ValuesFunc
	logger   *slog.Logger
	opened   atomic.Bool // whether the store has the window
}

var _ authn.Converter = (*Bridge)(nil)

// New opens the bridge: it stores the end, if this is the first start. It returns an error
// that says what to do if the configuration is not whole, if the bridge was closed, or if
// its end would be later than the stored one. In an outage of the store the bridge is made
// all the same: its conversions are outages, until one of them has opened the window.
func New(ctx context.Context, c Config) (*Bridge, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("bridge: %w", err)
	}
	b := &Bridge{sessions: c.Sessions, users: c.Users, store: c.Store, sources: c.Sources,
		endsAt: c.EndsAt.UTC().Truncate(time.Second), values: c.Values, logger: cmp.Or(c.Logger, slog.Default())}
	window, err := b.window(ctx)
	switch {
	case err != nil:
		events.Log(ctx, b.logger, "bridge_window_failed", "error", err)
	case window.Closed:
		return nil, errors.New("bridge: it was closed for ever, and what has ended since is not known to it; " +
			"take away whatever converts sessions, or begin anew with records of another name")
	case b.endsAt.After(window.EndsAt):
		return nil, fmt.Errorf("bridge: EndsAt is %s, later than %s, which was set at the first start; the end is never postponed, so set it to that or to an earlier time",
			b.endsAt.Format(time.RFC3339), window.EndsAt.Format(time.RFC3339))
	}
	return b, nil
}

// window returns the window. It opens it only until that has succeeded: if it is gone later,
// the links are gone too, and that is an outage.
func (b *Bridge) window(ctx context.Context) (Window, error) {
	if b.opened.Load() {
		return b.store.GetWindow(ctx)
	}
	window, err := b.store.OpenWindow(ctx, b.endsAt)
	if err == nil {
		b.opened.Store(true)
	}
	return window, err
}

func (c Config) check() error {
	if c.Sessions == nil || c.Users == nil || c.Store == nil {
		return errors.New("Config.Sessions, Config.Users and Config.Store are required")
	}
	if len(c.Sources) == 0 {
		return errors.New("Config.Sources is empty; name at least one")
	}
	if c.EndsAt.IsZero() {
		return errors.New("Config.EndsAt is required: the time from which no session of the monolith is accepted any more")
	}
	for i, s := range c.Sources {
		if err := s.check(); err != nil {
			return fmt.Errorf("Config.Sources[%d], %q: %w", i, s.Name, err)
		}
		for j, other := range c.Sources {
			if i != j && s.Name == other.Name {
				return fmt.Errorf("two of Config.Sources are called %q; give each a name of its own", s.Name)
			}
			if i != j && strings.HasPrefix(other.Namespace, s.Namespace) {
				return fmt.Errorf("the namespace of source %q, %q, begins with that of source %q, %q, so users of the two could have the same ID; let none begin with another, and none be empty",
					other.Name, other.Namespace, s.Name, s.Namespace)
			}
		}
	}
	return nil
}

func (s Source) check() error {
	if s.Source == nil {
		return errors.New("it has no legacy.Source")
	}
	if s.Name == "" {
		return errors.New("it has no Name")
	}
	binder, ok := s.Source.(legacy.Binder)
	if ok && binder.Binds() && s.Password == nil && !s.ImportedPasswords {
		return errUnbound
	}
	return nil
}

var errUnbound = errors.New("its sessions are bound to passwords; say by Password how to look up a password's hash as it is at the monolith now, " +
	"or set ImportedPasswords if no password changes there any more")

// BeforeEnding returns the function for [session.Config.BeforeEnding] of every program that
// ends sessions while the bridge is open. It seals the user: no claim of a session that
// began at the monolith before now is accepted any more. If all sessions of the user end, it
// always does. If one ends, it does so only if stateless is set: whether a source's cookie
// is the session itself, so that nothing else can end a copy of it.
func BeforeEnding(store Store, stateless bool) func(ctx context.Context, userID string, all bool) error {
	return func(ctx context.Context, userID string, all bool) error {
		if !all && !stateless {
			return nil
		}
		return seal(ctx, store, userID)
	}
}

func seal(ctx context.Context, store Store, userID string) error {
	if err := store.PutSeal(ctx, owner(userID), time.Now()); err != nil {
		return fmt.Errorf("sealing the user's sessions at the monolith: %w", err)
	}
	return nil
}

func owner(userID string) string { return (&session.Session{UserID: userID}).Key().Owner }
