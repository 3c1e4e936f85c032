package signin

import (
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/accounts"
)

// element is one element of a page, and the text directly in it.
type element struct {
	name string
	attr map[string]string
	text string
}

type pageTree []*element

// void elements have no end tag (HTML Standard, section 13.1.2).
var void = []string{"meta", "input", "link", "br", "hr", "img"}

// parsePage reads a page. It is stricter than HTML: every element that is not void
// must be closed, in order, and no attribute may be repeated.
func parsePage(t *testing.T, page string) (tree pageTree) {
	t.Helper()
	rest, ok := strings.CutPrefix(page, "<!doctype html>\n")
	if !ok {
		t.Fatalf("not a page: %.80q", page)
	}
	d := xml.NewDecoder(strings.NewReader(rest))
	d.Strict, d.Entity = false, xml.HTMLEntity
	var open []*element
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well formed: %v in %s", err, page)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := &element{name: token.Name.Local, attr: map[string]string{}}
			for _, a := range token.Attr {
				if _, twice := e.attr[a.Name.Local]; twice {
					t.Errorf("<%s> has %s twice", e.name, a.Name.Local)
				}
				e.attr[a.Name.Local] = a.Value
			}
			tree = append(tree, e)
			if !slices.Contains(void, e.name) {
				open = append(open, e)
			}
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1].name != token.Name.Local {
				t.Fatalf("</%s> closes what is not open in %s", token.Name.Local, page)
			}
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text += string(token)
			}
		}
	}
	if len(open) > 0 {
		t.Fatalf("<%s> is never closed", open[len(open)-1].name)
	}
	return tree
}

func (tree pageTree) all(name string) (found []*element) {
	for _, e := range tree {
		if e.name == name {
			found = append(found, e)
		}
	}
	return found
}

// one returns the one element with the name and the attribute.
func (tree pageTree) one(t *testing.T, name, attr, value string) *element {
	t.Helper()
	found := slices.DeleteFunc(tree.all(name), func(e *element) bool { return e.attr[attr] != value })
	if len(found) != 1 {
		t.Fatalf("%d elements <%s %s=%q>", len(found), name, attr, value)
	}
	return found[0]
}

// everyPage returns each page of the product, with a name as its key.
func everyPage(r *fixture) map[string]string {
	cookie := r.signIn()
	pages := map[string]string{
		"login":         r.do(fromBrowser(get("/login?next=/profile"))).body,
		"refused":       r.do(fromBrowser(post("/login", asForm, wrongForm))).body,
		"profile":       r.do(fromBrowser(with(get("/profile"), "Cookie", cookie))).body,
		"not found":     r.do(fromBrowser(get("/nothing"))).body,
		"bad request":   r.do(fromBrowser(post("/login", asForm, "%"))).body,
		"wrong method":  r.do(fromBrowser(get("/logout"))).body,
		"another site":  r.do(fromBrowser(with(post("/logout", "", ""), "Sec-Fetch-Site", "cross-site"))).body,
		"not ours type": r.do(fromBrowser(post("/login", "text/plain", "x"))).body,

		"password":       r.do(fromBrowser(with(get("/password"), "Cookie", cookie))).body,
		"reauthenticate": r.do(fromBrowser(with(get("/reauthenticate"), "Cookie", cookie))).body,
	}
	pages["no activity"] = r.do(fromBrowser(with(get("/activity"), "Cookie", cookie))).body
	pages["activity"] = r.do(fromBrowser(with(get("/activity"), "Cookie", r.busy(cookie)))).body
	pages["device"] = r.do(fromBrowser(with(get("/sessions"), "Cookie", cookie))).body
	r.signIn()
	r.signIn()
	pages["devices"] = r.do(fromBrowser(with(get("/sessions"), "Cookie", cookie))).body
	r.breakStore("sessions")
	pages["outage"] = r.do(fromBrowser(with(get("/profile"), "Cookie", cookie))).body
	r.repair()
	return pages
}

func TestPages(t *testing.T) {
	alerts := []string{"refused", "not found", "bad request", "wrong method", "another site", "not ours type", "outage"}
	for name, page := range everyPage(newFixture(t)) {
		t.Run(name, func(t *testing.T) {
			tree := parsePage(t, page)
			ids := map[string]bool{}
			alert := 0
			for _, e := range tree {
				for attr, value := range e.attr {
					if attr == "style" || strings.HasPrefix(attr, "on") {
						t.Errorf("<%s %s=%q> is what the policy forbids", e.name, attr, value)
					}
					if (attr == "href" || attr == "src" || attr == "action") && LocalPath(value) != value {
						t.Errorf("<%s %s=%q> leads away", e.name, attr, value)
					}
				}
				if id := e.attr["id"]; id != "" && ids[id] {
					t.Errorf("the id %q stands twice", id)
				} else if id != "" {
					ids[id] = true
				}
				if e.attr["role"] == "alert" {
					alert++
				}
				if slices.Contains([]string{"script", "iframe", "object", "embed", "base", "link", "img"}, e.name) {
					t.Errorf("there is a <%s>", e.name)
				}
			}
			if (alert == 1) != slices.Contains(alerts, name) || alert > 1 {
				t.Errorf("%d alerts", alert)
			}
			for _, once := range []string{"html", "head", "title", "style", "body", "main", "h1"} {
				if n := len(tree.all(once)); n != 1 {
					t.Errorf("%d elements <%s>", n, once)
				}
			}
			if lang := tree.all("html")[0].attr["lang"]; lang != "en" {
				t.Errorf("lang is %q", lang)
			}
			if title := tree.all("title")[0].text; !strings.HasSuffix(title, " – Coatcheck") || strings.HasPrefix(title, " ") {
				t.Errorf("title is %q", title)
			}
			if v := tree.one(t, "meta", "name", "viewport").attr["content"]; v != "width=device-width, initial-scale=1" {
				t.Errorf("viewport is %q", v)
			}
			tree.one(t, "meta", "charset", "utf-8")
			for _, form := range tree.all("form") {
				if form.attr["method"] != "post" {
					t.Errorf("a form sends %q", form.attr["method"])
				}
			}
			for _, input := range tree.all("input") {
				if input.attr["type"] != "hidden" && tree.one(t, "label", "for", input.attr["id"]).text == "" {
					t.Errorf("the field %v has no label", input.attr)
				}
			}
			if len(tree.all("form")) != len(tree.all("button")) {
				t.Errorf("%d forms, %d buttons", len(tree.all("form")), len(tree.all("button")))
			}
		})
	}
}

func TestLoginPage(t *testing.T) {
	r := newFixture(t)
	fresh := parsePage(t, r.do(get("/login")).body)
	const typed = `"><b>al&ice`
	again := parsePage(t, r.do(fromBrowser(post("/login", asForm, "username=%22%3E%3Cb%3Eal%26ice&password=incorrect"))).body)

	for name, tree := range map[string]pageTree{"fresh": fresh, "again": again} {
		user, pw := tree.one(t, "input", "name", "username"), tree.one(t, "input", "name", "password")
		if user.attr["autocomplete"] != "username" || pw.attr["autocomplete"] != "current-password" || pw.attr["type"] != "password" {
			t.Errorf("%s: password managers find %v and %v", name, user.attr, pw.attr)
		}
		if _, filled := pw.attr["value"]; filled {
			t.Errorf("%s: the password is sent back", name)
		}
		if form := tree.one(t, "form", "action", "/login"); form.attr["method"] != "post" {
			t.Errorf("%s: the form is %v", name, form.attr)
		}
		refused := name == "again"
		for _, field := range []*element{user, pw} {
			_, required := field.attr["required"]
			if !required || (field.attr["aria-invalid"] == "true") != refused || (field.attr["aria-describedby"] == "problem") != refused {
				t.Errorf("%s: the field is %v", name, field.attr)
			}
		}
		_, first := user.attr["autofocus"]
		_, second := pw.attr["autofocus"]
		if first == refused || second != refused {
			t.Errorf("%s: focus: username %v, password %v", name, first, second)
		}
	}
	if value := fresh.one(t, "input", "name", "username").attr["value"]; value != "" {
		t.Errorf("a fresh page has the name %q", value)
	}
	if value := again.one(t, "input", "name", "username").attr["value"]; value != typed {
		t.Errorf("what was typed comes back as %q", value)
	}
	if alert := again.one(t, "p", "role", "alert"); alert.text != refused || alert.attr["id"] != "problem" {
		t.Errorf("the alert is %v, %q", alert.attr, alert.text)
	}
}

func TestProfilePage(t *testing.T) {
	for name, tt := range map[string]struct {
		display, theme string
		roles          []string
	}{
		"plain":                {"Alice", "", []string{"member", "admin"}},
		"no roles":             {"Alice", "", nil},
		"dark":                 {"Alice", "dark", nil},
		"light":                {"Alice", "light", nil},
		"HTML":                 {`<script>alert(1)</script>"'&amp;{{.}}`, `"><script>alert(1)</script>`, []string{"<i>admin</i>"}},
		"long":                 {strings.Repeat("Wolfeschlegelsteinhausenbergerdorff", 7), "", []string{strings.Repeat("x", 254)}},
		"right to left, emoji": {"علي 👩🏽‍🚀", "", []string{"عضو"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFixture(t)
			r.addAccount(&accounts.Account{Name: "eve", Username: "Eve", UserID: "eve-id", DisplayName: tt.display, Roles: tt.roles,
				Preferences: map[string]string{"theme": tt.theme}})
			cookie := cookieOf(r.do(post("/login", asJSON, strings.Replace(rightJSON, "alice", "eve", 1))))
			page := r.do(fromBrowser(with(get("/profile"), "Cookie", cookie))).body
			tree := parsePage(t, page)
			if got, want := tree.all("h1")[0].text, fmt.Sprintf("Welcome to your profile, %s!", tt.display); got != want {
				t.Errorf("heading %q, want %q", got, want)
			}
			if theme := tree.all("html")[0].attr["data-theme"]; theme != tt.theme {
				t.Errorf("theme %q", theme)
			}
			if _, set := tree.all("html")[0].attr["data-theme"]; set != (tt.theme != "") {
				t.Errorf("data-theme is there: %v", set)
			}
			var roles []string
			for _, e := range tree.all("span") {
				roles = append(roles, e.text)
			}
			if !slices.Equal(roles, tt.roles) {
				t.Errorf("roles %q", roles)
			}
			if (len(tt.roles) == 0) != strings.Contains(page, "<dd>none</dd>") {
				t.Errorf("no roles are not called none: %s", page)
			}
			text := html.UnescapeString(page)
			for _, part := range []string{">Eve<", " from 192.0.2.1<", "\u00a0UTC</time>", ">Log out<"} {
				if !strings.Contains(text, part) {
					t.Errorf("no %q on the page", part)
				}
			}
			tree.one(t, "form", "action", "/logout")
			if len(tree.all("script")) > 0 || len(tree.all("i")) > 0 {
				t.Error("HTML of the user's became HTML of the page")
			}
		})
	}
}
