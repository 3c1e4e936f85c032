package bridgeconfig_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/bridge/membridge"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/bridgeconfig"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/site"
)

const flask = `[{"kind": "flask", "keys": ["an example of a key"]}]`

func converter(t *testing.T, records bridge.Store, options ...func(*bridge.Config)) (authn.Converter, error) {
	t.Helper()
	sessions, err := config.EndingSessions(memstore.New(), nil, bridge.BeforeEnding(records, true))
	if err != nil {
		t.Fatal(err)
	}
	return bridgeconfig.Converter(t.Context(), []site.LegacyCookie{{Name: "session", Stateless: true}, {Name: "sessionid"}}, sessions, accounts.NewDirectory(memaccounts.New(), accounts.Config{}), records, options...)
}

// TestOptions: a program has its own logger, and its own no.
func TestOptions(t *testing.T) {
	t.Setenv("BRIDGE_ENDS_AT", "2099-03-28T00:00:00Z")
	t.Setenv("LEGACY_SOURCES", flask)
	var log strings.Builder
	c, err := converter(t, membridge.New(), func(c *bridge.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/convert", nil)
	r.Header.Set("Cookie", "session=forged")
	if _, err := c.Convert(httptest.NewRecorder(), r); !errors.Is(err, authn.ErrNoClaim) || !strings.Contains(log.String(), "session_conversion_refused") {
		t.Errorf("%v, and the logger got %q", err, &log)
	}
}

// A variable that is missing or wrong stops the start, with an error that names it, and
// no secret.
func TestConverter(t *testing.T) {
	for _, tt := range []struct{ endsAt, sources, enabled, says string }{
		{"2099-03-28T00:00:00Z", flask, "", ""},
		{"2099-03-28T00:00:00+01:00", flask, "true", ""},
		{"2099-03-28T00:00:00Z", flask, "false", ""},
		{"", flask, "", "BRIDGE_ENDS_AT is not set; it is the time from which"},
		{"2099-03-28", flask, "", `BRIDGE_ENDS_AT is "2099-03-28"; it must be a time such as 2027-03-28T00:00:00Z`},
		{"2099-03-28T00:00:00Z", "", "", "LEGACY_SOURCES is not set"},
		{"2099-03-28T00:00:00Z", "[]", "", "LEGACY_SOURCES"},
		{"2099-03-28T00:00:00Z", `[{"kind": "flusk", "keys": ["an example of a key"]}]`, "", "LEGACY_SOURCES"},
		{"2099-03-28T00:00:00Z", flask, "no", `CONVERT_ENABLED is "no"; it must be true or false`},
	} {
		t.Setenv("BRIDGE_ENDS_AT", tt.endsAt)
		t.Setenv("LEGACY_SOURCES", tt.sources)
		t.Setenv("CONVERT_ENABLED", tt.enabled)
		_, err := converter(t, membridge.New())
		if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%+v: %v", tt, err)
		}
		if err != nil && strings.Contains(err.Error(), "example of a key") {
			t.Errorf("the error quotes a key: %v", err)
		}
	}
}

// The cookies that every function knows are those that the sources read. Otherwise a copy
// outlives a logout, and nobody is told.
func TestCookies(t *testing.T) {
	t.Setenv("BRIDGE_ENDS_AT", "2099-03-28T00:00:00Z")
	const rows = `[{"kind": "express", "keys": ["an example of a key"], "store": "redis://localhost:1"}]`
	of := func(kind, fields string) string {
		return fmt.Sprintf(`[{"kind": %q, "keys": ["an example of a key, which has 32 b."]%s}]`, kind, fields)
	}
	for _, tt := range []struct{ sources, cookies, says string }{
		{flask, "session;Stateless", ""},
		{flask, "session;Path=/shop;Stateless,remember_token", ""},
		{flask, "session", "LEGACY_COOKIES: the cookie session is the session itself in the source \"flask\" of LEGACY_SOURCES; write session;Stateless"},
		{flask, "session,other;Stateless", "write session;Stateless"},
		{flask, "other;Stateless", "LEGACY_COOKIES: the cookie session is missing, which the source \"flask\" of LEGACY_SOURCES reads"},
		{flask, "Session;Stateless", "the cookie session is missing"},
		{flask, "", "the cookie session is missing"},
		{rows, "connect.sid", ""},
		{rows, "session;Stateless", "the cookie connect.sid is missing"},
		{of("cookie-session", ""), "session;Stateless,session.sig;Stateless", ""},
		{of("cookie-session", ""), "session;Stateless", "the cookie session.sig is missing"},
		{of("cookie-session", ""), "session,session.sig", "write session;Stateless"},
		{of("django-cookies", `, "passwords": "imported"`), "sessionid", "write sessionid;Stateless"},
		{of("rails", `, "cookie": "_shop", "user": "user_id"`), "_shop", "write _shop;Stateless"},
		{of("gorilla", `, "cookie": "shop", "user": "id"`), "shop", "write shop;Stateless"},
	} {
		t.Setenv("LEGACY_SOURCES", tt.sources)
		cookies, err := site.ParseLegacyCookies(tt.cookies)
		if err != nil {
			t.Fatal(err)
		}
		_, err = bridgeconfig.Converter(t.Context(), cookies, nil, nil, nil)
		if tt.says == "" && strings.Contains(err.Error(), "LEGACY_COOKIES") || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%q, %s: %v", tt.cookies, tt.sources, err)
		}
	}
}

// The end of the bridge is never postponed, and what was closed stays closed.
func TestWindow(t *testing.T) {
	t.Setenv("LEGACY_SOURCES", flask)
	records := membridge.New()
	for _, endsAt := range []string{"2099-03-28T00:00:00Z", "2099-03-27T00:00:00Z"} {
		t.Setenv("BRIDGE_ENDS_AT", endsAt)
		if _, err := converter(t, records); err != nil {
			t.Errorf("%s: %v", endsAt, err)
		}
	}
	t.Setenv("BRIDGE_ENDS_AT", "2099-03-29T00:00:00Z")
	if _, err := converter(t, records); err == nil || !strings.Contains(err.Error(), "BRIDGE_ENDS_AT") || !strings.Contains(err.Error(), "never postponed") {
		t.Errorf("postponed: %v", err)
	}
	t.Setenv("BRIDGE_ENDS_AT", "2099-03-28T00:00:00Z")
	if err := records.CloseWindow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := converter(t, records); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("closed: %v", err)
	}
}

// In a pause no session comes over, and a logout is still more than a word.
func TestPause(t *testing.T) {
	t.Setenv("LEGACY_SOURCES", flask)
	t.Setenv("BRIDGE_ENDS_AT", time.Now().Add(time.Hour).Format(time.RFC3339))
	t.Setenv("CONVERT_ENABLED", "false")
	c, err := converter(t, membridge.New())
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/convert", nil)
	r.Header.Set("Cookie", "session=a; session=b; session=c; session=d; session=e")
	if _, err := c.Convert(httptest.NewRecorder(), r); err != authn.ErrNoClaim {
		t.Errorf("Convert: %v", err)
	}
	if err := c.End(r); err == nil || errors.Is(err, authn.ErrNoClaim) {
		t.Errorf("End looks at no cookie: %v", err)
	}
}

// The examples of the documents start.
func TestDocumentedSources(t *testing.T) {
	t.Setenv("BRIDGE_ENDS_AT", "2099-03-28T00:00:00Z")
	example := regexp.MustCompile(`(?s)\[\s*\{"kind".*?\}\s*\]`)
	for _, file := range []string{"../legacyconfig/legacyconfig.go", "../../../docs/migrate-sources.md"} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources := example.FindString(strings.ReplaceAll(string(content), "\n//", "\n"))
		if strings.Count(sources, `"kind"`) != 2 {
			t.Fatalf("%s: the example is %q", file, sources)
		}
		t.Setenv("LEGACY_SOURCES", sources)
		if _, err := converter(t, membridge.New()); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}
