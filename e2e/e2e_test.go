// Package e2e_test uses the product in a browser, as a user does. It tests the servers of
// make run and of make local. It is run by make e2e, and not by make test. The tests in
// Firefox and WebKit are run by make browsers.
package e2e_test

import (
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"example.com/coatcheck/cmd/server/demo"
	"example.com/coatcheck/internal/local/dynamolocal"
	"example.com/coatcheck/internal/testing/testenv"
)

func TestRun(t *testing.T) {
	s := serve(t, "run", "ADDR=localhost:"+testenv.FreePort(t))
	browser := startBrowser(t)
	languages(t, browser, s.url)
	journeys(t, browser, s.url)
}

// The https address of make run serves Chromium too, once it accepts the certificate.
func TestRunOverHTTPS(t *testing.T) {
	s := serve(t, "run", "ADDR=localhost:"+testenv.FreePort(t))
	keyboard(t, startBrowser(t, chromedp.Flag("ignore-certificate-errors", true)), httpsOf(s.url))
}

// TestLocal also checks that make local leaves no process, container or used port
// behind.
func TestLocal(t *testing.T) {
	before := containers(t)
	port := testenv.FreePort(t)
	s := serve(t, "local", "PORT="+port)
	if said := makeFails(t, nil, "local", "PORT="+port); !strings.Contains(said, "port "+port+" is taken") {
		t.Errorf("a second make local says:\n%s", said)
	}
	browser := startBrowser(t)
	t.Run("authorizer", func(t *testing.T) { authorized(t, browser, s.url) })
	t.Run("another stack", func(t *testing.T) { attached(t, browser, s.url) })
	journeys(t, browser, s.url)

	s.stopAll(t, 3) // the program itself, sam and DynamoDB Local
	for _, container := range containers(t) {
		if !slices.Contains(before, container) {
			t.Errorf("make local leaves the container %s", container)
		}
	}
	wantFree(t, port)
}

// wantFree reports an error if the port is taken.
func wantFree(t *testing.T, port string) {
	t.Helper()
	if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
		conn.Close()
		t.Errorf("the port %s is still taken", port)
	}
}

func TestLocalWithoutDocker(t *testing.T) {
	said := makeFails(t, []string{"DOCKER_HOST=unix:///nowhere/docker.sock"}, "local", "PORT="+testenv.FreePort(t))
	if !strings.Contains(said, "Docker does not answer") {
		t.Errorf("make local says:\n%s", said)
	}
}

// While DynamoDB is stopped, every page asks the user to try again. When DynamoDB runs
// again, the same cookie is valid.
func TestOutage(t *testing.T) {
	jar := filepath.Join(cache, "dynamodb-local")
	o := dynamolocal.Options{Port: testenv.FreePort(t), Data: t.TempDir()}
	database, err := dynamolocal.Start(t.Context(), jar, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { database.Stop() }()
	s := serve(t, "local", "PORT="+testenv.FreePort(t), "DYNAMODB_ENDPOINT="+database.Endpoint)
	d := newDevice(t, startBrowser(t), s.url)
	d.signIn(demo.Password)
	cookie := d.cookie().Value

	database.Stop()
	if status := d.press("Log out"); status != http.StatusServiceUnavailable {
		t.Errorf("a logout in the outage: status %d", status)
	}
	d.wantPage("/logout", "again")
	d.checkPage("outage")
	if status := d.open("/profile"); status != http.StatusServiceUnavailable {
		t.Errorf("the profile in the outage: status %d", status)
	}
	d.wantPage("/profile", "again")
	if now := d.cookie(); now == nil || now.Value != cookie {
		t.Error("the session cookie has gone or changed")
	}

	restarted, err := dynamolocal.Start(t.Context(), jar, o)
	if err != nil {
		t.Fatal(err)
	}
	database = restarted
	if status := d.open("/profile"); status != http.StatusOK {
		t.Errorf("after the outage: status %d", status)
	}
	d.wantPage("/profile", "Welcome to your profile, Alice!")
}
