package signin

import (
	"errors"
	"net/http"
	"slices"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

type preferenceChange struct {
	sessions *session.Manager
	users    authn.PreferenceSetter
	language func(tag string) (canonical string, err error)
}

// Preferences returns the route of /preferences. It changes the user, for future
// sessions, and the session of the request. The function language checks a language
// tag and returns its usual spelling: see package bcp47.
func Preferences(sessions *session.Manager, users authn.PreferenceSetter, language func(tag string) (canonical string, err error)) Routes {
	c := preferenceChange{sessions, users, language}
	return Routes{"POST /preferences": sessions.Require(http.HandlerFunc(c.submit)).ServeHTTP}
}

func (c preferenceChange) submit(w http.ResponseWriter, r *http.Request) {
	form, err := someFields(r, valueTheme, valueLanguage)
	if err == nil {
		err = c.change(r, form)
	}
	if err != nil {
		Fail(w, r, err)
		return
	}
	writeSuccess(w, r, homePath)
}

func (c preferenceChange) change(r *http.Request, form map[string]string) error {
	settings, err := c.check(form)
	if err != nil {
		return err
	}
	ctx := r.Context()
	s := session.FromContext(ctx)
	err = c.users.SetPreferences(ctx, s.UserID, s.Values[valueUsername], settings)
	if errors.Is(err, authn.ErrNoUser) {
		return errNoPreferences // and not 401: the login page would lead a live session back here
	}
	if err != nil {
		return err
	}
	return c.sessions.Update(ctx, s, func(s *session.Session) {
		for key, setting := range settings {
			s.Values[key] = setting
		}
	})
}

var themes = []string{"system", "light", "dark"}

// check returns the settings to store. It accepts only known settings with known
// values.
func (c preferenceChange) check(form map[string]string) (map[string]string, error) {
	settings := map[string]string{}
	if theme, ok := form[valueTheme]; ok {
		if !slices.Contains(themes, theme) {
			return nil, badRequest("The theme must be one of %q.", themes)
		}
		settings[valueTheme] = theme
	}
	if tag, ok := form[valueLanguage]; ok {
		canonical, err := c.language(tag)
		if err != nil {
			return nil, badRequest("The language must be a BCP 47 tag, such as en or pt-BR.")
		}
		settings[valueLanguage] = canonical
	}
	return settings, nil
}
