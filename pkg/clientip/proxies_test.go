package clientip_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/clientip"
)

func TestParseProxies(t *testing.T) {
	for text, want := range map[string]string{
		"":                                   "[]",
		" ":                                  "[]",
		"10.0.0.1":                           "[10.0.0.1/32]",
		"::ffff:10.0.0.1":                    "[10.0.0.1/32]",
		"2001:db8::1":                        "[2001:db8::1/128]",
		"10.0.0.0/8,192.0.2.7 , fd00::/8":    "[10.0.0.0/8 192.0.2.7/32 fd00::/8]",
		"10.0.0.1,":                          `"" is neither an IP address nor a network`,
		",":                                  `"" is neither`,
		"10.0.0.1 10.0.0.2":                  `"10.0.0.1 10.0.0.2" is neither`,
		"10.0.0.1, proxy.internal":           `"proxy.internal" is neither`,
		"10.0.0.1:80":                        `"10.0.0.1:80" is neither`,
		"fe80::1%eth0":                       `"fe80::1%eth0" is neither`,
		"10.0.0.0/33":                        `"10.0.0.0/33" is neither`,
		"10.0.0.0/-1":                        `"10.0.0.0/-1" is neither`,
		"::ffff:10.0.0.0/104":                `"::ffff:10.0.0.0/104" is neither`,
		"10.0.0.1/8":                         `"10.0.0.1/8" is one address of the network 10.0.0.0/8`,
		"0.0.0.0/0":                          `"0.0.0.0/0" is every address`,
		"::/0":                               `"::/0" is every address`,
		"*":                                  `"*" is neither`,
		"10.0.0.0/8;192.168.0.0/16":          `"10.0.0.0/8;192.168.0.0/16" is neither`,
		"10.0.0.0/255.0.0.0":                 `"10.0.0.0/255.0.0.0" is neither`,
		strings.Repeat("10.0.0.1,", 3) + "x": `"x" is neither`,
	} {
		proxies, err := clientip.ParseProxies(text)
		got := fmt.Sprint(proxies)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// seen returns RemoteAddr as a handler behind the proxies sees it.
func seen(t *testing.T, proxies, peer string, header http.Header) string {
	t.Helper()
	p, err := clientip.ParseProxies(proxies)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "http://shop.example/", nil)
	r.RemoteAddr, r.Header = peer, header
	before := header.Clone()
	var got string
	p.Handler(http.HandlerFunc(func(_ http.ResponseWriter, behind *http.Request) {
		got = behind.RemoteAddr
		if behind.Host != "shop.example" || behind.URL.String() != r.URL.String() || behind.TLS != nil {
			t.Errorf("a forwarding header changed more than the address: %s %s", behind.Host, behind.URL)
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
	if r.RemoteAddr != peer || fmt.Sprint(r.Header) != fmt.Sprint(before) {
		t.Error("the caller's request was changed")
	}
	return got
}

func xff(lines ...string) http.Header { return http.Header{"X-Forwarded-For": lines} }
func fwd(lines ...string) http.Header { return http.Header{"Forwarded": lines} }

// TestProxies: 10.0.0.0/8 and 2001:db8:ffff::1 are proxies. The others are clients, or
// proxies that nobody trusts.
func TestProxies(t *testing.T) {
	const proxies = "10.0.0.0/8, 2001:db8:ffff::1"
	const peer = "10.0.0.1:4711"
	long := strings.Repeat("192.0.2.9, ", 400)
	for name, tt := range map[string]struct {
		peer   string
		header http.Header
		want   string
	}{
		"no header":                             {peer, nil, "10.0.0.1:0"},
		"a peer that is no proxy":               {"192.0.2.1:4711", xff("198.51.100.1"), "192.0.2.1:0"},
		"a peer that is no proxy, Forwarded":    {"192.0.2.1:4711", fwd("for=198.51.100.1"), "192.0.2.1:0"},
		"a peer that is no address":             {"@", xff("198.51.100.1"), "unknown:0"},
		"an IPv6 peer that is no proxy":         {"[2001:db8:ffff::2]:1", xff("198.51.100.1"), "[2001:db8:ffff::2]:0"},
		"a peer in another spelling":            {"[::ffff:10.0.0.1]:1", xff("192.0.2.1"), "192.0.2.1:0"},
		"a peer with a zone":                    {"[2001:db8:ffff::1%eth0]:1", xff("192.0.2.1"), "192.0.2.1:0"},
		"one hop":                               {peer, xff("192.0.2.1"), "192.0.2.1:0"},
		"one hop, IPv6":                         {peer, xff("2001:DB8::1"), "[2001:db8::1]:0"},
		"one hop with a port":                   {peer, xff("192.0.2.1:39870"), "192.0.2.1:0"},
		"one hop in brackets, with a port":      {peer, xff("[2001:db8::1]:39870"), "[2001:db8::1]:0"},
		"a planted hop":                         {peer, xff("198.51.100.1, 192.0.2.1"), "192.0.2.1:0"},
		"a planted proxy":                       {peer, xff("10.9.9.9, 192.0.2.1"), "192.0.2.1:0"},
		"a planted line":                        {peer, xff("198.51.100.1", "192.0.2.1"), "192.0.2.1:0"},
		"two proxies":                           {peer, xff("198.51.100.1, 192.0.2.1, 10.0.0.2"), "192.0.2.1:0"},
		"two proxies, two lines":                {peer, xff("198.51.100.1,192.0.2.1", "10.0.0.2"), "192.0.2.1:0"},
		"two proxies, one on IPv6":              {peer, xff("192.0.2.1, 2001:db8:ffff::1"), "192.0.2.1:0"},
		"a proxy in another spelling":           {peer, xff("192.0.2.1, [::ffff:10.0.0.2]:80"), "192.0.2.1:0"},
		"every hop a proxy":                     {peer, xff("10.0.0.4, 10.0.0.3, 10.0.0.2"), "10.0.0.4:0"},
		"every hop a proxy, two lines":          {peer, xff("10.0.0.4", "10.0.0.3, 10.0.0.2"), "10.0.0.4:0"},
		"the peer named once more":              {peer, xff("192.0.2.1, 10.0.0.1"), "192.0.2.1:0"}, // a load balancer's event
		"an empty line":                         {peer, xff(""), "10.0.0.1:0"},
		"empty hops":                            {peer, xff(" ,, 192.0.2.1 ,\t, "), "192.0.2.1:0"},
		"unknown":                               {peer, xff("192.0.2.1, unknown"), "unknown:0"},
		"unknown before a proxy":                {peer, xff("192.0.2.1, unknown, 10.0.0.2"), "unknown:0"},
		"hidden":                                {peer, xff("192.0.2.1, _hidden"), "unknown:0"},
		"garbage":                               {peer, xff("192.0.2.1, '; DROP TABLE"), "unknown:0"},
		"garbage to the left of the client":     {peer, xff("\x00\xff\", 192.0.2.1"), "192.0.2.1:0"},
		"blanks in place of commas":             {peer, xff("198.51.100.1 192.0.2.1"), "unknown:0"},
		"a long line":                           {peer, xff(long + "192.0.2.1"), "unknown:0"},
		"a long line of the client's own":       {peer, xff(long, "192.0.2.1"), "192.0.2.1:0"},
		"X-Real-Ip":                             {peer, http.Header{"X-Real-Ip": {"192.0.2.1"}}, "10.0.0.1:0"},
		"Forwarded":                             {peer, fwd("for=192.0.2.1"), "192.0.2.1:0"},
		"Forwarded, other parameters":           {peer, fwd(`by=10.0.0.1;For="192.0.2.1:80"; proto=https;host=shop.example:443`), "192.0.2.1:0"},
		"Forwarded, a port without quotes":      {peer, fwd("for=192.0.2.1:80"), "192.0.2.1:0"},
		"Forwarded, IPv6":                       {peer, fwd(`for="[2001:db8::1]:4711"`), "[2001:db8::1]:0"},
		"Forwarded, IPv6, a hidden port":        {peer, fwd(`for="[2001:db8::1]:_x"`), "[2001:db8::1]:0"},
		"Forwarded, escaped":                    {peer, fwd(`for="\[2001:db8::\1\]"`), "[2001:db8::1]:0"},
		"Forwarded, a planted hop":              {peer, fwd("for=198.51.100.1, for=192.0.2.1"), "192.0.2.1:0"},
		"Forwarded, a planted parameter":        {peer, fwd(`x="for=198.51.100.1";for=192.0.2.1`), "192.0.2.1:0"},
		"Forwarded, two proxies":                {peer, fwd("for=192.0.2.1;proto=http, for=10.0.0.2"), "192.0.2.1:0"},
		"Forwarded, two proxies, two lines":     {peer, fwd("for=198.51.100.1, for=192.0.2.1", "for=10.0.0.2"), "192.0.2.1:0"},
		"Forwarded, every hop a proxy":          {peer, fwd("for=10.0.0.3,for=10.0.0.2"), "10.0.0.3:0"},
		"Forwarded, unknown":                    {peer, fwd("for=192.0.2.1, for=unknown"), "unknown:0"},
		"Forwarded, hidden":                     {peer, fwd("for=_hidden"), "unknown:0"},
		"Forwarded, hidden to the left":         {peer, fwd(`for="_gazonk", for=192.0.2.1`), "192.0.2.1:0"},
		"Forwarded, a hop that names nobody":    {peer, fwd("for=192.0.2.1, proto=https"), "unknown:0"},
		"Forwarded, for twice":                  {peer, fwd("for=198.51.100.1;for=192.0.2.1"), "unknown:0"},
		"Forwarded, a quote that is left open":  {peer, fwd(`for="198.51.100.1, for=192.0.2.1`), "unknown:0"},
		"Forwarded, the client's open quote":    {peer, fwd(`for="198.51.100.1`, "for=192.0.2.1"), "192.0.2.1:0"},
		"Forwarded, a quote closed by another":  {peer, fwd(`for=198.51.100.1;x=", for="[2001:db8::1]"`), "unknown:0"},
		"Forwarded, an escape at the end":       {peer, fwd(`for="192.0.2.1\`), "unknown:0"},
		"Forwarded, text after a quoted string": {peer, fwd(`for="192.0.2.1"x`), "unknown:0"},
		"Forwarded, no name":                    {peer, fwd("=192.0.2.1"), "unknown:0"},
		"Forwarded, no value":                   {peer, fwd("for="), "unknown:0"},
		"Forwarded, not the header's form":      {peer, fwd("192.0.2.1"), "unknown:0"},
		"Forwarded, empty":                      {peer, fwd(" ; , ;"), "10.0.0.1:0"},
		"both, the same":                        {peer, http.Header{"X-Forwarded-For": {"192.0.2.1"}, "Forwarded": {`for="192.0.2.1:80"`}}, "192.0.2.1:0"},
		"both, not the same":                    {peer, http.Header{"X-Forwarded-For": {"192.0.2.1"}, "Forwarded": {"for=198.51.100.1"}}, "unknown:0"},
		"both, one of them empty":               {peer, http.Header{"X-Forwarded-For": {"192.0.2.1"}, "Forwarded": {""}}, "192.0.2.1:0"},
		"both, no proxy":                        {"192.0.2.1:1", http.Header{"X-Forwarded-For": {"198.51.100.1"}, "Forwarded": {"for=198.51.100.2"}}, "192.0.2.1:0"},
	} {
		if got := seen(t, proxies, tt.peer, tt.header); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
		if got, want := seen(t, "", tt.peer, tt.header), clientip.RemoteAddr(tt.peer); got != want {
			t.Errorf("%s, without proxies: %q, want %q", name, got, want)
		}
	}
}

// FuzzProxies: whatever a client sends, behind a proxy that appends the client's
// address the client is that address, or unknown, and never what the client chose. A
// line of the proxy's own always counts.
func FuzzProxies(f *testing.F) {
	f.Fuzz(func(t *testing.T, planted string) {
		const peer, own = "10.0.0.1:4711", "203.0.113.5:0"
		may := []string{own, "unknown:0"}
		for _, proxied := range []struct {
			header http.Header
			may    []string
		}{
			{xff(planted + ", 203.0.113.5"), may},
			{xff(planted, "203.0.113.5"), may[:1]},
			{fwd(planted + ", for=203.0.113.5"), may},
			{fwd(planted + `, for="203.0.113.5:80";by="10.0.0.1"`), may},
			{fwd(planted, "for=203.0.113.5"), may[:1]},
			{http.Header{"X-Forwarded-For": {"203.0.113.5"}, "Forwarded": {planted}}, may},
			{http.Header{"X-Forwarded-For": {planted}, "Forwarded": {"for=203.0.113.5"}}, may},
		} {
			if got := seen(t, "10.0.0.0/8", peer, proxied.header); !slices.Contains(proxied.may, got) {
				t.Errorf("%q: the client is %s", proxied.header, got)
			}
		}
		if got := seen(t, "", "203.0.113.5:1", http.Header{"X-Forwarded-For": {planted}, "Forwarded": {planted}}); got != own {
			t.Errorf("without proxies the client is %s", got)
		}
		if got := clientip.Canonical(planted); clientip.Canonical(got) != got {
			t.Errorf("%q has the spellings %q and %q", planted, got, clientip.Canonical(got))
		}
	})
}
