package texts

import (
	"html/template"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestCatalogue: every language has the same texts, in the forms that it has, each naming
// the same arguments as in Default.english. They are checked as the files of a site are.
func TestCatalogue(t *testing.T) {
	k := newChecker()
	for _, l := range Default.languages {
		for full, text := range l.texts() {
			if err := k.checkText(l, full, text); err != nil {
				t.Errorf("%s.json, %q: %v", l.Tag, full, err)
			}
			if strings.TrimSpace(text) != text || strings.Contains(text, "  ") || strings.ContainsAny(text, "<>&\"") {
				t.Errorf("%s.json: %s is %q", l.Tag, full, text)
			}
			if key, form := cut(full); form == "other" && !strings.Contains(text, "{n}") {
				t.Errorf("%s.json: %s does not say how many", l.Tag, key)
			}
		}
		if missing := k.missing(l); len(missing) > 0 {
			t.Errorf("%s.json has no text for %q", l.Tag, missing)
		}
	}
}

// same are the texts that are the same in English and in other languages. Every other
// text that is the same has been forgotten.
var same = map[string]string{
	"de": "date.first activity.when",
	"es": "profile.roles date.first activity.when",
	"fr": "activity.when",
	"ja": "date.first",
}

// TestTranslated: the texts that are the same in English are those above.
func TestTranslated(t *testing.T) {
	for _, l := range Default.languages[1:] {
		for key, text := range l.texts() {
			if known := slices.Contains(strings.Fields(same[l.Tag]), key); known != (text == Default.english.texts()[key]) {
				t.Errorf("%s.json: %s is %q; is it still English?", l.Tag, key, text)
			}
		}
	}
}

// TestFiles: every file is of a language in Default, in the order of the keys in English,
// so that two files can be read beside each other.
func TestFiles(t *testing.T) {
	names, err := filepath.Glob("*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != len(Default.languages) {
		t.Errorf("there are the files %q and %d languages", names, len(Default.languages))
	}
	key := regexp.MustCompile(`(?m)^(?:  "([a-z_.]+)": ".*",?)?$`)
	var first string
	for _, l := range Default.languages {
		text, err := os.ReadFile(l.Tag + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var order strings.Builder
		for _, match := range key.FindAllStringSubmatch(string(text), -1) {
			if key, form := cut(match[1]); form == "" || form == "other" {
				order.WriteString(key + "\n")
			}
		}
		if first == "" {
			first = order.String()
		}
		if order.String() != first {
			t.Errorf("%s.json is in another order than en.json", l.Tag)
		}
	}
}

func ofTag(tag string) *Language {
	return Default.languages[Default.index(tag)]
}

func TestText(t *testing.T) {
	for _, test := range []struct {
		tag, key string
		args     []any
		want     string
	}{
		{"en", "login.title", nil, "Sign in"},
		{"de", "login.title", nil, "Anmelden"},
		{"fr", "profile.welcome", []any{"name", "Zoé"}, "Bienvenue sur votre profil, Zoé\u202f!"},
		{"ja", "profile.welcome", []any{"name", "{name} {n}"}, "{name} {n} さんのプロフィールへようこそ"}, // what a user writes is no placeholder
		{"en", "password_rule.too_short", []any{"n", 1}, "The password is shorter than 1 character; choose a longer one."},
		{"en", "password_rule.too_short", []any{"n", 0}, "The password is shorter than 0 characters; choose a longer one."},
		{"fr", "password_rule.too_short", []any{"n", 0}, "Le mot de passe a moins de 0 caractère. Choisissez-en un plus long."},
		{"fr", "password_rule.too_short", []any{"n", 2}, "Le mot de passe a moins de 2 caractères. Choisissez-en un plus long."},
		{"de", "problem.throttled_seconds", []any{"n", 1}, "Es gab zu viele Anmeldeversuche. Versuchen Sie es in einer Sekunde noch einmal."},
		{"de", "problem.throttled_minutes", []any{"n", 5}, "Es gab zu viele Anmeldeversuche. Versuchen Sie es in 5 Minuten noch einmal."},
		{"es", "problem.throttled_minutes", []any{"n", 1}, "Ha habido demasiados intentos de iniciar sesión. Inténtelo de nuevo en un minuto."},
		{"ja", "problem.throttled_minutes", []any{"n", 1}, "ログインの試行回数が多すぎます。1分後にもう一度お試しください。"},
	} {
		l := ofTag(test.tag)
		if got := l.Text(test.key, test.args...); got != test.want {
			t.Errorf("%s, %s, %v: %q, want %q", test.tag, test.key, test.args, got, test.want)
		}
		if got := (Message{test.key, test.args}).In(l); got != test.want {
			t.Errorf("%s, the message %s: %q", test.tag, test.key, got)
		}
	}
}

func TestHTML(t *testing.T) {
	time := template.HTML("<time>now</time>")
	for _, test := range []struct {
		key  string
		args []any
		want template.HTML
	}{
		{"profile.welcome", []any{"name", `<b>"&'`}, "Welcome to your profile, &lt;b&gt;&#34;&amp;&#39;!"},
		{"profile.time_and_address", []any{"time", time, "ip", "{time}<"}, "<time>now</time> from {time}&lt;"},
		{"problem.cookies", nil, "The request has too many session cookies. You are still signed in; delete this site&#39;s cookies in your browser."},
		{"ago.days", []any{"n", 3}, "3 days ago"},
	} {
		if got := Default.english.HTML(test.key, test.args...); got != test.want {
			t.Errorf("%s: %s, want %s", test.key, got, test.want)
		}
	}
}

func TestUnknownKey(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a key that is not in the catalogue is no error")
		}
	}()
	Default.english.Text("nothing.of_this_name")
}

func TestDate(t *testing.T) {
	november := time.Date(2026, 11, 27, 0, 4, 5, 0, time.FixedZone("CET", 3600))
	march := time.Date(2027, 3, 1, 9, 30, 0, 0, time.UTC)
	for tag, want := range map[string][2]string{
		"en": {"26 November 2026, 23:04\u00a0UTC", "1 March 2027, 09:30\u00a0UTC"},
		"de": {"26. November 2026, 23:04\u00a0UTC", "1. März 2027, 09:30\u00a0UTC"},
		"fr": {"26 novembre 2026 à 23:04\u00a0UTC", "1er mars 2027 à 09:30\u00a0UTC"},
		"es": {"26 de noviembre de 2026, 23:04\u00a0UTC", "1 de marzo de 2027, 09:30\u00a0UTC"},
		"ja": {"2026年11月26日 23:04\u00a0UTC", "2027年3月1日 09:30\u00a0UTC"},
	} {
		for i, when := range []time.Time{november, march} {
			if got := ofTag(tag).Date(when); got != want[i] {
				t.Errorf("%s: %q, want %q", tag, got, want[i])
			}
		}
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour:                      "just now",
		0:                               "just now",
		59 * time.Second:                "just now",
		time.Minute:                     "1 minute ago",
		119 * time.Second:               "1 minute ago",
		2 * time.Minute:                 "2 minutes ago",
		59*time.Minute + 59*time.Second: "59 minutes ago",
		time.Hour:                       "1 hour ago",
		23 * time.Hour:                  "23 hours ago",
		24 * time.Hour:                  "1 day ago",
		400 * 24 * time.Hour:            "400 days ago",
	} {
		if got := Default.english.Ago(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
	for tag, want := range map[string][3]string{
		"de": {"gerade eben", "vor 1 Stunde", "vor 2 Stunden"},
		"fr": {"à l’instant", "il y a 1 heure", "il y a 2 heures"},
		"es": {"hace un momento", "hace 1 hora", "hace 2 horas"},
		"ja": {"たった今", "1時間前", "2時間前"},
	} {
		for i, d := range []time.Duration{0, time.Hour, 2 * time.Hour} {
			if got := ofTag(tag).Ago(d); got != want[i] {
				t.Errorf("%s: %v is %q, want %q", tag, d, got, want[i])
			}
		}
	}
}
