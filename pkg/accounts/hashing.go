package accounts

import (
	"context"
	"fmt"

	"golang.org/x/sync/semaphore"

	"example.com/coatcheck/pkg/accounts/password"
)

// hashing limits how many hashes a process computes at once. They are at most as many
// as it has processors, because more would not make any of them faster. And together
// they need at most as much memory as that many hashes of ours, or as one hash that
// needs the most, whichever is more. So hashes that other frameworks made, which can
// need several times as much as ours, wait for each other.
//
// Those that wait get their turn in the order in which they came.
type hashing struct {
	memory *semaphore.Weighted
	least  int64 // bytes that every hash counts for, at least those of a new one: the memory divided by the processors
}

// newHashing returns the limits of a process with that many processors. A new hash
// needs fresh bytes.
func newHashing(processors, fresh int) hashing {
	memory := int64(max(processors*fresh, password.MaxMemory))
	return hashing{semaphore.NewWeighted(memory), memory / int64(processors)}
}

// begin waits for its turn to compute a hash that needs that many bytes. The caller
// must call end afterwards.
func (h hashing) begin(ctx context.Context, bytes int) (end func(), err error) {
	weight := max(int64(bytes), h.least)
	if err := h.memory.Acquire(ctx, weight); err != nil {
		return nil, fmt.Errorf("waiting for other passwords to be hashed: %w", err)
	}
	return func() { h.memory.Release(weight) }, nil
}
