package signinconfig

import (
	"fmt"
	"os"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/legacylogin"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/config"
)

// Where another system is asked about names that nobody here has.
const (
	LegacyLoginURL = "LEGACY_LOGIN_URL" // optional: https://…, see package legacylogin
	LegacyLoginKey = "LEGACY_LOGIN_KEY" // required with it: a secret of 32 visible ASCII characters or more
)

// Asking returns an Authenticator as [Authenticator] does. If LEGACY_LOGIN_URL is set, it
// asks there, with LEGACY_LOGIN_KEY, about names that nobody here has. Only what serves
// /login needs that, and should have the key.
func Asking(registrar *accounts.Registrar, store throttle.Store, options ...func(*throttle.Config)) (*accounts.Authenticator, error) {
	address := os.Getenv(LegacyLoginURL)
	if address == "" {
		return Authenticator(registrar.Directory, store, options...)
	}
	key, err := config.Required(LegacyLoginKey)
	if err != nil {
		return nil, fmt.Errorf("%w, and %s is; the two need each other", err, LegacyLoginURL)
	}
	other, err := legacylogin.New(address, key)
	if err != nil {
		return nil, fmt.Errorf("%s or %s: %w", LegacyLoginURL, LegacyLoginKey, err)
	}
	limiter, err := Limiter(store, options...)
	if err != nil {
		return nil, err
	}
	return accounts.NewAsking(registrar, limiter, other), nil
}
