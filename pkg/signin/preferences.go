package signin

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

type preferenceChange struct {
	sessions *session.Manager
	users    authn.PreferenceSetter
	language func(tag string) (canonical string, err error)
}

// onlySession is the profile of a user whose preferences last as long as the session.
const onlySession = homePath + "?only=session"

// Preferences returns the route of /preferences. It changes the user, for future
// sessions, and the session of the request. A user without a password here may be none
// that users knows: then the session alone changes, and the profile says so. The function
// language checks a language tag and returns its usual spelling: see package bcp47.
func Preferences(sessions *session.Manager, users authn.PreferenceSetter, language func(tag string) (canonical string, err error)) Routes {
	c := preferenceChange{sessions, users, language}
	return Routes{"POST /preferences": sessions.Require(http.HandlerFunc(c.submit)).ServeHTTP}
}

func (c preferenceChange) submit(w http.ResponseWriter, r *http.Request) {
	form, err := SomeFields(r, authn.ValueTheme, authn.ValueLanguage)
	next := homePath
	if err == nil {
		next, err = c.change(r, form)
	}
	if err != nil {
		fail(w, r, err)
		return
	}
	writeSuccess(w, r, next)
}

// change returns the page that comes next.
func (c preferenceChange) change(r *http.Request, form map[string]string) (next string, err error) {
	settings, err := c.check(form)
	if err != nil {
		return "", err
	}
	ctx := r.Context()
	s := session.FromContext(ctx)
	next = homePath
	err = c.users.SetPreferences(ctx, s.UserID, s.Values[authn.ValueUsername], settings)
	switch {
	case errors.Is(err, authn.ErrNoUser) && hasPassword(s):
		return "", errNoPreferences // and not 401: the login page would lead a live session back here
	case errors.Is(err, authn.ErrNoUser):
		next = onlySession
	case err != nil:
		return "", err
	}
	return next, c.sessions.Update(ctx, s, func(s *session.Session) { maps.Copy(s.Values, settings) })
}

// system is the setting that follows the system or the browser.
const system = "system"

var themes = []choice{{system, "theme.system"}, {"light", "theme.light"}, {"dark", "theme.dark"}}

func themeValues() (values []string) {
	for _, theme := range themes {
		values = append(values, theme.Value)
	}
	return values
}

// check returns the settings to store. It accepts only known settings with known
// values.
func (c preferenceChange) check(form map[string]string) (map[string]string, error) {
	settings := map[string]string{}
	if theme, ok := form[authn.ValueTheme]; ok {
		if values := themeValues(); !slices.Contains(values, theme) {
			return nil, badRequest("problem.value", "field", strconv.Quote(authn.ValueTheme), "values", fmt.Sprintf("%q", values))
		}
		settings[authn.ValueTheme] = theme
	}
	if tag, ok := form[authn.ValueLanguage]; ok {
		canonical, err := c.checkLanguage(tag)
		if err != nil {
			return nil, badRequest("problem.language")
		}
		settings[authn.ValueLanguage] = canonical
	}
	return settings, nil
}

// checkLanguage returns the usual spelling of a language tag. Any language may be
// chosen, because other programs of the site may have it: where our pages do not, they
// follow the browser.
func (c preferenceChange) checkLanguage(tag string) (string, error) {
	if tag == system {
		return system, nil
	}
	return c.language(tag)
}
