package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// maxTries is how often a call is sent at most, including the first time.
const maxTries = 3

// call runs a script, and runs it again if no answer comes. It returns how often it
// sent the script. An error from the server is an answer.
func (s *Store) call(ctx context.Context, script *redis.Script, keys []string, args ...any) (reply any, tries int, err error) {
	for tries = 1; ; tries++ {
		reply, err = s.send(ctx, script, keys, args...)
		var answer redis.Error
		if err == nil || errors.As(err, &answer) || ctx.Err() != nil || tries == maxTries {
			return reply, tries, err
		}
	}
}

// send runs a script once. It uses a goroutine because go-redis checks a context
// before it sends, but not while it waits. After a cancelled call the goroutine may
// run for up to the client's ReadTimeout.
func (s *Store) send(ctx context.Context, script *redis.Script, keys []string, args ...any) (reply any, err error) {
	done := make(chan *redis.Cmd, 1)
	go func() { done <- script.Run(ctx, noRetryClient{s.client}, keys, args...) }()
	select {
	case cmd := <-done:
		reply, err = cmd.Result()
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("redisstore: key %q: %w", keys[0], err)
	}
	return reply, nil
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
