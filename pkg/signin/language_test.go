package signin

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/internal/useragent"
	"example.com/coatcheck/pkg/signin/texts"
)

// sources returns the text of the package's templates and Go files, and of no test.
func sources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range []string{"*.go", "pages/*.html", "texts/*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(names), err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
	}
	return all.String()
}

// keys returns the keys of the catalogue as the code writes them, without .one and
// .other.
func keys(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("texts/en.json")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^  "([a-z_.]+)":`).FindAllStringSubmatch(string(text), -1) {
		found[strings.TrimSuffix(strings.TrimSuffix(match[1], ".one"), ".other")] = true
	}
	return found
}

// TestKeys: the code uses every key of the catalogue, and no other.
func TestKeys(t *testing.T) {
	code, known := sources(t), keys(t)
	groups := map[string]bool{}
	for key := range known {
		group, _, _ := strings.Cut(key, ".")
		groups[group] = true
		if !strings.Contains(code, `"`+key+`"`) {
			t.Errorf("no page and no answer uses the text %q", key)
		}
	}
	for _, match := range regexp.MustCompile(`"([a-z_]+)\.[a-z_.]+"`).FindAllStringSubmatch(code, -1) {
		if key := strings.Trim(match[0], `"`); groups[match[1]] && !known[key] {
			t.Errorf("the catalogue has no %q", key)
		}
	}
}

// TestNoWordsInTemplates: every word of a page comes from the catalogue, except the
// product's name.
func TestNoWordsInTemplates(t *testing.T) {
	names, err := filepath.Glob("pages/*.html")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		bare := regexp.MustCompile(`(?s)\{\{.*?\}\}`).ReplaceAllString(string(text), "")
		bare = regexp.MustCompile(`(?s)<[^>]*>`).ReplaceAllString(bare, " ")
		for _, word := range regexp.MustCompile(`\pL+`).FindAllString(bare, -1) {
			if word != "Coatcheck" {
				t.Errorf("%s has the word %q", name, word)
			}
		}
		for _, label := range regexp.MustCompile(`(aria-label|placeholder|title|alt)="([^"]*)"`).FindAllStringSubmatch(string(text), -1) {
			if !strings.HasPrefix(label[2], "{{$.T ") {
				t.Errorf("%s has %s", name, label[0])
			}
		}
	}
}

// said returns the texts of a page that people see or hear, in their order.
func (tree pageTree) said() (said []string) {
	for _, e := range tree {
		if e.name == "style" || e.attr["lang"] != "" && e.name == "option" { // a language's own name
			continue
		}
		for _, text := range []string{e.text, e.attr["aria-label"], e.attr["placeholder"]} {
			if text = strings.TrimSpace(text); text != "" {
				said = append(said, text)
			}
		}
	}
	return said
}

// unchanged matches the texts that are the same in every language: names, addresses, and
// values that users chose.
var unchanged = regexp.MustCompile(`^(Coatcheck|Alice|member|Eve|, 192\.0\.2\.1)$`)

// sameWord are words that a language writes as English does.
var sameWord = map[string][]string{"es": {"Roles"}}

// TestEveryPageInEveryLanguage: nothing on a page is in English that has a translation,
// no key is shown in place of its text, and the page says which language it is in.
func TestEveryPageInEveryLanguage(t *testing.T) {
	english := map[string][]string{}
	for _, l := range texts.Default.Languages() {
		r := newFixture(t)
		r.language = l.Tag
		for name, page := range everyPage(r) {
			tree := parsePage(t, page)
			if lang := tree.all("html")[0].attr["lang"]; lang != l.Tag {
				t.Errorf("%s, %s: lang is %q", l.Tag, name, lang)
			}
			said := tree.said()
			for _, text := range said {
				if raw := regexp.MustCompile(`\b(` + strings.Join(groups(t), "|") + `)\.[a-z_]+|[{}]`).FindString(text); raw != "" {
					t.Errorf("%s, %s: the page shows %q in %q", l.Tag, name, raw, text)
				}
			}
			if l == texts.Default.English() {
				english[name] = said
				continue
			}
			if len(said) != len(english[name]) {
				t.Errorf("%s, %s: %d texts; %d in English", l.Tag, name, len(said), len(english[name]))
				continue
			}
			for i, text := range said {
				if text == english[name][i] && !unchanged.MatchString(text) && !slices.Contains(sameWord[l.Tag], text) {
					t.Errorf("%s, %s: %q is English", l.Tag, name, text)
				}
			}
		}
	}
}

func groups(t *testing.T) (groups []string) {
	for key := range keys(t) {
		group, _, _ := strings.Cut(key, ".")
		groups = append(groups, group)
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// TestWhichLanguage: the user's preference decides. Without one it is the browser, also
// where nobody is signed in. A preference that no page has does not count.
func TestWhichLanguage(t *testing.T) {
	const onProfile, onLogin = "/profile", "/login"
	for _, test := range []struct{ preference, accept, path, want string }{
		{"", "de-AT,de;q=0.9", onLogin, "de"},
		{"", "", onLogin, "en"},
		{"ja", "de", onLogin, "de"}, // nobody knows yet whose browser it is
		{"", "fr", onProfile, "fr"},
		{"ja", "fr", onProfile, "ja"},
		{"de-CH", "fr", onProfile, "de"},
		{"system", "fr", onProfile, "fr"},
		{"pt-BR", "fr", onProfile, "fr"},
		{"ja", "fr", "/sessions", "ja"},
		{"ja", "fr", "/password", "ja"},
		{"ja", "fr", "/reauthenticate", "ja"},
	} {
		r := newFixture(t)
		r.addAccount(&accounts.Account{Name: "eve", Username: "Eve", UserID: "eve-id", Preferences: map[string]string{"language": test.preference}})
		req := fromBrowser(get(test.path))
		if test.path != onLogin {
			req.Header.Set("Cookie", r.signInAs("eve"))
		}
		if test.accept != "" {
			req.Header.Set("Accept-Language", test.accept)
		}
		resp := r.do(req)
		lang := parsePage(t, resp.body).all("html")[0].attr["lang"]
		if lang != test.want || resp.header.Get("Content-Language") != test.want {
			t.Errorf("%+v: lang %q, Content-Language %q", test, lang, resp.header.Get("Content-Language"))
		}
		if option := fmt.Sprintf(`<option value="%s" lang="%[1]s" selected>`, test.want); test.path == onProfile && strings.Contains(resp.body, option) != (texts.Default.Find(test.preference) != nil) {
			t.Errorf("%+v: the page shows another preference", test)
		}
		if vary := resp.header.Get("Vary"); vary != "" {
			t.Errorf("%+v: Vary %q, on an answer that nobody may store", test, vary)
		}
	}
}

// TestLanguagePreference: a language that the page offers changes the pages at once, and
// "system" gives them back to the browser.
func TestLanguagePreference(t *testing.T) {
	r := newFixture(t)
	r.language = "fr"
	cookie := r.signIn()
	profile := func() pageTree { return parsePage(t, r.do(fromBrowser(with(get("/profile"), "Cookie", cookie))).body) }
	selected := func(tree pageTree) (values []string) {
		for _, option := range tree.all("option") {
			if _, ok := option.attr["selected"]; ok {
				values = append(values, option.attr["value"])
			}
		}
		return values
	}
	for _, l := range append(texts.Default.Languages(), &texts.Language{Tag: "system"}) {
		resp := r.do(fromBrowser(with(post("/preferences", asForm, "language="+l.Tag), "Cookie", cookie)))
		if resp.status != http.StatusSeeOther {
			t.Errorf("%s: status %d", l.Tag, resp.status)
		}
		want := l.Tag
		if want == "system" {
			want = "fr"
		}
		tree := profile()
		if lang := tree.all("html")[0].attr["lang"]; lang != want {
			t.Errorf("%s: the page is in %s", l.Tag, lang)
		}
		if got := selected(tree); l.Tag == "system" && len(got) > 0 && got[0] != "system" || l.Tag != "system" && !slices.Equal(got, []string{l.Tag}) {
			t.Errorf("%s: selected is %q", l.Tag, got)
		}
	}
	for _, l := range texts.Default.Languages() {
		if option := profile().one(t, "option", "value", l.Tag); option.text != l.Name || option.attr["lang"] != l.Tag {
			t.Errorf("the option is %v, %q", option.attr, option.text)
		}
	}
}

// TestLanguageOfAProgram: a program may choose any language. Pages that do not have it
// follow the browser, and those that have it without its region are in it.
func TestLanguageOfAProgram(t *testing.T) {
	r := newFixture(t)
	r.language = "fr"
	cookie := r.signIn()
	for tag, want := range map[string]struct{ kept, page string }{
		"pt-br": {"pt-BR", "fr"}, "DE-at": {"de-AT", "de"}, "ja": {"ja", "ja"}, "system": {"system", "fr"},
	} {
		same(t, r.do(with(post("/preferences", asJSON, `{"language":"`+tag+`"}`), "Cookie", cookie)), newAnswer(204, ""))
		if body := r.do(with(get("/profile"), "Cookie", cookie)).body; !strings.Contains(body, `"language":"`+want.kept+`"`) {
			t.Errorf("%s: %s", tag, body)
		}
		page := parsePage(t, r.do(fromBrowser(with(get("/profile"), "Cookie", cookie))).body)
		if lang := page.all("html")[0].attr["lang"]; lang != want.page {
			t.Errorf("%s: the page is in %s, not in %s", tag, lang, want.page)
		}
	}
}

// TestProgramsGetEnglish: a problem document is in English, whatever the client accepts.
func TestProgramsGetEnglish(t *testing.T) {
	r := newFixture(t)
	same(t, r.do(with(post("/login", asJSON, wrongJSON), "Accept-Language", "de")), problemAnswer(401, refused))
	same(t, r.do(with(get("/nothing"), "Accept-Language", "de")), problemAnswer(404, "There is nothing at this address."))
}

// TestNewPasswordRules: every rule for new passwords has a text. In English it is the
// text of the error, as a sentence.
func TestNewPasswordRules(t *testing.T) {
	for rule := authn.TooLong; rule <= authn.Repetitions; rule++ {
		err := &authn.NewPasswordError{Rule: rule}
		if rule == authn.TooLong || rule == authn.TooShort {
			err.Limit = 20
		}
		want := strings.ToUpper(err.Error()[:1]) + err.Error()[1:] + "."
		if got := refusedNew(fmt.Errorf("wrapped: %w", err)).Error(); got != want {
			t.Errorf("rule %d: %q, want %q", rule, got, want)
		}
	}
	const own = "it is in a list of stolen passwords"
	if got := refusedNew(errors.New(own)).Error(); got != "This password cannot be used: "+own {
		t.Errorf("an error of another type: %q", got)
	}
	if got := refusedNew(&authn.NewPasswordError{Rule: 99}).Error(); !strings.HasPrefix(got, "This password cannot be used: ") {
		t.Errorf("an unknown rule: %q", got)
	}
}

func TestDescribe(t *testing.T) {
	const (
		firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
		app     = "rhcardapp/1.35.0 CFNetwork/1498.700.2 Darwin/23.6.0"
	)
	for _, l := range texts.Default.Languages() {
		want := map[string][]string{
			"en": {"Firefox on Windows", "An app on an Apple device", "curl", "Windows", "Unknown device"},
			"de": {"Firefox auf Windows", "App auf Apple-Gerät", "curl", "Windows", "Unbekanntes Gerät"},
			"fr": {"Firefox sur Windows", "Application sur appareil Apple", "curl", "Windows", "Appareil inconnu"},
			"es": {"Firefox en Windows", "Aplicación en dispositivo de Apple", "curl", "Windows", "Dispositivo desconocido"},
			"ja": {"Firefox（Windows）", "アプリ（Apple デバイス）", "curl", "Windows", "不明なデバイス"},
		}[l.Tag]
		for i, header := range []string{firefox, app, "curl/8.14.1", "Mozilla/5.0 (Windows NT 10.0)", "<script>"} {
			if got := describe(l, header); got != want[i] {
				t.Errorf("%s: %q, want %q", l.Tag, got, want[i])
			}
		}
		for _, kind := range useragent.Kinds {
			if kinds[kind] == "" {
				t.Errorf("%q has no text", kind)
			}
		}
	}
}

// TestUsernameForPasswordManagers: a form that asks for a password without a username
// shows password managers, and the user, whose password it is. That field is not sent.
func TestUsernameForPasswordManagers(t *testing.T) {
	r := newFixture(t)
	cookie := r.signIn()
	for _, page := range []*http.Request{
		get("/password"), get("/reauthenticate"), // and when they come again with a problem
		post("/password", asForm, "current_password=incorrect&new_password=x"), post("/reauthenticate", asForm, "password=incorrect"),
	} {
		tree := parsePage(t, r.do(fromBrowser(with(page, "Cookie", cookie))).body)
		field := tree.one(t, "input", "autocomplete", "username")
		_, named := field.attr["name"]
		_, readonly := field.attr["readonly"]
		if named || !readonly || field.attr["value"] != "Alice" || field.attr["type"] != "" || field.attr["type"] == "hidden" {
			t.Errorf("%s %s: the field is %v", page.Method, page.URL.Path, field.attr)
		}
		inputs := tree.all("input")
		first := slices.IndexFunc(inputs, func(e *element) bool { return e.attr["type"] == "password" })
		if first < 1 || inputs[first-1] != field {
			t.Errorf("%s %s: the field is not before the password", page.Method, page.URL.Path)
		}
	}
}
