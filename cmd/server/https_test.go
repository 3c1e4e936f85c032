package main

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// secure returns the https address of a server that runs with -https.
func (p *process) secure() string { return "https" + strings.TrimPrefix(p.url, "http") }

// kept returns the files below the home folder of a server.
func kept(t *testing.T, home string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(home, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// trusting returns the TLS configuration of a browser that trusts the one certificate
// which a server keeps below its home folder.
func trusting(t *testing.T, home string) *tls.Config {
	t.Helper()
	files := kept(t, home)
	if len(files) != 1 {
		t.Fatalf("the server keeps the files %q", files)
	}
	certificate, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(certificate) {
		t.Fatalf("%s has no certificate", files[0])
	}
	return &tls.Config{RootCAs: roots}
}

// newSecureBrowser returns a browser that trusts the server's certificate.
func newSecureBrowser(t *testing.T, home string) *browser {
	t.Helper()
	b := newBrowser(t)
	transport := &http.Transport{TLSClientConfig: trusting(t, home)}
	t.Cleanup(transport.CloseIdleConnections)
	b.client.Transport = transport
	return b
}

// TestHTTPS: with -https one address serves users by both schemes, and the server says
// which is for whom.
func TestHTTPS(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	p := start(t, []string{"HOME=" + home}, "-https")
	journey(t, p.url)
	b := newSecureBrowser(t, home)
	for _, host := range []string{"localhost", "127.0.0.1"} {
		_, port := p.hostPort(t)
		address := "https://" + host + ":" + port
		signIn(t, b, address, demoPassword)
		if got := b.get(address + "/profile"); got.path != "/profile" || !strings.Contains(got.body, "Welcome to your profile, Alice!") {
			t.Errorf("signed in at %s: %d at %s: %s", address, got.status, got.path, got.body)
		}
		b.post(address+"/logout", nil)
		if got := b.get(address + "/profile"); got.path != "/login" || b.cookie(address) != "" {
			t.Errorf("after the logout: %d at %s, the browser keeps %q", got.status, got.path, b.cookie(address))
		}
	}
	if said := p.stdout.String(); !strings.Contains(said, "Coatcheck is at "+p.url+"\n") || !strings.Contains(said, "Safari and other WebKit browsers use "+p.secure()+":") {
		t.Errorf("it says %s", said)
	}
}

// TestHTTPSOnRequest: without -https a server does not speak TLS, keeps no certificate, and
// names no https address. A deployed server is such a server.
func TestHTTPSOnRequest(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	p := start(t, []string{"HOME=" + home}, "-demo")
	if _, err := tls.Dial("tcp", strings.TrimPrefix(p.url, "http://"), &tls.Config{InsecureSkipVerify: true}); err == nil {
		t.Error("it speaks TLS")
	}
	if files := kept(t, home); len(files) > 0 {
		t.Errorf("it keeps %q", files)
	}
	if said := p.stdout.String(); strings.Contains(said, "https") {
		t.Errorf("it says %s", said)
	}
}

// TestHTTPSCertificateStays: a browser that was told to accept the certificate need not be
// told again after a restart. Where nothing can be kept the log says so.
func TestHTTPSCertificateStays(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	start(t, []string{"HOME=" + home}, "-https").stop(t, os.Interrupt)
	b := newSecureBrowser(t, home)
	again := start(t, []string{"HOME=" + home}, "-https")
	if got := b.get(again.secure() + "/login"); got.status != 200 || again.stderr.String() != "" {
		t.Errorf("after a restart: %d, %s", got.status, again.stderr)
	}

	homeless := start(t, nil, "-https")
	b.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	if got := b.get(homeless.secure() + "/login"); got.status != 200 || !strings.Contains(homeless.stderr.String(), "certificate_not_kept") {
		t.Errorf("without a home folder: %d, %s", got.status, homeless.stderr)
	}
}

// TestHSTS: a server with -https never tells a browser that localhost speaks only https.
// Other servers do, because their host is the product's.
func TestHSTS(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	local, deployed := start(t, []string{"HOME=" + home}, "-https"), start(t, []string{"PUBLIC_ORIGIN=https://shop.example"}, "-anyone-may-be-alice")
	b := newSecureBrowser(t, home)
	for _, tt := range []struct {
		url  string
		want bool
	}{{local.url, false}, {local.secure(), false}, {deployed.url, true}} {
		check := func(what string, got answer, status int) {
			t.Helper()
			if _, has := got.header["Strict-Transport-Security"]; has != tt.want || got.status != status {
				t.Errorf("%s at %s: %d, Strict-Transport-Security is there: %t", what, tt.url, got.status, has)
			}
		}
		b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		check("the way in", b.get(tt.url+"/"), 303)
		check("a page", b.get(tt.url+"/login"), 200)
		check("no page", b.get(tt.url+"/nowhere"), 404)
		check("a wrong method", b.send("DELETE", tt.url+"/login", nil), 405)
		check("a wrong form", b.post(tt.url+"/login", url.Values{"unknown": {"1"}}), 400)
		check("a large form", b.post(tt.url+"/login", url.Values{"username": {strings.Repeat("x", 10_000)}}), 413)
		check("a wrong password", b.post(tt.url+"/login", url.Values{"username": {"nobody"}, "password": {"x"}}), 401)
	}
}

// TestHTTPSWrites: writes of a page at the https address are accepted, those of other sites
// are not; and neither are those of other ports. Old browsers send no Sec-Fetch-Site.
func TestHTTPSWrites(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	p := start(t, []string{"HOME=" + home}, "-https")
	b := newSecureBrowser(t, home)
	for _, tt := range []struct {
		origin, site string
		want         int
	}{
		{p.secure(), "same-origin", 204},
		{p.secure(), "", 204},
		{"", "", 204},
		{"https://shop.example", "cross-site", 403},
		{"https://shop.example", "", 403},
		{"https://localhost:1", "same-site", 403},
		{"https://localhost:1", "", 403},
		{"null", "", 403},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", p.secure()+"/logout", nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{"Origin": tt.origin, "Sec-Fetch-Site": tt.site} {
			if value != "" {
				req.Header.Set(name, value)
			}
		}
		resp, err := b.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.want {
			t.Errorf("from %q, %q: %d, want %d", tt.origin, tt.site, resp.StatusCode, tt.want)
		}
	}
}

// TestHTTPSPortTaken: a port that is taken is named, and no certificate is made.
func TestHTTPSPortTaken(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	_, port := start(t, nil).hostPort(t)
	code, message := runFailing(t, []string{"HOME=" + home, "ADDR=localhost:" + port}, "-https")
	if code != 1 || !strings.Contains(message, "localhost:"+port+" is taken") || len(kept(t, home)) > 0 {
		t.Errorf("exit code %d, %s; kept are %q", code, message, kept(t, home))
	}
}
