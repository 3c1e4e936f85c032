package redisstore_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/faults"
	"example.com/coatcheck/pkg/session"
)

// newSite returns a Manager that lets a user have any number of sessions.
func newSite(r *fixture) *faults.Site {
	return faults.NewSite(r.Fixture, session.Config{MaxSessions: -1})
}

// If sixteen writers update a session at once, no update is lost.
func TestManagerConcurrentUpdates(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *fixture) {
		site := newSite(r)
		_, token := site.Login("u1")
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				s, err := site.Load(site.Request(token))
				if err == nil {
					err = site.Update(t.Context(), s, func(s *session.Session) {
						s.Roles = append(s.Roles, fmt.Sprintf("role-%02d", i))
					})
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		roles := site.Alive(token).Roles
		slices.Sort(roles)
		if len(roles) != 17 || len(slices.Compact(roles)) != 17 {
			t.Errorf("%d roles, want that of the login and 16 more: %q", len(roles), roles)
		}
	})
}

// RevokeAll ends every session that existed before, even while requests touch and update
// sessions.
func TestManagerConcurrentRevokeAll(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *fixture) {
		site := newSite(r)
		var tokens []string
		var wg sync.WaitGroup
		for range 16 {
			s, token := site.Login("u1")
			tokens = append(tokens, token)
			wg.Go(func() {
				for {
					err := site.Update(t.Context(), s, func(*session.Session) {})
					if err == nil {
						err = site.Store.Touch(t.Context(), s.Key(), time.Now().Add(time.Second), time.Now().Add(time.Hour), "", "")
					}
					if err != nil {
						if !errors.Is(err, session.ErrNoSession) {
							t.Error(err)
						}
						return
					}
				}
			})
		}
		want(t, site.RevokeAll(t.Context(), "u1"), nil)
		wg.Wait()
		for _, token := range tokens {
			site.Dead(token)
		}
		if all, err := site.List(t.Context(), "u1"); len(all) != 0 || err != nil {
			t.Errorf("%d sessions, %v; want none", len(all), err)
		}
	})
}
