package redisaccounts

import (
	"context"
	"math"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/stores/epoch"
	"example.com/coatcheck/internal/stores/rediscall"
	"example.com/coatcheck/pkg/accounts/throttle"
)

// Attempts is a [throttle.Store] in Redis. If no answer comes, every call except
// Withdraw is sent again, three times in all. A call ends when its context ends.
type Attempts struct {
	client redis.UniversalClient
	prefix string
}

var _ throttle.Store = (*Attempts)(nil)

// NewAttempts returns a store whose keys begin with the prefix, as those of [New]. It
// sends nothing.
func NewAttempts(client redis.UniversalClient, prefix string) *Attempts {
	return &Attempts{client, prefix}
}

// grace is how long Redis keeps a counter after its expires_at.
const grace = time.Hour

// Count implements [throttle.Store].
func (a *Attempts) Count(ctx context.Context, c throttle.Count) (throttle.Counter, bool, error) {
	args := []any{c.ID, c.At.UnixMilli(), c.Expires.Unix(), c.Expires.Add(grace).UnixMilli()}
	for i, step := range c.Steps[:len(c.Steps)-1] {
		latest := int64(math.MaxInt64)
		if step.Wait > 0 {
			latest = c.At.Add(-step.Wait).UnixMilli()
		}
		args = append(args, step.From, c.Steps[i+1].From-1, latest)
	}
	reply, _, err := rediscall.Run(ctx, a.client, countScript, []string{a.key(c.Key)}, args...)
	if err != nil {
		return throttle.Counter{}, false, err
	}
	hash, err := rediscall.NewHash(a.key(c.Key), reply)
	if err != nil {
		return throttle.Counter{}, false, err
	}
	counter, attempt, err := decodeCounter(hash)
	return counter, err == nil && attempt == c.ID, err
}

// Withdraw implements [throttle.Store].
func (a *Attempts) Withdraw(ctx context.Context, key, id string, counted bool) error {
	_, err := rediscall.RunOnce(ctx, a.client, withdrawScript, []string{a.key(key)}, id, counted)
	return err
}

// Keep implements [throttle.Store].
func (a *Attempts) Keep(ctx context.Context, key string) error {
	_, _, err := rediscall.Run(ctx, a.client, keepScript, []string{a.key(key)})
	return err
}

// Clear implements [throttle.Store].
func (a *Attempts) Clear(ctx context.Context, key string) error {
	_, _, err := rediscall.Run(ctx, a.client, clearScript, []string{a.key(key)})
	return err
}

// Get implements [throttle.Store] by one read for each key, because the keys can be
// on different nodes.
func (a *Attempts) Get(ctx context.Context, keys []string) (map[string]throttle.Counter, error) {
	found := map[string]throttle.Counter{}
	for _, key := range keys {
		hash, err := rediscall.ReadHash(ctx, a.client, a.key(key))
		if err == nil && len(hash.Fields) > 0 {
			found[key], _, err = decodeCounter(hash)
		}
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// decodeCounter reads a counter and the ID of its last attempt. If a field is missing
// or malformed, the error names it.
func decodeCounter(h *rediscall.Hash) (throttle.Counter, string, error) {
	counter := throttle.Counter{
		Failures: int(h.Int("failures")),
		Last:     time.UnixMilli(h.Int("last_at")).UTC(),
		Expires:  epoch.Time(h.Int("expires_at")),
	}
	h.Int("previous_at") // Withdraw needs it.
	return counter, h.Text("attempt"), h.Err()
}

func (a *Attempts) key(key string) string { return a.prefix + "attempts:" + key }
