package redisstore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/redisstore"
)

// An outage is no verdict on the session and changes nothing.
func TestOutage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *rig) {
		for _, c := range all {
			s := r.created()
			r.proxy.FailAll(refused)
			want(t, c.do(t.Context(), r.store, s), errOutage)
			r.holds(s)
		}
	})
}

// A call ends with its context, though the client has the default options, with
// which go-redis waits for three seconds.
func TestContext(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *rig) {
		r.proxy.FailAll(hanging)
		for _, c := range all {
			s := r.created()
			ctx, cancel := context.WithCancel(t.Context())
			r.proxy.Between(cancel)
			err := c.do(ctx, r.store, s)
			want(t, err, errOutage)
			want(t, err, context.Canceled)
			if sent := len(r.proxy.Take()); sent != 1 {
				t.Errorf("%s: sent %d times, want once", c.method, sent)
			}
			err = c.do(ctx, r.store, s) // with a context that was cancelled before
			want(t, err, errOutage)
			want(t, err, context.Canceled)
			if sent := len(r.proxy.Take()); sent != 0 {
				t.Errorf("%s: sent %d times after its context was cancelled", c.method, sent)
			}
			r.holds(s)
		}
		for _, c := range all {
			s := r.created()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			err := c.do(ctx, r.store, s)
			cancel()
			want(t, err, errOutage)
			want(t, err, context.DeadlineExceeded)
			r.holds(s)
		}
	})
}

// slow is a hook of go-redis that holds a command back and notes what it then says.
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

// A call that is given up may still be sent. What its caller then does to the
// session is nothing to it.
func TestAbandonedCall(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{})
	defer client.Close()
	hook := slow{make(chan struct{}), make(chan struct{}), make(chan string)}
	client.AddHook(hook)
	store := redisstore.New(client, "p:")
	for _, c := range all {
		s := newSession()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-hook.arrived
			cancel()
		}()
		want(t, c.do(ctx, store, s), context.Canceled)
		s.Roles[0], s.Values["count"] = "spoiled", "spoiled"
		s.Secret, s.PreviousSecret = [32]byte([]byte(strings.Repeat("spoiled!", 4))), [32]byte([]byte(strings.Repeat("spoiled!", 4)))
		hook.release <- struct{}{}
		if said := <-hook.said; strings.Contains(said, "spoiled") {
			t.Errorf("%s: %s", c.method, said)
		}
	}
}

// A server that is killed and comes back from its disk has all that it answered.
func TestRestart(t *testing.T) {
	t.Parallel()
	r, server := newOwnRig(t)
	kept, changed, extended, ended := r.created(), r.created(), r.created(), r.created()
	want(t, update.do(t.Context(), r.direct, changed), nil)
	want(t, touch.do(t.Context(), r.direct, extended), nil)
	want(t, logout.do(t.Context(), r.direct, ended), nil)

	server.Kill()
	for _, c := range all {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		want(t, c.do(ctx, r.store, kept), errOutage)
		cancel()
	}
	want(t, server.Start(), nil)
	r.holds(kept)
	r.holds(updated(changed))
	r.holds(touched(extended))
	r.gone(ended)
	for _, c := range retried {
		s := r.created()
		want(t, c.do(t.Context(), r.store, s), nil)
		r.left(c, s)
	}
}

// A server that forgets the scripts is sent them again, and that is no second try.
func TestForgottenScripts(t *testing.T) {
	t.Parallel()
	r, _ := newOwnRig(t)
	forget := func() { want(t, r.client.ScriptFlush(t.Context()).Err(), nil) }
	for _, c := range all {
		s := newSession()
		if c.method != create.method {
			s = r.created()
		}
		forget()
		want(t, c.do(t.Context(), r.store, s), nil)
		r.left(c, s)
	}
	s := r.created()
	r.updateForeign(s)
	forget()
	want(t, update.do(t.Context(), r.store, s), session.ErrConflict)
}

// A server that refuses writes refuses each of them as a whole. What is stored
// can still be read, and ended unless no write at all is allowed.
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
			r, _ := newOwnRig(t)
			set := func(value string) { want(t, r.client.ConfigSet(t.Context(), test.setting, value).Err(), nil) }
			s, ended := r.created(), r.created()
			want(t, r.client.ZAdd(t.Context(), r.index(s), redis.Z{Member: "removed"}).Err(), nil) // which List cannot clean up
			set(test.value)
			fresh := newSession()
			for _, err := range []error{
				create.do(t.Context(), r.store, fresh),
				update.do(t.Context(), r.store, s),
				touch.do(t.Context(), r.store, s),
			} {
				want(t, err, errOutage)
				if !strings.Contains(err.Error(), test.says) {
					t.Errorf("%v, want %s in it", err, test.says)
				}
			}
			if sent := len(r.proxy.Take()); sent != 3 {
				t.Errorf("3 calls were sent %d times, though each was answered", sent)
			}
			r.holds(s)
			r.gone(fresh)
			if test.ends {
				want(t, logout.do(t.Context(), r.store, ended), nil)
				r.gone(ended)
			} else {
				want(t, logout.do(t.Context(), r.store, ended), errOutage)
				r.holds(ended)
			}
			set(test.normal)
			r.holds(s)
			r.gone(fresh)
		})
	}
}

// A demoted primary refuses writes; nothing says that the session has ended.
func TestReplica(t *testing.T) {
	t.Parallel()
	r, _ := newOwnRig(t)
	s := r.created()
	want(t, r.client.ReplicaOf(t.Context(), "127.0.0.1", "1").Err(), nil)
	for _, c := range []call{create, update, touch, logout, revoke} {
		subject := s
		if c.method == create.method {
			subject = newSession()
		}
		want(t, c.do(t.Context(), r.store, subject), errOutage)
	}
	want(t, r.client.ReplicaOf(t.Context(), "no", "one").Err(), nil)
	r.holds(s)
}

// The documentation names the commands that an ACL must allow.
func TestPermissions(t *testing.T) {
	t.Parallel()
	r, server := newOwnRig(t)
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
		for _, c := range all {
			s := newSession()
			if c.method != create.method {
				s = r.created()
			}
			want(t, c.do(t.Context(), redisstore.New(client, r.prefix), s), nil)
			r.left(c, s)
		}
	}
	want(t, get.do(t.Context(), redisstore.New(client, "other:"), newSession()), errOutage)
}

// A client of a server that is not there says so, and names the key.
func TestNoServer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	server.Kill()
	options := server.Options()
	options.DialerRetries = 1
	client := redis.NewClient(options)
	defer client.Close()
	s := newSession()
	for _, c := range all {
		err := c.do(t.Context(), redisstore.New(client, "p:"), s)
		if want(t, err, errOutage); !strings.Contains(err.Error(), "p:{"+s.Key().Owner+"}") {
			t.Errorf("%s: %v; want the key in it", c.method, err)
		}
	}
}
