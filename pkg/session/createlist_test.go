package session_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
)

// listingStore makes a testStore a CreateLister. Both steps run the hooks of the testStore.
type listingStore struct {
	*testStore
	leaves bool // the list to its caller
}

func (s listingStore) CreateAndList(ctx context.Context, n *session.Session) (all []*session.Session, err error) {
	err = s.do(ctx, "CreateAndList", func() error { return s.Store.Create(ctx, n) })
	if err != nil || s.leaves {
		return nil, err
	}
	return s.Store.List(ctx, n.Key().Owner)
}

// listingKinds are fixtures whose stores list in different ways. What the Manager does must
// be the same.
func listingKinds(t *testing.T, cfg session.Config) map[string]*fixture {
	all := map[string]*fixture{}
	for name, wrap := range map[string]func(*testStore) session.Store{
		"Create and List":                func(s *testStore) session.Store { return s },
		"CreateAndList":                  func(s *testStore) session.Store { return listingStore{s, false} },
		"CreateAndList, then often List": func(s *testStore) session.Store { return listingStore{s, true} },
	} {
		r := newFixture(t, cfg)
		cfg.Logger = r.log.logger()
		m, err := session.New(wrap(r.store), cfg)
		want(t, err, nil)
		r.Manager = m
		all[name] = r
	}
	return all
}

// A login does the same with every kind of store, and calls what its limit needs.
func TestLoginByCreateAndList(t *testing.T) {
	calls := map[string][]string{
		"Create and List": {"Create", "List"}, "CreateAndList": {"CreateAndList"}, "CreateAndList, then often List": {"CreateAndList", "List"},
	}
	refusal := errors.New("account disabled")
	synctest.Test(t, func(t *testing.T) {
		for name, r := range listingKinds(t, session.Config{MaxSessions: 3}) {
			made := func() (n int) {
				for _, method := range append([]string{"CreateAndList"}, methods...) {
					called := r.store.count(method)
					if wanted := slices.Contains(calls[name], method); called > 0 != wanted && method != "Get" && method != "Delete" {
						t.Errorf("%s: %d calls of %s", name, called, method)
					}
					n += called
				}
				return n
			}
			tokens := r.logins(3, "u1")
			made()
			_, token := r.login("u1")
			if n, most := made(), len(calls[name])+1; n != most { // a Delete too
				t.Errorf("%s: a login beyond the limit made %d calls, want %d", name, n, most)
			}
			r.wantAliveFrom(1, append(tokens, token))
			_, other := r.login("u2", cookie(token))
			r.wantDead(token)
			r.wantAlive(other)

			kept := r.logins(2, "u3")
			_, err := r.Create(httptest.NewRecorder(), r.request(), session.User{ID: "u3", Confirm: func(context.Context) error { return refusal }})
			want(t, err, refusal)
			r.wantAliveFrom(0, kept)
			if n := r.sessionCount("u3"); n != 2 {
				t.Errorf("%s: %d sessions after a refused login, want 2", name, n)
			}

			unlimited := r.withConfig(session.Config{MaxSessions: -1})
			r.store.count()
			unlimited.login("u4")
			if n := r.store.count("Create"); n != 1 || r.store.count() != 0 {
				t.Errorf("%s: a login without a limit made %d Creates, or other calls", name, n)
			}
		}
	})
}

// If the answer of CreateAndList is lost, the Manager abandons the key as after a Create, and
// ends no session.
func TestLostCreateAndList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := listingKinds(t, session.Config{MaxSessions: 2})["CreateAndList"]
		tokens := r.logins(2, "u1")
		r.store.after["CreateAndList"] = fails
		w := httptest.NewRecorder()
		_, err := r.Create(w, r.request(), session.User{ID: "u1"})
		want(t, err, errOutage)
		wantNoCookie(t, w)
		r.wantAliveFrom(0, tokens)
		if n := r.sessionCount("u1"); n != 2 {
			t.Errorf("%d sessions, want the 2 from before", n)
		}
		r.store.after["CreateAndList"] = once(fails)
		_, token := r.login("u1")
		r.wantAliveFrom(1, append(tokens, token))
	})
}

// damagedStore cannot read one of the sessions that it lists.
type damagedStore struct{ session.Store }

func (s damagedStore) CreateAndList(ctx context.Context, n *session.Session) ([]*session.Session, error) {
	if err := s.Create(ctx, n); err != nil {
		return nil, err
	}
	all, _ := s.List(ctx, n.Key().Owner)
	return all, errOutage
}

// A session that cannot be read does not stop the login, nor the others from being counted.
func TestCreateAndListBesideADamagedSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		m, err := session.New(damagedStore{r.store}, session.Config{MaxSessions: 3, Logger: r.log.logger()})
		want(t, err, nil)
		r.Manager = m
		oldest, _ := r.login("u1")
		time.Sleep(time.Second)
		tokens := r.logins(2, "u1")
		r.log.reset()
		s, token := r.login("u1")
		r.log.wantLines(
			"INFO session_ended by_session_id="+s.ID+" reason=limit session_id="+oldest.ID+" user_id=u1"+byClient,
			"WARN session_limit_failed error=connection refused session_id="+s.ID+" user_id=u1"+byClient,
			"INFO session_created session_id="+s.ID+" user_id=u1"+byClient,
		)
		r.wantAliveFrom(0, append(tokens, token))
	})
}

// The list is not asked for again while Confirm runs, and Confirm and the list of others is
// not waited for twice.
func TestCreateAndListIsOneWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := listingKinds(t, session.Config{MaxSessions: 3})["CreateAndList"]
		slow := func(context.Context) error { time.Sleep(time.Second); return nil }
		r.store.before["CreateAndList"] = slow
		start := time.Now()
		r.login("u1")
		if took := time.Since(start); took != time.Second {
			t.Errorf("the login took %v, want 1s: one call", took)
		}
	})
}
