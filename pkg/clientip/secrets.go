package clientip

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// The headers that a proxy sets on every request, and that it takes over from nobody.
const (
	secretHeader = "X-Proxy-Secret" // what proves that the request came through it
	clientHeader = "X-Proxy-Client" // the address of the client
)

// minSecret is how many characters a secret must have: 128 bits in hexadecimal.
const minSecret = 32

// Secrets prove that a request came through a proxy whose addresses nobody can list,
// such as CloudFront's. The proxy adds one of them to each request, in the header
// X-Proxy-Secret, and says in X-Proxy-Client which address the request comes from. No
// secrets, which is the zero value, mean that there is no such proxy. The value holds
// hashes, so printing it tells no secret.
type Secrets [][sha256.Size]byte

// ParseSecrets parses a comma-separated list of secrets, each of at least 32 letters,
// digits and other visible ASCII characters. A blank text is no secrets. While a secret
// is replaced, the list has the old one and the new one. The error quotes no secret.
func ParseSecrets(text string) (Secrets, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var secrets Secrets
	for entry := range strings.SplitSeq(text, ",") {
		secret := strings.TrimSpace(entry)
		if len(secret) < minSecret || strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, fmt.Errorf("secret %d is not %d or more visible ASCII characters; make one with: openssl rand -hex 32", len(secrets)+1, minSecret)
		}
		secrets = append(secrets, sha256.Sum256([]byte(secret)))
	}
	return secrets, nil
}

// ErrNoSecret is what [Secrets.Admit] returns for a request that did not come through the
// proxy.
var ErrNoSecret = errors.New("the request has no secret of the proxy")

// Admit returns the request as a handler shall see it. Without secrets that is r itself,
// and nothing of it is looked at. With secrets, r must have exactly one X-Proxy-Secret,
// which is one of them; otherwise the error is ErrNoSecret.
//
// The request that Admit returns, also beside an error, is a copy without the two headers
// of the proxy. If there is no error, its RemoteAddr is the address in X-Proxy-Client, in
// its one spelling, or "unknown:0" if there is none or several.
//
// X-Forwarded-For is not read, because not every front door of AWS leaves what the proxy
// has appended to it: a Lambda function URL was seen to keep the leftmost hop alone,
// which the client can choose.
func (s Secrets) Admit(r *http.Request) (*http.Request, error) {
	if len(s) == 0 {
		return r, nil
	}
	behind := r.WithContext(r.Context()) // a copy, because a handler must not change its caller's request
	behind.Header = r.Header.Clone()
	behind.Header.Del(secretHeader)
	behind.Header.Del(clientHeader)
	if !s.contain(r.Header[secretHeader]) {
		return behind, ErrNoSecret
	}
	client := ""
	if clients := r.Header[clientHeader]; len(clients) == 1 {
		client = clients[0]
	}
	behind.RemoteAddr = RemoteAddr(client)
	return behind, nil
}

// Handler calls next with what [Secrets.Admit] returns. It answers a request that did not
// come through the proxy with 403 and a sentence in plain text, and does not call next.
func (s Secrets) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, err := s.Admit(r)
		if err != nil {
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, "Open this site by its own address.", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// contain reports whether the values of the header are one value, and that is one of the
// secrets. The time it takes tells neither how much of a secret was right nor which one.
func (s Secrets) contain(values []string) bool {
	if len(values) != 1 {
		return false
	}
	hash, equal := sha256.Sum256([]byte(values[0])), 0
	for _, secret := range s {
		equal |= subtle.ConstantTimeCompare(secret[:], hash[:])
	}
	return equal == 1
}
