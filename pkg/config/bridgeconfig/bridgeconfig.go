// Package bridgeconfig makes the bridge, by which sessions of a monolith move here, from
// environment variables.
//
// This package may still change in ways that break programs.
package bridgeconfig

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/legacyconfig"
	"example.com/coatcheck/pkg/config/signinconfig"
	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/site"
)

// The variables of the bridge, beside [config.BridgeTable] and [legacyconfig.Variable].
const (
	EndsAt  = "BRIDGE_ENDS_AT"  // a time such as 2027-03-28T00:00:00Z (RFC 3339), from which no session comes over
	Enabled = "CONVERT_ENABLED" // optional: true, which is the default, or false, which pauses
)

// Converter opens the bridge that BRIDGE_ENDS_AT and LEGACY_SOURCES describe, on records.
// That makes one call to records: see [bridge.New]. The sessions must be those of
// [config.EndingSessions].
//
// The cookies are those by which every function knows the monolith's. Converter returns an
// error if one of them is missing that a source reads, or is not Stateless and should be:
// the functions would not clear it, or not seal its user at a logout, and say nothing.
//
// If CONVERT_ENABLED is false, no session comes over, and a logout still ends those at the
// monolith. That is the state before the first session comes over, when other programs do
// not know the bridge yet, and in a pause.
//
// The options change what no variable says, such as Values and Logger of [bridge.Config].
func Converter(ctx context.Context, cookies []site.LegacyCookie, sessions *session.Manager, users authn.Identifier, records bridge.Store, options ...func(*bridge.Config)) (authn.Converter, error) {
	endsAt, err := endsAt()
	if err != nil {
		return nil, err
	}
	enabled, err := enabled()
	if err != nil {
		return nil, err
	}
	sources, err := legacyconfig.Sources()
	if err != nil {
		return nil, err
	}
	if err := checkCookies(cookies, sources); err != nil {
		return nil, fmt.Errorf("%s: %w", signinconfig.LegacyCookies, err)
	}
	cfg := bridge.Config{Sessions: sessions, Users: users, Store: records, Sources: sources, EndsAt: endsAt}
	for _, option := range options {
		option(&cfg)
	}
	opened, err := bridge.New(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("%s, %s or %s: %w", EndsAt, legacyconfig.Variable, config.BridgeTable, err)
	}
	if !enabled {
		return paused{opened}, nil
	}
	return opened, nil
}

// checkCookies reports what the cookies leave out of what the sources are.
func checkCookies(cookies []site.LegacyCookie, sources []bridge.Source) error {
	for _, s := range sources {
		_, stateless := s.Source.(legacy.Stateless)
		for _, name := range s.Cookies() {
			i := slices.IndexFunc(cookies, func(c site.LegacyCookie) bool { return c.Name == name })
			switch {
			case i < 0:
				return fmt.Errorf("the cookie %s is missing, which the source %q of %s reads; name it too, with its Path and its Domain if it has them", name, s.Name, legacyconfig.Variable)
			case stateless && !cookies[i].Stateless:
				return fmt.Errorf("the cookie %s is the session itself in the source %q of %s; write %s;Stateless, or a copy of it outlives a logout", name, s.Name, legacyconfig.Variable, name)
			}
		}
	}
	return nil
}

// paused ends sessions at the monolith, and makes none of them.
type paused struct{ authn.Converter }

// Convert implements [authn.Converter].
func (paused) Convert(http.ResponseWriter, *http.Request) (*session.Session, error) {
	return nil, authn.ErrNoClaim
}

func endsAt() (time.Time, error) {
	value, err := config.Required(EndsAt)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w; it is the time from which no session of the monolith comes over, such as 2027-03-28T00:00:00Z", err)
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return at, fmt.Errorf("%s is %q; it must be a time such as 2027-03-28T00:00:00Z", EndsAt, value)
	}
	return at, nil
}

func enabled() (bool, error) {
	switch value := os.Getenv(Enabled); value {
	case "", "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, fmt.Errorf("%s is %q; it must be true or false", Enabled, value)
	}
}
