package main

import (
	"context"
	"fmt"
	"strings"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
)

// stores are where the server keeps its sessions and users, and counts attempts to
// sign in.
type stores struct {
	sessions session.Store
	users    accounts.Store
	attempts throttle.Store
	close    func() error
}

// opener opens the stores at an address. With demo it makes SQL tables that are
// not there.
type opener func(ctx context.Context, address string, demo bool) (stores, error)

// openers has, by the scheme of their addresses, the stores that can be left out of
// the server. Each adds itself from a file of its own, which a build tag leaves out:
// that spares the time to compile what is not asked for.
var openers = map[string]opener{}

// tags are the build tags that leave a store out.
var tags = map[string]string{
	"sqlite": "nosqlite", "postgres": "nopostgres", "postgresql": "nopostgres",
	"redis": "noredis", "rediss": "noredis", "dynamodb": "nodynamodb",
}

// openStores opens what the flag -store names.
func openStores(ctx context.Context, address string, demo bool) (stores, error) {
	scheme, _, _ := strings.Cut(address, ":")
	if scheme == "memory" {
		return stores{memstore.New(), memaccounts.New(), memaccounts.NewAttempts(), nothing}, nil
	}
	if open, ok := openers[scheme]; ok {
		return open(ctx, address, demo)
	}
	if tag, ok := tags[scheme]; ok {
		return stores{}, fmt.Errorf("store %q was left out of this server by the build tag %s; "+
			"name the store to make run with STORE, or build a server with every store: go build ./cmd/server", scheme, tag)
	}
	return stores{}, fmt.Errorf("store %q is not known; use memory, sqlite:PATH, postgres://…, redis://… or dynamodb", scheme)
}

func nothing() error { return nil }
