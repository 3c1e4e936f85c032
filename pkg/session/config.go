package session

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"time"
)

// Config tunes a [Manager]. The zero Config is ready for production. No field
// can weaken the cookie: it is always Secure, HttpOnly, SameSite=Lax, Path=/ and
// without Domain.
type Config struct {
	// CookieName names the cookie. Default "__Host-SESSIONID". It must begin with
	// "__Host-", which makes browsers refuse it from subdomains and from http
	// (RFC 6265bis, section 4.1.3.2).
	CookieName string

	// IdleTimeout ends a session that has not been used for so long. Whole
	// seconds, 10 at least. Default 30 minutes, or Lifetime if that is shorter (OWASP Session
	// Management Cheat Sheet: 15 to 30 minutes; NIST SP 800-63B AAL2: at most 1 hour).
	IdleTimeout time.Duration

	// Lifetime ends a session so long after its last authentication, however busy
	// it is. Whole seconds, 400 days at most. Default 24 hours (NIST SP 800-63B AAL2).
	//
	// Today's limits are applied to every session on every read, so shorter ones
	// take effect at once. A longer IdleTimeout reaches a session at its next touch,
	// a longer Lifetime its cookie at the next Renew or Reauthenticate.
	Lifetime time.Duration

	// SigningKeys, if any, put a MAC on every token. The first signs, all verify:
	// rotate by adding a new key last everywhere, then moving it first, and removing
	// the old one a Lifetime later.
	// Each has at least 32 bytes; New copies them. Without keys forged tokens are
	// refused all the same, at the cost of one read each. Setting the first key, or
	// removing the last, ends all sessions made before.
	SigningKeys [][]byte

	// NotBefore ends every session last authenticated before it. Set it to the time
	// of the change after a leak or after restoring a backup; sessions of the same
	// second may end too. Default: the zero time, no cut-off.
	NotBefore time.Time

	// MaxSessions is how many live sessions a user may have. A login that would exceed
	// it ends the oldest, by CreatedAt and then by ID, and never fails for it (ASVS 7.1.2
	// wants the number and the outcome written down). Default 10; negative means no limit.
	MaxSessions int

	// Logger receives one line per event, named as in OWASP's Logging Vocabulary
	// (session_created, session_renewed, session_expired, …), with the session ID
	// and never with a token. Default slog.Default().
	Logger *slog.Logger

	// ErrorHandler answers for [Manager.Require] and [Manager.RequireRole] when
	// they do not call the next handler: err is ErrNoSession, ErrForbidden, or an
	// outage. It must not clear the cookie on an outage. Default: plain text with
	// status 401, 403, or 503 and Retry-After.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)
}

const (
	maxLifetime  = 400 * 24 * time.Hour // browsers keep no cookie longer (RFC 6265bis, section 5.5)
	minTimeout   = 10 * time.Second     // a tenth of it is a second, the finest step of a touch
	minKeyLength = 32                   // the output size of SHA-256 (RFC 2104, section 3)
	retryAfter   = "5"                  // seconds
)

var hostCookieName = regexp.MustCompile("^__Host-[0-9A-Za-z!#$%&'*+.^_`|~-]+$")

// withDefaults returns c with defaults filled in, or an error that names the
// field and the value that New cannot accept.
func (c Config) withDefaults() (Config, error) {
	c.CookieName = cmp.Or(c.CookieName, "__Host-SESSIONID")
	c.Lifetime = cmp.Or(c.Lifetime, 24*time.Hour)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, min(30*time.Minute, c.Lifetime))
	c.MaxSessions = cmp.Or(c.MaxSessions, 10)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if c.ErrorHandler == nil {
		c.ErrorHandler = answerError
	}
	if !hostCookieName.MatchString(c.CookieName) {
		return c, fmt.Errorf("session: Config.CookieName is %q; it must be a cookie name that begins with __Host-", c.CookieName)
	}
	if err := cmp.Or(checkTimeout("Lifetime", c.Lifetime), checkTimeout("IdleTimeout", c.IdleTimeout)); err != nil {
		return c, err
	}
	if c.IdleTimeout > c.Lifetime {
		return c, fmt.Errorf("session: Config.IdleTimeout is %v, longer than Config.Lifetime, %v", c.IdleTimeout, c.Lifetime)
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

func checkTimeout(field string, d time.Duration) error {
	if d < minTimeout || d > maxLifetime || d%time.Second != 0 {
		return fmt.Errorf("session: Config.%s is %v; it must be whole seconds, from %v to %v", field, d, minTimeout, maxLifetime)
	}
	return nil
}
