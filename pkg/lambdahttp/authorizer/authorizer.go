// Package authorizer lets other functions behind the same API trust the session: a
// Lambda authorizer checks it, and they are told who is calling. The authorizer
// itself is [New]; a function behind it asks [FromContext].
//
// This package may still change in ways that break programs.
package authorizer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"example.com/coatcheck/pkg/lambdahttp"
	"example.com/coatcheck/pkg/session"
)

// Identity is who a request comes from, as the authorizer tells the functions
// behind it.
type Identity struct {
	UserID          string    `json:"user_id"`
	SessionID       string    `json:"session_id"`
	Roles           []string  `json:"roles"`
	AuthenticatedAt time.Time `json:"authenticated_at"`
}

// The names of its parts in $context.authorizer. All are strings, which is what an
// HTTP API hands on unchanged: a number would arrive as a floating-point one.
const (
	userID          = "user_id"
	sessionID       = "session_id"
	roles           = "roles"            // a JSON array: a role may hold any separator
	authenticatedAt = "authenticated_at" // RFC 3339, UTC
)

// New returns the authorizer: it says yes to requests with a live session, whose
// idle timeout it extends as any request does, and no to those without. A store
// that cannot be reached is neither.
func New(sessions *session.Manager) lambdahttp.Authorizer {
	return func(r *http.Request) (map[string]string, error) {
		s, err := sessions.Load(r)
		if errors.Is(err, session.ErrNoSession) {
			return nil, lambdahttp.ErrNotAuthorized
		}
		if err != nil {
			return nil, err
		}
		return encode(Identity{s.UserID, s.ID, s.Roles, s.AuthenticatedAt})
	}
}

func encode(who Identity) (map[string]string, error) {
	list, err := json.Marshal(append([]string{}, who.Roles...))
	if err != nil {
		return nil, err
	}
	return map[string]string{
		userID:          who.UserID,
		sessionID:       who.SessionID,
		roles:           string(list),
		authenticatedAt: who.AuthenticatedAt.UTC().Format(time.RFC3339),
	}, nil
}

// FromContext returns who a request comes from, given its context, in a handler
// that package lambdahttp serves. It is an error if no authorizer stands before the
// route, or not this one.
func FromContext(ctx context.Context) (Identity, error) {
	told := lambdahttp.Authorized(ctx)
	who := Identity{UserID: told[userID], SessionID: told[sessionID]}
	if who.UserID == "" || who.SessionID == "" {
		return Identity{}, errors.New("no authorizer said who the caller is")
	}
	if err := json.Unmarshal([]byte(told[roles]), &who.Roles); err != nil || who.Roles == nil {
		return Identity{}, fmt.Errorf("the authorizer's roles %q are not a JSON array of strings", told[roles])
	}
	var err error
	if who.AuthenticatedAt, err = time.Parse(time.RFC3339, told[authenticatedAt]); err != nil {
		return Identity{}, fmt.Errorf("the authorizer's authenticated_at %q is not a time in RFC 3339", told[authenticatedAt])
	}
	return who, nil
}
