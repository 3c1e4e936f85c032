package bridge_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/signin/authn"
)

// withoutRow makes s1 a session without a row, as the cookie of a stateless source is. Its
// copies are the cookies s1 and copy.
func (f *fixture) withoutRow(identity string) {
	delete(f.monolith.rows, "s1")
	f.change("s1", func(c *legacy.Claim) { c.Identity = identity })
	f.monolith.signIn("copy", f.monolith.claims["s1"])
}

func TestOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		identity string
		cookie   string
		after    time.Duration
		want     error
	}{
		"at once":                             {"s1", "mono=s1", 0, authn.ErrConverting},
		"within ten seconds":                  {"s1", "mono=s1", 10*time.Second - time.Millisecond, authn.ErrConverting},
		"after ten seconds":                   {"s1", "mono=s1", 10 * time.Second, authn.ErrConverted},
		"a copy of it":                        {"s1", "mono=copy", time.Hour, authn.ErrConverted},
		"without an identity":                 {"", "mono=s1", time.Hour, authn.ErrConverted},
		"a copy of it, without an identity":   {"", "mono=copy", time.Hour, nil},
		"after a month":                       {"s1", "mono=s1", 29 * 24 * time.Hour, authn.ErrConverted},
		"a copy of it, at once":               {"s1", "mono=copy", 0, authn.ErrConverting},
		"its bytes as an identity of another": {"", "mono=trick", time.Hour, authn.ErrConverted},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.withoutRow(tt.identity)
				f.change("s1", func(c *legacy.Claim) { c.ExpiresAt = time.Time{} })
				f.change("copy", func(c *legacy.Claim) { c.ExpiresAt = time.Time{} })
				f.monolith.signIn("trick", legacy.Claim{UserID: "u1", Identity: "cookie:mono=s1;"})
				_, token := f.mustConvert("mono=s1")
				before := f.links()
				time.Sleep(tt.after)
				f.want(tt.want, tt.cookie)
				for id, l := range before {
					if f.links()[id] != l {
						t.Errorf("the link is %+v now, and was %+v", f.links()[id], l)
					}
				}
				if tt.after == 0 && !f.alive(token) {
					t.Error("the session has ended")
				}
			})
		})
	}
}

// TestYoungLinks: clocks differ, so a link may be from the future.
func TestYoungLinks(t *testing.T) {
	for age, want := range map[time.Duration]error{
		-time.Hour:                           authn.ErrConverted,
		-10 * time.Second:                    authn.ErrConverted,
		-(10*time.Second - time.Millisecond): authn.ErrConverting,
		0:                                    authn.ErrConverting,
		10*time.Second - time.Millisecond:    authn.ErrConverting,
		10 * time.Second:                     authn.ErrConverted,
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t)
			if _, err := f.store.PutLink(t.Context(), bridge.Link{ID: linkIDOfS1, Nonce: "another", At: time.Now().Add(-age)}); err != nil {
				t.Fatal(err)
			}
			if _, _, err := f.convert("mono=s1"); !errors.Is(err, want) {
				t.Errorf("a link that is %v old: %v, want %v", age, err, want)
			}
		})
	}
}

var linkIDOfS1 = linkIDOf("shop", "s1")

func linkIDOf(source, identity string) string {
	sum := sha256.Sum256([]byte(source + "\x00" + identity))
	return hex.EncodeToString(sum[:])
}

// TestLinksAreOfASource: another source may have a session of the same identity.
func TestLinksAreOfASource(t *testing.T) {
	f := newFixture(t, withSecond)
	f.config.Sources[1].Source.(*monolith).signIn("o2", legacy.Claim{UserID: "u1", Identity: "s1"})
	f.mustConvert("other=o2")
	f.mustConvert("mono=s1")
	if links := f.links(); len(links) != 2 || links[linkIDOfS1].Source != "shop" {
		t.Errorf("the links are %+v", links)
	}
}

// TestOneOfManyAtOnce converts one session of the monolith by 32 requests at once.
func TestOneOfManyAtOnce(t *testing.T) {
	f := newFixture(t)
	f.withoutRow("s1")
	var wg sync.WaitGroup
	errs := make([]error, 32)
	for i := range errs {
		wg.Go(func() { _, _, errs[i] = f.convert("mono=s1") })
	}
	wg.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
		} else if !errors.Is(err, authn.ErrConverting) {
			t.Errorf("one that lost: %v", err)
		}
	}
	if n := len(f.sessionsOf("u1")); made != 1 || n != 1 {
		t.Errorf("%d conversions, and %d sessions; want one", made, n)
	}
}

// TestOrder looks at what is there at each step.
func TestOrder(t *testing.T) {
	f := newFixture(t)
	at := func(step string, links, sessions int, row bool) error {
		if n, m, there := len(f.links()), len(f.sessionsOf("u1")), f.monolith.hasRow("s1"); n != links || m != sessions || there != row {
			t.Errorf("at %s: %d links, %d sessions, row there: %v; want %d, %d, %v", step, n, m, there, links, sessions, row)
		}
		return nil
	}
	f.store.before["GetWindow"] = func() error { return at("GetWindow", 0, 0, true) }
	f.store.before["PutLink"] = func() error { return at("PutLink", 0, 0, true) }
	f.stored.before = func() error { return at("Create", 1, 0, true) }
	f.users.late = func() { _ = at("Confirm", 1, 1, true) }
	f.store.before["GetLink"] = func() error { return at("GetLink", 1, 1, true) }
	f.mustConvert("mono=s1")
	_ = at("the end", 1, 1, false)
	slices.Sort(f.store.calls[:2]) // they come at once, and so do the last two
	slices.Sort(f.store.calls[4:])
	if want := []string{"GetSeal", "GetWindow", "PutLink", "after PutLink", "GetLink", "GetSeal"}; !slices.Equal(f.store.calls, want) {
		t.Errorf("the calls are %q, want %q", f.store.calls, want)
	}
}

// TestOutage breaks each step, with the call not carried out or with its answer lost. An
// outage says nothing about the user, and leaves the monolith's session as it was: when it
// is over, the session is converted at once.
func TestOutage(t *testing.T) {
	fails := func() error { return errOutage }
	second := func() func() error { // fails the second time
		calls := 0
		return func() error {
			if calls++; calls == 2 {
				return errOutage
			}
			return nil
		}
	}
	for name, tt := range map[string]struct {
		breaks func(*fixture)
		config func(*bridge.Config)
	}{
		"Open":           {breaks: func(f *fixture) { f.monolith.down["Open"] = errOutage }},
		"Password":       {breaks: func(f *fixture) { bound(f); f.monolith.down["Password"] = errOutage }, config: withPassword},
		"GetWindow":      {breaks: func(f *fixture) { f.store.before["GetWindow"] = fails }},
		"no window":      {breaks: func(f *fixture) { f.store.before["GetWindow"] = func() error { return bridge.ErrNotFound } }},
		"GetSeal":        {breaks: func(f *fixture) { f.store.before["GetSeal"] = fails }},
		"Identify":       {breaks: func(f *fixture) { f.users.down = errOutage }},
		"PutLink":        {breaks: func(f *fixture) { f.store.before["PutLink"] = fails }},
		"PutLink, lost":  {breaks: func(f *fixture) { f.store.before["after PutLink"] = fails }},
		"Create":         {breaks: func(f *fixture) { f.stored.before = fails }},
		"Create, lost":   {breaks: func(f *fixture) { f.stored.after = fails }},
		"Confirm":        {breaks: func(f *fixture) { f.users.late = func() { f.users.down = errOutage } }},
		"second GetSeal": {breaks: func(f *fixture) { f.store.before["GetSeal"] = second() }},
		"GetLink":        {breaks: func(f *fixture) { f.store.before["GetLink"] = fails }},
		"no link": {breaks: func(f *fixture) {
			f.store.before["GetLink"] = func() error { return bridge.ErrNotFound }
		}},
		"the row": {breaks: func(f *fixture) { f.monolith.down["End"] = errOutage }},
	} {
		t.Run(name, func(t *testing.T) {
			var configs []func(*bridge.Config)
			if tt.config != nil {
				configs = append(configs, tt.config)
			}
			f := newFixture(t, configs...)
			tt.breaks(f)
			if _, _, err := f.convert("mono=s1"); err == nil || isAnswer(err) {
				t.Errorf("Convert: %v, want an outage", err)
			}
			f.users.down, f.users.late = nil, nil
			f.wantUntouched()
			clear(f.store.before)
			clear(f.monolith.down)
			f.stored.before, f.stored.after = nil, nil
			if _, token := f.mustConvert("mono=s1"); !f.alive(token) {
				t.Error("the session is dead")
			}
		})
	}
}

// TestTakeBackFails: then whoever comes again is told so, and takes the password.
func TestTakeBackFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.stored.after = func() error { return errOutage }
		f.store.before["DeleteLink"] = func() error { return errOutage }
		f.want(errOutage, "mono=s1")
		f.stored.after = nil
		f.want(authn.ErrConverting, "mono=s1")
		time.Sleep(10 * time.Second)
		f.want(authn.ErrConverted, "mono=s1")
	})
}

// TestGoneRequest: the link is taken back also if the client has gone.
func TestGoneRequest(t *testing.T) {
	f := newFixture(t)
	r, cancel := f.cancellable("mono=s1")
	f.stored.after = func() error { cancel(); return nil }
	if _, err := f.Convert(nil, r); err == nil {
		t.Fatal("a conversion whose client has gone succeeded")
	}
	f.wantUntouched()
}

// TestMeanwhile changes something after the session is stored and before it is confirmed.
// The conversion fails, the session is discarded, and the next try sees the change.
func TestMeanwhile(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*fixture)
		then   error
		link   string // what is left of it
	}{
		"sealed":           {func(f *fixture) { f.ok(f.store.PutSeal(f.Context(), ownerOf("u1"), time.Now())) }, authn.ErrNoClaim, "none"},
		"revoke-all":       {func(f *fixture) { f.ok(f.sessions.RevokeAll(f.Context(), "u1")) }, authn.ErrNoClaim, "none"},
		"disabled":         {func(f *fixture) { f.users.change("u1", func(a *account) { a.disabled = true }) }, authn.ErrNoClaim, "none"},
		"password changed": {func(f *fixture) { f.users.change("u1", func(a *account) { a.closed = true }) }, authn.ErrNoClaim, "none"},
		"frozen":           {func(f *fixture) { f.users.change("u1", func(a *account) { a.frozen = true }) }, authn.ErrBusy, "none"},
		"a role changed":   {func(f *fixture) { f.users.change("u1", func(a *account) { a.user.Roles = nil }) }, nil, "none"},
		"ended":            {func(f *fixture) { f.ok(f.End(f.request("mono=s1"))) }, authn.ErrNoClaim, "ended"},
		"another's link": {func(f *fixture) {
			l := f.links()[linkIDOfS1]
			f.ok(f.store.DeleteLink(f.Context(), l.ID, l.Nonce))
			l.Nonce = "another"
			_, err := f.store.PutLink(f.Context(), l)
			f.ok(err)
		}, authn.ErrConverting, "another"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.stored.after = func() error { tt.change(f); return nil }
			f.want(authn.ErrBusy, "mono=s1")
			f.stored.after = nil
			if n := len(f.sessionsOf("u1")); n > 0 {
				t.Errorf("%d sessions are left", n)
			}
			l := f.links()[linkIDOfS1]
			if left := map[bool]string{l.ID == "": "none", l.Ended: "ended", l.Nonce == "another": "another"}[true]; left != tt.link {
				t.Errorf("the link that is left is %+v, want %s", l, tt.link)
			}
			if want := tt.link != "ended"; f.monolith.hasRow("s1") != want {
				t.Errorf("row there: %v, want %v", !want, want)
			}
			f.want(tt.then, "mono=s1")
		})
	}
}
