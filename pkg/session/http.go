package session

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
)

type (
	contextKey struct{} // of the session
	addressKey struct{} // of the client's address
)

// FromContext returns the session that [Manager.Require] or
// [Manager.RequireRole] put into ctx, or nil if there is none.
func FromContext(ctx context.Context) *Session {
	if ctx == nil {
		return nil
	}
	s, _ := ctx.Value(contextKey{}).(*Session)
	return s
}

// Require calls next for requests with a live session. There, [FromContext] returns
// the session. [Config.ErrorHandler] answers all other requests.
func (m *Manager) Require(next http.Handler) http.Handler {
	return m.require(next, func(*Session) bool { return true })
}

// RequireRole is [Manager.Require] for sessions that have the role. For other
// sessions the error is ErrForbidden. It checks the roles that are stored in the
// session: after you take a role away from a user, call Update on their sessions or
// revoke them.
func (m *Manager) RequireRole(role string, next http.Handler) http.Handler {
	return m.require(next, func(s *Session) bool { return s.HasRole(role) })
}

func (m *Manager) require(next http.Handler, allowed func(*Session) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := m.Load(r)
		if err == nil && !allowed(s) {
			err = ErrForbidden
		}
		if err != nil {
			m.cfg.ErrorHandler(w, r, err)
			return
		}
		ctx := context.WithValue(withAddress(r.Context(), r), contextKey{}, s)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// defaultErrorHandler is the default Config.ErrorHandler.
func defaultErrorHandler(w http.ResponseWriter, _ *http.Request, err error) {
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case errors.Is(err, ErrNoSession):
		http.Error(w, "Sign in first.", http.StatusUnauthorized)
	case errors.Is(err, ErrForbidden):
		http.Error(w, "Your account may not do this.", http.StatusForbidden)
	default:
		w.Header().Set("Retry-After", retryAfter)
		http.Error(w, "Sessions are unavailable. Try again in a moment; you are still signed in.", http.StatusServiceUnavailable)
	}
}

// withAddress keeps the client's address in ctx, for the log of methods that get no
// request.
func withAddress(ctx context.Context, r *http.Request) context.Context {
	return context.WithValue(ctx, addressKey{}, clientIP(r))
}

// address returns the client's address, or "" for work that no request asked for.
func address(ctx context.Context) string {
	ip, _ := ctx.Value(addressKey{}).(string)
	return ip
}

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
