package main

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

// TestUsersRename: a user who gets another name keeps the user ID, the password, the
// sessions, which show the new name, the failures and the known devices; the old name is
// free and forgotten. Run again, the command says what is so.
func TestUsersRename(t *testing.T) {
	everyPlace(t, func(p *everywhere) {
		p.ok(phrase, "users", "add", "Old@Example.com", "--display-name", "Alice")
		p.ok(phrase, "users", "add", "taken@example.com")
		before := p.user("old@example.com")
		limiter := p.limiterOn(p.attempts)
		device := limiter.NewDevice(before.Subject().Owner)
		p.guess(limiter, before.Subject(), 1)
		sessions, err := session.New(p.sessions, session.Config{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			p.Fatal(err)
		}
		w := httptest.NewRecorder()
		made, err := sessions.Create(w, httptest.NewRequest("POST", "/login", nil), session.User{ID: before.UserID, Values: map[string]string{authn.ValueUsername: "Old@Example.com", authn.ValueDisplayName: "Old@Example.com", "cart": "7"}})
		if err != nil {
			p.Fatal(err)
		}

		p.fails(1, `user "taken@example.com": the account exists already, so nothing is changed; choose another name`, "", "users", "rename", "old@example.com", "Taken@example.com")
		if got := p.user("old@example.com"); got.Revision != before.Revision {
			p.Errorf("a name that is taken left %+v", got)
		}
		p.fails(1, `the new name: the user name contains a control character`, "", "users", "rename", "old@example.com", "new\x1b")
		want := "Renamed the user with the ID " + before.UserID + `: "old@example.com" signs in as "New@Example.com".` + "\n"
		if got := p.ok("", "users", "rename", "OLD@example.com", " New@Example.com"); got != want {
			p.Errorf("got %q, want %q", got, want)
		}
		p.fails(1, `there is no user "old@example.com"; .*`, "", "users", "rename", "old@example.com", "new@example.com")

		after := p.user("new@example.com")
		if after.UserID != before.UserID || after.PasswordHash != before.PasswordHash || after.Username != "New@Example.com" || after.DisplayName != "Alice" {
			p.Errorf("the user is %+v", after)
		}
		r := httptest.NewRequest("GET", "/profile", nil)
		r.AddCookie(w.Result().Cookies()[0])
		s, err := sessions.Load(r)
		if err != nil || s.ID != made.ID || s.Values[authn.ValueUsername] != "New@Example.com" || s.Values[authn.ValueDisplayName] != "New@Example.com" || s.Values["cart"] != "7" {
			p.Errorf("the session is %+v, %v", s, err)
		}
		stops, err := limiter.Stops(t.Context(), after.Subject(), throttle.Subject{Name: "old@example.com", Owner: before.Subject().Owner})
		if err != nil || len(stops[0]) != 3 || len(stops[1]) != 1 || stops[1][0].By != "user" {
			p.Errorf("the limits are %+v, %v; want three, and of the old name only that of the user", stops, err)
		}
		if limiter.NewDevice(after.Subject().Owner) != device {
			p.Error("a known device is a stranger")
		}
		p.ok(phrase, "users", "add", "old@example.com")
		if got := p.ok("", "users", "rename", "taken@example.com", "free@example.com", "--json"); strings.Contains(got, "taken@") {
			p.Errorf("the old name is left as the display name: %s", got)
		}
		if again := p.ok("", "users", "rename", "new@example.com", "NEW@example.com", "--json"); !strings.Contains(again, `"username":"NEW@example.com"`) {
			p.Errorf("another spelling: %s", again)
		}
	})
}

// limiterOn returns a limiter whose ladders have one free failure and a wait of an hour.
func (s *shell) limiterOn(attempts throttle.Store) *throttle.Limiter {
	s.Helper()
	hour := throttle.Ladder{Free: 1, First: time.Hour, Longest: time.Hour, Lock: 2}
	limiter, err := throttle.New(attempts, throttle.Config{Name: hour, Device: hour, DeviceKeys: [][]byte{[]byte(strings.Repeat("k", 32))}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.Fatal(err)
	}
	return limiter
}

// TestUsersListUnused: who signed in since then, was added since, or uses a session, is left
// out; and of whom nothing is known, unless it is asked for.
func TestUsersListUnused(t *testing.T) {
	everyPlace(t, func(p *everywhere) {
		ago := func(days int) time.Time {
			return time.Now().UTC().Truncate(24 * time.Hour).Add(-time.Duration(days) * 24 * time.Hour)
		}
		for name, times := range map[string][2]time.Time{
			"unknown":       {},
			"never":         {ago(100), {}},
			"new":           {ago(3), {}},
			"long ago":      {ago(500), ago(99)},
			"of that day":   {ago(500), ago(30)},
			"lately":        {ago(500), ago(2)},
			"stays":         {ago(500), ago(99)},
			"stayed":        {ago(500), ago(99)},
			"came, unknown": {time.Time{}, ago(99)},
		} {
			a := &accounts.Account{Name: name, Username: name, UserID: "id of " + name, PasswordHash: "!", Version: 1, Revision: "r", CreatedAt: times[0], LastUsedAt: times[1]}
			if err := p.users.Create(p.Context(), a); err != nil {
				p.Fatal(err)
			}
		}
		for name, seen := range map[string]time.Time{"stays": ago(1), "stayed": ago(60)} {
			s := &session.Session{ID: strings.Repeat("x", 21) + "A", UserID: "id of " + name, Version: 1, Persistent: true, CreatedAt: ago(99), AuthenticatedAt: ago(99), LastSeenAt: seen, ExpiresAt: ago(-30)}
			if err := p.sessions.Create(p.Context(), s); err != nil {
				p.Fatal(err)
			}
		}
		p.env["SESSION_PERSISTENT_IDLE_TIMEOUT"], p.env["SESSION_PERSISTENT_LIFETIME"] = "4000h", "8000h"
		names := func(args ...string) string {
			got := p.run("", append([]string{"users", "list", "--json", "--unused-since"}, args...)...)
			if got.code != 0 {
				p.Fatalf("%q: %+v", args, got)
			}
			found := map[string]bool{}
			for _, document := range p.documents(got.stdout) {
				found[document["name"].(string)] = true
			}
			delete(found, "warm-up")
			var all []string
			for _, name := range []string{"unknown", "never", "new", "long ago", "of that day", "lately", "stays", "stayed", "came, unknown"} {
				if found[name] {
					all = append(all, name)
				}
			}
			if noted := strings.Contains(got.stderr, "users are left out"); noted == (len(args) > 1) {
				p.Errorf("%q: stderr %q", args, got.stderr)
			}
			return strings.Join(all, "; ")
		}
		for since, want := range map[string]string{
			"30d":                         "never; long ago; stayed; came, unknown",
			"720h":                        "never; long ago; stayed; came, unknown",
			ago(29).Format(time.DateOnly): "never; long ago; of that day; stayed; came, unknown",
			ago(30).Add(time.Hour).Format(time.RFC3339): "never; long ago; stayed; came, unknown",
			"98d":  "never; long ago; came, unknown",
			"400d": "",
		} {
			if got := names(since); got != want {
				p.Errorf("--unused-since %s: %s\nwant %s", since, got, want)
			}
		}
		if got := names("400d", "--unknown"); got != "unknown" {
			p.Errorf("with --unknown: %s", got)
		}
		for _, wrong := range []string{"yesterday", "0d", "-3h", "2026-13-01"} {
			p.fails(2, "--unused-since: must be a day such as .*", "", "users", "list", "--unused-since="+wrong)
		}
	})
}

// TestUsersRenameAgain: a run that was cut when the user had the new name already is
// finished by the next one.
func TestUsersRenameAgain(t *testing.T) {
	sh := newShell(t)
	sh.ok(phrase, "users", "add", "alice")
	a := sh.stored("alice")
	registrar := accounts.NewRegistrar(sh.users(), accounts.Config{})
	nothing := func(context.Context, *accounts.Account, *accounts.Account) error { return nil }
	cut := func(context.Context, *accounts.Account, *accounts.Account) error { return context.Canceled }
	if _, err := registrar.Rename(t.Context(), a, "Alicia", accounts.Along{Before: nothing, After: cut}); err == nil {
		t.Fatal("not cut")
	}
	if got := sh.ok("", "users", "show", "alicia"); !strings.Contains(got, "\nState         renaming\n") {
		t.Errorf("after the cut:\n%s", got)
	}
	if _, err := sh.authenticate("alicia", phrase); err != nil {
		t.Errorf("after the cut the user cannot sign in: %v", err)
	}
	sh.fails(1, `there is no user "bob"; .*`, "", "users", "rename", "bob", "alicia")
	sh.ok("", "users", "rename", "alice", "Alicia")
	if got := sh.ok("", "users", "show", "alicia"); !strings.Contains(got, "\nState         active\n") {
		t.Errorf("at the end:\n%s", got)
	}
}
