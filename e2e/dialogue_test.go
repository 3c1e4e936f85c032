package e2e_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/chromedp"

	"example.com/coatcheck/pkg/session"
)

// The challenge of our 401s opens no dialogue: the browser shows the page. Basic, which
// opens one, shows that the test would notice.
func TestNoDialogue(t *testing.T) {
	browser := startBrowser(t)
	for challenge, dialogues := range map[string]int32{session.Challenge: 0, `Basic realm="x"`: 1} {
		t.Run(challenge, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("WWW-Authenticate", challenge)
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(http.StatusUnauthorized)
				io.WriteString(w, "<p>Sign in first.</p>")
			}))
			defer server.Close()
			d := openTab(t, browser, server.URL)
			var asked atomic.Int32
			answer := func(command func(context.Context) error) {
				go func() {
					if err := command(d.ctx); err != nil && d.ctx.Err() == nil {
						t.Error(err)
					}
				}()
			}
			if err := chromedp.Listen(d.ctx, func(event any) {
				switch e := event.(type) {
				case *fetch.EventRequestPaused:
					answer(func(ctx context.Context) error {
						_, err := chromedp.Run(ctx, send(fetch.ContinueRequest, fetch.ContinueRequestParams{RequestID: e.RequestID}))
						return err
					})
				case *fetch.EventAuthRequired:
					asked.Add(1)
					answer(func(ctx context.Context) error {
						_, err := chromedp.Run(ctx, send(fetch.ContinueWithAuth, fetch.ContinueWithAuthParams{
							RequestID: e.RequestID, AuthChallengeResponse: &fetch.AuthChallengeResponse{Response: fetch.AuthChallengeResponseResponseCancelAuth}}))
						return err
					})
				}
			}); err != nil {
				t.Fatal(err)
			}
			handle := true
			call(d, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: server.URL + "/page"}}, HandleAuthRequests: &handle})
			if status := d.open("/page"); status != http.StatusUnauthorized {
				t.Errorf("status %d", status)
			}
			d.wantPage("/page", "Sign in first.")
			if n := asked.Load(); n != dialogues {
				t.Errorf("%d dialogues, want %d", n, dialogues)
			}
		})
	}
}
