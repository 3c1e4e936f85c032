package clientip

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the networks of the proxies whose forwarding headers are believed. With
// no networks no such header is ever read.
type Proxies []netip.Prefix

// ParseProxies parses a comma-separated list of IP addresses and of networks such as
// 10.0.0.0/8. A blank text is no proxies. The error names the wrong entry.
func ParseProxies(text string) (Proxies, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var proxies Proxies
	for entry := range strings.SplitSeq(text, ",") {
		network, err := parseNetwork(strings.TrimSpace(entry))
		if err != nil {
			return nil, err
		}
		proxies = append(proxies, network)
	}
	return proxies, nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	switch {
	case err != nil || network.Addr().Is4In6():
		return network, fmt.Errorf("%q is neither an IP address nor a network such as 10.0.0.0/8 or fd00::/8", text)
	case network != network.Masked():
		return network, fmt.Errorf("%q is one address of the network %s; write the one that you mean", text, network.Masked())
	case network.Bits() == 0:
		return network, fmt.Errorf("%q is every address, so that each client could choose its own", text)
	}
	return network, nil
}

func (p Proxies) trusts(ip netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(ip) })
}

// Handler calls next with the address of the client in RemoteAddr, in its one
// spelling: "192.0.2.1:0", "[2001:db8::1]:0" or "unknown:0". It changes nothing else:
// it takes neither the scheme nor the host from a forwarding header.
//
// The client is the peer. But if the peer is one of the proxies and the request has
// X-Forwarded-For or Forwarded (RFC 7239), the client is the rightmost hop there that
// is none of the proxies, or the leftmost hop if all are. Proxies append, so a client
// cannot write anything to the right of its own address. If that hop is no address,
// the client is unknown. It is unknown too if the request has both headers and they
// name different clients: the client may have written one of them, and nobody knows
// which.
//
// A load balancer that invokes a Lambda function does not tell its peer, but appends
// it to X-Forwarded-For. There, package lambdahttp has set RemoteAddr to the last hop
// before this handler sees the request.
func (p Proxies) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(r.Context()) // a copy, because a handler must not change its caller's request
		r.RemoteAddr = RemoteAddr(p.client(r))
		next.ServeHTTP(w, r)
	})
}

// client returns the client's address in any spelling, or text that is no address.
func (p Proxies) client(r *http.Request) string {
	if peer, ok := Parse(r.RemoteAddr); !ok || !p.trusts(peer) {
		return r.RemoteAddr
	}
	one, isOne := p.untrusted(r.Header["X-Forwarded-For"], listed)
	other, isOther := p.untrusted(r.Header["Forwarded"], forwarded)
	switch {
	case isOne && isOther && Canonical(one) != Canonical(other):
		return Unknown
	case isOne:
		return one
	case isOther:
		return other
	}
	return r.RemoteAddr
}

// maxLine is how long a line of a forwarding header may be, in bytes. The hop of a
// longer one is not an address.
const maxLine = 4 << 10

// untrusted returns the rightmost hop that is none of the proxies, or else the leftmost
// hop. It reports whether there is a hop at all. It reads one line after another from
// the last to the first, and only as far as it must. So a line that the client has sent
// cannot change how the line of a proxy is read.
func (p Proxies) untrusted(lines []string, hopsOf func(line string) []string) (hop string, found bool) {
	for _, line := range slices.Backward(lines) {
		if len(line) > maxLine {
			return Unknown, true
		}
		for _, hop = range slices.Backward(hopsOf(line)) {
			found = true
			if ip, ok := Parse(hop); !ok || !p.trusts(ip) {
				return hop, true
			}
		}
	}
	return hop, found
}
