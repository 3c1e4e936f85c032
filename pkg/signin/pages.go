package signin

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/coatcheck/pkg/clientip"
	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/internal/markup"
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

	// Texts are the texts of the pages and the languages that the site offers. The default is
	// [texts.Default].
	Texts *texts.Catalogue

	// Logger receives one line per event. Events are named as in OWASP's Logging
	// Vocabulary Cheat Sheet where it has a name. A line never has a token, a password or a
	// name that somebody typed. The default is slog.Default().
	Logger *slog.Logger

	// Activity says that the program serves the route of [Activity], so that the menu leads
	// there. The default is false.
	Activity bool

	// Menu has entries for the menu of signed-in users, behind ours: Profile, Devices,
	// Activity if the program has it and, for users with a password, Password. An entry with the path of one of ours, such as
	// /password, takes its place; if it has no Text, it only takes ours out.
	Menu []MenuItem

	// Templates has files for html/template at its root. One with the name of one of ours,
	// such as login.html, layout.html or style.css, takes its place; logo.svg is the logo of a
	// site whose Brand has none. Any other *.html is a page of the program's own, which
	// [Pages.Write] shows: it defines "main", which layout.html shows. Folders are left out.
	// The default is our pages alone.
	//
	// NewPages refuses what would fail later: templates that do not parse or execute, texts
	// that a language does not have or that lack an argument, forms that our routes do not
	// take, and what browsers would refuse under our Content-Security-Policy, which allows the
	// style elements of the templates, images and fonts of the site itself, and no script. Each
	// page gets the policy that it needs. The checks take some milliseconds.
	//
	// Values are escaped, except those of the types of html/template, such as HTML. Who puts
	// into one of these what a user has written lets that user change the page: the policy
	// still stops scripts, and nothing stops a form or a text that deceives.
	Templates fs.FS

	// Samples are examples of the Data of the pages of the program's own, by the names of the
	// pages: NewPages tries each. A page that shows its Data needs one.
	Samples map[string][]any
}

// Pages writes the answers of a site. NewPages makes one. It is safe for concurrent use.
type Pages struct {
	site   site.Site
	texts  *texts.Catalogue
	look   look
	menu   []MenuItem
	logger *slog.Logger

	templates map[string]func() *template.Template // by the name of the page; each call returns another one, which nobody has executed
	ready     sync.Map                             // by pageIn: functions that return what fold makes of the templates
	lists     sync.Map                             // by optionsOf: lists as HTML
	policies  map[string]string                    // the Content-Security-Policy of pages, if it is not policy
	policy    string
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
	catalogue := cmp.Or(c.Texts, texts.Default)
	menu, err := menuWith(ownMenu(c.Activity), c.Menu, catalogue.Languages())
	if err != nil {
		return nil, err
	}
	trusted, err := site.ParseTrustedOrigins(strings.Join(c.Site.TrustedOrigins, ","))
	if err != nil {
		return nil, fmt.Errorf("signin: Config.Site.TrustedOrigins: %w", err)
	}
	c.Site.TrustedOrigins = trusted
	b := c.Site.Brand
	sheet := style + b.Accent.CSS()
	p := &Pages{
		site:      c.Site,
		texts:     catalogue,
		look:      look{b.Name, template.HTML(b.Logo.SVG()), b.Links, template.CSS(sheet)},
		menu:      menu,
		logger:    cmp.Or(c.Logger, slog.Default()),
		templates: pages,
		policy:    policyOf(markup.Needs{Styles: []string{sheet}}),
	}
	if p.look.Name == "" {
		p.look.Name, p.look.Logo = site.DefaultName, cmp.Or(p.look.Logo, ownLogo)
	}
	if c.Templates == nil && c.Samples == nil {
		return p, nil
	}
	if err := p.replacePages(c); err != nil {
		return nil, fmt.Errorf("signin: Config.Templates: %w", err)
	}
	return p, nil
}

type pagesKey struct{}

// admit returns a request whose answers p writes, and whose events are of its client.
func (p *Pages) admit(r *http.Request) *http.Request {
	ctx := context.WithValue(r.Context(), pagesKey{}, p)
	return r.WithContext(events.WithClient(ctx, events.Client{IP: clientip.Of(r), UserAgent: r.UserAgent()}))
}

// pagesOf returns the Pages that write the answers to a request.
func pagesOf(ctx context.Context) *Pages {
	p, ok := ctx.Value(pagesKey{}).(*Pages)
	if !ok {
		panic("signin: Routes are served by the Handler of Pages, and by nothing else")
	}
	return p
}

// Page is what a route gives [Pages.Write].
type Page struct {
	Title string // the key of the text that stands in the title of the window
	Here  string // the path of the entry in the menu that the page belongs to, or another path; "" shows no menu
	Data  any    // what the template shows as .Data
}

// view is what a template shows: the layout that all pages share, and in Data the data
// of the single page. Its methods write in the language of the page.
type view struct {
	Title, Here string // as in Page
	Data        any
	Theme       string     // light or dark; anything else follows the system
	Menu        []MenuItem // for signed-in users
	Language    *texts.Language
	Look        *look
}

// viewOf returns the view of a page that answers r.
func (p *Pages) viewOf(r *http.Request, shown Page) *view {
	v := &view{Title: shown.Title, Data: shown.Data, Language: languageOf(r), Look: &p.look}
	if s := session.FromContext(r.Context()); s != nil {
		v.Here = shown.Here
		v.Theme = s.Values[authn.ValueTheme]
		v.Menu = p.menuOf(s)
	}
	return v
}

// T returns the text with the key: see [texts.Language.HTML].
func (v *view) T(key string, args ...any) template.HTML { return v.Language.HTML(key, args...) }

// Time returns an element with the day and the time of t.
func (v *view) Time(t time.Time) template.HTML {
	return template.HTML(`<time datetime="` + t.UTC().Format(time.RFC3339) + `">` + template.HTMLEscapeString(v.Language.Date(t)) + `</time>`)
}

// Ago returns in words how long ago t was.
func (v *view) Ago(t time.Time) string { return v.Language.Ago(time.Since(t)) }

// Device describes the sender of a User-Agent header in words.
func (v *view) Device(userAgent string) string { return describe(v.Language, userAgent) }

// DeviceInText does the same for the middle of a sentence.
func (v *view) DeviceInText(userAgent string) string { return describeInText(v.Language, userAgent) }

// choice is a value that a form offers, and the key of its text.
type choice struct{ Value, Key string }

// languageOf returns the language of a page: the signed-in user's, or the browser's.
func languageOf(r *http.Request) *texts.Language {
	preference := ""
	if s := session.FromContext(r.Context()); s != nil {
		preference = s.Values[authn.ValueLanguage]
	}
	return pagesOf(r.Context()).texts.Choose(preference, r.Header.Values("Accept-Language"))
}

// Write answers with the page of that name: of a file in [Config.Templates] without its
// .html. It is in the language of the request, and, if the request has a session, in the
// theme of its user and with the menu. Write is for routes that p.Handler serves. An
// unknown name, and a template that fails, is a mistake in the program: Write panics, and
// the client gets a 500.
func (p *Pages) Write(w http.ResponseWriter, r *http.Request, status int, name string, shown Page) {
	writePage(w, p.admit(r), status, name, shown)
}

// bodies are buffers for pages, so that each page need not let one grow.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// pageIn names a page as fold makes it: all that decides what every answer with it shows.
type pageIn struct {
	name        string
	language    *texts.Language
	title, here string
	entries     int // of the menu: users without a password have one less
}

// template returns the page of that name, for views like v. It is made when it is shown first: a
// function shows few pages, in few languages, and a cold start would wait for all.
func (p *Pages) template(name string, v *view) *template.Template {
	key := pageIn{name, v.Language, v.Title, v.Here, len(v.Menu)}
	always := []string{"T", "Language", "Look", "Title", "Menu", "Here"}
	if v.Here != "" && !slices.ContainsFunc(v.Menu, func(m MenuItem) bool { return m.Path == v.Here }) {
		key.here, always = "another", always[:5] // there may be as many as there are paths
	}
	made, ok := p.ready.Load(key)
	if !ok {
		parsed, ok := p.templates[name]
		if !ok {
			panic(fmt.Errorf("signin: there is no page %q", name))
		}
		fixed := &view{Title: v.Title, Here: v.Here, Menu: v.Menu, Language: v.Language, Look: v.Look}
		made, _ = p.ready.LoadOrStore(key, sync.OnceValue(func() *template.Template { return fold(parsed(), fixed, always) }))
	}
	return made.(func() *template.Template)()
}

// writePage does what Write does, for the Pages of the request. There is no Vary header: it
// is for caches, and no cache may store what we send.
func writePage(w http.ResponseWriter, r *http.Request, status int, name string, shown Page) {
	p := pagesOf(r.Context())
	v := p.viewOf(r, shown)
	body := bodies.Get().(*bytes.Buffer)
	defer bodies.Put(body)
	body.Reset()
	if err := p.template(name, v).Execute(body, v); err != nil {
		panic(fmt.Errorf("page %s: %w", name, err)) // an error in the template; recoverPanic answers it
	}
	h := w.Header()
	h.Set("Content-Language", v.Language.Tag)
	h.Set("Content-Security-Policy", cmp.Or(p.policies[name], p.policy))
	h.Set("Content-Type", "text/html; charset=utf-8")
	writeStatus(w, status)
	w.Write(body.Bytes()) // an error means that the client has disconnected
}
