package authn

import "net/http"

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

// ValuesFunc returns what a new session of u keeps in its Values beside those of the user,
// such as a cart. A sign-in calls it with its request after u has proved who they are, and
// before the session is made. None of the keys of this package may be in the result. If
// it returns an error, nobody is signed in, and the answer is the one to that error: an
// outage, if it is no error of this package or of package session.
type ValuesFunc func(r *http.Request, u User) (map[string]string, error)

// SessionValues returns what a session of the user keeps in its Values.
func (u User) SessionValues() map[string]string {
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
