package storeconfig

import (
	"context"
	"iter"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/audit/memaudit"
	"example.com/coatcheck/pkg/bridge/membridge"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/signin/oidc/memlinks"
)

func init() { openers[Memory] = openMemory }

// Memory is the address of stores in the memory of this process. They begin empty, and
// no other program can reach them.
const Memory = "memory"

type memory struct {
	parts
	sessions *memstore.Store
	users    *memaccounts.Store
}

func openMemory(context.Context, string) (Stores, error) {
	sessions, users := memstore.New(), memaccounts.New()
	return memory{newParts(sessions, users, memaccounts.NewAttempts(), membridge.New(), memlinks.New(), memaudit.New()), sessions, users}, nil
}

func (m memory) AllUsers(ctx context.Context) iter.Seq2[*accounts.Account, error] {
	return m.users.All(ctx)
}

func (memory) Records(context.Context, ...Part) iter.Seq2[Record, error] {
	return func(func(Record, error) bool) {}
}

func (m memory) AllSessions(ctx context.Context) iter.Seq2[*session.Session, error] {
	return m.sessions.All(ctx)
}

func (memory) Local() bool                      { return true }
func (memory) Check(context.Context) error      { return nil }
func (memory) MakeTables(context.Context) error { return nil }
func (memory) Close() error                     { return nil }
