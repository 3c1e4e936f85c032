package signin

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"example.com/coatcheck/pkg/session"
)

//go:embed pages
var files embed.FS

//go:embed pages/style.css
var style string

// page is the data of the layout that all pages share. Data is the data of the single
// page.
type page struct {
	Title string
	Theme string // light or dark; anything else follows the system
	Here  string // the path of the page, if it is for signed-in users
	Data  any
}

// pageOf returns the page at the path here, for the signed-in user of s.
func pageOf(s *session.Session, here, title string, data any) page {
	return page{Title: title, Theme: s.Values[valueTheme], Here: here, Data: data}
}

// link is an entry of the menu for signed-in users.
type link struct{ Path, Name string }

var menu = []link{{homePath, "Profile"}, {devicesPath, "Devices"}, {passwordPath, "Password"}}

var (
	pages      = parsePages("login", "profile", "sessions", "password", "reauthenticate", "problem")
	pagePolicy = policyWithStyle(hashOf(style))
)

// parsePages combines each page with the layout that all pages share.
func parsePages(names ...string) map[string]*template.Template {
	layout := template.Must(template.New("layout.html").Funcs(template.FuncMap{
		"style": func() template.CSS { return template.CSS(style) },
		"menu":  func() []link { return menu },
		"date":  func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") },
		"stamp": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"ago":   func(t time.Time) string { return ago(time.Since(t)) },
	}).ParseFS(files, "pages/layout.html"))
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

// ago returns in words how long ago something was, in the largest unit that fits.
func ago(d time.Duration) string {
	for _, unit := range []struct {
		name   string
		length time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}} {
		switch n := d / unit.length; {
		case n == 1:
			return "1 " + unit.name + " ago"
		case n > 1:
			return fmt.Sprintf("%d %ss ago", n, unit.name)
		}
	}
	return "just now"
}

func writePage(w http.ResponseWriter, r *http.Request, status int, name string, p page) {
	var body bytes.Buffer
	if err := pages[name].Execute(&body, p); err != nil {
		panic(fmt.Errorf("page %s: %w", name, err)) // an error in the template; recoverPanic answers it
	}
	h := w.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	writeStatus(w, status)
	w.Write(body.Bytes()) // an error means that the client has disconnected
}
