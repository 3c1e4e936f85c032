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

// stores are the stores of the server: for sessions, for users, and for attempts to
// sign in.
type stores struct {
	sessions session.Store
	users    accounts.Store
	attempts throttle.Store
	close    func() error
}

// opener opens the stores at an address. If demo is true, it creates missing SQL tables.
type opener func(ctx context.Context, address string, demo bool) (stores, error)

// openers are the stores that can be left out of the server, by the scheme of their
// addresses. Each is added in its own file, which a build tag leaves out. That saves
// the time to compile stores that nobody uses.
var openers = map[string]opener{}

// tags are the build tags that leave a store out.
var tags = map[string]string{
	"sqlite": "nosqlite", "postgres": "nopostgres", "postgresql": "nopostgres",
	"redis": "noredis", "rediss": "noredis", "dynamodb": "nodynamodb",
}

// openStores opens the stores at the address of the flag -store.
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
