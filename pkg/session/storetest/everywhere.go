package storetest

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"example.com/coatcheck/pkg/session"
)

// revokeAllEndsAll lets a Manager revoke all sessions of a user while others of
// them are being made, renewed, changed and touched. A token handed out before
// the revocation began is never accepted after it has answered; one handed out
// afterwards is.
func revokeAllEndsAll(p *probe) error {
	manager, err := session.New(p.store, session.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	user := newSession().UserID
	for range 3 {
		revokeDuringTraffic(p, manager, user)
	}
	return p.err
}

func revokeDuringTraffic(p *probe, manager *session.Manager, user string) {
	const sessions = 6 // that each of the crowd makes
	lived := make(chan []string, crowd*sessions)
	var traffic sync.WaitGroup
	for range crowd {
		traffic.Go(func() {
			for range sessions {
				lived <- liveOneSession(p, manager, user)
			}
		})
	}
	var handedOut []string
	for range crowd {
		handedOut = append(handedOut, <-lived...)
	}
	err := manager.RevokeAll(p.ctx, user)
	p.expect("RevokeAll, with logins, renewals and updates under way", err, nil)
	for _, cookie := range handedOut {
		if _, err := manager.Load(p.request(cookie)); !errors.Is(err, session.ErrNoSession) && p.err == nil {
			p.breach("RevokeAll answered, and a token handed out before it began was accepted afterwards (%v)", err)
		}
	}
	traffic.Wait()
	after := liveOneSession(p, manager, user)
	if p.err == nil && len(after) == 0 {
		p.breach("no session could be made after RevokeAll")
	}
	if p.err == nil {
		_, err := manager.Load(p.request(after[len(after)-1]))
		p.expect("Load of a session made after RevokeAll", err, nil)
	}
}

// liveOneSession takes a session through a login, an update and a renewal, and
// returns the Cookie headers it got. Being revoked on the way is no breach.
func liveOneSession(p *probe, manager *session.Manager, user string) []string {
	w := httptest.NewRecorder()
	s, err := manager.Create(w, p.request(""), session.User{ID: user})
	if err != nil {
		return nil
	}
	if manager.Update(p.ctx, s, func(s *session.Session) { s.Values = map[string]string{"theme": "dark"} }) == nil {
		manager.Renew(p.ctx, w, s)
	}
	var cookies []string
	for _, line := range w.Header().Values("Set-Cookie") {
		cookie, _, _ := strings.Cut(line, ";")
		cookies = append(cookies, cookie)
	}
	return cookies
}

func (p *probe) request(cookie string) *http.Request {
	r := httptest.NewRequestWithContext(p.ctx, http.MethodGet, "/", nil)
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	return r
}
