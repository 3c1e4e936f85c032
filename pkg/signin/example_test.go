package signin_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing/fstest"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/signin"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/bcp47"
	"example.com/coatcheck/pkg/signin/site"
	"example.com/coatcheck/pkg/signin/texts"
)

// The whole product in memory: log.Fatal(http.ListenAndServe(":8080", handler)) serves it.
func Example() {
	pages, err := signin.NewPages(signin.Config{})
	if err != nil {
		log.Fatal(err)
	}
	sessions, err := session.New(memstore.New(), session.Config{ErrorHandler: pages.Fail})
	if err != nil {
		log.Fatal(err)
	}
	kept := memaccounts.New()
	users := accounts.NewRegistrar(kept, accounts.Config{})
	if err := users.Prepare(context.Background(), kept.All(context.Background())); err != nil {
		log.Fatal(err)
	}
	if _, err := users.Register(context.Background(), "alice", "Alice", []string{"member"}, "nine plum otters juggle lanterns"); err != nil {
		log.Fatal(err)
	}
	limiter, err := throttle.New(memaccounts.NewAttempts(), throttle.Config{})
	if err != nil {
		log.Fatal(err)
	}
	passwords := accounts.NewAuthenticator(users.Directory, limiter)
	handler := pages.Handler(
		signin.Login(sessions, passwords, signin.Options{}),
		signin.Logout(sessions),
		signin.Profile(sessions),
		signin.Sessions(sessions, 15*time.Minute),
		signin.Reauthenticate(sessions, passwords, nil),
		signin.Password(sessions, passwords),
		signin.Preferences(sessions, users, bcp47.Canonical),
		signin.Whoami(sessions),
	)

	server := httptest.NewTLSServer(handler)
	defer server.Close()
	answer, err := server.Client().Post(server.URL+"/login", "application/json", strings.NewReader(`{"username": "alice", "password": "nine plum otters juggle lanterns"}`))
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	fmt.Println(answer.Status, answer.Cookies()[0].Name)
	// Output: 200 OK __Host-SESSIONID
}

// A page of one's own is a file beside ours, and its route is one of [signin.Routes]. The
// menu of every page leads to it. Its texts are in the catalogue, in each language that the
// site offers.
func ExamplePages_Write() {
	type order struct{ What string }
	words, err := texts.New(fstest.MapFS{
		"en.json": {Data: []byte(`{"orders.title": "Your orders", "orders.none": "You have ordered nothing."}`)},
		"de.json": {Data: []byte(`{"orders.title": "Ihre Bestellungen", "orders.none": "Sie haben nichts bestellt."}`)},
	}, "en", "de")
	if err != nil {
		log.Fatal(err)
	}
	pages, err := signin.NewPages(signin.Config{
		Texts: words,
		Menu:  []signin.MenuItem{{Path: "/orders", Text: "orders.title"}},
		Templates: fstest.MapFS{"orders.html": {Data: []byte(`{{define "main"}}<section class="card">
<h1>{{.T "orders.title"}}</h1>
{{range .Data}}<p>{{.What}}</p>
{{else}}<p>{{.T "orders.none"}}</p>
{{end}}</section>{{end}}`)}},
		Samples: map[string][]any{"orders": {[]order{}, []order{{"Tea"}}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	sessions, err := session.New(memstore.New(), session.Config{ErrorHandler: pages.Fail})
	if err != nil {
		log.Fatal(err)
	}
	orders := func(w http.ResponseWriter, r *http.Request) {
		all := []order{{"Tea & cakes"}} // of session.FromContext(r.Context()).UserID
		if !signin.WantsPage(r) {
			signin.WriteJSON(w, http.StatusOK, all)
			return
		}
		pages.Write(w, r, http.StatusOK, "orders", signin.Page{Title: "orders.title", Here: "/orders", Data: all})
	}
	handler := pages.Handler(signin.Routes{"GET /orders": sessions.Require(http.HandlerFunc(orders)).ServeHTTP})

	for _, accept := range []string{"text/html", "application/json"} {
		r := httptest.NewRequest("GET", "/orders", nil)
		r.Header.Set("Accept", accept)
		r.Header.Set("Accept-Language", "de")
		signInAs(sessions, r, session.User{ID: "alice"})
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Print(w.Code, " ")
		for line := range strings.Lines(w.Body.String()) {
			if accept != "text/html" || strings.Contains(line, "/orders") || strings.Contains(line, "<p>") {
				fmt.Print(line)
			}
		}
	}
	// Output:
	// 200 <a href="/orders" aria-current="page">Ihre Bestellungen</a>
	// <p>Tea &amp; cakes</p>
	// 200 [{"What":"Tea \u0026 cakes"}]
}

// signInAs gives the request the cookie of a new session.
func signInAs(sessions *session.Manager, r *http.Request, u session.User) {
	w := httptest.NewRecorder()
	if _, err := sessions.Create(w, r, u); err != nil {
		log.Fatal(err)
	}
	r.AddCookie(w.Result().Cookies()[0])
}

// A route answers a wrong form as ours do: browsers get a page, programs a problem document.
func ExampleFields() {
	pages, err := signin.NewPages(signin.Config{})
	if err != nil {
		log.Fatal(err)
	}
	order := func(w http.ResponseWriter, r *http.Request) {
		form, err := signin.Fields(r, "what")
		if err == nil && form["what"] != "tea" {
			err = signin.Refuse(http.StatusConflict, "problem.value", "field", "what", "values", "tea")
		}
		if err != nil {
			pages.Fail(w, r, err)
			return
		}
		signin.Redirect(w, r, signin.LocalPath(form["next"]))
	}
	handler := pages.Handler(signin.Routes{"POST /orders": order})

	for _, body := range []string{"what=tea&next=/orders", "what=tea&next=https://elsewhere.example/", "what=coffee", "who=alice"} {
		r := httptest.NewRequest("POST", "/orders", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("Location")+strings.TrimSpace(w.Body.String()))
	}
	// Output:
	// 303 /orders
	// 303 /profile
	// 409 {"type":"about:blank","title":"Conflict","status":409,"detail":"The field what must be one of tea."}
	// 400 {"type":"about:blank","title":"Bad Request","status":400,"detail":"There is a field that does not belong here; expected: [\"what\"]."}
}

// The brand and the links are on every page. A wrong one is an error at the start.
func ExampleConfig() {
	logo, err := site.ParseLogo(`<svg viewBox="0 0 8 8"><circle cx="4" cy="4" r="4" fill="currentColor"/></svg>`)
	if err != nil {
		log.Fatal(err)
	}
	accent, err := site.ParseAccent("#0b5394,#9fc5e8") // on light pages, on dark ones
	if err != nil {
		log.Fatal(err)
	}
	pages, err := signin.NewPages(signin.Config{
		Site: site.Site{
			Origin: "https://shop.example",
			Brand:  site.Brand{Name: "Blue Harbour", Logo: logo, Accent: accent, Links: []site.Link{{Name: "Imprint", URL: "https://shop.example/imprint"}}},
		},
		Logger: slog.New(slog.NewJSONHandler(io.Discard, nil)),
	})
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/nothing", nil)
	r.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	pages.Handler().ServeHTTP(w, r)
	for line := range strings.Lines(w.Body.String()) {
		if strings.Contains(line, "Blue Harbour") || strings.Contains(line, "Imprint") {
			fmt.Print(line)
		}
	}
	// Output:
	// <title>That did not work – Blue Harbour</title>
	// <a class="brand" href="/"><svg aria-hidden="true" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4" fill="currentColor"></circle></svg>Blue Harbour</a>
	// <a href="https://shop.example/imprint">Imprint</a>
}

// A file with the name of one of ours takes its place. What browsers would refuse, or a route
// of ours, is an error at the start.
func ExampleConfig_templates() {
	for _, page := range []string{
		`<form method="post" action="/login"><input name="username"><input name="password" type="password"><button>In</button></form>`,
		`<form method="post" action="/login"><input name="user"><input name="password" type="password"></form>`,
		`<p style="color: red">{{.T "login.titel"}}</p>`,
	} {
		_, err := signin.NewPages(signin.Config{Templates: fstest.MapFS{
			"login.html": {Data: []byte(`{{define "main"}}` + page + `{{end}}`)},
			"style.css":  {Data: []byte("h1 { color: teal }")},
		}, Texts: english})
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// signin: Config.Templates: login.html: the form to /login has no field "username", which its route needs
	// login.html: the form to /login has the field "user", which its route refuses; take out the field, or its name
	// signin: Config.Templates: login.html: the catalogue has no text "login.titel" in en; add it, or take another
	// login.html: <p> has a style attribute, which the policy forbids; give it a class, and put the rule into style.css
}

var english = must(texts.New(nil, "en"))

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// Users who sign in elsewhere prove there again who they are: Reauthenticate leads them to a
// route of one's own, and that comes back with a new proof. Package oidc does all this for
// an OpenID provider.
func ExampleReauthenticate() {
	pages := must(signin.NewPages(signin.Config{}))
	sessions := must(session.New(memstore.New(), session.Config{ErrorHandler: pages.Fail}))
	leave := func(w http.ResponseWriter, r *http.Request, next string) {
		signin.Redirect(w, r, "https://id.example/prove?"+url.Values{"back": {next}}.Encode())
	}
	back := func(w http.ResponseWriter, r *http.Request) {
		// Check here that it is the same user who comes from the provider, and has just proved it.
		if err := sessions.Reauthenticate(r.Context(), w, session.FromContext(r.Context())); err != nil {
			pages.Fail(w, r, err)
			return
		}
		signin.Redirect(w, r, signin.LocalPath(r.URL.Query().Get("back")))
	}
	handler := pages.Handler(
		signin.Reauthenticate(sessions, nil, leave),
		signin.Sessions(sessions, 15*time.Minute),
		signin.Routes{"GET /back": sessions.Require(http.HandlerFunc(back)).ServeHTTP},
	)

	r := httptest.NewRequest("GET", "/reauthenticate?next=/sessions", nil)
	signInAs(sessions, r, session.User{ID: "alice", Values: map[string]string{authn.ValueNoPassword: "true"}})
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Location"))
	// Output: 303 https://id.example/prove?back=%2Fsessions
}
