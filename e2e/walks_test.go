package e2e_test

import (
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/network"

	"example.com/coatcheck/internal/local/migration"
	"example.com/coatcheck/internal/testing/testenv"
)

// The walks move the routes of a monolith to us and back, while users are signed in. They
// are run by make walks.

func TestWalkFlask(t *testing.T) { walks(t, migration.Flask) }

func TestWalkDjango(t *testing.T) { walks(t, migration.Django) }

func TestWalkExpress(t *testing.T) { walks(t, migration.Express) }

// walks takes all walks, once with sessions that are rows, and once with sessions that
// are cookies.
func walks(t *testing.T, f migration.Framework) {
	browser := startBrowser(t)
	for name, stateless := range map[string]bool{"rows": false, "cookies": true} {
		t.Run(name, func(t *testing.T) {
			w := startWalk(t, browser, f, stateless)
			w.thereAndBack()
			w.twoInOneBrowser()
			w.logoutFirst()
			w.weAreOut()
		})
	}
}

// thereAndBack moves /profile, then /login, then /logout, and then all of them back.
func (w *walk) thereAndBack() {
	ada, ben, nora := w.reader(), w.reader(), w.reader()
	ada.signsInThere("ada")
	ben.signsInThere("ben")
	ada.picture("1-signed-in-at-the-monolith")
	adasCopy, bensCopy := ada.cookies(false, true), ben.cookies(false, true)

	w.moves("/profile")
	ada.profiled("ada")
	ada.picture("2-profile-has-moved")
	ada.onlyOurs()
	ada.known("ada", "/news", "/cart")
	ben.known("ben", "/news", "/cart")
	w.copyIsSpent("ada", adasCopy)

	w.moves("/login")
	w.setMode(migration.Only)
	w.operate(migration.Password, "users", "add", "nora", "--display-name", "Nora")
	nora.signsInHere("nora")
	nora.known("nora", "/news", "/cart")
	nora.picture("3-the-monolith-knows-who-is-new")
	ada.known("ada", "/news", "/cart")
	ben.open("/cart") // the monolith leads him to our login page, which needs no click of his
	ben.wantPage("/cart", "Hello, Ben!")
	ben.onlyOurs()
	w.thief(adasCopy).unknown()

	w.moves("/logout")
	bensSession := ben.cookies(true, false)
	ben.signsOut()
	ben.wantPage("/login", "Sign in")
	ben.picture("4-signed-out-everywhere")
	ben.unknown()
	w.wantEnded("after Ben's logout", bensSession)
	w.thief(bensSession).unknown()
	w.thief(bensCopy).unknown()
	ada.known("ada", "/news", "/cart")

	w.setMode(migration.Also)
	for _, route := range []string{"/logout", "/login", "/profile"} {
		w.returns(route)
		for _, r := range []struct {
			*reader
			user string
		}{{ada, "ada"}, {nora, "nora"}} {
			r.known(r.user, "/news", "/cart")
			r.profiled(r.user)
		}
	}
	nora.picture("5-the-profile-is-back")
	norasSession := nora.cookies(true, false)
	nora.signsOut()
	nora.unknown()
	w.wantEnded("after a logout at the monolith", norasSession)
	ada.known("ada", "/news")
}

// copyIsSpent uses a copy of the monolith's cookie whose session has become one of ours, in
// the mode also. It never becomes a second one. The monolith does not know it either, if
// it was a row. A cookie that is the session itself opens the monolith until the mode only.
func (w *walk) copyIsSpent(user string, cookies []*network.Cookie) {
	w.Helper()
	thief := w.thief(cookies)
	if !w.stateless {
		thief.unknown()
		return
	}
	thief.known(user, "/news")
	thief.open("/profile")
	thief.wantPage("/login", "")
	if thief.cookie() != nil {
		w.Error("a copy of the monolith's cookie becomes a second session")
	}
}

// twoInOneBrowser lets a second person sign in where a first one is signed in at the other
// side. The first one's sessions end.
func (w *walk) twoInOneBrowser() {
	w.moves("/profile")
	shared := w.reader()
	shared.signsInThere("cleo")
	shared.profiled("cleo")
	cleos := shared.cookies(true, false)
	shared.signsInThere("ada")
	w.wantEnded("after another user's sign-in at the monolith", cleos)
	shared.profiled("ada")
	shared.known("ada", "/news")

	// Ben signs in at the monolith in another tab, while Cleo types into our form.
	w.moves("/login")
	elsewhere := w.reader()
	w.returns("/login")
	elsewhere.signsInThere("ben")
	w.moves("/login")
	tab := w.reader()
	tab.open("/login")
	tab.takes(elsewhere.cookies(false, true))
	tab.submitsHere("cleo")
	tab.wantPage("/profile", "Cleo")
	tab.onlyOurs()
	tab.known("cleo", "/news", "/cart")
	w.returns("/login", "/profile")
}

// logoutFirst moves /logout alone.
func (w *walk) logoutFirst() {
	w.moves("/logout")
	dan := w.reader()
	dan.signsInThere("dan")
	cookies := dan.cookies(false, true)
	dan.signsOut()
	dan.unknown()
	w.moves("/profile")
	thief := w.thief(cookies)
	thief.open("/profile")
	thief.wantPage("/login", "")
	if !w.stateless {
		thief.unknown()
	}
	w.setMode(migration.Only)
	w.moves("/login")
	w.thief(cookies).unknown()
	w.setMode(migration.Also)
	w.returns("/login", "/profile", "/logout")
}

// weAreOut stops us. The monolith refuses those who have our cookie, and serves the others.
func (w *walk) weAreOut() {
	w.moves("/login")
	ada, guest := w.reader(), w.reader()
	ada.signsInHere("ada")
	session := ada.cookies(true, false)
	over := w.outage()
	for _, path := range []string{"/news", "/cart"} {
		if status := ada.open(path); status != http.StatusServiceUnavailable {
			w.Errorf("%s in the outage: status %d", path, status)
		}
	}
	ada.picture("6-an-outage")
	if now := ada.cookies(true, false); len(now) != 1 || now[0].Value != session[0].Value {
		w.Error("the outage has changed the cookie")
	}
	if status := guest.open("/news"); status != http.StatusOK {
		w.Errorf("/news without our cookie in the outage: status %d", status)
	}
	over()
	ada.known("ada", "/news", "/cart")
	w.returns("/login")
}

// TestWalkDemo does what make migration-demo tells a person to do.
func TestWalkDemo(t *testing.T) {
	port := testenv.FreePort(t)
	s := serve(t, "migration-demo", "PORT="+port)
	browser := startBrowser(t)
	moves, ada := newDevice(t, browser, s.url), newDevice(t, browser, s.url)
	press := func(button, says string) {
		t.Helper()
		moves.open("/moves")
		moves.press(button)
		moves.wantPage("/moves", says)
	}
	ada.open("/login")
	ada.run(fill("name", "ada"), fill("password", migration.Password))
	ada.press("Go in")
	ada.wantPage("/profile", "You are Ada")
	press("Move /profile", "/profile is at Coatcheck")
	moves.checkPage("moves")
	ada.open("/profile")
	ada.wantPage("/profile", "Welcome to your profile, Ada!")
	press("Move /login", "/login is at Coatcheck")
	press("Set the mode only", "in the mode only")
	ada.open("/news")
	ada.wantPage("/news", "Hello, Ada!")
	press("Move /logout", "/logout is at Coatcheck")
	nora := newDevice(t, browser, s.url)
	nora.open("/cart")
	nora.run(fill("username", "nora"), fill("password", migration.Password))
	nora.press("Sign in")
	nora.wantPage("/cart", "Nora orders the Sunday paper.")
	press("Set the mode also", "in the mode also")
	for _, route := range []string{"/logout", "/login", "/profile"} {
		press("Move "+route+" back", route+" is at the monolith")
	}
	nora.open("/profile")
	nora.wantPage("/profile", "You are Nora")
	s.stopAll(t, 3) // the program itself, the monolith and the product
	wantFree(t, port)
}
