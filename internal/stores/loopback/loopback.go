// Package loopback tells which hosts are certainly the machine that the program runs on.
package loopback

import (
	"net/netip"
	"net/url"
	"strings"
)

// Host reports whether the host is certainly this machine: a loopback address, or the
// name localhost. Any other name can mean another machine tomorrow.
func Host(host string) bool {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return strings.EqualFold(host, "localhost")
	}
	return addr.Unmap().IsLoopback()
}

// URL reports whether the URL has a host of which [Host] is true.
func URL(address string) bool {
	u, err := url.Parse(address)
	return err == nil && Host(u.Hostname())
}
