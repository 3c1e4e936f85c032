package sqlstore_test

import (
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/faults"
)

func TestLostAnswers(t *testing.T)          { faults.LostAnswers(t, open) }
func TestLateTries(t *testing.T)            { faults.LateTries(t, open) }
func TestOutage(t *testing.T)               { faults.Outage(t, open) }
func TestManagerCreateLost(t *testing.T)    { faults.ManagerCreateLost(t, open) }
func TestManagerCreateLate(t *testing.T)    { faults.ManagerCreateLate(t, open) }
func TestManagerRenewLost(t *testing.T)     { faults.ManagerRenewLost(t, open) }
func TestManagerUpdateLost(t *testing.T)    { faults.ManagerUpdateLost(t, open) }
func TestManagerDestroyLost(t *testing.T)   { faults.ManagerDestroyLost(t, open) }
func TestManagerRevokeAllLost(t *testing.T) { faults.ManagerRevokeAllLost(t, open) }
func TestManagerOutage(t *testing.T)        { faults.ManagerOutage(t, open) }

func TestCreateIsSentOnce(t *testing.T) {
	t.Parallel()
	p := newProxied(t)
	faults.CreateIsSentOnce(p.Fixture, p.store)
}

// If a write fails and the reason cannot be read, the result is an outage.
func TestLostReason(t *testing.T) {
	t.Parallel()
	p := newProxied(t)
	for _, c := range []faults.Call{update, touch} {
		p.Inject(get, faults.Lost)
		want(t, c.Do(t.Context(), p.store, newSession()), errOutage)

		s := p.Created()
		s.Version++ // so that both fail
		want(t, p.Direct.Touch(t.Context(), s.Key(), now.Add(time.Minute), now.Add(time.Hour), "", ""), nil)
		p.Inject(get, faults.Lost)
		want(t, c.Do(t.Context(), p.store, s), errOutage)
	}
}
