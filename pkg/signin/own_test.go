package signin

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/session"
)

// ownRoutes are routes as an adopter writes them.
func ownRoutes(r *fixture) Routes {
	orders := func(w http.ResponseWriter, req *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "__Host-CART", Value: "42", Path: "/", Secure: true, HttpOnly: true})
		who := session.FromContext(req.Context()).UserID
		if !WantsPage(req) {
			WriteJSON(w, http.StatusOK, map[string]string{"of": who})
			return
		}
		r.pages.Write(w, req, http.StatusOK, "problem", Page{Title: "menu.devices", Here: "/orders", Data: who})
	}
	order := func(w http.ResponseWriter, req *http.Request) {
		got, err := Fields(req, "what")
		if err == nil && got["what"] == "" {
			err = fmt.Errorf("wrapped: %w", Refuse(http.StatusConflict, "problem.value", "field", "what", "values", "all but none"))
		}
		if err != nil {
			r.pages.Fail(w, req, err)
			return
		}
		Redirect(w, req, LocalPath(got["next"]))
	}
	crash := func(w http.ResponseWriter, req *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "__Host-CART", Value: "42", Path: "/", Secure: true})
		r.pages.Write(w, req, http.StatusOK, "no such page", Page{})
	}
	refuse := func(w http.ResponseWriter, req *http.Request) {
		r.pages.Fail(w, req, Refuse(map[string]int{"401": 401, "503": 503}[req.PathValue("status")], "problem.busy"))
	}
	return Routes{
		"GET /orders":          r.sessions.Require(http.HandlerFunc(orders)).ServeHTTP,
		"POST /orders":         r.sessions.Require(http.HandlerFunc(order)).ServeHTTP,
		"GET /crash":           crash,
		"GET /refuse/{status}": refuse,
		"GET /static/":         func(w http.ResponseWriter, req *http.Request) { w.Write([]byte("a picture")) },
	}
}

// TestOwnRoutes: a route of an adopter's own is in the same frame as ours.
func TestOwnRoutes(t *testing.T) {
	const cart = "__Host-CART=42; Path=/; HttpOnly; Secure"
	r := newFixture(t)
	r.handler = r.pages.Handler(ownRoutes(r), Profile(r.sessions))
	cookie := r.signIn()
	signedIn := func(req *http.Request) *http.Request { return with(req, "Cookie", cookie) }
	for name, tt := range map[string]struct {
		req  *http.Request
		want answer
	}{
		"JSON":                {signedIn(get("/orders")), newAnswer(200, `{"of":"alice-id"}`+"\n").with("Content-Type", asJSON).with("Set-Cookie", cart)},
		"page":                {fromBrowser(signedIn(get("/orders"))), problemPage(200, "alice-id").with("Set-Cookie", cart)},
		"nobody, program":     {get("/orders"), problemAnswer(401, "Sign in first.")},
		"nobody, browser":     {fromBrowser(get("/orders?a=b")), redirectAnswer("/login?next=%2Forders%3Fa%3Db")},
		"form":                {fromBrowser(signedIn(post("/orders", asForm, "what=tea&next=/orders"))), redirectAnswer("/orders")},
		"form, away":          {fromBrowser(signedIn(post("/orders", asForm, "what=tea&next=//evil.example"))), redirectAnswer("/profile")},
		"form, field":         {signedIn(post("/orders", asForm, "what=tea&where=here")), problemAnswer(400, `There is a field that does not belong here; expected: ["what"].`)},
		"form, type":          {signedIn(post("/orders", "text/plain", "what")), problemAnswer(415, "Send application/json or application/x-www-form-urlencoded, in UTF-8.")},
		"refused, program":    {signedIn(post("/orders", asJSON, `{"what":""}`)), problemAnswer(409, "The field what must be one of all but none.")},
		"refused, browser":    {fromBrowser(signedIn(post("/orders", asForm, `what=`))), problemPage(409, "The field what must be one of all but none.")},
		"refused with 401":    {get("/refuse/401"), problemAnswer(401, "This account is being changed just now. Try again in a moment.")},
		"refused with 503":    {get("/refuse/503"), problemAnswer(503, "This account is being changed just now. Try again in a moment.").with("Retry-After", "5")},
		"another site":        {with(signedIn(post("/orders", asForm, "what=tea")), "Sec-Fetch-Site", "cross-site"), problemAnswer(403, "This request came from another site. Open the page here and try again.")},
		"large body":          {signedIn(post("/orders", asForm, "what="+strings.Repeat("x", maxBody))), problemAnswer(413, "The request is larger than 8 KB.")},
		"doubled header":      {with(with(signedIn(get("/orders")), "Origin", "https://a.example"), "Origin", "https://b.example"), problemAnswer(400, "The header Origin came twice; send it once.")},
		"panic":               {get("/crash"), problemAnswer(500, "Something went wrong on our side. Try again in a moment.")},
		"another method":      {signedIn(with(get("/orders"), "X-Method", "DELETE")), problemAnswer(405, "DELETE does not work here; allowed: GET, HEAD, POST.").with("Allow", "GET, HEAD, POST")},
		"OPTIONS":             {with(get("/orders"), "X-Method", "OPTIONS"), problemAnswer(405, "OPTIONS does not work here; allowed: GET, HEAD, POST.").with("Allow", "GET, HEAD, POST")},
		"no path":             {get("/orders/42"), problemAnswer(404, "There is nothing at this address.")},
		"no path, browser":    {fromBrowser(get("/orders/42")), problemPage(404, "There is nothing at this address.")},
		"unclean path":        {get("/orders/../crash"), problemAnswer(404, "There is nothing at this address.")},
		"below a path":        {get("/static/logo.png"), newAnswer(200, "a picture").with("Content-Type", "text/plain; charset=utf-8")},
		"below, other method": {with(get("/static/logo.png"), "X-Method", "DELETE"), problemAnswer(405, "DELETE does not work here; allowed: GET, HEAD.").with("Allow", "GET, HEAD")},
	} {
		if method := tt.req.Header.Get("X-Method"); method != "" {
			tt.req.Method = method
		}
		t.Run(name, func(t *testing.T) { same(t, r.do(tt.req), tt.want) })
	}
}

// TestOwnCatchAll: a route of one's own may be for every path that ours leave.
func TestOwnCatchAll(t *testing.T) {
	r := newFixture(t)
	r.handler = r.pages.Handler(Profile(r.sessions), Logout(r.sessions), Routes{
		"GET /{rest...}":   func(w http.ResponseWriter, req *http.Request) { WriteJSON(w, 200, req.PathValue("rest")) },
		"GET own.example/": func(w http.ResponseWriter, req *http.Request) { WriteJSON(w, 200, "another host") },
	})
	for _, tt := range []struct{ method, url, want string }{
		{"GET", "/a/b", `"a/b"`}, {"GET", "/profile", "Sign in first."}, {"DELETE", "/a/b", "allowed: GET, HEAD."},
		{"GET", "http://own.example/a/b", `"another host"`}, {"PUT", "/profile", "allowed: GET, HEAD."},
	} {
		req := get(tt.url)
		req.Method = tt.method
		if resp := r.do(req); !strings.Contains(resp.body, tt.want) {
			t.Errorf("%s %s: %d %s, want %s", tt.method, tt.url, resp.status, resp.body, tt.want)
		}
	}
}

// TestAbortedAnswer: an answer that its route breaks off stays broken off, so that nobody
// takes a part for the whole.
func TestAbortedAnswer(t *testing.T) {
	r := newFixture(t)
	handler := r.pages.Handler(Routes{"GET /part": func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("a part"))
		panic(http.ErrAbortHandler)
	}})
	w := httptest.NewRecorder()
	func() {
		defer func() {
			if p := recover(); p != http.ErrAbortHandler {
				t.Errorf("the server gets %v", p)
			}
		}()
		handler.ServeHTTP(w, get("/part"))
	}()
	if w.Body.String() != "a part" || r.log.String() != "" {
		t.Errorf("%q, log %s", w.Body, r.log.String())
	}
}

// TestConflictingRoutes: two routes for one request stop the start, and the text names them.
func TestConflictingRoutes(t *testing.T) {
	r := newFixture(t)
	nothing := func(http.ResponseWriter, *http.Request) {}
	for pattern, others := range map[string]Routes{
		"GET /profile":                  Profile(r.sessions),
		"POST /sessions/{which}/revoke": Sessions(r.sessions, window),
		"GET profile":                   nil,
		"GET /{name}/{name}":            nil,
		"GET /orders/{$}":               nil, // every path with a slash at its end is a 404
	} {
		func() {
			defer func() {
				text := fmt.Sprint(recover())
				for _, part := range []string{"signin: the route ", strings.Fields(pattern)[1], "give this one another path, or leave the other out"} {
					if !strings.Contains(text, part) {
						t.Errorf("%q: %s", pattern, text)
					}
				}
			}()
			r.pages.Handler(others, Routes{pattern: nothing})
			t.Errorf("%q is taken", pattern)
		}()
	}
}

// TestRedirectAway: the policy of a page allows no redirect of a form to another site, also
// not by way of another page of ours. So a browser gets a page.
func TestRedirectAway(t *testing.T) {
	const away = "https://id.example/?a=b"
	r := newFixture(t)
	r.handler = r.pages.Handler(Routes{"/away": func(w http.ResponseWriter, req *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "__Host-STATE", Value: "42", MaxAge: 60})
		Redirect(w, req, away)
	}})
	const cookie = "__Host-STATE=42; Max-Age=60"
	for _, req := range []func() *http.Request{func() *http.Request { return get("/away") }, func() *http.Request { return post("/away", asForm, "a=b") }} {
		same(t, r.do(req()), redirectAnswer(away).with("Set-Cookie", cookie))
		same(t, r.do(fromBrowser(req())), refreshAnswer(away, cookie))
	}
}

// TestConfigMenu: entries of one's own stand behind ours, in the language of the page, and
// on our pages too.
func TestConfigMenu(t *testing.T) {
	for name, tt := range map[string]struct {
		items []MenuItem
		want  []string
	}{
		"none":      {nil, []string{"/profile Profil", "/sessions Geräte", "/password Passwort"}},
		"added":     {[]MenuItem{{"/orders?all=1", "redirect.title"}}, []string{"/profile Profil", "/sessions Geräte", "/password Passwort", "/orders?all=1 Einen Moment"}},
		"replaced":  {[]MenuItem{{"/sessions", "redirect.title"}}, []string{"/profile Profil", "/sessions Einen Moment", "/password Passwort"}},
		"taken out": {[]MenuItem{{"/password", ""}, {"/orders", "redirect.title"}}, []string{"/profile Profil", "/sessions Geräte", "/orders Einen Moment"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFixture(t)
			var err error
			if r.pages, err = NewPages(Config{Menu: tt.items}); err != nil {
				t.Fatal(err)
			}
			r.handler = r.pages.Handler(Profile(r.sessions))
			r.language = "de"
			var got []string
			for _, a := range parsePage(t, r.do(fromBrowser(with(get("/profile"), "Cookie", r.signIn()))).body).all("a")[1:] {
				got = append(got, a.attr["href"]+" "+a.text)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
	for _, tt := range []struct {
		item MenuItem
		says string
	}{
		{MenuItem{"https://evil.example/", "redirect.title"}, `the path "https://evil.example/" leads to no page of this site`},
		{MenuItem{"//evil.example/", "redirect.title"}, "leads to no page"},
		{MenuItem{"/orders", ""}, `has the text "", which the catalogue does not have in en`},
		{MenuItem{"/orders", "menu.orders"}, `/orders has the text "menu.orders", which the catalogue does not have in en; add it`},
	} {
		if _, err := NewPages(Config{Menu: []MenuItem{tt.item}}); err == nil || !strings.Contains(err.Error(), tt.says) || !strings.HasPrefix(err.Error(), "signin: Config.Menu: ") {
			t.Errorf("%v: %v, want %q", tt.item, err, tt.says)
		}
	}
}
