package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"example.com/coatcheck/internal/respond"
)

//go:embed pages
var files embed.FS

//go:embed pages/style.css
var style string

// page is what every page shows around its own Data.
type page struct {
	Title string
	Theme string // light or dark; anything else follows the system
	Data  any
}

var (
	pages      = parsePages("login", "profile", "password", "reauthenticate", "problem")
	pagePolicy = respond.PagePolicy(hashOf(style))
)

// parsePages combines each page with the layout that all share.
func parsePages(names ...string) map[string]*template.Template {
	layout := template.Must(template.New("layout.html").Funcs(template.FuncMap{
		"style": func() template.CSS { return template.CSS(style) },
		"date":  func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") },
	}).ParseFS(files, "pages/layout.html"))
	parsed := map[string]*template.Template{}
	for _, name := range names {
		parsed[name] = template.Must(template.Must(layout.Clone()).ParseFS(files, "pages/"+name+".html"))
	}
	return parsed
}

// hashOf is how a Content-Security-Policy names the one style sheet it allows.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func writePage(w http.ResponseWriter, status int, name string, p page) {
	var body bytes.Buffer
	if err := pages[name].Execute(&body, p); err != nil {
		panic(fmt.Errorf("page %s: %w", name, err)) // a mistake in the page: answered as any panic
	}
	h := w.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	respond.Status(w, status)
	w.Write(body.Bytes()) // an error means that the client is gone
}
