package e2e_test

import (
	"net/http"
	"testing"

	"example.com/coatcheck/internal/local/migration"
	"example.com/coatcheck/internal/testing/testenv"
)

// TestWalkProviderBridge signs users in at a real provider in browsers that have sessions of
// a monolith.
func TestWalkProviderBridge(t *testing.T) {
	browser := startBrowser(t)
	for name, stateless := range map[string]bool{"rows": false, "cookies": true} {
		t.Run(name, func(t *testing.T) {
			port := testenv.FreePort(t)
			p, _ := startProvider(t, "http://localhost:"+port)
			w := startWalkWith(t, browser, migration.Options{
				Framework: migration.Flask, Stateless: stateless, Port: port, Environment: variables(p, "http://localhost:"+port)[1:], // it has the origin
			})
			guest := func() (*guest, *reader) {
				g := newGuest(t, browser, w.URL, p)
				return g, &reader{g.device, w}
			}
			ada, adaReads := guest()
			ben, benReads := guest()
			adaReads.signsInThere("ada")
			benReads.signsInThere("ben")
			copies := benReads.cookies(false, true)

			// Ada's session comes over, and then she signs in at the provider, where she is alice.
			w.moves("/profile", "/login", "/logout")
			adaReads.profiled("ada")
			adaReads.onlyOurs()
			converted := adaReads.cookies(true, false)
			w.setMode(migration.Only)
			ada.signsIn("alice", "Alice Anders")
			w.wantEnded("after a sign-in at the provider", converted)
			adaReads.onlyOurs()
			ada.open("/news")
			ada.wantPage("/news", "Alice")
			ada.picture("1-the-monolith-knows-the-user-of-the-provider")

			// Ben's session does not come over: he goes to the provider first.
			ben.open("/sso?next=/profile")
			ben.wantProvider("Password")
			ben.continues("bob")
			ben.wantPage("/profile", "Bob Berg")
			benReads.onlyOurs()

			// A logout ends the session here, that of the monolith, and the one at the provider.
			benReads.takes(copies)
			session := benReads.cookies(true, false)
			ben.open("/profile")
			ben.press("Log out")
			ben.wantProvider("Leave")
			w.wantEnded("after the logout", session)
			if left := benReads.cookies(true, true); len(left) != 0 {
				t.Errorf("the logout leaves %d cookies", len(left))
			}
			ben.press("Yes, log me out")
			ben.wantPage("/login", "Sign in")
			benReads.unknown()
			w.thief(copies).unknown()
			ben.open("/login")
			ben.goesToProvider()

			// A notice of the provider ends what the monolith's pages know.
			ada.leavesProvider()
			if status := ada.open("/news"); status != http.StatusOK {
				t.Errorf("/news: status %d", status)
			}
			adaReads.unknown()
		})
	}
}
