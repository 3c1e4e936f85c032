package legacylogin

import "net/http"

// SetTransport replaces the connections to the other system.
func (c *Client) SetTransport(t http.RoundTripper) { c.http.Transport = t }
