package rediscall

import (
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// errStale is in the error of every call of a client that is refused.
var errStale = errors.New("it could read from a copy what was changed or ended since")

// Refuse returns an error if the client is configured to answer reads from replicas, from a
// cache in this process, or as if a server that is down held nothing. It sends nothing. It
// knows the clients of go-redis by their type; what wraps one must let reads go to the
// primary. It cannot know that a [redis.Client] has the address of a replica, or was made
// for replicas by [redis.FailoverOptions].
func Refuse(client redis.UniversalClient) error {
	var option string
	switch c := client.(type) {
	case *redis.Client:
		if o := c.Options(); o.ClientSideCacheConfig != nil || o.ClientSideCache != nil {
			option = "without ClientSideCache and ClientSideCacheConfig"
		}
	case *redis.ClusterClient:
		if o := c.Options(); o.ReadOnly || o.RouteByLatency || o.RouteRandomly {
			option = "without ReadOnly, RouteByLatency, RouteRandomly and ReplicaOnly"
		}
	case *redis.Ring:
		option = "as a redis.Client or a redis.ClusterClient, not as a redis.Ring"
	}
	if option == "" {
		return nil
	}
	return fmt.Errorf("this client of Redis is refused, because %w: open it %s", errStale, option)
}
