package session

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

// Challenge is the value of the header WWW-Authenticate, which every 401 must have
// (RFC 9110, section 15.5.2): without it Java's HttpClient throws if it has an
// Authenticator. The value names the scheme by which a session is proved. No browser has
// a dialogue for this scheme, so each shows the page that the answer brings.
//
// [Manager.Require] and its relatives set the header before they call
// [Config.ErrorHandler]. A handler that writes a 401 itself, as for a wrong password,
// sets it to Challenge.
const Challenge = "Cookie"

// stepUp is the challenge to a user who has to prove again who they are. The name of
// the error is that of RFC 9470, section 3.
const stepUp = Challenge + ` error="insufficient_user_authentication"`

// Require calls next for requests with a live session. There, [FromContext] returns
// the session. [Config.ErrorHandler] answers all other requests.
//
// Require, RequireRole, RequireRecent and Optional can be nested. Together with Load
// they read the session of a request once.
func (m *Manager) Require(next http.Handler) http.Handler {
	return m.guard(next, signedIn)
}

// RequireRole is [Manager.Require] for sessions that have the role. For other
// sessions the error is ErrForbidden. It checks the roles that are stored in the
// session: after you take a role away from a user, call Update on their sessions or
// revoke them.
func (m *Manager) RequireRole(role string, next http.Handler) http.Handler {
	return m.guard(next, func(s *Session) error {
		if err := signedIn(s); err != nil || s.HasRole(role) {
			return err
		}
		return ErrForbidden
	})
}

// RequireRecent is [Manager.Require] for sessions whose user has proved who they are
// within the window: by [Manager.Create], [Manager.Reauthenticate] or
// [Manager.ReauthenticateAlone]. For other sessions the error is ErrNotRecent. Put it
// before what must not be done by whoever finds an open browser. The window must be
// more than 0; it is usually some minutes (ASVS 7.5.2).
func (m *Manager) RequireRecent(window time.Duration, next http.Handler) http.Handler {
	return m.guard(next, func(s *Session) error {
		if err := signedIn(s); err != nil || time.Since(s.AuthenticatedAt) < window {
			return err
		}
		return ErrNotRecent
	})
}

// Optional calls next whether or not somebody is signed in. There, [FromContext]
// returns the session, or nil. It is for pages that greet whoever is signed in. In an
// outage nobody knows that, so [Config.ErrorHandler] answers, as for Require.
func (m *Manager) Optional(next http.Handler) http.Handler {
	return m.guard(next, func(*Session) error { return nil })
}

func signedIn(s *Session) error {
	if s == nil {
		return ErrNoSession
	}
	return nil
}

// guard calls next if the request's session, or nil, passes the check. The
// ErrorHandler gets the challenge with every error that calls for one, because it may
// not know of the header. It may redirect instead of answering 401: a challenge may
// stand in any answer (RFC 9110, section 11.6.1).
func (m *Manager) guard(next http.Handler, check func(*Session) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, q := m.enter(r)
		err := q.check(r, check)
		switch err {
		case nil:
			next.ServeHTTP(w, r)
			return
		case ErrNoSession:
			w.Header().Set("WWW-Authenticate", Challenge)
		case ErrNotRecent:
			w.Header().Set("WWW-Authenticate", stepUp)
		}
		m.cfg.ErrorHandler(w, r, err)
	})
}

// defaultErrorHandler returns the default Config.ErrorHandler. Of an outage the client
// learns only that there is one; its error is in the log, unless the client has
// disconnected, because then no store is at fault.
func defaultErrorHandler(logger *slog.Logger) func(http.ResponseWriter, *http.Request, error) {
	return func(w http.ResponseWriter, r *http.Request, err error) {
		w.Header().Set("Cache-Control", "no-store")
		switch {
		case errors.Is(err, ErrNoSession):
			http.Error(w, "Sign in first.", http.StatusUnauthorized)
		case errors.Is(err, ErrForbidden):
			http.Error(w, "Your account may not do this.", http.StatusForbidden)
		case errors.Is(err, ErrNotRecent):
			http.Error(w, "Prove again who you are first.", http.StatusForbidden)
		default:
			if ctx := r.Context(); !errors.Is(ctx.Err(), context.Canceled) {
				args := []any{"method", r.Method, "path", r.URL.Path, "error", err}
				logger.ErrorContext(ctx, "session_unavailable", append(args, clientArgs(r)...)...)
			}
			w.Header().Set("Retry-After", retryAfter)
			http.Error(w, "Sessions are unavailable. Try again in a moment; you are still signed in.", http.StatusServiceUnavailable)
		}
	}
}

// clientOf returns the address and the browser of r's client.
func clientOf(r *http.Request) (ip, browser string) { return clientIP(r), userAgent(r) }

// clientIP returns the peer's address without the port. It ignores forwarding
// headers, because anyone can send them.
func clientIP(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

// userAgent returns the request's User-Agent, cut to 256 bytes. It removes control
// characters and invalid UTF-8, because some stores could not keep them.
func userAgent(r *http.Request) string {
	ua := r.UserAgent()
	ua = strings.ToValidUTF8(ua[:min(len(ua), 256)], "")
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return -1
		}
		return c
	}, ua)
}
