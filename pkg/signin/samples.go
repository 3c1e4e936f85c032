package signin

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/coatcheck/pkg/signin/internal/markup"
)

// trySamples shows a page with sample data in each language to a user who is signed in, and
// in one language to a visitor. It returns what went wrong in the template, and when.
func (p *Pages) trySamples(name string, own []any, needs *markup.Needs) (problem, when string) {
	data, hint := p.samplesOf(name), ""
	switch {
	case data != nil:
	case own != nil:
		data = own
	default:
		data, hint = []any{nil}, fmt.Sprintf("; give an example of .Data in Config.Samples[%q]", name)
	}
	for n, l := range p.texts.Languages() {
		for i, d := range data {
			visitor := view{Title: "problem.title", Data: d, Language: l, Look: &p.look}
			user := visitor
			user.Here, user.Theme, user.Menu = homePath, "dark", p.menu
			problem = p.try(name, user, needs)
			if problem == "" && n == 0 {
				problem = p.try(name, visitor, needs)
			}
			if problem != "" {
				return problem, fmt.Sprintf(" (the page %s in %s, with sample %d of its data)%s", name, l.Tag, i, hint)
			}
		}
	}
	return "", ""
}

// try shows one page, and checks what its data brings into it as HTML: the policy has no place
// for a style, and gets one for images and fonts of the site.
func (p *Pages) try(name string, v view, needs *markup.Needs) (problem string) {
	var page strings.Builder
	if err := p.template(name, &v).Execute(&page, &v); err != nil {
		return err.Error()
	}
	shown, problems := markup.Check(page.String(), nil)
	for _, text := range shown.Styles {
		if !slices.Contains(needs.Styles, text) {
			return name + ".html shows a <style> that is not in its template; take it out of the data"
		}
	}
	if len(problems) > 0 {
		return name + ".html shows something that is not in its template: " + problems[0].Text
	}
	needs.Images, needs.Fonts = needs.Images || shown.Images, needs.Fonts || shown.Fonts
	return ""
}

// samplesOf returns data of one of our pages, in each of its states. It returns nil for a
// page of somebody's own.
func (p *Pages) samplesOf(name string) []any {
	first := p.texts.Languages()[0]
	at := time.Date(2026, time.February, 1, 9, 30, 0, 0, time.UTC)
	const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	switch name {
	case "login":
		return []any{
			loginForm{Next: homePath, HasForm: true},
			loginForm{Username: "alice", Next: devicesPath, Problem: "No.", Notice: "login.moved", OffersStay: true, Stay: true, HasForm: true, Provider: "Example"},
			loginForm{Next: homePath, Notice: "login.no_cookie", OffersStay: true, Provider: "Example"},
		}
	case "profile":
		return []any{
			profilePage{
				UserID: "1", Username: "alice", DisplayName: "Alice", Roles: []string{"member", "admin"}, Preferences: map[string]string{"theme": "dark", "language": "de"},
				SignedInAt: &at, ExpiresAt: at, IP: "192.0.2.1", Themes: themes, Languages: p.texts.Languages(), Preferred: first,
				ThemeOptions: p.themeOptions(first, "dark"), LanguageOptions: p.languageOptions(first),
			},
			profilePage{Username: "bob", Preferences: map[string]string{}, ExpiresAt: at, Themes: themes, Languages: p.texts.Languages(),
				ThemeOptions: p.themeOptions(first, system), LanguageOptions: p.languageOptions(nil), OnlySession: true},
		}
	case "sessions":
		this := sessionInfo{ID: "1", CreatedAt: at, LastSeenAt: at, IP: "192.0.2.1", UserAgent: firefox, LastIP: "192.0.2.1", LastUserAgent: firefox, Current: true}
		moved := sessionInfo{ID: "2", CreatedAt: at, LastSeenAt: at, UserAgent: "curl/8", LastIP: "2001:db8::1", LastUserAgent: firefox}
		return []any{[]sessionInfo{}, []sessionInfo{this}, []sessionInfo{this, moved, {ID: "3", CreatedAt: at, LastSeenAt: at, LastUserAgent: firefox}}}
	case "activity":
		older := activityPath + "?before=key"
		all := []activityEntry{
			{Event: "authn_login_success", At: at, SessionID: "1", Current: true, IP: "192.0.2.1", UserAgent: firefox, NewDevice: true, FailedAttempts: 1},
			{Event: "session_ended", At: at, SessionID: "2", UserAgent: "curl/8", Reason: "limit"},
			{Event: "session_ended", At: at, SessionID: "3", ByOperator: true, Reason: "revoked"},
			{Event: "user_updated", At: at, ByOperator: true},
		}
		return []any{activityPage{Begins: true}, activityPage{activityList{all, &older}, true, 400, true}, activityPage{activityList{all[:1], nil}, false, 1, false}}
	case "password":
		return []any{passwordPage{passwordForm{Username: "alice"}, 15}, passwordPage{passwordForm{Username: "alice", Problem: "No."}, 1}}
	case "reauthenticate":
		return []any{passwordForm{Username: "alice", Next: homePath}, passwordForm{Username: "alice", Next: homePath, Problem: "No."}}
	case "redirect":
		return []any{devicesPath, "https://example.com/?a=b"}
	case "convert":
		return []any{withNext(convertPath, homePath)}
	case "problem":
		return []any{"No."}
	case "sso":
		return []any{waysOut{Provider: "Example", Detail: "No.", Again: beginPath, AgainKey: "sso.retry", Back: loginPath, BackKey: "sso.login"}}
	}
	return nil
}
