package site

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestParseTrustedOrigins(t *testing.T) {
	const app = "https://app.example.org"
	for text, want := range map[string][]string{
		"":                     nil,
		app:                    {app},
		" " + app + " ":        {app},
		app + ",https://b.org": {app, "https://b.org"},
		app + ", https://b.org:8443,https://c-d.e.xn--p1ai": {app, "https://b.org:8443", "https://c-d.e.xn--p1ai"},
		app + ":443":                    {app}, // browsers leave it out
		app + ":80":                     {app + ":80"},
		app + "," + app + ":443," + app: {app},
		"http://localhost:5173,http://app.localhost:80": {"http://localhost:5173", "http://app.localhost"},
		"http://127.0.0.1:8080,http://[::1]:8080":       {"http://127.0.0.1:8080", "http://[::1]:8080"},
	} {
		got, err := ParseTrustedOrigins(text)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
		for _, origin := range got { // and net/http takes it
			if err := http.NewCrossOriginProtection().AddTrustedOrigin(origin); err != nil {
				t.Errorf("%q: %v", origin, err)
			}
		}
	}
	for text, says := range map[string]string{
		"*": "no wildcard", "null": "must be an origin", "https://*.example.org": "no wildcard", "https://*": "no wildcard",
		"app.example.org": "must be an origin", "https://": "must be an origin", app + "/": "no path", app + "/path": "no path", app + "?q": "must be", app + "#f": "must be",
		"https://App.example.org": "lower case", "HTTPS://app.example.org": "must be", "https://user@app.example.org": "must be", "https://app.example.org:0": "must be",
		"https://app.example.org:": "must be", "https://app.example.org.": "must be", "https://-a.org": "must be", "https://bücher.example": "xn-- for other letters", "https://app_1.example": "must be",
		"ftp://app.example.org": "must be", "file://": "must be", "https://a b": "must be", "https://[::2]": "must be", app + ",": "must be", "," + app: "must be", app + "," + "null": `"null" must be`,
		app + ";" + app: "between two stands a comma", app + " " + app: "must be", app + "\n": "must be", "https://[::1": "must be",
		"http://app.example.org": "must begin with https://", "http://localhost.example.org": "must begin with https://", "http://10.0.0.1": "must begin with https://", "http://127.0.0.1.example.org": "must begin with https://",
	} {
		if got, err := ParseTrustedOrigins(text); err == nil || !strings.Contains(err.Error(), says) || got != nil {
			t.Errorf("%q: %q, %v; want an error that says %q", text, got, err, says)
		}
	}
}
