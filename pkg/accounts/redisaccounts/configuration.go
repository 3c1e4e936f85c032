package redisaccounts

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/stores/rediscall"
)

// CheckConfiguration returns an error if Redis would lose accounts or counters in
// normal operation: unless maxmemory-policy is noeviction, a full server removes them,
// and unless appendonly is yes, a restart undoes all writes since the last snapshot. A
// server that is a replica is refused too: it does not know yet what was changed last.
// The error is one line that says what to set.
//
// It asks by INFO, which is allowed on servers that forbid CONFIG. If the server does
// not say how it is configured, that is an error too. For a Redis Cluster it asks every
// primary. Replicas must have the same settings, because each may become a primary.
// They are not asked, so that a replica that is down stops nobody.
func CheckConfiguration(ctx context.Context, client redis.UniversalClient) error {
	all, err := rediscall.Nodes(ctx, client)
	if err != nil {
		return fmt.Errorf("asking Redis for its settings: %w", err)
	}
	for _, node := range all {
		info, err := rediscall.Await(ctx, func() (string, error) { return node.Info(ctx).Result() })
		var answer redis.Error
		if errors.As(err, &answer) && strings.HasPrefix(err.Error(), "NOPERM") {
			return fmt.Errorf("the Redis server does not tell its settings: allow this user the command INFO (ACL: +info): %w", err)
		}
		if err != nil {
			return fmt.Errorf("asking Redis for its settings: %w", err)
		}
		if err := checkSettings(info); err != nil {
			return err
		}
	}
	return nil
}

// checkSettings checks the answer of INFO.
func checkSettings(info string) error {
	if strings.Contains(info, "\nrole:slave\r\n") {
		return errors.New("the Redis server is a replica (INFO tells role:slave): give the address of the primary, and leave ReplicaOnly out")
	}
	var wrong []string
	for _, want := range []struct{ field, value, setting string }{
		{"maxmemory_policy", "noeviction", "maxmemory-policy noeviction"},
		{"aof_enabled", "1", "appendonly yes"},
	} {
		_, rest, told := strings.Cut(info, "\n"+want.field+":")
		is, _, _ := strings.Cut(rest, "\r\n")
		switch {
		case !told:
			wrong = append(wrong, fmt.Sprintf("%s (INFO does not tell %s)", want.setting, want.field))
		case is != want.value:
			wrong = append(wrong, fmt.Sprintf("%s (INFO tells %s:%s)", want.setting, want.field, is))
		}
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("the Redis server would lose users and locks: set %s, in redis.conf or by CONFIG SET", strings.Join(wrong, " and "))
}
