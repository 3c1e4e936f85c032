// Package authorizer lets other functions behind the same API trust the session. A
// Lambda authorizer checks the session, and the gateway tells the functions who the
// caller is. [New] returns the authorizer; a function behind it calls [FromContext]. Both
// work with REST APIs and with HTTP APIs, which [lambdahttp.StartAuthorizer] compares.
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

// Identity says who a request comes from. The authorizer passes it to the functions
// behind it.
type Identity struct {
	UserID          string    `json:"user_id"`          // [session.Session.UserID], and so are the others
	SessionID       string    `json:"session_id"`       // safe to log
	Roles           []string  `json:"roles"`            // as they are in the session
	AuthenticatedAt time.Time `json:"authenticated_at"` // when the user last proved who they are; UTC, whole seconds
}

// The names of the fields of Identity in $context.authorizer. All values are
// strings, because APIs pass strings on unchanged: a number would arrive as a
// floating-point number from an HTTP API, and as a string from a REST API. A REST API does
// not accept lists.
const (
	userID          = "user_id"
	sessionID       = "session_id"
	roles           = "roles"            // a JSON array, because a role may contain any separator
	authenticatedAt = "authenticated_at" // RFC 3339, UTC
)

// New returns the authorizer. It allows requests with a live session and extends the
// idle timeout of the session, as any request does. It refuses requests without a
// live session. If the store cannot be reached, it returns an error, which is
// neither. For logs and mapping templates the caller's principalId is the user ID.
func New(sessions *session.Manager) lambdahttp.Authorizer {
	return func(r *http.Request) (map[string]string, error) {
		s, err := sessions.Load(r)
		if errors.Is(err, session.ErrNoSession) {
			return nil, lambdahttp.ErrNotAuthorized
		}
		if err != nil {
			return nil, err
		}
		caller, err := encode(Identity{s.UserID, s.ID, s.Roles, s.AuthenticatedAt})
		if err != nil {
			return nil, err
		}
		caller["principalId"] = s.UserID
		return caller, nil
	}
}

func encode(caller Identity) (map[string]string, error) {
	list, err := json.Marshal(append([]string{}, caller.Roles...))
	if err != nil {
		return nil, err
	}
	return map[string]string{
		userID:          caller.UserID,
		sessionID:       caller.SessionID,
		roles:           string(list),
		authenticatedAt: caller.AuthenticatedAt.UTC().Format(time.RFC3339),
	}, nil
}

// FromContext returns who a request comes from, given the request's context. It
// works in a handler that package lambdahttp serves, behind a REST API or an HTTP API with
// either payload format. It returns an error if the route has no authorizer, or another
// one, such as Cognito's, and behind everything that has no Lambda authorizers: load
// balancers and function URLs.
func FromContext(ctx context.Context) (Identity, error) {
	values := lambdahttp.Authorized(ctx)
	caller := Identity{UserID: values[userID], SessionID: values[sessionID]}
	if caller.UserID == "" || caller.SessionID == "" {
		return Identity{}, errors.New("no authorizer said who the caller is")
	}
	if err := json.Unmarshal([]byte(values[roles]), &caller.Roles); err != nil || caller.Roles == nil {
		return Identity{}, fmt.Errorf("the authorizer's roles %q are not a JSON array of strings", values[roles])
	}
	var err error
	if caller.AuthenticatedAt, err = time.Parse(time.RFC3339, values[authenticatedAt]); err != nil {
		return Identity{}, fmt.Errorf("the authorizer's authenticated_at %q is not a time in RFC 3339", values[authenticatedAt])
	}
	return caller, nil
}
