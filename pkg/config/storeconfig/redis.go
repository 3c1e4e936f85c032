//go:build !noredis

package storeconfig

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"example.com/coatcheck/internal/stores/loopback"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/redisaccounts"
	"example.com/coatcheck/pkg/audit/redisaudit"
	"example.com/coatcheck/pkg/bridge/redisbridge"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/redisstore"
	"example.com/coatcheck/pkg/signin/oidc/redislinks"
)

func init() { openers["redis"], openers["rediss"] = openRedis, openRedis }

// redisPrefix begins every key.
const redisPrefix = "coatcheck:"

type redisStores struct {
	parts
	sessions *redisstore.Store
	users    *redisaccounts.Store
	client   *redis.Client
}

func openRedis(_ context.Context, address string) (Stores, error) {
	if option := replicaOption(address); option != "" && !ambiguous(address) {
		return nil, fmt.Errorf("the address of Redis has the option %s, by which reads could come from a replica, which does not know yet what was ended; leave it out", option)
	}
	options, err := redis.ParseURL(address)
	if err != nil || ambiguous(address) { // the error would quote the address
		return nil, errors.New("the address of Redis cannot be read; write it as redis://host:6379 or redis://user:password@host:6379/0, " +
			"with the password percent-encoded. It is not shown, since it may hold a password")
	}
	dial := quiet(redis.NewDialer(options))
	options.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, hidden{reason(err), err} // the error would quote the host
		}
		return conn, nil
	}
	options.ContextTimeoutEnabled = true // so that a call whose request is over gives its connection back at once
	logging.Disable()                    // it would have lines for failed connections, with the address and not as JSON. Errors are returned anyway
	client := redis.NewClient(options)
	sessions, users := redisstore.New(client, redisPrefix), redisaccounts.New(client, redisPrefix)
	all := newParts(sessions, users, redisaccounts.NewAttempts(client, redisPrefix), redisbridge.New(client, redisPrefix),
		redislinks.New(client, redisPrefix), redisaudit.New(client, redisPrefix))
	return redisStores{all, sessions, users, client}, nil
}

// replicaOption returns the first option of the address by which replicas would be read, or "".
func replicaOption(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	options := []string{"read_only", "replica_only", "route_by_latency", "route_randomly"}
	i := slices.IndexFunc(options, u.Query().Has)
	if i < 0 {
		return ""
	}
	return options[i]
}

func (s redisStores) AllUsers(ctx context.Context) iter.Seq2[*accounts.Account, error] {
	return s.users.All(ctx)
}

func (s redisStores) AllSessions(ctx context.Context) iter.Seq2[*session.Session, error] {
	return s.sessions.All(ctx)
}

func (s redisStores) Local() bool {
	host, _, err := net.SplitHostPort(s.client.Options().Addr)
	return err == nil && s.client.Options().Network == "tcp" && loopback.Host(host)
}

func (s redisStores) Check(ctx context.Context) error {
	if _, err := audited(); err != nil {
		return err
	}
	err := s.client.Ping(ctx).Err()
	if err == nil {
		return redisaccounts.CheckConfiguration(ctx, s.client)
	}
	said := reason(err)
	if answer := redis.Error(nil); errors.As(err, &answer) {
		code, _, _ := strings.Cut(answer.Error(), " ") // after it an answer may quote the command, with the password
		said = "it answers " + code
	}
	return fmt.Errorf("the Redis server at the store's address cannot be used: %s; check the address, the server and the password", said)
}

func (s redisStores) MakeTables(context.Context) error { return nil }

func (s redisStores) Close() error { return s.client.Close() }
