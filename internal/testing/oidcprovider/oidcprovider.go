// Package oidcprovider starts a real OpenID provider for tests: npm's oidc-provider, which
// is fetched once, and on Linux Node.js too if this machine has none that is new enough. It needs
// npm.
package oidcprovider

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"example.com/coatcheck/internal/local/childprocess"
	"example.com/coatcheck/internal/local/pinned"
)

// The client that the provider knows, and the password of its users alice and bob. Alice is
// in the groups admins and swimmers, and her tenant is Lantern Books. Bob is in staff, and has
// no tenant.
const (
	ClientID     = "coatcheck"
	ClientSecret = "an-invented-secret-of-a-client-in-tests"
	Password     = "nine polite lighthouses"
)

// Options say who uses the provider.
type Options struct {
	// Origin is that of the site to which the provider leads browsers back: to /sso/callback
	// after a sign-in, and to /login after a logout.
	Origin string

	// Notices is the URL to which the provider posts which of its sessions have ended. The
	// default is /sso/ended at Origin.
	Notices string
}

// Provider is a running provider. Its state is in its memory.
type Provider struct {
	Issuer string

	program string
	args    []string
	process *childprocess.Process
	output  output
}

// startTimeout is much longer than the second that a start takes.
const startTimeout = time.Minute

// Start starts a provider on a free port of this machine. It ends when this process ends,
// even if that is killed; stop it with [Provider.Stop].
func Start(ctx context.Context, o Options) (*Provider, error) {
	cache, err := pinned.Cache("oidc-provider")
	if err != nil {
		return nil, err
	}
	project := filepath.Join(cache, "..", "..", "internal", "testing", "oidcprovider", "node")
	packages, err := pinned.NodePackages(ctx, project, cache)
	if err != nil {
		return nil, err
	}
	program, err := node(ctx)
	if err != nil {
		return nil, err
	}
	port, err := childprocess.FreePort("127.0.0.1")
	if err != nil {
		return nil, err
	}
	if o.Notices == "" {
		o.Notices = o.Origin + "/sso/ended"
	}
	config, err := json.Marshal(map[string]any{
		"port": port, "packages": packages, "password": Password,
		"client": map[string]any{
			"client_id": ClientID, "client_secret": ClientSecret,
			"redirect_uris":             []string{o.Origin + "/sso/callback"},
			"post_logout_redirect_uris": []string{o.Origin + "/login"},
			"backchannel_logout_uri":    o.Notices, "backchannel_logout_session_required": true,
		},
	})
	if err != nil {
		return nil, err
	}
	p := &Provider{Issuer: "http://127.0.0.1:" + port, program: program, args: []string{filepath.Join(project, "provider.js"), string(config)}}
	return p, p.Start()
}

// Start starts a provider that was stopped again, at the same address. It knows nobody any
// more.
func (p *Provider) Start() error {
	cmd := exec.Command(p.program, p.args...)
	p.output.Reset()
	cmd.Stdout, cmd.Stderr = &p.output, &p.output
	process, err := childprocess.Start(cmd, childprocess.KILL)
	if err != nil {
		return fmt.Errorf("starting %s: %w", p.program, err)
	}
	p.process = process
	for end := time.Now().Add(startTimeout); ; time.Sleep(10 * time.Millisecond) {
		select {
		case <-process.Exited():
			return fmt.Errorf("the provider has ended; it said: %s", childprocess.LastPart(p.output.String()))
		default:
		}
		if strings.Contains(p.output.String(), "ready\n") {
			return nil
		}
		if time.Now().After(end) {
			p.Stop()
			return fmt.Errorf("the provider does not start; it said: %s", childprocess.LastPart(p.output.String()))
		}
	}
}

// Stop ends the provider. It may be called twice.
func (p *Provider) Stop() { p.process.Stop() }

// Output returns what the provider has printed.
func (p *Provider) Output() string { return p.output.String() }

// Rotate lets the provider sign with a new key, and forget the one before.
func (p *Provider) Rotate(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Issuer+"/rotate", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the provider answers %s", response.Status)
	}
	return nil
}

// output is what a program prints. It may be read while the program runs.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *output) Reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Reset()
}
