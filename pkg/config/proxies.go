package config

import (
	"fmt"
	"os"

	"example.com/coatcheck/pkg/clientip"
)

// TrustedProxies is the variable that names the proxies in front of the program.
const TrustedProxies = "TRUSTED_PROXIES" // optional: IP addresses and networks such as 10.0.0.0/8, comma-separated; empty means that no forwarding header is read

// Proxies reads TRUSTED_PROXIES.
func Proxies() (clientip.Proxies, error) {
	proxies, err := clientip.ParseProxies(os.Getenv(TrustedProxies))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", TrustedProxies, err)
	}
	return proxies, nil
}
