package redisstore_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/testing/faults"
	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/pkg/session/redisstore"
)

func TestLostAnswers(t *testing.T)          { onBoth(t, faults.LostAnswers) }
func TestWritesBetweenTries(t *testing.T)   { onBoth(t, faults.WritesBetweenTries) }
func TestLateTries(t *testing.T)            { onBoth(t, faults.LateTries) }
func TestOutage(t *testing.T)               { onBoth(t, faults.Outage) }
func TestManagerCreateLost(t *testing.T)    { onBoth(t, faults.ManagerCreateLost) }
func TestManagerCreateLate(t *testing.T)    { onBoth(t, faults.ManagerCreateLate) }
func TestManagerRenewLost(t *testing.T)     { onBoth(t, faults.ManagerRenewLost) }
func TestManagerUpdateLost(t *testing.T)    { onBoth(t, faults.ManagerUpdateLost) }
func TestManagerDestroyLost(t *testing.T)   { onBoth(t, faults.ManagerDestroyLost) }
func TestManagerRevokeAllLost(t *testing.T) { onBoth(t, faults.ManagerRevokeAllLost) }
func TestManagerOutage(t *testing.T)        { onBoth(t, faults.ManagerOutage) }

// Create is sent once, whatever retries the client is configured for.
func TestCreateIsSentOnce(t *testing.T) {
	t.Parallel()
	t.Run("server", func(t *testing.T) {
		r, options := newFixture(t), redistest.Options(t)
		options.MaxRetries, options.Dialer = 9, r.proxy.Dial
		sentOnce(r, redis.NewClient(options))
	})
	t.Run("cluster", func(t *testing.T) {
		r, options := newClusterFixture(t), redistest.ClusterOptions(t)
		options.MaxRetries, options.MaxRedirects, options.Dialer = 9, 9, r.proxy.Dial
		sentOnce(r, redis.NewClusterClient(options))
	})
}

func sentOnce(r *fixture, persistent redis.UniversalClient) {
	defer persistent.Close()
	faults.CreateIsSentOnce(r.Fixture, r.Store, redisstore.New(persistent, r.prefix))
}

// List runs two scripts. The answer of the second may be lost too.
func TestLostAnswerOfList(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *fixture) {
		s := r.Created()
		r.Inject(list, faults.None, faults.Lost, faults.Refused)
		want(t, list.Do(t.Context(), r.Store, s), nil)
		r.Inject(list, faults.None, faults.Lost, faults.Lost, faults.Lost)
		want(t, list.Do(t.Context(), r.Store, s), errOutage)
	})
}
