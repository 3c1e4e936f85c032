package signin

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/texts"
)

type preferenceChange struct {
	sessions *session.Manager
	users    authn.PreferenceSetter
}

// Preferences returns the route of /preferences. It changes the user, for future
// sessions, and the session of the request.
func Preferences(sessions *session.Manager, users authn.PreferenceSetter) Routes {
	c := preferenceChange{sessions, users}
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

// system is the setting that follows the system or the browser.
const system = "system"

var themes = []choice{{system, "theme.system"}, {"light", "theme.light"}, {"dark", "theme.dark"}}

// themeValues and languageValues are the values that the preferences may have. A
// language that no page has is refused: it would be a preference that does nothing.
func themeValues() (values []string) {
	for _, theme := range themes {
		values = append(values, theme.Value)
	}
	return values
}

func languageValues() []string {
	values := []string{system}
	for _, l := range texts.All {
		values = append(values, l.Tag)
	}
	return values
}

// check returns the settings to store. It accepts only known settings with known
// values.
func (c preferenceChange) check(form map[string]string) (map[string]string, error) {
	settings := map[string]string{}
	for _, preference := range []struct {
		name   string
		values []string
	}{{valueTheme, themeValues()}, {valueLanguage, languageValues()}} {
		setting, ok := form[preference.name]
		if ok && !slices.Contains(preference.values, setting) {
			return nil, badRequest("problem.value", "field", strconv.Quote(preference.name), "values", fmt.Sprintf("%q", preference.values))
		}
		if ok {
			settings[preference.name] = setting
		}
	}
	return settings, nil
}
