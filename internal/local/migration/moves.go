package migration

import (
	"html/template"
	"log"
	"net/http"
	"slices"
)

// movesPath is the page with a button for each move. It is for people, and no part of a
// migration.
const movesPath = "/moves"

// ServeHTTP answers requests to the host.
func (s *Stack) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == movesPath {
		s.protection.Handler(http.HandlerFunc(s.moves)).ServeHTTP(w, r)
		return
	}
	s.Proxy.ServeHTTP(w, r)
}

func (s *Stack) moves(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method == http.MethodPost {
		if err := s.move(r); err != nil {
			log.Print(err)
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		http.Redirect(w, r, movesPath, http.StatusSeeOther)
		return
	}
	type route struct {
		Path  string
		Moved bool
	}
	page := struct {
		Monolith, Mode string
		Routes         []route
	}{s.options.Framework.Name, s.mode, nil}
	for _, path := range Routes {
		page.Routes = append(page.Routes, route{path, s.Proxy.Moved(path)})
	}
	w.Header().Set("Cache-Control", "no-store")
	movesPage.Execute(w, page)
}

// move does what a button of the page says.
func (s *Stack) move(r *http.Request) error {
	if route := r.PostFormValue("route"); slices.Contains(Routes, route) {
		s.Proxy.Move(route, r.PostFormValue("to") == "coatcheck")
	}
	if mode := r.PostFormValue("mode"); mode == Also || mode == Only {
		return s.setMode(r.Context(), mode)
	}
	return nil
}

var movesPage = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Moves</title>
<style>body { font: 1rem/1.5 sans-serif; max-width: 40rem; margin: 2rem auto; } td { padding: .3rem 1rem .3rem 0; }</style>
<main>
<h1>Moves</h1>
<table>
{{range .Routes}}<tr><td>{{.Path}} is at {{if .Moved}}Coatcheck{{else}}the monolith ({{$.Monolith}}){{end}}</td>
<td><form method="post"><input type="hidden" name="route" value="{{.Path}}">{{if .Moved}}<button name="to" value="monolith">Move {{.Path}} back</button>{{else}}<button name="to" value="coatcheck">Move {{.Path}}</button>{{end}}</form></td></tr>
{{end}}<tr><td>The monolith's middleware is in the mode {{.Mode}}</td>
<td><form method="post">{{if eq .Mode "also"}}<button name="mode" value="only">Set the mode only</button>{{else}}<button name="mode" value="also">Set the mode also</button>{{end}}</form></td></tr>
</table>
<p><a href="/news">News</a>, <a href="/cart">Cart</a>, <a href="/profile">Profile</a></p>
</main>
</html>
`))
