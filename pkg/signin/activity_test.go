package signin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/signin/texts"
)

// happen adds entries to the trail of alice, a minute apart, each with an ID of its own. The
// time is that of the bubble.
func (r *fixture) happen(entries ...audit.Entry) {
	r.t.Helper()
	for _, e := range entries {
		time.Sleep(time.Minute)
		e.UserID, e.At = "alice-id", time.Now().UTC()
		e.ID = fmt.Sprintf("%022d", time.Now().Unix())
		e.ExpiresAt = e.At.Add(400 * 24 * time.Hour)
		if err := r.trail.Append(r.t.Context(), e); err != nil {
			r.t.Fatal(err)
		}
	}
}

// activity returns what a program is told.
func (r *fixture) activity(cookie, path string) (list activityList) {
	r.t.Helper()
	resp := r.do(with(get(path), "Cookie", cookie))
	if err := json.Unmarshal([]byte(resp.body), &list); err != nil || resp.status != http.StatusOK {
		r.t.Fatalf("%d, %v: %s", resp.status, err, resp.body)
	}
	return list
}

// words returns the texts below each heading of second level, the heading first.
func words(t *testing.T, page string) (all [][]string) {
	for _, e := range parsePage(t, page) {
		switch text := strings.Join(strings.Fields(e.text), " "); {
		case e.name == "h2":
			all = append(all, []string{text})
		case len(all) > 0 && text != "" && (e.name == "p" || e.name == "span") && e.attr["class"] != "hint" && e.attr["class"] != "pages":
			all[len(all)-1] = append(all[len(all)-1], text)
		}
	}
	return all
}

const operator = "arn:aws:sts::123456789012:assumed-role/Admin/mallory"

// TestActivityPage: each entry is told in words, newest first, with the device, the address
// and why, and the page says how long it is kept. Nothing of an operator but that it was one
// is on it, and nothing of another user.
func TestActivityPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		cookie, current := r.signInWith(firefox, "192.0.2.1:1")
		r.happen(
			audit.Entry{Event: "user_created", Actor: operator, IP: "198.51.100.7", UserAgent: "aws-cli/2"},
			audit.Entry{Event: "authn_login_success", SessionID: current, IP: "192.0.2.1", UserAgent: firefox, Details: map[string]string{"new_device": "true", "failures": "2"}},
			audit.Entry{Event: "authn_login_success", SessionID: unknownID, IP: "2001:db8::1", UserAgent: phone, Details: map[string]string{"new_device": "false"}},
			audit.Entry{Event: "session_ended", SessionID: unknownID, IP: "192.0.2.1", UserAgent: firefox, Reason: "revoked", Details: map[string]string{"by_session_id": current}},
			audit.Entry{Event: "session_ended", SessionID: unknownID, IP: "192.0.2.9", UserAgent: "okhttp/4", Reason: "logout"},
			audit.Entry{Event: "session_ended", SessionID: unknownID, Reason: "revoked", Actor: operator, IP: "198.51.100.7", UserAgent: "aws-cli/2"},
			audit.Entry{Event: "authn_login_lock", IP: "192.0.2.66", UserAgent: `<script>alert(1)</script>"`},
			audit.Entry{Event: "user_updated", Actor: operator, Details: map[string]string{"before": "member", "after": "admin"}},
		)
		if err := r.trail.Append(t.Context(), audit.Entry{UserID: "dora-id", At: time.Now(), ID: unknownID, Event: "authn_login_success", IP: "203.0.113.5", ExpiresAt: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}

		page := r.do(fromBrowser(with(get("/activity"), "Cookie", cookie))).body
		at := func(minute int) string { return fmt.Sprintf("1 January 2000, 00:%02d UTC", minute) }
		want := [][]string{
			{"An operator changed the account"},
			{"Sign-in locked after too many failed attempts", "Done from an unknown device", "Address 192.0.2.66"},
			{"An operator ended a session"},
			{"Signed out from an app", "Address 192.0.2.9"},
			{"A session ended", "It was ended on the page of devices.", "Done from Firefox on Linux", "Address 192.0.2.1"},
			{"Signed in from Safari on iPhone", "Address 2001:db8::1"},
			{"Signed in from Firefox on Linux", "New device", "This session", "2 attempts with a wrong password came before.", "Address 192.0.2.1"},
			{"The account was made"},
		}
		got := words(t, page)
		if len(got) != len(want) {
			t.Fatalf("%d entries, want %d: %q", len(got), len(want), got)
		}
		for i := range want {
			if told := slices.DeleteFunc(slices.Clone(got[i]), isWhen); !slices.Equal(told, want[i]) {
				t.Errorf("entry %d is told as %q, want %q", i, told, want[i])
			}
		}
		tree := parsePage(t, page)
		if times := tree.all("time"); len(times) != len(want) || times[0].attr["datetime"] != "2000-01-01T00:08:00Z" || strings.ReplaceAll(times[0].text, "\u00a0", " ") != at(8) {
			t.Errorf("the times begin with %v", times[0])
		}
		for _, part := range []string{"Each entry is kept for 400 days. If your account is deleted before,", "(3 minutes ago)</p>", `<a href="/password">Was one of these not you?`, `<a href="/activity" aria-current="page">Activity</a>`} {
			if !strings.Contains(page, part) {
				t.Errorf("no %q on the page", part)
			}
		}
		for _, secret := range []string{"123456789012", "mallory", "198.51.100.7", "aws-cli", "<script", "alert(1)", "203.0.113.5", "dora", "before=", "Newest", "admin"} {
			if strings.Contains(page, secret) {
				t.Errorf("%q is on the page", secret)
			}
		}
	})
}

// isWhen reports whether a text is that of a time, whose form other tests check.
func isWhen(text string) bool {
	return strings.HasPrefix(text, "(") || strings.HasSuffix(text, "UTC")
}

// TestActivityForPrograms: a program is told the same as people, and nothing else.
func TestActivityForPrograms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		cookie, current := r.signInWith(firefox, "192.0.2.1:1")
		r.happen(
			audit.Entry{Event: "authn_login_success", SessionID: current, IP: "192.0.2.1", UserAgent: "<b>", Details: map[string]string{"new_device": "true", "failures": "2", "more": "x"}},
			audit.Entry{Event: "session_ended", SessionID: "other", Reason: "revoked", Actor: operator, IP: "198.51.100.7", UserAgent: "aws-cli/2", Details: map[string]string{"failures": "many"}},
		)
		got := r.do(with(get("/activity"), "Cookie", cookie)).body
		want := `{"activity":[` +
			`{"event":"session_ended","at":"2000-01-01T00:02:00Z","session_id":"other","current":false,"ip":"","user_agent":"","reason":"revoked","by_operator":true,"new_device":false,"failed_attempts":0},` +
			`{"event":"authn_login_success","at":"2000-01-01T00:01:00Z","session_id":"` + current + `","current":true,"ip":"192.0.2.1","user_agent":"\u003cb\u003e","reason":"","by_operator":false,"new_device":true,"failed_attempts":2}` +
			`],"older":null}` + "\n"
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// TestActivityHasParts: whoever follows the path of what is older sees each entry once,
// whatever is added meanwhile, and comes to an end.
func TestActivityHasParts(t *testing.T) {
	for _, n := range []int{0, 1, activityLength, activityLength + 1, 2 * activityLength, 2*activityLength + 1} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t)
				for range n {
					r.happen(audit.Entry{Event: "authn_login_success"})
				}
				cookie, _ := r.signInWith(firefox, "192.0.2.1:1")
				var seen []time.Time
				parts := 0
				for path := activityPath; path != ""; parts++ {
					page := r.do(fromBrowser(with(get(path), "Cookie", cookie))).body
					list := r.activity(cookie, path)
					for _, e := range list.Entries {
						seen = append(seen, e.At)
					}
					if hasNewest := strings.Contains(page, `<a href="/activity">Newest</a>`); hasNewest != (parts > 0) {
						t.Errorf("part %d leads to the newest: %v", parts, hasNewest)
					}
					path = ""
					if list.Older != nil {
						path = *list.Older
					}
					if leadsOn := strings.Contains(page, ">Older</a>"); leadsOn != (path != "") || leadsOn && parsePage(t, page).one(t, "a", "href", path).text != "Older" {
						t.Errorf("part %d of the page leads on: %v, to %q", parts, leadsOn, path)
					}
					r.happen(audit.Entry{Event: "session_ended"})
				}
				if len(seen) != n || parts != max(1, (n+activityLength-1)/activityLength) {
					t.Errorf("%d entries in %d parts, want %d", len(seen), parts, n)
				}
				if !slices.IsSortedFunc(seen, func(a, b time.Time) int { return b.Compare(a) }) {
					t.Errorf("not newest first: %v", seen)
				}
			})
		})
	}
}

// TestActivityOfNothing: an account of which nothing is known has a page that says so.
func TestActivityOfNothing(t *testing.T) {
	r := newFixture(t)
	page := r.do(fromBrowser(with(get("/activity"), "Cookie", r.signIn()))).body
	tree := parsePage(t, page)
	if len(tree.all("ul")) > 0 || !strings.Contains(page, "There is nothing here.") || !strings.Contains(page, "Each entry is kept for a limited time.") || strings.Contains(page, "not you") {
		t.Errorf("the page is %s", page)
	}
}

// TestEveryKeptEventIsTold: every kind of event that the trail keeps has a text, and no text
// is for a kind that it does not keep. What a later version keeps is told in general.
func TestEveryKeptEventIsTold(t *testing.T) {
	kept := map[string]bool{}
	ofNoUser := []string{"keys_changed", "migration_closed", "sessions_ended_before"} // about everybody, and kept under a user ID that nobody has
	for _, kind := range events.Kinds() {
		if !kind.Kept || slices.Contains(ofNoUser, kind.Name) {
			continue
		}
		kept[kind.Name] = true
		if happened[kind.Name] == "" {
			t.Errorf("users are not told of %s", kind.Name)
		}
	}
	for name := range happened {
		if !kept[name] {
			t.Errorf("there is a text for %s, which is not kept", name)
		}
	}
	if key := (activityEntry{Event: "of_tomorrow"}).Happened(); key != "activity.unknown" {
		t.Errorf("an unknown event is told as %s", key)
	}
}

// TestWhySessionsEnd: every reason has a text of its own in each language, except a logout,
// which is told by what happened, and reasons of a later version, which are not told.
func TestWhySessionsEnd(t *testing.T) {
	kind, _ := events.Find("session_ended")
	for _, reason := range kind.Reasons {
		if key := (activityEntry{Event: "session_ended", Reason: reason}).Why(); (key == "") != (reason == "logout") {
			t.Errorf("%s is told as %q", reason, key)
		}
	}
	for _, l := range texts.Default.Languages() {
		said := map[string]string{}
		for reason := range reasons {
			text := l.Text((activityEntry{Event: "session_ended", Reason: reason}).Why())
			if said[text] != "" {
				t.Errorf("%s: %s and %s are told alike", l.Tag, reason, said[text])
			}
			said[text] = reason
		}
	}
	for _, reason := range []string{"logout", "", "of_tomorrow"} {
		if key := (activityEntry{Event: "session_ended", Reason: reason}).Why(); key != "" {
			t.Errorf("%q is told as %s", reason, key)
		}
	}
}

// TestMenuHasActivity: the menu leads to /activity only in programs that serve it.
func TestMenuHasActivity(t *testing.T) {
	for _, has := range []bool{false, true} {
		r := newFixture(t)
		pages, err := NewPages(Config{Activity: has})
		if err != nil {
			t.Fatal(err)
		}
		r.pages, r.handler = pages, pages.Handler(Profile(r.sessions))
		if page := r.do(fromBrowser(with(get("/profile"), "Cookie", r.signIn()))).body; strings.Contains(page, `href="/activity"`) != has {
			t.Errorf("Config.Activity is %v, and the page is %s", has, page)
		}
	}
}
