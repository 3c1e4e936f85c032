package signin

import (
	"html/template"
	"net/http"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/texts"
)

// Profile returns the routes of the profile and of /, which redirects to it.
// Everything that the profile shows comes from the session.
func Profile(sessions *session.Manager) Routes {
	return Routes{
		"GET /{$}":     func(w http.ResponseWriter, r *http.Request) { Redirect(w, r, homePath) },
		"GET /profile": sessions.Require(http.HandlerFunc(showProfile)).ServeHTTP,
	}
}

// profile is an allow-list (ASVS 15.3.1): only these fields are sent.
type profile struct {
	UserID      string            `json:"user_id"`
	Username    string            `json:"username"`
	DisplayName string            `json:"display_name"`
	Roles       []string          `json:"roles"`
	Preferences map[string]string `json:"preferences"`
	SignedInAt  *time.Time        `json:"signed_in_at"` // null if nobody knows
	ExpiresAt   time.Time         `json:"expires_at"`
}

// profilePage is the data of the page.
type profilePage struct {
	UserID, Username, DisplayName string
	Roles                         []string
	Preferences                   map[string]string
	SignedInAt                    *time.Time
	ExpiresAt                     time.Time

	IP        string // the address at the sign-in
	Themes    []choice
	Languages []*texts.Language
	Preferred *texts.Language // nil if the browser decides

	// What a list of each consists of.
	ThemeOptions, LanguageOptions template.HTML

	OnlySession bool // whether preferences that were just set end with the session
}

func showProfile(w http.ResponseWriter, r *http.Request) {
	s := session.FromContext(r.Context())
	p := profile{s.UserID, s.Values[authn.ValueUsername], s.Values[authn.ValueDisplayName], notNil(s.Roles), preferences(s), signedInAt(s), s.ExpiresAt}
	if !WantsPage(r) {
		WriteJSON(w, http.StatusOK, p)
		return
	}
	pages := pagesOf(r.Context())
	preferred := pages.texts.Find(s.Values[authn.ValueLanguage])
	writePage(w, r, http.StatusOK, "profile", Page{"menu.profile", homePath, profilePage{
		p.UserID, p.Username, p.DisplayName, p.Roles, p.Preferences, p.SignedInAt, p.ExpiresAt,
		s.IP, themes, pages.texts.Languages(), preferred,
		pages.themeOptions(languageOf(r), s.Values[authn.ValueTheme]), pages.languageOptions(preferred),
		r.URL.RequestURI() == onlySession && !hasPassword(s),
	}})
}

func preferences(s *session.Session) map[string]string {
	p := map[string]string{}
	for _, key := range []string{authn.ValueTheme, authn.ValueLanguage} {
		if setting := s.Values[key]; setting != "" {
			p[key] = setting
		}
	}
	return p
}
