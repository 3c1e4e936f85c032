package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/local/childprocess"
)

// cluster is a Redis Cluster of three primaries.
type cluster []*Server

const (
	nodes = 3
	slots = 16384
)

// startCluster starts a Redis Cluster and returns when every node knows all nodes.
func startCluster() (cluster, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	var c cluster
	for range nodes {
		if err := c.add(ctx); err != nil {
			c.discard()
			return nil, fmt.Errorf("forming a Redis Cluster: %w", err)
		}
	}
	for _, node := range c {
		if err := node.waitUntilFormed(ctx); err != nil {
			c.discard()
			return nil, fmt.Errorf("forming a Redis Cluster: %w", err)
		}
	}
	return c, nil
}

// add starts one more node, assigns its share of the slots to it and connects it to the
// other nodes.
func (c *cluster) add(ctx context.Context) error {
	bus, err := childprocess.FreePort("127.0.0.1")
	if err != nil {
		return err
	}
	node, err := start("--cluster-enabled", "yes", "--cluster-port", bus)
	if err != nil {
		return err
	}
	i := len(*c)
	*c = append(*c, node)
	client := redis.NewClient(node.Options())
	defer client.Close()
	err = errors.Join(
		client.ClusterAddSlotsRange(ctx, i*slots/nodes, (i+1)*slots/nodes-1).Err(),
		client.Do(ctx, "cluster", "set-config-epoch", i+1).Err(),
	)
	if i == 0 || err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(node.address)
	if err != nil {
		return err
	}
	first := redis.NewClient((*c)[0].Options())
	defer first.Close()
	return first.Do(ctx, "cluster", "meet", host, port, bus).Err()
}

// waitUntilFormed waits until the node knows all nodes and all slots.
func (s *Server) waitUntilFormed(ctx context.Context) error {
	client := redis.NewClient(s.Options())
	defer client.Close()
	for {
		info, err := client.ClusterInfo(ctx).Result()
		if err != nil {
			return err
		}
		if strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_size:%d", nodes)) {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (c cluster) options() *redis.ClusterOptions {
	options := &redis.ClusterOptions{}
	for _, node := range c {
		options.Addrs = append(options.Addrs, node.address)
	}
	return options
}

func (c cluster) discard() {
	for _, node := range c {
		node.discard()
	}
}
