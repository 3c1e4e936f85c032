package dynamostore_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/internal/testing/faults"
)

func TestLostAnswers(t *testing.T)          { faults.LostAnswers(t, open) }
func TestWritesBetweenTries(t *testing.T)   { faults.WritesBetweenTries(t, open) }
func TestLateTries(t *testing.T)            { faults.LateTries(t, open) }
func TestOutage(t *testing.T)               { faults.Outage(t, open) }
func TestManagerCreateLost(t *testing.T)    { faults.ManagerCreateLost(t, open) }
func TestManagerCreateLate(t *testing.T)    { faults.ManagerCreateLate(t, open) }
func TestManagerRenewLost(t *testing.T)     { faults.ManagerRenewLost(t, open) }
func TestManagerUpdateLost(t *testing.T)    { faults.ManagerUpdateLost(t, open) }
func TestManagerDestroyLost(t *testing.T)   { faults.ManagerDestroyLost(t, open) }
func TestManagerRevokeAllLost(t *testing.T) { faults.ManagerRevokeAllLost(t, open) }
func TestManagerOutage(t *testing.T)        { faults.ManagerOutage(t, open) }

// Create is sent once, whatever retries the client is configured for.
func TestCreateIsSentOnce(t *testing.T) {
	t.Parallel()
	r := newFixture(t)
	faults.CreateIsSentOnce(r.Fixture, r.Store, r.proxiedStore(func(o *dynamodb.Options) { o.RetryMaxAttempts = 9 }))
}
