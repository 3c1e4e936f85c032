package bridge_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

// wantUntouched checks that nothing was made and nothing was spent.
func (f *fixture) wantUntouched() {
	f.Helper()
	if n := len(f.sessionsOf("u1")); n > 0 || len(f.links()) > 0 || !f.monolith.hasRow("s1") {
		f.Errorf("%d sessions, links %v, row there: %v; want nothing but the row", n, f.links(), f.monolith.hasRow("s1"))
	}
}

// bound binds the session s1 to the password whose hash is "now".
func bound(f *fixture) {
	f.change("s1", func(c *legacy.Claim) { c.Bound = func(hash string) bool { return hash == "now" } })
}

func withPassword(c *bridge.Config) {
	m := c.Sources[0].Source.(*monolith)
	m.binds, m.hashes["u1"] = true, "now"
	c.Sources[0].Password = m.password
}

func withImported(c *bridge.Config) {
	c.Sources[0].Source.(*monolith).binds, c.Sources[0].ImportedPasswords = true, true
}

// withSecond adds a second monolith, with the cookie "other" and the user 2:u1.
func withSecond(c *bridge.Config) {
	other := newMonolith("other")
	other.signIn("o1", legacy.Claim{UserID: "u1", Identity: "o1"})
	other.signIn("nobody", legacy.Claim{Identity: "o1"})
	c.Sources[0].Namespace = "1:"
	c.Sources = append(c.Sources, bridge.Source{Source: other, Name: "blog", Namespace: "2:"})
	u := c.Users.(*users)
	for _, id := range []string{"1:u1", "2:u1"} {
		u.all[id] = account{user: authn.User{ID: id, Username: id}}
	}
}

// TestRefused has, for each reason, a request that is refused with nothing spent. A row
// without a reason in the log, which is there when all is well, has a cause that is no
// refusal.
func TestRefused(t *testing.T) {
	seal := func(at time.Duration) func(*fixture) {
		return func(f *fixture) {
			if err := f.store.PutSeal(f.Context(), (&session.Session{UserID: "u1"}).Key().Owner, time.Now().Add(at)); err != nil {
				f.Fatal(err)
			}
		}
	}
	claim := func(change func(*legacy.Claim)) func(*fixture) {
		return func(f *fixture) { f.change("s1", change) }
	}
	changed := func(change func(*account)) func(*fixture) {
		return func(f *fixture) { f.users.change("u1", change) }
	}
	both := func(all ...func(*fixture)) func(*fixture) {
		return func(f *fixture) {
			for _, given := range all {
				given(f)
			}
		}
	}
	down := func(call string) func(*fixture) {
		return func(f *fixture) { f.monolith.down[call] = errOutage }
	}
	unknownTime := claim(func(c *legacy.Claim) { c.SignedInAt = time.Time{} })
	signedIn := func(ago time.Duration) func(*fixture) {
		return claim(func(c *legacy.Claim) { c.SignedInAt = time.Now().Add(-ago) })
	}
	for name, tt := range map[string]struct {
		config  func(*bridge.Config)
		given   func(*fixture)
		cookies string // "mono=s1" by default
		want    error  // authn.ErrNoClaim by default
		reason  string // in the log
	}{
		"no cookie":               {cookies: "session=s1; monos=s1; xmono=s1; mono"},
		"rejected":                {cookies: "mono=s2", reason: "rejected"},
		"two values":              {cookies: "mono=s1; mono=s2", reason: "two_values"},
		"two values, one quoted":  {cookies: `mono=s1; mono="s1"`, reason: "two_values"},
		"two values, one invalid": {cookies: "mono=s1; mono=a\\b", reason: "two_values"},
		"two values of one, the other good": {config: withSecond, cookies: "mono=s1; mono=s2; other=o1", reason: "two_values",
			given: func(f *fixture) { f.users.all["u1"] = f.users.all["1:u1"] }},
		"two people": {config: withSecond, cookies: "mono=s1; other=o1", reason: "several_claims"},
		"anonymous":  {given: claim(func(c *legacy.Claim) { c.UserID = "" }), want: authn.ErrNobody, reason: "anonymous"},
		"expired":    {given: claim(func(c *legacy.Claim) { c.ExpiresAt = time.Now() }), reason: "expired"},
		"expires in this second": {given: claim(func(c *legacy.Claim) {
			c.ExpiresAt = time.Now().Truncate(time.Second).Add(time.Second - 1)
			time.Sleep(500 * time.Millisecond)
		}), reason: "expired"},
		"an ID with NUL":  {given: claim(func(c *legacy.Claim) { c.UserID = "u1\x00" }), reason: "user_id"},
		"an ID too long":  {given: claim(func(c *legacy.Claim) { c.UserID = strings.Repeat("1", 5000) }), reason: "user_id"},
		"an ID not UTF-8": {given: claim(func(c *legacy.Claim) { c.UserID = "u1\xff" }), reason: "user_id"},

		"closed": {given: func(f *fixture) { f.ok(f.store.CloseWindow(f.Context())) }, reason: "closed"},
		"ended":  {config: func(c *bridge.Config) { c.EndsAt = time.Now().Add(time.Second) }, given: func(*fixture) { time.Sleep(time.Second) }, reason: "closed"},
		"ended, and the monolith is switched off": {config: func(c *bridge.Config) { c.EndsAt = time.Now() }, given: down("Open"), reason: "closed"},
		"ended, and its passwords are gone": {config: func(c *bridge.Config) { withPassword(c); c.EndsAt = time.Now() },
			given: both(bound, down("Password")), reason: "closed"},
		"ended now": {config: func(c *bridge.Config) { c.EndsAt = time.Now() }, reason: "closed"},

		"sealed":                               {given: seal(0), reason: "sealed"},
		"sealed, signed in a minute later":     {given: both(seal(-time.Hour-time.Minute), signedIn(time.Hour)), reason: "sealed"},
		"sealed long ago, signed in earlier":   {given: both(seal(-2*time.Hour), signedIn(2*time.Hour+1)), reason: "sealed"},
		"sealed long ago, nobody knows when":   {given: both(seal(-1000*time.Hour), unknownTime), reason: "sealed"},
		"sealed long ago, far in the future":   {given: both(seal(-1000*time.Hour), signedIn(-time.Minute-1)), reason: "sealed"},
		"sealed a minute ago, in the future":   {given: both(seal(-time.Minute), signedIn(-time.Minute)), reason: "sealed"},
		"no such user":                         {given: claim(func(c *legacy.Claim) { c.UserID = "u2" }), reason: "user"},
		"another namespace":                    {config: func(c *bridge.Config) { c.Sources[0].Namespace = "1:" }, reason: "user"},
		"disabled":                             {given: changed(func(a *account) { a.disabled = true }), reason: "user"},
		"frozen":                               {given: changed(func(a *account) { a.frozen = true }), want: authn.ErrBusy},
		"password changed here":                {given: changed(func(a *account) { a.closed = true }), reason: "account_closed"},
		"password changed here, new sign-in":   {given: both(changed(func(a *account) { a.closed = true }), signedIn(0)), reason: "account_closed"},
		"password changed there":               {config: withPassword, given: both(bound, func(f *fixture) { f.monolith.hashes["u1"] = "new" }), reason: "password"},
		"no such user there":                   {config: withPassword, given: both(bound, func(f *fixture) { delete(f.monolith.hashes, "u1") }), reason: "password"},
		"no hash there, and none is needed":    {config: withPassword, given: both(claim(func(c *legacy.Claim) { c.Bound = func(string) bool { return true } }), func(f *fixture) { delete(f.monolith.hashes, "u1") }), reason: "password"},
		"another password was imported":        {config: withImported, given: both(bound, changed(func(a *account) { a.importedHash = "old" })), reason: "password"},
		"none was imported":                    {config: withImported, given: bound, reason: "password"},
		"bound, and the source did not say":    {given: bound, want: errAny},
		"the account has another ID":           {given: changed(func(a *account) { a.user.ID = "u2" }), want: errAny},
		"another source's user of the same ID": {config: withSecond, cookies: "other=o1", given: func(f *fixture) { delete(f.users.all, "2:u1") }, reason: "user"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, slices.DeleteFunc([]func(*bridge.Config){tt.config}, func(c func(*bridge.Config)) bool { return c == nil })...)
				if tt.given != nil {
					tt.given(f)
				}
				cookies := "mono=s1"
				if tt.cookies != "" {
					cookies = tt.cookies
				}
				want := tt.want
				if want == nil {
					want = authn.ErrNoClaim
				}
				_, _, err := f.convert(cookies)
				if want == errAny && (err == nil || isAnswer(err)) || want != errAny && !errors.Is(err, want) {
					t.Fatalf("Convert: %v, want %v", err, want)
				}
				f.wantUntouched()
				logged := strings.Contains(f.log.String(), "session_conversion_refused")
				if logged != (tt.reason != "") || logged && !strings.Contains(f.log.String(), "reason="+tt.reason+" ") {
					t.Errorf("want the reason %q in the log:\n%s", tt.reason, f.log)
				}
			})
		})
	}
}

// errAny stands for any outage.
var errAny = errors.New("an outage")

// isAnswer reports whether err is one of those that say something.
func isAnswer(err error) bool {
	return errors.Is(err, authn.ErrNoClaim) || errors.Is(err, authn.ErrConverting) || errors.Is(err, authn.ErrConverted) || errors.Is(err, authn.ErrBusy)
}

// TestAccepted has requests near those of TestRefused that are accepted.
func TestAccepted(t *testing.T) {
	for name, tt := range map[string]struct {
		config  func(*bridge.Config)
		given   func(*fixture)
		cookies string // "mono=s1" by default
		userID  string // "u1" by default
	}{
		"the same cookie twice": {cookies: "mono=s1; a=b; mono=s1"},
		"blanks":                {cookies: "a=b;\tmono=s1 "},
		"a second monolith's":   {config: withSecond, cookies: "other=o1", userID: "2:u1"},
		"the other is nobody's": {config: withSecond, cookies: "mono=s1; other=nobody", userID: "1:u1"},
		"the other is bad":      {config: withSecond, cookies: "mono=s1; other=o2", userID: "1:u1"},
		"the other has expired": {config: withSecond, cookies: "mono=s1; other=o1", userID: "1:u1", given: func(f *fixture) {
			f.config.Sources[1].Source.(*monolith).signIn("o1", legacy.Claim{UserID: "u1", Identity: "o1", ExpiresAt: time.Now()})
		}},
		"expires next second": {given: func(f *fixture) {
			f.change("s1", func(c *legacy.Claim) { c.ExpiresAt = time.Now().Add(time.Second) })
		}},
		"no expiry, and no time": {given: func(f *fixture) {
			f.change("s1", func(c *legacy.Claim) { c.ExpiresAt, c.SignedInAt = time.Time{}, time.Time{} })
		}},
		"sealed, signed in more than a minute later": {given: func(f *fixture) {
			f.ok(f.store.PutSeal(f.Context(), ownerOf("u1"), time.Now().Add(-time.Hour-time.Minute-time.Millisecond)))
		}},
		"another user is sealed":        {given: func(f *fixture) { f.ok(f.store.PutSeal(f.Context(), ownerOf("u2"), time.Now())) }},
		"the last moment of the bridge": {config: func(c *bridge.Config) { c.EndsAt = time.Now().Add(time.Second) }, given: func(*fixture) { time.Sleep(time.Second - 1) }},
		"bound to the password there":   {config: withPassword, given: bound},
		"bound to the imported one":     {config: withImported, given: func(f *fixture) { bound(f); f.users.change("u1", func(a *account) { a.importedHash = "now" }) }},
		"signed in 13 days ago, where 14 are allowed": {given: func(f *fixture) {
			f.change("s1", func(c *legacy.Claim) { c.SignedInAt = time.Now().Add(-13 * 24 * time.Hour) })
		}},
		"an ID byte for byte": {given: func(f *fixture) {
			f.change("s1", func(c *legacy.Claim) { c.UserID = "042" })
			f.users.change("042", func(a *account) { a.user.ID = "042" })
		}, userID: "042"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, slices.DeleteFunc([]func(*bridge.Config){tt.config}, func(c func(*bridge.Config)) bool { return c == nil })...)
				if tt.given != nil {
					tt.given(f)
				}
				cookies, userID := "mono=s1", "u1"
				if tt.cookies != "" {
					cookies = tt.cookies
				}
				if tt.userID != "" {
					userID = tt.userID
				}
				if s, token := f.mustConvert(cookies); s.UserID != userID || !f.alive(token) {
					t.Errorf("the session of %q, alive: %v; want that of %q", s.UserID, f.alive(token), userID)
				}
			})
		})
	}
}

func ownerOf(userID string) string { return (&session.Session{UserID: userID}).Key().Owner }

func (f *fixture) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// TestCookiesAreRaw: values reach the source as the request has them.
func TestCookiesAreRaw(t *testing.T) {
	f := newFixture(t)
	for _, value := range []string{`"s1"`, "s%31", "s1 x", "a=b", "s1,s2"} {
		f.want(authn.ErrNoClaim, "mono="+value)
		if got := f.monolith.opened[len(f.monolith.opened)-1]; got != value {
			t.Errorf("the source got %q, want %q", got, value)
		}
	}
}

// TestTimes says when a session counts as authenticated, and when it ends.
func TestTimes(t *testing.T) {
	const never = time.Duration(-1 << 62)
	for name, tt := range map[string]struct{ signedIn, expires, authenticated, ends time.Duration }{
		"both known":            {-13 * 24 * time.Hour, time.Hour, -13 * 24 * time.Hour, time.Hour},
		"nobody knows when":     {never, time.Hour, never, time.Hour},
		"no expiry":             {-time.Hour, never, -time.Hour, never},
		"a minute ahead":        {time.Minute, time.Hour, 0, time.Hour},
		"more than one ahead":   {time.Minute + 1, time.Hour, never, time.Hour},
		"longer than ours":      {-time.Hour, 9000 * time.Hour, -time.Hour, 9000 * time.Hour},
		"after the bridge ends": {-time.Hour, 40 * 24 * time.Hour, -time.Hour, 40 * 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, now := newFixture(t), time.Now().UTC()
				at := func(d time.Duration, unknown time.Time) time.Time {
					if d == never {
						return unknown
					}
					return now.Add(d)
				}
				f.change("s1", func(c *legacy.Claim) {
					c.SignedInAt, c.ExpiresAt = at(tt.signedIn, time.Time{}), at(tt.expires, time.Time{})
				})
				s, token := f.mustConvert("mono=s1")
				if want := at(tt.authenticated, time.Unix(0, 0)); !s.AuthenticatedAt.Equal(want) {
					t.Errorf("authenticated at %v, want %v", s.AuthenticatedAt, want)
				}
				if want := at(tt.ends, time.Time{}); !s.EndsAt.Equal(want) {
					t.Errorf("ends at %v, want %v", s.EndsAt, want)
				}
				if !f.alive(token) {
					t.Error("it is dead")
				}
			})
		})
	}
}

// TestTheEndOfTheBridgeEndsNoSession: the closing date refuses claims only.
func TestTheEndOfTheBridgeEndsNoSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(c *bridge.Config) { c.EndsAt = time.Now().Add(time.Minute) })
		_, token := f.mustConvert("mono=s1")
		time.Sleep(2 * time.Minute)
		f.ok(f.store.CloseWindow(t.Context()))
		if !f.alive(token) {
			t.Error("the session ended with the bridge")
		}
	})
}

// TestValues: only data on the allow-list crosses, ours goes first, and no data is so large
// that the session is refused, or has no room for what comes later.
func TestValues(t *testing.T) {
	f := newFixture(t, func(c *bridge.Config) {
		c.Sources[0].Values = []string{"cart_id", "username", "none", "large", "", "bad", "empty", "small"}
	})
	f.change("s1", func(c *legacy.Claim) {
		c.Data = map[string]string{"cart_id": "c7", "username": "mallory", "secret": "s", "large": strings.Repeat("x", 1100), "": "y", "bad": "a\x00b", "empty": "", "small": strings.Repeat("z", 900)}
	})
	s, _ := f.mustConvert("mono=s1")
	want := map[string]string{authn.ValueUsername: "alice", authn.ValueDisplayName: "Alice", "cart_id": "c7", "empty": "", "small": strings.Repeat("z", 900)}
	if !maps.Equal(s.Values, want) {
		t.Errorf("the values are %q, want %q", s.Values, want)
	}
	for _, key := range []string{"key=large", `key=""`, "key=bad"} {
		if !strings.Contains(f.log.String(), "session_value_left_out source=shop user_id=u1 "+key) {
			t.Errorf("the log does not say that %s was left out:\n%s", key, f.log)
		}
	}
	if strings.Contains(f.log.String(), "xxx") || strings.Contains(f.log.String(), "a\\x00") {
		t.Errorf("a value is in the log:\n%s", f.log)
	}
}

// TestValuesOfTheProgram: what the program adds is in the session, before the monolith's data
// of the same name. If it cannot be had, nothing has happened, and the next try converts.
func TestValuesOfTheProgram(t *testing.T) {
	var down error
	added := map[string]string{"tenant": "acme", "cart_id": "c1"}
	f := newFixture(t, func(c *bridge.Config) {
		c.Sources[0].Values = []string{"cart_id", "seen"}
		c.Values = func(r *http.Request, u authn.User) (map[string]string, error) {
			if u.ID != "u1" || r.URL.Path != "/convert" {
				t.Errorf("asked about %+v at %s", u, r.URL)
			}
			return added, down
		}
	})
	f.change("s1", func(c *legacy.Claim) { c.Data = map[string]string{"cart_id": "c7", "seen": "yes"} })
	down = errOutage
	f.want(errOutage, "mono=s1")
	down = fmt.Errorf("the tenant is closed: %w", authn.ErrRefused)
	f.want(authn.ErrNoClaim, "mono=s1")
	if !strings.Contains(f.log.String(), "session_conversion_refused source=shop reason=values") {
		t.Errorf("the log is %s", f.log)
	}
	down, added = nil, map[string]string{authn.ValueUsername: "mallory"}
	f.want(session.ErrInvalid, "mono=s1")
	if len(f.links()) != 0 || !f.monolith.hasRow("s1") {
		t.Errorf("%d links, row there: %v", len(f.links()), f.monolith.hasRow("s1"))
	}
	added = map[string]string{"tenant": strings.Repeat("a", 5000)}
	f.want(session.ErrInvalid, "mono=s1")
	if len(f.links()) != 0 || !f.monolith.hasRow("s1") {
		t.Errorf("too large: %d links, row there: %v", len(f.links()), f.monolith.hasRow("s1"))
	}
	added = map[string]string{"tenant": "acme", "cart_id": "c1"}
	s, _ := f.mustConvert("mono=s1")
	want := map[string]string{authn.ValueUsername: "alice", authn.ValueDisplayName: "Alice", "tenant": "acme", "cart_id": "c1", "seen": "yes"}
	if !maps.Equal(s.Values, want) || time.Since(s.AuthenticatedAt) < 59*time.Minute {
		t.Errorf("the session is %+v, want the values %q", s, want)
	}
}

// TestLog lists what each outcome logs. Nothing of a cookie is in it.
func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		want := func(line string) {
			t.Helper()
			if _, rest, _ := strings.Cut(f.log.String(), " msg="); !strings.Contains(rest, line) {
				t.Errorf("want %q in the log:\n%s", line, f.log)
			}
			f.log.Reset()
		}
		f.monolith.signIn("s2-secret", legacy.Claim{Identity: "s2-secret"})
		f.want(authn.ErrNoClaim, "mono=s2-secret")
		want("session_conversion_refused source=shop reason=anonymous ip=192.0.2.1\n")
		f.want(authn.ErrNoClaim, "mono=s3-secret")
		want(`session_conversion_refused source=shop reason=rejected detail="the monolith's cookie proves nothing" ip=192.0.2.1` + "\n")
		f.want(authn.ErrNoClaim, "session=s1")
		if f.log.Len() > 0 {
			t.Errorf("a request without a cookie of the monolith is in the log:\n%s", f.log)
		}
		s, _ := f.mustConvert("mono=s1")
		want("session_converted source=shop user_id=u1 session_id=" + s.ID + " age_seconds=3600 ip=192.0.2.1\n")
		f.monolith.signIn("s4", legacy.Claim{UserID: "u1", Identity: "s4"})
		s, _ = f.mustConvert("mono=s4")
		want("session_converted source=shop user_id=u1 session_id=" + s.ID + " ip=192.0.2.1\n")
		f.ok(f.End(f.request("mono=s4")))
		want("legacy_session_ended source=shop user_id=u1 session_id=" + s.ID + " ip=192.0.2.1\n")
		f.want(authn.ErrNoClaim, "mono=s4")
		want("session_conversion_refused source=shop reason=ended user_id=u1 ip=192.0.2.1\n")
		f.store.before["DeleteLink"] = func() error { return errOutage }
		f.store.before["GetLink"] = func() error { return errOutage }
		f.monolith.signIn("s5-secret", legacy.Claim{UserID: "u1", Identity: "s5-secret"})
		f.want(errOutage, "mono=s5-secret")
		want("session_link_left source=shop session_id=")
		if strings.Contains(f.log.String(), "secret") {
			t.Errorf("a cookie is in the log:\n%s", f.log)
		}
	})
}

// TestErrorsQuoteNoCookie: an outage at the monolith names the source.
func TestErrorsQuoteNoCookie(t *testing.T) {
	f := newFixture(t)
	f.monolith.down["Open"] = errOutage
	_, _, err := f.convert("mono=s1-secret")
	if err == nil || !strings.Contains(err.Error(), `source "shop"`) || strings.Contains(err.Error(), "secret") {
		t.Errorf("the error is %v", err)
	}
}

// TestLogger: what happens is told to the logger that was passed, and to no other.
func TestLogger(t *testing.T) {
	var own bytes.Buffer
	f := newFixture(t, func(c *bridge.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&own, nil))
		c.Sources[0].Values = []string{"bad"}
	})
	f.change("s1", func(c *legacy.Claim) { c.Data = map[string]string{"bad": "\xff"} })
	f.want(authn.ErrNoClaim, "mono=forged")
	f.mustConvert("mono=s1")
	if err := f.End(f.request("mono=s1")); err != nil {
		t.Fatal(err)
	}
	for _, event := range []string{"session_conversion_refused", "session_converted", "session_value_left_out", "legacy_session_ended"} {
		if !strings.Contains(own.String(), "msg="+event) {
			t.Errorf("%s is not in the log:\n%s", event, &own)
		}
		if strings.Contains(f.log.String(), event) { // that of the sessions
			t.Errorf("another logger has got\n%s", f.log)
		}
	}
}
