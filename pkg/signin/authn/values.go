package authn

import (
	"fmt"
	"maps"
	"net/http"

	"example.com/coatcheck/pkg/session"
)

// The keys of a session's Values. A sign-in copies the values from the user, so that no
// later request has to read the user.
const (
	ValueUsername    = "username"
	ValueDisplayName = "display_name"
	ValueTheme       = "theme"
	ValueLanguage    = "language"

	// ValueNoPassword has any text in a session whose user has no password here.
	ValueNoPassword = "no_password"
)

// ownValues are the keys that only this package sets.
var ownValues = []string{ValueUsername, ValueDisplayName, ValueTheme, ValueLanguage, ValueNoPassword}

// ValuesFunc returns what a new session of u keeps in its Values beside those of the user
// and u.Attributes, such as a cart. A sign-in calls it with its request after u has proved
// who they are, and before the session is made. It must be safe for concurrent use, and end
// when the request's context does. None of the keys of this package may be in the result. If
// it returns an error, nobody is signed in, and the answer is the one to that error: an
// outage, if it is no error of this package or of package session. [ErrRefused] means that
// u may not sign in: to whoever asks that looks like a wrong password, and it counts as one.
type ValuesFunc func(r *http.Request, u User) (map[string]string, error)

// SessionUser returns the user as package session keeps them. Values of the session are the
// user's names and preferences, u.Attributes, and what more returns, which goes before an
// attribute with the same key; more may be nil. SessionUser returns the error of more
// unchanged, and [session.ErrInvalid] if the attributes or the values of more have a key of
// this package, which is a mistake in the program.
func (u User) SessionUser(r *http.Request, more ValuesFunc) (session.User, error) {
	values := map[string]string{}
	if err := add(values, u.Attributes); err != nil {
		return session.User{}, fmt.Errorf("the attributes of the user %q: %w", u.ID, err)
	}
	if more != nil {
		added, err := more(r, u)
		if err != nil {
			return session.User{}, err
		}
		if err := add(values, added); err != nil {
			return session.User{}, fmt.Errorf("the values that the program adds: %w", err)
		}
	}
	maps.Copy(values, u.ownValues())
	return session.User{ID: u.ID, Roles: u.Roles, Values: values, AuthenticatedAt: u.AuthenticatedAt}, nil
}

// add copies more to values, unless it has a key of this package.
func add(values, more map[string]string) error {
	for _, key := range ownValues {
		if _, ok := more[key]; ok {
			return fmt.Errorf("%w: the key %q is one that package authn sets; choose another", session.ErrInvalid, key)
		}
	}
	maps.Copy(values, more)
	return nil
}

func (u User) ownValues() map[string]string {
	v := map[string]string{ValueUsername: u.Username, ValueDisplayName: u.DisplayName}
	for _, key := range []string{ValueTheme, ValueLanguage} {
		if setting := u.Preferences[key]; setting != "" {
			v[key] = setting
		}
	}
	if u.NoPassword {
		v[ValueNoPassword] = "true"
	}
	return v
}
