package signin

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/site"
	"example.com/coatcheck/pkg/signin/texts"
)

//go:embed pages
var files embed.FS

//go:embed pages/style.css
var style string

//go:embed pages/logo.svg
var ownLogo template.HTML

// Config says what site the answers are of, and who is told what happens. The zero
// Config is ready for production.
type Config struct {
	// Site is the site that the routes and pages belong to. The default is one of
	// Coatcheck's own brand that trusts the Host header.
	Site site.Site

	// Logger receives one line per event. Events are named as in OWASP's Logging
	// Vocabulary Cheat Sheet where it has a name. A line never has a token, a password or a
	// name that somebody typed. The default is slog.Default().
	Logger *slog.Logger
}

// Pages writes the answers of a site. NewPages makes one. It is safe for concurrent use.
type Pages struct {
	site   site.Site
	look   look
	policy string // the Content-Security-Policy of a page
	logger *slog.Logger
}

// look is what the layout shows of the site's brand.
type look struct {
	Name  string
	Logo  template.HTML
	Links []site.Link
	Style template.CSS
}

// NewPages returns the Pages of a site. Make them first: [Pages.Fail] is the ErrorHandler
// of [session.Config]. The error says what is wrong in c.
func NewPages(c Config) (*Pages, error) {
	b := c.Site.Brand
	sheet := style + b.Accent.CSS()
	p := &Pages{
		site:   c.Site,
		look:   look{b.Name, template.HTML(b.Logo.SVG()), b.Links, template.CSS(sheet)},
		policy: policyWithStyle(hashOf(sheet)),
		logger: cmp.Or(c.Logger, slog.Default()),
	}
	if p.look.Name == "" {
		p.look.Name, p.look.Logo = site.DefaultName, cmp.Or(p.look.Logo, ownLogo)
	}
	return p, nil
}

type pagesKey struct{}

// admit returns a request whose answers p writes.
func (p *Pages) admit(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), pagesKey{}, p))
}

// pagesOf returns the Pages that write the answers to a request.
func pagesOf(ctx context.Context) *Pages {
	p, ok := ctx.Value(pagesKey{}).(*Pages)
	if !ok {
		panic("signin: Routes are served by the Handler of Pages, and by nothing else")
	}
	return p
}

// page is what a template shows: the layout that all pages share, and in Data the data
// of the single page. Its methods write in the language of the page.
type page struct {
	Title    string   // the key of its text
	Theme    string   // light or dark; anything else follows the system
	Here     string   // the path of the page, if it is for signed-in users
	Menu     []choice // for signed-in users
	Data     any
	Language *texts.Language // writePage sets it
	Look     *look           // writePage sets it
}

// pageOf returns the page at the path here, for the signed-in user of s. The title is
// the key of its text.
func pageOf(s *session.Session, here, title string, data any) page {
	p := page{Title: title, Theme: s.Values[authn.ValueTheme], Here: here, Menu: menu, Data: data}
	if !hasPassword(s) {
		p.Menu = menuWithoutPassword
	}
	return p
}

// T returns the text with the key: see [texts.Language.HTML].
func (p page) T(key string, args ...any) template.HTML { return p.Language.HTML(key, args...) }

// Time returns an element with the day and the time of t.
func (p page) Time(t time.Time) template.HTML {
	return template.HTML(`<time datetime="` + t.UTC().Format(time.RFC3339) + `">` + template.HTMLEscapeString(p.Language.Date(t)) + `</time>`)
}

// Ago returns in words how long ago t was.
func (p page) Ago(t time.Time) string { return p.Language.Ago(time.Since(t)) }

// Device describes the sender of a User-Agent header in words.
func (p page) Device(userAgent string) string { return describe(p.Language, userAgent) }

// choice is a value that a form offers, and the key of its text.
type choice struct{ Value, Key string }

// menu lists the pages for signed-in users by their paths.
var (
	menu                = []choice{{homePath, "menu.profile"}, {devicesPath, "menu.devices"}, {passwordPath, "menu.password"}}
	menuWithoutPassword = menu[:2]
)

var pages = parsePages("login", "profile", "sessions", "password", "reauthenticate", "redirect", "convert", "problem", "sso")

// parsePages combines each page with the layout that all pages share.
func parsePages(names ...string) map[string]*template.Template {
	layout := template.Must(template.ParseFS(files, "pages/layout.html", "pages/whose.html"))
	parsed := map[string]*template.Template{}
	for _, name := range names {
		parsed[name] = template.Must(template.Must(layout.Clone()).ParseFS(files, "pages/"+name+".html"))
	}
	return parsed
}

// hashOf returns the hash by which a Content-Security-Policy allows the one style
// sheet.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// languageOf returns the language of a page: the signed-in user's, or the browser's.
func languageOf(r *http.Request) *texts.Language {
	preference := ""
	if s := session.FromContext(r.Context()); s != nil {
		preference = s.Values[authn.ValueLanguage]
	}
	return texts.Choose(preference, r.Header.Values("Accept-Language"))
}

// writePage writes a page in the language of the request. There is no Vary header: it
// is for caches, and no cache may store what we send.
func writePage(w http.ResponseWriter, r *http.Request, status int, name string, p page) {
	p.Language = languageOf(r)
	site := pagesOf(r.Context())
	p.Look = &site.look
	var body bytes.Buffer
	if err := pages[name].Execute(&body, p); err != nil {
		panic(fmt.Errorf("page %s: %w", name, err)) // an error in the template; recoverPanic answers it
	}
	h := w.Header()
	h.Set("Content-Language", p.Language.Tag)
	h.Set("Content-Security-Policy", site.policy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	writeStatus(w, status)
	w.Write(body.Bytes()) // an error means that the client has disconnected
}
