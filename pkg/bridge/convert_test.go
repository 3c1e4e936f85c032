package bridge_test

import (
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/signin/authn"
)

// TestConvert converts one session and looks at all that it leaves.
func TestConvert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		signedIn, ends := time.Now().Add(-time.Hour).UTC(), time.Now().Add(24*time.Hour).UTC()
		s, token := f.mustConvert("mono=s1")
		if s.UserID != "u1" || !s.HasRole("member") || s.Values[authn.ValueUsername] != "alice" || s.Values[authn.ValueDisplayName] != "Alice" {
			t.Errorf("the session is %+v", s)
		}
		if !s.AuthenticatedAt.Equal(signedIn) || !s.EndsAt.Equal(ends) {
			t.Errorf("authenticated at %v, ends at %v; want %v and %v", s.AuthenticatedAt, s.EndsAt, signedIn, ends)
		}
		if !f.alive(token) || f.monolith.hasRow("s1") {
			t.Errorf("session alive: %v, row there: %v", f.alive(token), f.monolith.hasRow("s1"))
		}
		for id, l := range f.links() {
			if len(id) != 64 || l.Session != s.Key() || l.Source != "shop" || l.Nonce == "" || !l.At.Equal(time.Now()) || l.Ended {
				t.Errorf("the link is %+v", l)
			}
		}
		if len(f.links()) != 1 {
			t.Errorf("%d links", len(f.links()))
		}
	})
}
