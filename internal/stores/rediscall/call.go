// Package rediscall calls Redis. It runs scripts, reads hashes, sends both to primaries
// alone, and ends a call with its context.
package rediscall

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// maxTries is how often a call is sent at most, including the first time.
const maxTries = 3

// Run runs a script, and runs it again if no answer comes. It returns how often it
// sent the script. An error from the server is an answer.
func Run(ctx context.Context, client redis.UniversalClient, script *redis.Script, keys []string, args ...any) (reply any, tries int, err error) {
	return again(ctx, func() (any, error) { return RunOnce(ctx, client, script, keys, args...) })
}

// again makes a call, and makes it again if no answer comes.
func again[T any](ctx context.Context, call func() (T, error)) (reply T, tries int, err error) {
	for tries = 1; ; tries++ {
		reply, err = call()
		var answer redis.Error
		if err == nil || errors.As(err, &answer) || errors.Is(err, errStale) || ctx.Err() != nil || tries == maxTries {
			return reply, tries, err
		}
	}
}

// ReadHash reads the hash under the key by HGETALL, and reads it again if no answer comes.
// If there is no such key, the Hash has no fields. It costs the server a fifth of what a
// script costs that does the same. Other than a script, go-redis would send it to a
// replica, or answer it from its cache, if the client is configured so: such a client is
// refused. Like that of [RunOnce], its error does not quote the key.
func ReadHash(ctx context.Context, client redis.UniversalClient, key string) (*Hash, error) {
	fields, _, err := again(ctx, func() (map[string]string, error) {
		return primary(ctx, client, func() (map[string]string, error) {
			cmd := redis.NewMapStringStringCmd(ctx, "hgetall", key)
			_ = client.Process(ctx, noRetryHash{cmd}) // cmd keeps the error
			return cmd.Result()
		})
	})
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	return &Hash{Key: key, Fields: fields}, nil
}

// RunOnce runs a script, and sends it only once, whatever retries the client is
// configured for. Its error does not quote the key, because it may contain what was typed
// as a name at a sign-in, which may be a password.
func RunOnce(ctx context.Context, client redis.UniversalClient, script *redis.Script, keys []string, args ...any) (any, error) {
	reply, err := primary(ctx, client, func() (any, error) {
		return script.Run(ctx, noRetryClient{client}, keys, args...).Result()
	})
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	return reply, nil
}

// primary makes a call by [Await], unless the client may answer reads from a copy.
func primary[T any](ctx context.Context, client redis.UniversalClient, call func() (T, error)) (T, error) {
	if err := Refuse(client); err != nil {
		var none T
		return none, err
	}
	return Await(ctx, call)
}

// Await makes a call, and returns its result or, when the context ends before that,
// the context's error. It uses a goroutine because go-redis checks a context before it
// sends, but not while it waits. After a cancelled call the goroutine may run for up
// to the client's ReadTimeout. A context that never ends needs no goroutine.
func Await[T any](ctx context.Context, call func() (T, error)) (T, error) {
	if ctx.Done() == nil {
		return call()
	}
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := call()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// noRetryClient is a client whose scripts go-redis does not send again by itself. A
// write that was sent twice may find what its own first try wrote, and go-redis does
// not tell how often it sent a command.
type noRetryClient struct{ redis.UniversalClient }

func (c noRetryClient) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	return c.eval(ctx, "evalsha", sha, keys, args)
}

func (c noRetryClient) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	return c.eval(ctx, "eval", script, keys, args)
}

func (c noRetryClient) eval(ctx context.Context, name, script string, keys []string, args []any) *redis.Cmd {
	words := make([]any, 0, 3+len(keys)+len(args))
	words = append(words, name, script, len(keys))
	for _, key := range keys {
		words = append(words, key)
	}
	cmd := redis.NewCmd(ctx, append(words, args...)...)
	cmd.SetFirstKeyPos(3)
	_ = c.Process(ctx, noRetryCmd{cmd}) // cmd keeps the error
	return cmd
}

// noRetryCmd is a command that go-redis sends only once.
type noRetryCmd struct{ *redis.Cmd }

// NoRetry is called by go-redis before it sends a command again.
func (noRetryCmd) NoRetry() bool { return true }

// noRetryHash is an HGETALL that go-redis sends only once: [again] counts the tries.
type noRetryHash struct{ *redis.MapStringStringCmd }

// NoRetry is called by go-redis before it sends a command again.
func (noRetryHash) NoRetry() bool { return true }
