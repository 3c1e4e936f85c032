package signinconfig

import (
	"fmt"
	"os"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/legacylogin"
	"example.com/coatcheck/pkg/config"
)

// Where another system is asked about names that nobody here has.
const (
	LegacyLoginURL = "LEGACY_LOGIN_URL" // optional: https://…, see package legacylogin
	LegacyLoginKey = "LEGACY_LOGIN_KEY" // required with it: a secret of 32 visible ASCII characters or more
)

// Asking returns an Authenticator like authenticator that asks at LEGACY_LOGIN_URL about
// names that nobody here has, with LEGACY_LOGIN_KEY. If there is no address, it returns
// authenticator itself. Only what serves /login needs it, and should have the key.
func Asking(authenticator *accounts.Authenticator) (*accounts.Authenticator, error) {
	address := os.Getenv(LegacyLoginURL)
	if address == "" {
		return authenticator, nil
	}
	key, err := config.Required(LegacyLoginKey)
	if err != nil {
		return nil, fmt.Errorf("%w, and %s is; the two need each other", err, LegacyLoginURL)
	}
	other, err := legacylogin.New(address, key)
	if err != nil {
		return nil, fmt.Errorf("%s or %s: %w", LegacyLoginURL, LegacyLoginKey, err)
	}
	return authenticator.Asking(other), nil
}
