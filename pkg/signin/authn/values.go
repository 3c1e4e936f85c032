package authn

// The keys of a session's Values. A sign-in copies the values from the user, so that no
// later request has to read the user.
const (
	ValueUsername    = "username"
	ValueDisplayName = "display_name"
	ValueTheme       = "theme"
	ValueLanguage    = "language"
)

// Values returns what a session of the user keeps in its Values.
func (u User) Values() map[string]string {
	v := map[string]string{ValueUsername: u.Username, ValueDisplayName: u.DisplayName}
	for _, key := range []string{ValueTheme, ValueLanguage} {
		if setting := u.Preferences[key]; setting != "" {
			v[key] = setting
		}
	}
	return v
}
