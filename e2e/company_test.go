package e2e_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"example.com/coatcheck/internal/testing/oidcprovider"
	"example.com/coatcheck/internal/testing/testenv"
)

// The users of examples/company, of schema.sql, have the same password.
const customersPassword = "seven quiet umbrellas"

// TestWalkCompany walks users through make company: a program of somebody else, with its own
// users, look and page.
func TestWalkCompany(t *testing.T) {
	s := serve(t, "company", "ADDR=localhost:"+testenv.FreePort(t))
	browser := startBrowser(t)
	t.Run("password", func(t *testing.T) { customer(t, browser, s.url) })
	t.Run("provider", func(t *testing.T) { throughProvider(t, browser, s.url) })
	s.stopAll(t, 4) // the starter, PostgreSQL, the provider and the portal
}

// enterPortal signs in by the password, and lands on /invoices.
func (d *device) enterPortal(email, password string) int64 {
	d.t.Helper()
	d.open("/invoices")
	d.wantPage("/login", "E-mail address")
	d.run(fill("username", email), fill("password", password))
	return d.press("Sign in")
}

func customer(t *testing.T, browser context.Context, url string) {
	ada := newDevice(t, browser, url)
	if status := ada.enterPortal("ada@example.com", "seven loud umbrellas"); status != http.StatusUnauthorized {
		t.Errorf("a wrong password: status %d", status)
	}
	ada.wantPage("/login", "The e-mail address or the password is wrong.")
	ada.checkPage("login-refused")
	ada.enterPortal("ada@example.com", customersPassword)
	ada.wantPage("/invoices", "What Quayside Bakery owes")
	ada.wantPage("/invoices", "1284.00 EUR by 2026-11-30")
	ada.wantPage("/invoices", "Questions? Call us")
	ada.checkPage("invoices")

	bruno := newDevice(t, browser, url)
	bruno.enterPortal("bruno@example.com", customersPassword)
	bruno.wantPage("/invoices", "What Lantern Books owes")
	if text := bruno.text(); strings.Contains(text, "2026-0117") {
		t.Errorf("Bruno sees an invoice of another tenant:\n%s", text)
	}

	// The language is a choice of the user, which a second device of the user has too.
	ada.open("/profile")
	ada.checkPage("profile")
	ada.run(chromedp.SetValue(chromedp.CSS("select[name=language]"), "de"))
	ada.click(`form:has(select[name=language]) button`)
	ada.open("/invoices")
	ada.wantPage("/invoices", "Was Quayside Bakery zu zahlen hat")
	ada.checkPage("invoices-de")
	phone := newDevice(t, browser, url)
	phone.enterPortal("ada@example.com", customersPassword)
	phone.wantPage("/invoices", "Rechnungen")

	phone.open("/sessions")
	phone.checkPage("devices")
	lost := ada.cookie().Value
	phone.click(`form[action="/sessions/revoke-others"] button`)
	ada.wantDead("the other device", lost)
	ada.open("/invoices")
	ada.wantPage("/login", "E-mail address")

	session := phone.cookie().Value
	phone.open("/profile")
	phone.click(`form[action="/logout"] button`)
	phone.wantPage("/login", "E-mail address")
	phone.wantDead("after the logout", session)
	bruno.open("/invoices")
	bruno.wantPage("/invoices", "Lantern Books")
}

// throughProvider signs in at the provider, which says the tenant of alice and none of bob.
func throughProvider(t *testing.T, browser context.Context, url string) {
	alice := newDevice(t, browser, url)
	alice.also = providerOf(t, url)
	alice.enterByProvider("alice")
	alice.wantPage("/invoices", "What Lantern Books owes")
	if text := alice.text(); strings.Contains(text, "Password") {
		t.Errorf("somebody without a password is led to change it:\n%s", text)
	}
	session := alice.cookie().Value
	alice.open("/profile")
	alice.click(`form[action="/logout"] button`)
	alice.wantDead("after the logout", session)
	if text := alice.text(); !strings.Contains(text, "Leave Example ID?") {
		t.Fatalf("a logout does not lead to the provider's, but to\n%s", text)
	}
	alice.press("Yes, log me out")
	alice.wantPage("/login", "E-mail address")

	bob := newDevice(t, browser, url)
	bob.also = alice.also
	bob.enterByProvider("bob")
	bob.wantPage("/sso/callback", "You may not sign in here with this account")
	bob.checkPage("no-tenant")
	if bob.cookie() != nil {
		t.Error("bob, who is here for no customer, has a session")
	}
}

// enterByProvider signs in at the provider's own page, on the way to /invoices.
func (d *device) enterByProvider(user string) {
	d.t.Helper()
	d.open("/invoices")
	d.press("Sign in with Example ID")
	d.run(fill("user", user), fill("password", oidcprovider.Password))
	d.press("Continue")
}

// providerOf returns the URL of the provider to which a server leads.
func providerOf(t *testing.T, server string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server+"/sso", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	to, err := response.Location()
	if err != nil {
		t.Fatal(err)
	}
	return to.Scheme + "://" + to.Host
}
