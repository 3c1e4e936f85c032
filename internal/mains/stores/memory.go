package stores

import (
	"context"
	"errors"
	"iter"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/session/memstore"
)

func init() { openers[Memory] = openMemory }

// Memory is the address of stores in the memory of this process. They begin empty, and
// no other program can reach them.
const Memory = "memory"

type memory struct{ parts }

func openMemory(context.Context, string) (Stores, error) {
	return memory{parts{memstore.New(), memaccounts.New(), memaccounts.NewAttempts()}}, nil
}

func (memory) AllUsers(context.Context) iter.Seq2[*accounts.Account, error] {
	return func(yield func(*accounts.Account, error) bool) {
		yield(nil, errors.New("users in memory cannot be listed"))
	}
}

func (memory) Local() bool                      { return true }
func (memory) Check(context.Context) error      { return nil }
func (memory) MakeTables(context.Context) error { return nil }
func (memory) Close() error                     { return nil }
