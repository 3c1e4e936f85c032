package session

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Config configures a [Manager]. The zero Config is ready for production. No field
// can weaken the cookie: it is always Secure, HttpOnly, SameSite=Lax and Path=/, and
// it never has a Domain.
type Config struct {
	// CookieName is the name of the cookie. The default is "__Host-SESSIONID". It
	// must begin with "__Host-": browsers refuse such a cookie from subdomains and
	// from http (RFC 6265bis, section 4.1.3.2).
	CookieName string

	// IdleTimeout ends a session that has not been used for this long. Use in the last
	// second before that end does not move it. It must be whole seconds, and at least
	// 10. The default is 30 minutes, or Lifetime if that is shorter (OWASP Session
	// Management Cheat Sheet: 15 to 30 minutes; NIST SP 800-63B AAL2: at most 1 hour).
	IdleTimeout time.Duration

	// Lifetime ends a session this long after its last authentication, even if the
	// session is in use; for one that continues a session of another system, this long
	// after it was made: see [User.EndsAt]. It must be whole seconds, and at most 400 days.
	// The default is 24 hours (NIST SP 800-63B AAL2).
	//
	// Every read applies the current limits to the session, so shorter limits take
	// effect at once. A longer IdleTimeout takes effect for a session at its next
	// touch. A longer Lifetime takes effect for its cookie at the next Renew or
	// Reauthenticate.
	Lifetime time.Duration

	// PersistentIdleTimeout and PersistentLifetime are the limits of sessions that
	// were created with [User.Persistent] ("stay signed in"), in place of IdleTimeout
	// and Lifetime. Set both or neither. The rules for the two others hold for them
	// too, and each must be at least as long as the one it replaces (NIST SP 800-63B
	// AAL1: at most 30 days). By default no session is persistent.
	//
	// Once they are set, the cookie of every other session has no Max-Age, so the
	// browser forgets it when it is closed, unless it is told to restore its tabs.
	//
	// The session itself says that it is persistent, but a process without these
	// limits applies the shorter ones to it. So set them in the processes that read
	// sessions before the one that signs users in. A process that takes them away
	// shortens the persistent sessions at once.
	PersistentIdleTimeout, PersistentLifetime time.Duration

	// SigningKeys, if there are any, put a MAC on every token. The first key signs,
	// and all keys verify. To rotate, add a new key at the end of the list in every
	// process, then move it to the front, and remove the old key a Lifetime later, or a
	// PersistentLifetime if there is one. Each key has at least 32 bytes. New copies the
	// keys. Without keys, forged tokens are refused too, but each costs one read. Setting
	// the first key, or removing the last, ends all sessions made before.
	SigningKeys [][]byte

	// NotBefore ends every session whose lifetime began before this time.
	// After a leak or a restored backup, set it to the time of the change. Sessions
	// of the same second may end too. The default is the zero time, which ends no
	// session.
	NotBefore time.Time

	// MaxSessions is how many live sessions a user may have. A login that would
	// exceed this number ends the oldest sessions, by CreatedAt and then by ID. A
	// login fails because of the limit only if the clock was put back, so that the new
	// session would be the oldest (ASVS 7.1.2 wants the number and the outcome written
	// down). The default is 10. A negative number means no limit: then a session that its
	// user has forgotten stays until it expires.
	MaxSessions int

	// BeforeEnding, if not nil, is called with a user's ID before sessions of the user are
	// ended: with all set by RevokeAll and ReauthenticateAlone, otherwise by Revoke, whether
	// or not there is such a session, and by Destroy for each session that a secret in the
	// request proves, an expired one too. To find these, Destroy reads the session of each
	// token. If BeforeEnding returns an error, nothing is ended and the error is returned as
	// an outage. The sessions that Create and Redeem end need no such call.
	//
	// Use it if users also have sessions somewhere else that can become sessions here: what
	// it stores can keep those from coming. It may be called several times at once.
	BeforeEnding func(ctx context.Context, userID string, all bool) error

	// Logger receives one line per event. Events are named as in OWASP's Logging
	// Vocabulary (session_created, session_renewed, session_expired, …). A line has
	// the session ID and never a token. The default is slog.Default().
	Logger *slog.Logger

	// ErrorHandler writes the response for [Manager.Require], [Manager.RequireRole],
	// [Manager.RequireRecent] and [Manager.Optional] when they do not call the next
	// handler. err is ErrNoSession, ErrForbidden, ErrNotRecent, or an outage. On an
	// outage it must not clear the cookie. With ErrForbidden and ErrNotRecent,
	// [FromContext] returns the session. With ErrNoSession and ErrNotRecent the header
	// WWW-Authenticate is set already; a 401 must have it. The default writes plain text
	// with status 401, 403, 403, or 503 and Retry-After, and logs the error of an outage,
	// which nobody else does.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)
}

const (
	maxLifetime  = 400 * 24 * time.Hour // browsers keep cookies no longer than this (RFC 6265bis, section 5.5)
	minTimeout   = 10 * time.Second     // a tenth of it is one second, and a touch writes whole seconds
	minKeyLength = 32                   // the output size of SHA-256 (RFC 2104, section 3)
	retryAfter   = "5"                  // seconds
)

// isHostCookieName reports whether the name is one of a cookie that only the host itself can set.
func isHostCookieName(name string) bool {
	const token = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&'*+-.^_`|~" // RFC 9110, section 5.6.2
	rest, ok := strings.CutPrefix(name, "__Host-")
	return ok && rest != "" && strings.Trim(rest, token) == ""
}

// withDefaults returns c with defaults filled in, or an error that names the
// field and the value that New cannot accept.
func (c Config) withDefaults() (Config, error) {
	c.CookieName = cmp.Or(c.CookieName, "__Host-SESSIONID")
	c.Lifetime = cmp.Or(c.Lifetime, 24*time.Hour)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, min(30*time.Minute, c.Lifetime))
	c.MaxSessions = cmp.Or(c.MaxSessions, 10)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if c.ErrorHandler == nil {
		c.ErrorHandler = defaultErrorHandler(c.Logger)
	}
	if !isHostCookieName(c.CookieName) {
		return c, fmt.Errorf("session: Config.CookieName is %q; it must be a cookie name that begins with __Host-", c.CookieName)
	}
	if err := cmp.Or(checkTimeout("Lifetime", c.Lifetime), checkTimeout("IdleTimeout", c.IdleTimeout)); err != nil {
		return c, err
	}
	if c.IdleTimeout > c.Lifetime {
		return c, fmt.Errorf("session: Config.IdleTimeout is %v, longer than Config.Lifetime, %v", c.IdleTimeout, c.Lifetime)
	}
	if err := c.checkPersistent(); err != nil {
		return c, err
	}
	c.SigningKeys = slices.Clone(c.SigningKeys)
	for i, key := range c.SigningKeys {
		if len(key) < minKeyLength {
			return c, fmt.Errorf("session: Config.SigningKeys[%d] has %d bytes; at least %d are needed", i, len(key), minKeyLength)
		}
		c.SigningKeys[i] = slices.Clone(key)
	}
	return c, nil
}

// checkPersistent checks the limits of persistent sessions, after those of the others.
func (c Config) checkPersistent() error {
	idle, lifetime := c.PersistentIdleTimeout, c.PersistentLifetime
	if idle == 0 && lifetime == 0 {
		return nil
	}
	if idle == 0 || lifetime == 0 {
		return fmt.Errorf("session: Config.PersistentIdleTimeout is %v and Config.PersistentLifetime is %v; set both or neither", idle, lifetime)
	}
	if err := cmp.Or(checkTimeout("PersistentLifetime", lifetime), checkTimeout("PersistentIdleTimeout", idle)); err != nil {
		return err
	}
	switch {
	case idle > lifetime:
		return fmt.Errorf("session: Config.PersistentIdleTimeout is %v, longer than Config.PersistentLifetime, %v", idle, lifetime)
	case idle < c.IdleTimeout:
		return fmt.Errorf("session: Config.PersistentIdleTimeout is %v, shorter than Config.IdleTimeout, %v", idle, c.IdleTimeout)
	case lifetime < c.Lifetime:
		return fmt.Errorf("session: Config.PersistentLifetime is %v, shorter than Config.Lifetime, %v", lifetime, c.Lifetime)
	}
	return nil
}

func checkTimeout(field string, d time.Duration) error {
	if d < minTimeout || d > maxLifetime || d%time.Second != 0 {
		return fmt.Errorf("session: Config.%s is %v; it must be whole seconds, from %v to %v", field, d, minTimeout, maxLifetime)
	}
	return nil
}
