package oidc

import (
	"cmp"
	"net/http"
	"strings"
	"time"
	"unicode"
)

const (
	callTimeout = 5 * time.Second // of one call to the provider; a request here may take 8
	maxAnswer   = 512 << 10       // bytes; keys and tokens have a few thousand
)

// boundedClient returns a client that makes calls as base does, but for what the provider
// could do to this program: answer without end, never answer, or send what is secret
// somewhere else by a redirect.
func boundedClient(base *http.Client) *http.Client {
	c := http.Client{}
	if base != nil {
		c = *base
	}
	c.Timeout = cmp.Or(c.Timeout, callTimeout)
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Transport = bounded{cmp.Or(c.Transport, http.DefaultTransport)}
	return &c
}

// bounded reads no more than maxAnswer of an answer.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, maxAnswer)
	}
	return resp, err
}

// brief returns text as it may stand in a log: a bounded number of characters in one line.
func brief(text string) string { return cut(text, 200) }

// cut returns at most so many characters of text, without those that control a terminal or
// turn the direction of writing.
func cut(text string, characters int) string {
	var b strings.Builder
	for _, r := range text {
		if characters == 0 {
			break
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
			r = ' '
		}
		b.WriteRune(r)
		characters--
	}
	return strings.TrimSpace(b.String())
}
