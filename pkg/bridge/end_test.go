package bridge_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

func (f *fixture) sealOf(userID string) time.Time {
	f.Helper()
	at, err := f.store.GetSeal(f.Context(), ownerOf(userID))
	f.ok(err)
	return at
}

// TestEnd: a logout with a cookie of the monolith's spends it, whatever it has become.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.ok(f.End(f.request("mono=s1")))
		l := f.links()[linkIDOfS1]
		if !l.Ended || l.Session != (session.Key{}) || l.Source != "shop" || l.Nonce == "" || !l.At.Equal(time.Now()) {
			t.Errorf("the link is %+v", l)
		}
		if f.monolith.hasRow("s1") || !f.sealOf("u1").IsZero() {
			t.Errorf("row there: %v, seal %v", f.monolith.hasRow("s1"), f.sealOf("u1"))
		}
		f.monolith.rows["s1"] = true // a request of the monolith's that was under way has saved it again
		f.want(authn.ErrNoClaim, "mono=s1")
		time.Sleep(time.Hour)
		f.want(authn.ErrNoClaim, "mono=s1")
		f.ok(f.End(f.request("mono=s1")))
	})
}

// TestEndEndsOurs: the session that the link names ends too, and no other.
func TestEndEndsOurs(t *testing.T) {
	for _, identity := range []string{"s1", ""} {
		f := newFixture(t)
		f.withoutRow(identity)
		f.monolith.signIn("s2", legacy.Claim{UserID: "u1", Identity: "s2", SignedInAt: time.Now()})
		_, token := f.mustConvert("mono=s1")
		_, other := f.mustConvert("mono=s2")
		f.ok(f.End(f.request("mono=s1")))
		if f.alive(token) || !f.alive(other) {
			t.Errorf("identity %q: the session is alive: %v; another is alive: %v", identity, f.alive(token), f.alive(other))
		}
	}
}

// TestEndAfterTheRow: the row is deleted when its session comes over, perhaps with a stolen
// cookie. A logout with that cookie still ends what it has become.
func TestEndAfterTheRow(t *testing.T) {
	f := newFixture(t)
	_, token := f.mustConvert("mono=s1")
	for _, method := range []string{"GetLink", "EndLink"} {
		f.store.before[method] = func() error { return errOutage }
		if err := f.End(f.request("mono=s1")); !errors.Is(err, errOutage) {
			t.Errorf("End without %s: %v, want the outage", method, err)
		}
		clear(f.store.before)
	}
	if !f.alive(token) {
		t.Fatal("the session has ended")
	}
	f.ok(f.End(f.request("mono=s1")))
	if l := f.links()[linkIDOfS1]; f.alive(token) || !l.Ended {
		t.Errorf("the session is alive: %v; the link is %+v", f.alive(token), l)
	}
}

// TestEndWithoutIdentity: a copy may have other bytes, so the user is sealed.
func TestEndWithoutIdentity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.withoutRow("")
		f.ok(f.End(f.request("mono=s1")))
		if !f.sealOf("u1").Equal(time.Now()) {
			t.Errorf("the seal is %v", f.sealOf("u1"))
		}
		f.want(authn.ErrNoClaim, "mono=copy")
	})
}

// TestEndProvesNothing: what is no claim ends nothing, and seals nobody.
func TestEndProvesNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		cookies string
		given   func(*fixture)
	}{
		"no cookie": {cookies: "session=s1"},
		"forged":    {cookies: "mono=s2"},
		"anonymous": {cookies: "mono=s1", given: func(f *fixture) { f.change("s1", func(c *legacy.Claim) { c.UserID = "" }) }},
		"expired":   {cookies: "mono=s1", given: func(f *fixture) { f.change("s1", func(c *legacy.Claim) { c.ExpiresAt = time.Now() }) }},
		"no row":    {cookies: "mono=s1", given: func(f *fixture) { f.monolith.rows["s1"] = false }},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			if tt.given != nil {
				tt.given(f)
			}
			f.ok(f.End(f.request(tt.cookies)))
			if len(f.links()) > 0 || !f.sealOf("u1").IsZero() {
				t.Errorf("links %v, seal %v", f.links(), f.sealOf("u1"))
			}
		})
	}
}

// TestEndAsksForNoPassword: it needs no look-up, and no bridge that is open.
func TestEndAsksForNoPassword(t *testing.T) {
	f := newFixture(t, withPassword)
	bound(f)
	f.monolith.down["Password"], f.users.down = errOutage, errOutage
	f.ok(f.store.CloseWindow(t.Context()))
	f.ok(f.End(f.request("mono=s1")))
	if !f.links()[linkIDOfS1].Ended {
		t.Error("the link was not ended")
	}
}

// TestEndOfSeveral: each value of a cookie may be the one that a thief has, and each source
// is asked.
func TestEndOfSeveral(t *testing.T) {
	f := newFixture(t, withSecond)
	f.monolith.signIn("s2", legacy.Claim{UserID: "u1", Identity: "s2"})
	f.ok(f.End(f.request("mono=s1; mono=bad; mono=s2", "other=o1")))
	if links := f.links(); len(links) != 3 {
		t.Errorf("%d links, want 3", len(links))
	}
	f.want(authn.ErrNoClaim, "mono=s2")
	f.want(authn.ErrNoClaim, "other=o1")

	f = newFixture(t)
	if err := f.End(f.request("mono=s1; mono=2; mono=3; mono=4; mono=5")); !errors.Is(err, session.ErrTooManyCookies) {
		t.Errorf("five values: %v, want ErrTooManyCookies", err)
	}
	f.wantUntouched()
}

// TestEndOfTwoCookies: of a source with two cookies each pair is tried.
func TestEndOfTwoCookies(t *testing.T) {
	f := newFixture(t)
	pair := pairs{f.monolith}
	config := f.config
	config.Sources = []bridge.Source{{Source: pair, Name: "shop"}}
	b, err := bridge.New(t.Context(), config)
	f.ok(err)
	f.ok(b.End(f.request("mono=s1; mono=x; mono.sig=bad; mono.sig=good")))
	if len(f.links()) != 1 || len(f.monolith.opened) != 1 {
		t.Errorf("links %v, opened %q; want one", f.links(), f.monolith.opened)
	}
}

// TestEndInAnOutage breaks each step. The logout says so, and when it is tried again, it ends
// all.
func TestEndInAnOutage(t *testing.T) {
	fails := func() error { return errOutage }
	for name, tt := range map[string]struct {
		identity string
		breaks   func(*fixture)
	}{
		"Open":          {"s1", func(f *fixture) { f.monolith.down["Open"] = errOutage }},
		"PutSeal":       {"", func(f *fixture) { f.store.before["PutSeal"] = fails }},
		"EndLink":       {"s1", func(f *fixture) { f.store.before["EndLink"] = fails }},
		"EndLink, lost": {"s1", func(f *fixture) { f.store.before["after EndLink"] = fails }},
		"Revoke":        {"s1", func(f *fixture) { f.stored.beforeDelete = fails }},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.withoutRow(tt.identity)
			_, token := f.mustConvert("mono=s1")
			tt.breaks(f)
			if err := f.End(f.request("mono=s1")); !errors.Is(err, errOutage) {
				t.Errorf("End: %v, want the outage", err)
			}
			clear(f.store.before)
			clear(f.monolith.down)
			f.stored.beforeDelete = nil
			f.ok(f.End(f.request("mono=s1")))
			if f.alive(token) {
				t.Error("the session is alive")
			}
			f.want(authn.ErrNoClaim, "mono=copy")
		})
	}
	t.Run("the row", func(t *testing.T) {
		f := newFixture(t)
		f.monolith.down["End"] = errOutage
		if err := f.End(f.request("mono=s1")); !errors.Is(err, errOutage) || !strings.Contains(err.Error(), `source "shop"`) {
			t.Errorf("End: %v, want the outage of the source", err)
		}
		clear(f.monolith.down)
		f.ok(f.End(f.request("mono=s1")))
		if f.monolith.hasRow("s1") {
			t.Error("the row is there")
		}
	})
	t.Run("of another source", func(t *testing.T) {
		f := newFixture(t, withSecond)
		f.config.Sources[1].Source.(*monolith).down["Open"] = errOutage
		if err := f.End(f.request("mono=s1; other=o1")); !errors.Is(err, errOutage) {
			t.Errorf("End: %v, want the outage", err)
		}
		if !f.links()[linkIDOfS1].Ended {
			t.Error("the claim of the other source was not ended")
		}
	})
}

// TestBeforeEnding: what ends all sessions of a user seals the user; what ends one does so
// if nothing else ends copies of a stateless cookie.
func TestBeforeEnding(t *testing.T) {
	for _, stateless := range []bool{false, true} {
		for _, all := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.ok(bridge.BeforeEnding(f.store, stateless)(t.Context(), "u1", all))
				want := time.Time{}
				if stateless || all {
					want = time.Now()
				}
				if got := f.sealOf("u1"); !got.Equal(want) {
					t.Errorf("stateless %v, all %v: the seal is %v, want %v", stateless, all, got, want)
				}
				f.store.before["PutSeal"] = func() error { return errOutage }
				if err := bridge.BeforeEnding(f.store, stateless)(t.Context(), "u1", all); (stateless || all) != errors.Is(err, errOutage) {
					t.Errorf("stateless %v, all %v, in an outage: %v", stateless, all, err)
				}
			})
		}
	}
}

// TestEverywhere: after "log out everywhere" no session of the monolith's comes over, of any
// device.
func TestEverywhere(t *testing.T) {
	f := newFixture(t)
	f.monolith.signIn("s2", legacy.Claim{UserID: "u1", Identity: "s2", SignedInAt: time.Now().Add(-time.Hour)})
	s, token := f.mustConvert("mono=s2")
	f.ok(f.sessions.RevokeAll(t.Context(), "u1", s.ID))
	f.want(authn.ErrNoClaim, "mono=s1")
	if !f.alive(token) {
		t.Error("the session that asked has ended")
	}
}
