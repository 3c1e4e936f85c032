package redistest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/testing/testenv"
)

func TestMain(m *testing.M) {
	testenv.Parent(func() (string, error) {
		s, err := start()
		if err != nil {
			return "", err
		}
		return s.address, nil
	})
	Main(m)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newClient(t *testing.T, options *redis.Options) *redis.Client {
	client := redis.NewClient(options)
	t.Cleanup(func() { client.Close() })
	return client
}

func answers(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

func TestServerKeepsWhatItAnswered(t *testing.T) {
	s, other := Start(t), Start(t)
	client := newClient(t, s.Options())
	check(t, client.Set(t.Context(), "k", "v", 0).Err())
	s.Kill()
	s.Kill()
	if answers(s.address) || !answers(other.address) {
		t.Error("killing one server did not end it, or ended another")
	}
	if err := client.Get(t.Context(), "k").Err(); err == nil || errors.Is(err, redis.Nil) {
		t.Errorf("Get from a killed server: %v", err)
	}
	check(t, s.Start())
	if got, err := client.Get(t.Context(), "k").Result(); got != "v" {
		t.Errorf("after another start: %q, %v", got, err)
	}
	s.discard()
	if _, err := os.Stat(s.folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}

func TestServerEndsWithItsParent(t *testing.T) {
	folder := t.TempDir()
	var address string
	testenv.KillParent(t, func(line string) {
		if address = line; !answers(address) {
			t.Fatalf("no server at %q", address)
		}
	}, "TMPDIR="+folder)
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		left, err := os.ReadDir(folder)
		check(t, err)
		if !answers(address) && len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("three minutes after its parent was killed: answers: %t, left behind: %v", answers(address), left)
		}
	}
}

func TestStartExplains(t *testing.T) {
	for _, c := range []struct{ name, program, script, want string }{
		{"a redis-server that fails", "redis-server", "echo no memory >&2; exit 1", "redis-server did not start: the process ended; it said: no memory"},
		{"a valkey-server that fails", "valkey-server", "echo no memory >&2; exit 1", "valkey-server did not start: the process ended; it said: no memory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sh, err := exec.LookPath("sh")
			check(t, err)
			folder := t.TempDir()
			check(t, os.Symlink(sh, filepath.Join(folder, "sh")))
			check(t, os.WriteFile(filepath.Join(folder, c.program), []byte("#!"+sh+"\n"+c.script+"\n"), 0o755))
			t.Setenv("PATH", folder)
			s, err := start()
			if err == nil {
				s.discard()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v\nwant in it: %s", err, c.want)
			}
		})
	}
}

// TestFetched runs the Valkey that a machine without Redis fetches.
func TestFetched(t *testing.T) {
	path, err := fetch(t.Context())
	check(t, err)
	folder := t.TempDir()
	check(t, os.Symlink(path, filepath.Join(folder, "valkey-server")))
	for _, name := range []string{"sh", "rm", "sleep"} {
		tool, err := exec.LookPath(name)
		check(t, err)
		check(t, os.Symlink(tool, filepath.Join(folder, name)))
	}
	t.Setenv("PATH", folder)
	info, err := newClient(t, Start(t).Options()).Info(t.Context(), "server").Result()
	if err != nil || !strings.Contains(info, "server_name:valkey") {
		t.Errorf("it is not Valkey: %s, %v", info, err)
	}
}

// TestProgramExplains tests that the error says what to install if the program is
// neither on this machine nor can be fetched.
func TestProgramExplains(t *testing.T) {
	t.Chdir(t.TempDir()) // outside of the repository there is no cache
	t.Setenv("PATH", t.TempDir())
	_, err := program(t.Context())
	for _, want := range []string{"redis-server nor valkey-server", "cannot be fetched", "apt-get install redis-server", variable} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant in it: %s", err, want)
		}
	}
}

// TestStartWaitsForOurs tests Start while another server answers on the port.
func TestStartWaitsForOurs(t *testing.T) {
	other := Start(t)
	_, port, err := net.SplitHostPort(other.address)
	check(t, err)
	s := &Server{address: other.address, folder: t.TempDir(), args: []string{"--port", port}}
	if err := s.Start(); err == nil || !strings.Contains(err.Error(), "Address already in use") {
		t.Errorf("%v, want that the address is in use", err)
	}
}

func TestVariable(t *testing.T) {
	t.Setenv(variable, "redis://user:password@example.com:1234/5")
	if o := Options(t); o.Addr != "example.com:1234" || o.Username != "user" || o.Password != "password" || o.DB != 5 {
		t.Errorf("options %+v", o)
	}
}

func TestCluster(t *testing.T) {
	client := redis.NewClusterClient(ClusterOptions(t))
	defer client.Close()
	owners := map[string]bool{}
	for i := range 30 {
		key := fmt.Sprint("k", i)
		check(t, client.Set(t.Context(), key, "v", 0).Err())
		node, err := client.MasterForKey(t.Context(), key)
		check(t, err)
		owners[node.Options().Addr] = true
	}
	if len(owners) != nodes {
		t.Errorf("30 keys are on %d nodes, want %d", len(owners), nodes)
	}
}

func TestPrefix(t *testing.T) {
	client := newClient(t, Options(t))
	var prefix string
	t.Run("inside", func(t *testing.T) {
		prefix = Prefix(t)
		check(t, client.Set(t.Context(), prefix+"k", "v", 0).Err())
	})
	if keys, err := client.Keys(t.Context(), prefix+"*").Result(); len(keys) != 0 || err != nil {
		t.Errorf("left behind: %q, %v", keys, err)
	}
}

// TestProxy gives each fault once to a script that counts how often it ran.
func TestProxy(t *testing.T) {
	direct := newClient(t, Options(t))
	proxy := NewProxy(t)
	options := Options(t)
	options.Dialer, options.MaxRetries = proxy.Dial, -1
	client := newClient(t, options)
	key := Prefix(t) + "count"
	count := func() int64 {
		n, err := direct.Get(t.Context(), key).Int64()
		if err != nil && !errors.Is(err, redis.Nil) {
			t.Error(err)
		}
		return n
	}
	increment := func() error {
		return client.Eval(t.Context(), "return redis.call('INCR', KEYS[1])", []string{key}).Err()
	}
	for _, c := range []struct {
		fault          Fault
		between, after int64 // the count when the client learns of the fault, and at the end
		want           error
	}{
		{None, 0, 1, nil},
		{Refuse, 0, 0, io.EOF},
		{LoseAnswer, 1, 1, io.EOF},
		{Hold, 0, 1, io.EOF},
	} {
		direct.Del(t.Context(), key)
		var between atomic.Int64
		proxy.Between(func() { between.Store(count()) })
		proxy.Fail(c.fault)
		if err := increment(); !errors.Is(err, c.want) {
			t.Errorf("fault %d: %v, want %v", c.fault, err, c.want)
		}
		proxy.Between(nil)
		proxy.Deliver()
		if between.Load() != c.between || count() != c.after {
			t.Errorf("fault %d: the script ran %d times when it failed and %d in the end, want %d and %d", c.fault, between.Load(), count(), c.between, c.after)
		}
		if got, want := proxy.Take(), []Call{{"eval", c.fault}}; !slices.Equal(got, want) {
			t.Errorf("calls %v, want %v", got, want)
		}
	}

	proxy.FailAll(Hang)
	options.ContextTimeoutEnabled = true
	hanging := newClient(t, options)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := hanging.Eval(ctx, "return 1", []string{key}).Err(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("hanging: %v", err)
	}
	check(t, client.Set(t.Context(), key, "other commands pass", time.Minute).Err())
	proxy.FailAll(None)
	check(t, client.Eval(t.Context(), "return 1", []string{key}).Err())
}

// TestProxyRefusesOtherClients tests that the proxy closes a connection of a client that
// does not send Redis commands.
func TestProxyRefusesOtherClients(t *testing.T) {
	proxy := NewProxy(t)
	for _, text := range []string{"GET / HTTP/1.1\r\n\r\n", "*0\r\n"} {
		conn, err := proxy.Dial(t.Context(), "tcp", Options(t).Addr)
		check(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, text)
		check(t, err)
		if got, err := io.ReadAll(conn); len(got) > 0 {
			t.Errorf("%q was answered with %q, %v", text, got, err)
		}
	}
}

// TestProxyPassesEveryAnswer tests that the proxy passes every type of answer
// unchanged.
func TestProxyPassesEveryAnswer(t *testing.T) {
	proxy := NewProxy(t)
	options := Options(t)
	options.Dialer = proxy.Dial
	client := newClient(t, options)
	for _, c := range []struct{ script, want string }{
		{"return 1", "1"},
		{"return redis.status_reply('fine')", "fine"},
		{"return 'a\\r\\nb'", "a\r\nb"},
		{"return {}", "[]"},
		{"return {'a', {1, {'b'}}}", "[a [1 [b]]]"},
		{"redis.setresp(3) return {map={a='1'}}", "map[a:1]"},
		{"redis.setresp(3) return {double=1.5}", "1.5"},
		{"redis.setresp(3) return {true, {set={a=true}}}", "[true [a]]"},
	} {
		if got, err := client.Eval(t.Context(), c.script, nil).Result(); err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, %v; want %s", c.script, got, err, c.want)
		}
	}
	if err := client.Eval(t.Context(), "return false", nil).Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("nothing: %v", err)
	}
	if err := client.Eval(t.Context(), "return redis.error_reply('MINE bad')", nil).Err(); !redis.HasErrorPrefix(err, "MINE bad") {
		t.Errorf("an error: %v", err)
	}
}
