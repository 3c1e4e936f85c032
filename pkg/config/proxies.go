package config

import (
	"fmt"
	"os"

	"example.com/coatcheck/pkg/clientip"
)

// TrustedProxies is the variable that names the proxies in front of the program.
const TrustedProxies = "TRUSTED_PROXIES" // optional: IP addresses and networks such as 10.0.0.0/8, comma-separated; empty means that no forwarding header is read

// ProxySecrets is the variable that has the secrets of a proxy whose addresses nobody can
// list, such as CloudFront's.
const ProxySecrets = "PROXY_SECRETS" // optional: comma-separated, as [clientip.ParseSecrets] takes them; empty means that requests need no secret

// Proxies reads TRUSTED_PROXIES. [Sessions] does not: the program's handler has to find the
// client with [clientip.Proxies] before anything else looks at the request.
func Proxies() (clientip.Proxies, error) {
	proxies, err := clientip.ParseProxies(os.Getenv(TrustedProxies))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", TrustedProxies, err)
	}
	return proxies, nil
}

// Secrets reads PROXY_SECRETS. [Sessions] does not: the program's handler has to refuse
// requests without a secret, by [clientip.Secrets.Handler].
func Secrets() (clientip.Secrets, error) {
	secrets, err := clientip.ParseSecrets(os.Getenv(ProxySecrets))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ProxySecrets, err)
	}
	return secrets, nil
}
