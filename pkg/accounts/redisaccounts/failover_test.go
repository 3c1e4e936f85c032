package redisaccounts

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/pkg/accounts/accountstest"
)

// What the page on stores says of a failover: the primary has answered that a user is
// disabled, the replica has not got it, and becomes the primary. The user is not
// disabled. With min-replicas-to-write, a primary without a replica refuses to disable.
func TestFailoverUndoes(t *testing.T) {
	t.Parallel()
	f, server := newOwnServer(t)
	replica := redis.NewClient(redistest.Start(t).Options())
	defer replica.Close()
	promoted := New(replica, f.prefix)
	host, port, err := net.SplitHostPort(server.Options().Addr)
	check(t, err)
	check(t, replica.ReplicaOf(t.Context(), host, port).Err())
	a := accountstest.Sample("alice")
	a.Disabled = false
	accountstest.Create(t, f.users, a)
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if _, err := promoted.Get(t.Context(), "alice"); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the replica does not get what is written")
		}
	}
	check(t, replica.ReplicaOf(t.Context(), "127.0.0.1", "1").Err()) // it is cut off

	a.Disabled = true
	check(t, f.users.Update(t.Context(), a, "second"))
	check(t, f.client.ConfigSet(t.Context(), "min-replicas-to-write", "1").Err())
	a.Revision = "second"
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(10 * time.Millisecond) { // until it notices
		err := f.users.Update(t.Context(), a, a.Revision+"+")
		if err != nil && strings.Contains(err.Error(), "NOREPLICAS") {
			break
		}
		check(t, err)
		if a.Revision += "+"; time.Now().After(end) {
			t.Fatal("a primary without replicas goes on writing")
		}
	}

	server.Kill()
	check(t, replica.ReplicaOf(t.Context(), "no", "one").Err())
	after, err := promoted.Get(t.Context(), "alice")
	check(t, err)
	if after.Disabled {
		t.Error("the failover has not undone the disable: the page on stores says that it can")
	}
}
