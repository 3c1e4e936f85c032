package signin

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/signin/site"
)

// hangingStore answers no call until the context of the call ends.
type hangingStore struct{ session.Store }

func (hangingStore) Get(ctx context.Context, _ session.Key) (*session.Session, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (hangingStore) Delete(ctx context.Context, _ session.Key, _ *[32]byte, _ time.Time) (string, error) {
	<-ctx.Done()
	return "", ctx.Err()
}

// pipes is a listener for connections in memory. These can be used in a bubble.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if conn, ok := <-p; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// hangingServer serves the routes on a store that hangs, with a ReadTimeout of 10
// seconds. It returns a connection to the server and the server's log.
func hangingServer(t *testing.T) (net.Conn, *syncBuffer) {
	t.Helper()
	log := &syncBuffer{}
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(log, nil)))
	pages := pagesFor(t, site.Site{})
	sessions, err := session.New(hangingStore{memstore.New()}, session.Config{ErrorHandler: pages.Fail})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: pages.Handler(Profile(sessions), Logout(sessions)), ReadTimeout: 10 * time.Second}
	listener := make(pipes, 1)
	client, conn := net.Pipe()
	listener <- conn
	go server.Serve(listener)
	t.Cleanup(func() {
		client.Close()
		close(listener)
		server.Close()
		slog.SetDefault(before)
	})
	return client, log
}

// cookieLine is the header of a session that the store could have.
var cookieLine = "Cookie: __Host-SESSIONID=" + strings.Repeat("A", 22) + "." + strings.Repeat("A", 22) + "." + strings.Repeat("A", 43) + "\r\n"

// TestDeadline: a store that hangs is an outage after 8 seconds: 503 with Retry-After,
// and the cookie stays. The seconds begin when the request has arrived whole, and a
// client that is slow neither shortens them nor looks like one that has hung up.
func TestDeadline(t *testing.T) {
	for name, tt := range map[string]struct {
		parts []string // of the request, each sent 4 seconds after the one before
		after time.Duration
	}{
		"a read":        {[]string{"GET /profile HTTP/1.1\r\nHost: x\r\n" + cookieLine + "\r\n"}, 8 * time.Second},
		"a write":       {[]string{"POST /logout HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n" + cookieLine + "\r\n"}, 8 * time.Second},
		"a slow header": {[]string{"GET /profile HTTP/1.1\r\nHost: x\r\n", cookieLine, "\r\n"}, 16 * time.Second},
		"a slow body":   {[]string{"POST /logout HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n" + cookieLine + "\r\n", "a=", "b"}, 16 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, log := hangingServer(t)
				start := time.Now()
				go func() {
					for i, part := range tt.parts {
						if i > 0 {
							time.Sleep(4 * time.Second)
						}
						io.WriteString(client, part)
					}
				}()
				resp, err := http.ReadResponse(bufio.NewReader(client), nil)
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(start); took != tt.after {
					t.Errorf("answered after %v, want %v", took, tt.after)
				}
				if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "5" || len(resp.Cookies()) > 0 {
					t.Errorf("answered %d %v", resp.StatusCode, resp.Header)
				}
				if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "level=ERROR msg=sys_failure") {
					t.Errorf("logged %s", got)
				}
			})
		})
	}
}

// TestClientGone: a client that hangs up while a store works is no outage.
func TestClientGone(t *testing.T) {
	for _, request := range []string{"GET /profile", "POST /logout"} {
		t.Run(request, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, log := hangingServer(t)
				fmt.Fprintf(client, "%s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n%s\r\n", request, cookieLine)
				synctest.Wait()
				client.Close()
				synctest.Wait()
				if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "level=INFO msg=client_gone") {
					t.Errorf("logged %s", got)
				}
			})
		})
	}
}

// TestFailOfAClientThatIsGone: only the outage of a request that its client has
// cancelled is no outage. The end of the request's time is one, and a mistake in the
// program stays one.
func TestFailOfAClientThatIsGone(t *testing.T) {
	r := newFixture(t)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for _, tt := range []struct {
		ctx   context.Context
		err   error
		event string
	}{
		{cancelled, context.Canceled, "INFO client_gone error=context canceled ip=192.0.2.1 method=GET path=/profile"},
		{cancelled, fmt.Errorf("reading: %w", context.Canceled), "INFO client_gone error=reading: context canceled ip=192.0.2.1 method=GET path=/profile"},
		{cancelled, errDown, "INFO client_gone error=connection refused ip=192.0.2.1 method=GET path=/profile"},
		{cancelled, session.ErrInvalid, "ERROR sys_failure error=" + session.ErrInvalid.Error() + " ip=192.0.2.1 method=GET path=/profile status=500"},
		{late, context.DeadlineExceeded, "ERROR sys_failure error=context deadline exceeded ip=192.0.2.1 method=GET path=/profile status=503"},
		{t.Context(), context.Canceled, "ERROR sys_failure error=context canceled ip=192.0.2.1 method=GET path=/profile status=503"}, // another call's
	} {
		r.pages.Fail(discard{}, get("/profile").WithContext(tt.ctx), tt.err)
		if got := r.events(); !slices.Equal(got, []string{tt.event}) {
			t.Errorf("%v: logged %q, want %q", tt.err, got, tt.event)
		}
	}
}

// discard is an answer that nobody gets.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// database is a database that stops answering at the call with the number hangAt, from 1.
// If hangAt is 0, it always answers.
type database struct {
	calls, hangAt atomic.Int64
}

func (d *database) call(ctx context.Context) error {
	if n, hangAt := d.calls.Add(1), d.hangAt.Load(); hangAt == 0 || n < hangAt {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

type sessionsIn struct {
	session.Store
	*database
}

func (s sessionsIn) Create(ctx context.Context, sess *session.Session) error {
	if err := s.call(ctx); err != nil {
		return err
	}
	return s.Store.Create(ctx, sess)
}

func (s sessionsIn) Get(ctx context.Context, key session.Key) (*session.Session, error) {
	if err := s.call(ctx); err != nil {
		return nil, err
	}
	return s.Store.Get(ctx, key)
}

func (s sessionsIn) Update(ctx context.Context, sess *session.Session, now time.Time, version int64) error {
	if err := s.call(ctx); err != nil {
		return err
	}
	return s.Store.Update(ctx, sess, now, version)
}

func (s sessionsIn) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (string, error) {
	if err := s.call(ctx); err != nil {
		return "", err
	}
	return s.Store.Delete(ctx, key, secret, now)
}

func (s sessionsIn) List(ctx context.Context, owner string) ([]*session.Session, error) {
	if err := s.call(ctx); err != nil {
		return nil, err
	}
	return s.Store.List(ctx, owner)
}

type accountsIn struct {
	accounts.Registry
	*database
}

func (s accountsIn) Get(ctx context.Context, name string) (*accounts.Account, error) {
	if err := s.call(ctx); err != nil {
		return nil, err
	}
	return s.Registry.Get(ctx, name)
}

func (s accountsIn) Update(ctx context.Context, a *accounts.Account, revision string) error {
	if err := s.call(ctx); err != nil {
		return err
	}
	return s.Registry.Update(ctx, a, revision)
}

type attemptsIn struct {
	throttle.Store
	*database
}

func (s attemptsIn) Count(ctx context.Context, c throttle.Count) (throttle.Counter, bool, error) {
	if err := s.call(ctx); err != nil {
		return throttle.Counter{}, false, err
	}
	return s.Store.Count(ctx, c)
}

func (s attemptsIn) Withdraw(ctx context.Context, key, id string, counted bool) error {
	if err := s.call(ctx); err != nil {
		return err
	}
	return s.Store.Withdraw(ctx, key, id, counted)
}

func (s attemptsIn) Clear(ctx context.Context, key string) error {
	if err := s.call(ctx); err != nil {
		return err
	}
	return s.Store.Clear(ctx, key)
}

// TestHangingDatabase: wherever in a request the database stops answering, the answer
// comes before Lambda ends the function, at 10 seconds. A route has 8 of them, and what
// it takes back afterwards 1.5.
func TestHangingDatabase(t *testing.T) {
	for route, body := range map[string]string{
		"/login":          rightForm,
		"/reauthenticate": "password=correct+horse+battery+staple",
		"/password":       "current_password=correct+horse+battery+staple&new_password=the+coat+of+another+horse",
		"/logout":         "",
	} {
		t.Run(route, func(t *testing.T) {
			for hangAt, reached := int64(1), true; reached; hangAt++ {
				synctest.Test(t, func(t *testing.T) {
					db := &database{}
					r := newFixtureOn(t, stores{sessionsIn{memstore.New(), db}, accountsIn{memaccounts.New(), db}, attemptsIn{memaccounts.NewAttempts(), db}})
					cookie := r.signIn()
					db.calls.Store(0)
					db.hangAt.Store(hangAt)
					start := time.Now()
					resp := r.do(with(post(route, asForm, body), "Cookie", cookie))
					if took := time.Since(start); took > 9500*time.Millisecond {
						t.Errorf("call %d hangs: answered after %v", hangAt, took)
					}
					if reached = db.calls.Load() >= hangAt; !reached {
						return
					}
					if hangAt == 1 && resp.status != 503 {
						t.Errorf("call 1 hangs: answered %d", resp.status)
					}
				})
			}
		})
	}
}
