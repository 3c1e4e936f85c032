package redisstore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/testing/faults"
	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/redisstore"
)

// A call ends with its context. With the default options of the client, go-redis itself
// would wait for three seconds.
func TestContext(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *fixture) {
		r.InjectAll(faults.Hanging)
		for _, c := range r.Calls() {
			s := r.Created()
			ctx, cancel := context.WithCancel(t.Context())
			r.Between(cancel)
			err := c.Do(ctx, r.Store, s)
			want(t, err, errOutage)
			want(t, err, context.Canceled)
			if sent := len(r.proxy.Take()); sent != 1 {
				t.Errorf("%s: sent %d times, want once", c.Method, sent)
			}
			err = c.Do(ctx, r.Store, s) // with a context that was cancelled before
			want(t, err, errOutage)
			want(t, err, context.Canceled)
			if sent := len(r.proxy.Take()); sent != 0 {
				t.Errorf("%s: sent %d times after its context was cancelled", c.Method, sent)
			}
			r.Holds(s)
		}
	})
}

// slow is a hook of go-redis. It holds a command back, and records the command's
// arguments when it is released.
type slow struct {
	arrived chan struct{}
	release chan struct{}
	said    chan string
}

func (slow) DialHook(next redis.DialHook) redis.DialHook { return next }

func (slow) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (h slow) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, cmd redis.Cmder) error {
		h.arrived <- struct{}{}
		<-h.release
		h.said <- fmt.Sprintf("%q", cmd.Args())
		return redis.ErrClosed
	}
}

// An abandoned call may still be sent. Changes that the caller makes to the session after
// that must not change what is sent.
func TestAbandonedCall(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{})
	defer client.Close()
	hook := slow{make(chan struct{}), make(chan struct{}), make(chan string)}
	client.AddHook(hook)
	store := redisstore.New(client, "p:")
	for _, c := range append([]faults.Call{createAndList}, faults.All...) {
		s := newSession()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-hook.arrived
			cancel()
		}()
		want(t, c.Do(ctx, store, s), context.Canceled)
		s.Roles[0], s.Values["count"] = "spoiled", "spoiled"
		s.Secret, s.PreviousSecret = [32]byte([]byte(strings.Repeat("spoiled!", 4))), [32]byte([]byte(strings.Repeat("spoiled!", 4)))
		hook.release <- struct{}{}
		if said := <-hook.said; strings.Contains(said, "spoiled") {
			t.Errorf("%s: %s", c.Method, said)
		}
	}
}

// If a server is killed and restarted from its disk, it still has every write that it
// answered.
func TestRestart(t *testing.T) {
	t.Parallel()
	r, server := newOwnServerFixture(t)
	kept, changed, extended, ended := r.Created(), r.Created(), r.Created(), r.Created()
	want(t, update.Do(t.Context(), r.Direct, changed), nil)
	want(t, touch.Do(t.Context(), r.Direct, extended), nil)
	want(t, logout.Do(t.Context(), r.Direct, ended), nil)

	server.Kill()
	for _, c := range r.Calls() {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		want(t, c.Do(ctx, r.Store, kept), errOutage)
		cancel()
	}
	want(t, server.Start(), nil)
	r.Holds(kept)
	r.Holds(faults.Updated(changed))
	r.Holds(faults.Touched(extended))
	r.Gone(ended)
	for _, c := range faults.Repeatable {
		s := r.Created()
		want(t, c.Do(t.Context(), r.Store, s), nil)
		r.Left(c, s)
	}
}

// If the server has lost the scripts, they are sent again. This does not count as a
// second try.
func TestForgottenScripts(t *testing.T) {
	t.Parallel()
	r, _ := newOwnServerFixture(t)
	forget := func() { want(t, r.client.ScriptFlush(t.Context()).Err(), nil) }
	for _, c := range r.Calls() {
		s := r.Subject(c)
		forget()
		want(t, c.Do(t.Context(), r.Store, s), nil)
		r.Left(c, s)
	}
	s := r.Created()
	want(t, r.UpdateForeign(s), nil)
	forget()
	want(t, update.Do(t.Context(), r.Store, s), session.ErrConflict)
}

// If the server refuses writes, it refuses each write completely. Stored sessions can
// still be read. They can also be ended, unless the server allows no writes at all.
func TestRefusedWrites(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		setting, value, normal, says string
		ends                         bool
	}{
		{"maxmemory", "1", "0", "OOM", true},
		{"min-replicas-to-write", "1", "0", "NOREPLICAS", false},
	} {
		t.Run(test.setting, func(t *testing.T) {
			t.Parallel()
			r, _ := newOwnServerFixture(t)
			set := func(value string) { want(t, r.client.ConfigSet(t.Context(), test.setting, value).Err(), nil) }
			s, ended := r.Created(), r.Created()
			want(t, r.client.ZAdd(t.Context(), r.index(s), redis.Z{Member: "removed"}).Err(), nil) // List cannot remove this entry
			set(test.value)
			fresh := newSession()
			for _, err := range []error{
				create.Do(t.Context(), r.Store, fresh),
				update.Do(t.Context(), r.Store, s),
				touch.Do(t.Context(), r.Store, s),
			} {
				want(t, err, errOutage)
				if !strings.Contains(err.Error(), test.says) {
					t.Errorf("%v, want %s in it", err, test.says)
				}
			}
			if sent := len(r.proxy.Take()); sent != 3 {
				t.Errorf("3 calls were sent %d times, though each was answered", sent)
			}
			r.Holds(s)
			r.Gone(fresh)
			if test.ends {
				want(t, logout.Do(t.Context(), r.Store, ended), nil)
				r.Gone(ended)
			} else {
				want(t, logout.Do(t.Context(), r.Store, ended), errOutage)
				r.Holds(ended)
			}
			set(test.normal)
			r.Holds(s)
			r.Gone(fresh)
		})
	}
}

// A primary that has become a replica refuses writes. That is an outage, not
// ErrNoSession.
func TestReplica(t *testing.T) {
	t.Parallel()
	r, _ := newOwnServerFixture(t)
	s := r.Created()
	want(t, r.client.ReplicaOf(t.Context(), "127.0.0.1", "1").Err(), nil)
	for _, c := range []faults.Call{create, createAndList, update, touch, logout, revoke} {
		subject := s
		if c.Creates() {
			subject = newSession()
		}
		want(t, c.Do(t.Context(), r.Store, subject), errOutage)
	}
	want(t, r.client.ReplicaOf(t.Context(), "no", "one").Err(), nil)
	r.Holds(s)
}

// The commands that the documentation names are enough for an ACL.
func TestPermissions(t *testing.T) {
	t.Parallel()
	r, server := newOwnServerFixture(t)
	rules := strings.Fields("on >test resetkeys ~" + r.prefix + "* -@all" +
		" +evalsha +eval +exists +hset +hget +hmget +hgetall +pexpireat +zadd +zrange +zrem +del")
	want(t, r.client.ACLSetUser(t.Context(), "sessions", rules...).Err(), nil)
	options := server.Options()
	options.Username, options.Password = "sessions", "test"
	client := redis.NewClient(options)
	defer client.Close()
	for _, flush := range []bool{false, true} {
		if flush {
			want(t, r.client.ScriptFlush(t.Context()).Err(), nil)
		}
		for _, c := range r.Calls() {
			s := r.Subject(c)
			want(t, c.Do(t.Context(), redisstore.New(client, r.prefix), s), nil)
			r.Left(c, s)
		}
	}
	want(t, get.Do(t.Context(), redisstore.New(client, "other:"), newSession()), errOutage)
}

// If there is no server, the call is an outage whose error names the key.
func TestNoServer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	server.Kill()
	options := server.Options()
	options.DialerRetries = 1
	client := redis.NewClient(options)
	defer client.Close()
	s := newSession()
	for _, c := range append([]faults.Call{createAndList}, faults.All...) {
		err := c.Do(t.Context(), redisstore.New(client, "p:"), s)
		if want(t, err, errOutage); !strings.Contains(err.Error(), "p:{"+s.Key().Owner+"}") {
			t.Errorf("%s: %v; want the key in it", c.Method, err)
		}
	}
}
