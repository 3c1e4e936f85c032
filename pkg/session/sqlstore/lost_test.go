package sqlstore_test

import (
	"slices"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/pkg/session"
)

// proxied returns a rig on PostgreSQL, the same through a proxy, and the proxy.
func proxied(t *testing.T) (direct, through *rig, proxy *postgrestest.Proxy) {
	t.Helper()
	direct = newRig(t, postgreSQL)
	proxy = postgrestest.NewProxy(t, direct.dsn)
	return direct, direct.through(proxy.DSN), proxy
}

// A statement whose answer is lost is an outage, and not sent again. Whoever
// calls again meets what was done.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range all {
		t.Run(c.method, func(t *testing.T) {
			t.Parallel()
			direct, through, proxy := proxied(t)
			for fault, carriedOut := range map[postgrestest.Fault]bool{
				postgrestest.Refuse:     false,
				postgrestest.LoseAnswer: true,
				postgrestest.CutAnswer:  true, // the rows come, the word that they are committed does not
			} {
				s := direct.subject(c)
				want(t, c.do(t.Context(), through.store, direct.subject(c)), nil) // opens the connection
				proxy.Take()

				proxy.Fail(c.kind, fault)
				want(t, c.do(t.Context(), through.store, s), errOutage)
				if sent := proxy.Take(); !slices.Equal(sent, []string{c.kind}) {
					t.Errorf("fault %v: sent %v, want %s once", fault, sent, c.kind)
				}
				if !carriedOut {
					direct.untouched(c, s)
					continue
				}
				direct.holds(s.Key(), c.leaves(s))
				want(t, c.do(t.Context(), through.store, s), c.again)
				direct.holds(s.Key(), c.leaves(s))
			}
		})
	}
}

// When the reason of a failed write cannot be read, nobody knows it.
func TestLostReason(t *testing.T) {
	t.Parallel()
	direct, through, proxy := proxied(t)
	for _, c := range []call{update, touch} {
		proxy.Fail("SELECT", postgrestest.LoseAnswer)
		want(t, c.do(t.Context(), through.store, newSession()), errOutage)

		s := direct.created()
		s.Version++ // so that both fail
		want(t, direct.store.Touch(t.Context(), s.Key(), now.Add(time.Minute), now.Add(time.Hour)), nil)
		proxy.Fail("SELECT", postgrestest.LoseAnswer)
		want(t, c.do(t.Context(), through.store, s), errOutage)
	}
}

// A statement that was given up may still arrive, at any time. It never brings a
// session back, and never undoes what came after it.
func TestLateStatements(t *testing.T) {
	t.Parallel()
	for _, c := range []call{update, touch, logout} {
		t.Run(c.method, func(t *testing.T) {
			t.Parallel()
			direct, through, proxy := proxied(t)
			changed, ended, dead := direct.created(), direct.created(), direct.created()
			for _, s := range []*session.Session{changed, ended, dead} {
				proxy.Fail(c.kind, postgrestest.Hold)
				want(t, c.do(t.Context(), through.store, s), errOutage)
			}
			after := changed.Clone()
			after.Secret, after.PreviousSecret, after.Version = [32]byte{8}, [32]byte{9}, 99
			after.LastSeenAt, after.ExpiresAt = now.Add(time.Minute), now.Add(time.Hour)
			want(t, direct.store.Update(t.Context(), write(after, 1), now, 99), nil)
			want(t, direct.store.Touch(t.Context(), after.Key(), after.LastSeenAt, after.ExpiresAt), nil)
			want(t, revoke.do(t.Context(), direct.store, ended), nil)
			direct.exec("UPDATE coatcheck_sessions SET expires_at = $1 WHERE id = $2", now.Unix(), dead.ID)
			dead.ExpiresAt = now

			nobody := c.kind + " 0"
			answers := []string{nobody, nobody, nobody}
			if c.method == logout.method {
				answers[2] = "DELETE 1" // what is dead may go
				dead = nil
			}
			if got := proxy.Deliver(); !slices.Equal(got, answers) {
				t.Errorf("the late statements were answered with %q, want %q", got, answers)
			}
			direct.holds(after.Key(), after)
			direct.holds(ended.Key(), nil)
			if dead != nil {
				direct.holds(dead.Key(), dead)
			}
		})
	}
}
