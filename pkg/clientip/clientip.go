// Package clientip says which address a request comes from. It parses an address
// once, where the request comes in, and it finds the client behind proxies that the
// operator trusts: by their addresses ([Proxies]), or by a secret ([Secrets]). What reads [http.Request.RemoteAddr] later finds one spelling of
// each address there, or "unknown".
//
// This package may still change in ways that break programs.
package clientip

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Unknown stands for every client whose address nobody knows. So all of them count as
// one network.
const Unknown = "unknown"

// isPort reports whether text is a port, or the name that a proxy gives instead of it (RFC 7239,
// section 6).
func isPort(text string) bool {
	const digits, more = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-"
	if name, ok := strings.CutPrefix(text, "_"); ok {
		return name != "" && strings.Trim(name, digits+more) == ""
	}
	return text != "" && len(text) <= 5 && strings.Trim(text, digits) == ""
}

// Parse parses an IP address, with or without a port, brackets and a zone. It leaves
// the zone out, and it returns an IPv4 address in IPv6 as the IPv4 address, because
// these are other spellings of the same address. It reports whether text is an
// address.
func Parse(text string) (netip.Addr, bool) {
	host := text
	if before, after, err := net.SplitHostPort(text); err == nil && isPort(after) {
		host = before
	} else if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		host = text[1 : len(text)-1]
	}
	ip, err := netip.ParseAddr(host)
	return ip.WithZone("").Unmap(), err == nil
}

// Canonical returns the one spelling of the address that [Parse] finds in text, or
// [Unknown].
func Canonical(text string) string {
	if ip, ok := Parse(text); ok {
		return ip.String()
	}
	return Unknown
}

// RemoteAddr returns what [http.Request.RemoteAddr] has to be for a client at the
// address in text: its one spelling with port 0, or "unknown:0" if text is no address.
func RemoteAddr(text string) string { return net.JoinHostPort(Canonical(text), "0") }

// Of returns the address in r.RemoteAddr in its one spelling, or [Unknown].
func Of(r *http.Request) string { return Canonical(r.RemoteAddr) }
