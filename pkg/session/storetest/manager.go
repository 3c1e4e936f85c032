package storetest

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"

	"example.com/coatcheck/pkg/session"
)

// revokeAllEndsAll makes a Manager end all sessions of a user, or all but one, while
// other requests make, renew, change and touch sessions of this user. A token that
// was issued before the call began is never accepted after the call has returned. A
// token that is issued afterwards is accepted.
func revokeAllEndsAll(p *checker) error {
	manager, err := session.New(p.store, session.Config{MaxSessions: -1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	user := newSession().UserID
	for range 3 {
		revokeDuringTraffic(p, manager, user, func() error { return manager.RevokeAll(p.ctx, user) })
		revokeDuringTraffic(p, manager, user, func() error { return reauthenticateAlone(p, manager, user) })
	}
	return p.err
}

// reauthenticateAlone ends all sessions of the user except a new one.
func reauthenticateAlone(p *checker, manager *session.Manager, user string) error {
	w := httptest.NewRecorder()
	s, err := manager.Create(w, p.request(""), session.User{ID: user})
	if err != nil {
		return err
	}
	return manager.ReauthenticateAlone(p.ctx, w, s)
}

func revokeDuringTraffic(p *checker, manager *session.Manager, user string, revoke func() error) {
	const sessions = 6 // made by each goroutine
	issued := make(chan []string, parallelCalls*sessions)
	var traffic sync.WaitGroup
	for range parallelCalls {
		traffic.Go(func() {
			for range sessions {
				issued <- useOneSession(p, manager, user)
			}
		})
	}
	var issuedBefore []string
	for range parallelCalls {
		issuedBefore = append(issuedBefore, <-issued...)
	}
	p.expect("ending all, with logins, renewals and updates under way", revoke(), nil)
	for _, cookie := range issuedBefore {
		if _, err := manager.Load(p.request(cookie)); !errors.Is(err, session.ErrNoSession) && p.err == nil {
			p.failf("all had ended, and a token handed out before it began was accepted afterwards (%v)", err)
		}
	}
	traffic.Wait()
	after := useOneSession(p, manager, user)
	if p.err == nil && len(after) == 0 {
		p.failf("no session could be made after all had ended")
	}
	if p.err == nil {
		_, err := manager.Load(p.request(after[len(after)-1]))
		p.expect("Load of a session made after all had ended", err, nil)
	}
}

// loginsKeepToTheLimit runs many logins of one user at once. In whatever order they
// are stored, none fails, and the youngest sessions are left, as many as the limit
// allows.
func loginsKeepToTheLimit(p *checker) error {
	const logins, limit = 50, 10
	manager, err := session.New(p.store, session.Config{MaxSessions: limit, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	user := newSession().UserID
	made := make([]*session.Session, logins)
	for _, err := range inParallel(logins, func(i int) (err error) {
		made[i], err = manager.Create(httptest.NewRecorder(), p.request(""), session.User{ID: user})
		return err
	}) {
		p.expect("a login among many at once", err, nil)
	}
	left, err := manager.List(p.ctx, user)
	p.expect("List after the logins", err, nil)
	if p.err != nil {
		return p.err
	}
	slices.SortFunc(made, func(a, b *session.Session) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID))
	})
	same := func(a, b *session.Session) bool { return a.ID == b.ID }
	if !slices.EqualFunc(left, made[logins-limit:], same) {
		p.failf("of %d logins at once %d sessions are left, want the %d youngest", logins, len(left), limit)
	}
	return p.err
}

// useOneSession makes a session by a login, updates and renews it, and returns the
// Cookie headers that it got. It is not a failure if the session is revoked
// meanwhile.
func useOneSession(p *checker, manager *session.Manager, user string) []string {
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

func (p *checker) request(cookie string) *http.Request {
	r := httptest.NewRequestWithContext(p.ctx, http.MethodGet, "/", nil)
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	return r
}
