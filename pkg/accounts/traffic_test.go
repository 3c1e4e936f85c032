package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/dynamoaccounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/dynamostore"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/signin/authn"
)

// TestTraffic simulates several devices of one user at once. They sign in, send
// requests, change and renew sessions, and log out. In every round all sessions are
// ended, in every fifth by a change of password.
//
// A token that was issued before a round is never accepted after it. The same is true
// for a token that was issued for the old password. A token that is issued while
// sessions are not being ended is valid.
//
// With the stores in memory, the test runs in a synctest bubble. There the seed
// decides how long each call waits. So calls overlap in hundreds of ways, and the
// waits take no real time.
func TestTraffic(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			newTraffic(t, memstore.New(), memaccounts.New(), 5*time.Millisecond).run(600, 6)
		})
	})
	t.Run("DynamoDB", func(t *testing.T) {
		t.Parallel()
		client, tables := dynamotest.Client(t, dynamotest.Endpoint(t)), dynamotest.Tables(t)
		newTraffic(t, dynamostore.New(client, tables["SessionsTable"]), dynamoaccounts.New(client, tables["UsersTable"]), time.Millisecond).run(150, 3)
	})
}

// trafficSeed decides all choices and waits.
const trafficSeed = 20261123

type traffic struct {
	t         *testing.T
	user      *accounts.Account
	directory *accounts.Registrar
	sessions  *session.Manager
	store     session.Store
	pause     time.Duration // the longest wait

	mu   sync.Mutex
	rng  *rand.Rand
	live map[string]int64 // the issued tokens, each with the version of the account at its sign-in
	dead []string

	endings  atomic.Int64 // is incremented before and after all sessions are ended: odd means in progress
	changed  atomic.Int64 // the version of the account after the last change of password
	logins   atomic.Int64
	finished atomic.Bool
}

func newTraffic(t *testing.T, store session.Store, users accounts.Registry, pause time.Duration) *traffic {
	t.Helper()
	tr := &traffic{t: t, pause: pause, rng: rand.New(rand.NewPCG(trafficSeed, 1)), live: map[string]int64{}}
	tr.store = slowSessions{store, tr}
	tr.directory = accounts.NewRegistrar(slowAccounts{users, tr}, accounts.Config{}).Checked()
	var err error
	if tr.user, err = tr.directory.Register(t.Context(), "alice", "", nil, "an example of a long password"); err != nil {
		t.Fatal(err)
	}
	tr.directory.SetVerify(func(string, string) (bool, error) { return true, nil }) // hashes are slow, and this test does not need them
	tr.sessions, err = session.New(tr.store, session.Config{MaxSessions: -1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func (tr *traffic) run(rounds, devices int) {
	var traffic sync.WaitGroup
	for range devices {
		traffic.Go(func() {
			for !tr.finished.Load() && !tr.t.Failed() {
				tr.visit()
			}
		})
	}
	for round := range rounds {
		if tr.t.Failed() {
			break
		}
		for int(tr.logins.Load()) <= round && !tr.t.Failed() {
			tr.wait() // so that there are sessions to end, however the machine schedules the goroutines
		}
		if round%5 == 4 {
			tr.changePassword(round)
		} else {
			tr.revokeAll()
		}
		tr.wantStillDead(1)
	}
	tr.finished.Store(true)
	traffic.Wait()
	tr.wantStillDead(1000)
	tr.t.Logf("%d logins, %d tokens that died, %d rounds", tr.logins.Load(), len(tr.dead), rounds)
}

// visit does what one device does from the sign-in to its last request.
func (tr *traffic) visit() {
	began := tr.endings.Load()
	// disturbed reports whether all sessions were being ended at any time since began.
	disturbed := func() bool { return began%2 == 1 || tr.endings.Load() != began }
	s, token, err := tr.signIn()
	if err != nil {
		if !disturbed() || !errors.Is(err, authn.ErrRefused) && !errors.Is(err, authn.ErrBusy) {
			tr.t.Errorf("a login failed: %v", err)
		}
		return
	}
	for range tr.choose(6) {
		fine := func(what string, err error) bool {
			if err != nil && (!disturbed() || !errors.Is(err, session.ErrNoSession)) {
				tr.t.Errorf("%s failed: %v", what, err)
			}
			return err == nil
		}
		ctx, w := tr.t.Context(), httptest.NewRecorder()
		switch tr.choose(5) {
		case 0:
			if _, err := tr.load(token); !fine("a request", err) {
				return
			}
		case 1:
			now := time.Now().UTC().Truncate(time.Second)
			if !fine("a touch", tr.store.Touch(ctx, s.Key(), now.Add(time.Second), now.Add(time.Hour), "", "")) {
				return
			}
		case 2:
			if !fine("an update", tr.sessions.Update(ctx, s, func(s *session.Session) { s.Values["theme"] = "dark" })) {
				return
			}
		case 3:
			if !fine("a renewal", tr.sessions.Renew(ctx, w, s)) {
				return
			}
			token = tr.replace(token, tokenOf(w))
		case 4:
			if err := tr.sessions.Destroy(w, request(ctx, token)); err != nil {
				tr.t.Errorf("a logout failed: %v", err)
			}
			tr.markDead(token)
			return
		}
	}
}

// signIn does what a login does, and records the token that it issues.
func (tr *traffic) signIn() (*session.Session, string, error) {
	ctx := tr.t.Context()
	account, err := tr.directory.Find(ctx, "alice")
	if err == nil {
		account, err = tr.directory.Prove(ctx, account, "")
	}
	if err != nil {
		return nil, "", err
	}
	w := httptest.NewRecorder()
	s, err := tr.sessions.Create(w, request(ctx, ""), session.User{ID: account.UserID, Confirm: func(ctx context.Context) error {
		return tr.directory.Recheck(ctx, account)
	}})
	if err != nil {
		return nil, "", err
	}
	tr.logins.Add(1)
	token := tokenOf(w)
	tr.mu.Lock()
	tr.live[token] = account.Version
	tr.mu.Unlock()
	if account.Version < tr.changed.Load() {
		tr.wantDead("it was proved by an old password", token)
	}
	return s, token, nil
}

func (tr *traffic) revokeAll() {
	handedOut := tr.handedOut(func(int64) bool { return true })
	tr.ending(func() error { return tr.sessions.RevokeAll(tr.t.Context(), tr.user.UserID) })
	tr.wantDead("it was handed out before all sessions were ended", handedOut...)
}

func (tr *traffic) changePassword(round int) {
	ctx := tr.t.Context()
	s, old, err := tr.signIn()
	if err != nil {
		tr.t.Errorf("a login with no ending under way failed: %v", err)
		return
	}
	account, err := tr.directory.Find(ctx, "alice")
	if err != nil {
		tr.t.Fatal(err)
	}
	handedOut := tr.handedOut(func(int64) bool { return true })
	w := httptest.NewRecorder()
	tr.ending(func() error {
		_, err := tr.directory.ChangePassword(ctx, account, fmt.Sprintf("an example of password %d", round), func(ctx context.Context) error {
			return tr.sessions.ReauthenticateAlone(ctx, w, s)
		})
		return err
	})
	tr.changed.Store(account.Version + 2) // the freeze adds 1, and so does its end
	tr.wantDead("the password was changed", handedOut...)
	tr.wantDead("it was proved by the old password", tr.handedOut(func(version int64) bool { return version < account.Version+2 })...)
	if tr.t.Failed() {
		return
	}
	token := tr.replace(old, tokenOf(w))
	if _, err := tr.load(token); err != nil {
		tr.t.Errorf("the token of who changed the password: %v", err)
	}
}

// ending calls end, which ends all sessions, and lets the devices know meanwhile.
func (tr *traffic) ending(end func() error) {
	tr.endings.Add(1)
	defer tr.endings.Add(1)
	if err := end(); err != nil {
		tr.t.Errorf("ending all sessions failed: %v", err)
	}
}

// handedOut returns the tokens that are not known to be dead and whose version is
// wanted.
func (tr *traffic) handedOut(wanted func(version int64) bool) (tokens []string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for token, version := range tr.live {
		if wanted(version) {
			tokens = append(tokens, token)
		}
	}
	return tokens
}

// wantDead reports an error for each token that is still accepted. It checks all tokens
// at once, so that few new ones are issued meanwhile.
func (tr *traffic) wantDead(because string, tokens ...string) {
	var looks sync.WaitGroup
	for _, token := range tokens {
		looks.Go(func() {
			if _, err := tr.load(token); !errors.Is(err, session.ErrNoSession) {
				tr.t.Errorf("a token is accepted (%v), though %s; seed %d, ending %d", err, because, trafficSeed, tr.endings.Load()/2)
			}
			tr.markDead(token)
		})
	}
	looks.Wait()
}

// wantStillDead checks n random dead tokens once more.
func (tr *traffic) wantStillDead(n int) {
	for range n {
		tr.mu.Lock()
		count := len(tr.dead)
		tr.mu.Unlock()
		if count == 0 {
			return
		}
		tr.mu.Lock()
		token := tr.dead[tr.rng.IntN(count)]
		tr.mu.Unlock()
		if _, err := tr.load(token); !errors.Is(err, session.ErrNoSession) {
			tr.t.Errorf("a token that was dead is accepted again (%v); seed %d", err, trafficSeed)
		}
	}
}

func (tr *traffic) markDead(token string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if _, ok := tr.live[token]; ok {
		delete(tr.live, token)
		tr.dead = append(tr.dead, token)
	}
}

// replace records a renewal: token is now valid in place of old.
func (tr *traffic) replace(old, token string) string {
	tr.mu.Lock()
	tr.live[token] = tr.live[old]
	tr.mu.Unlock()
	tr.markDead(old)
	return token
}

func (tr *traffic) load(token string) (*session.Session, error) {
	return tr.sessions.Load(request(tr.t.Context(), token))
}

func request(ctx context.Context, token string) *http.Request {
	r := httptest.NewRequestWithContext(ctx, "GET", "https://app.example/", nil)
	if token != "" {
		r.Header.Set("Cookie", "__Host-SESSIONID="+token)
	}
	return r
}

func tokenOf(w *httptest.ResponseRecorder) string { return w.Result().Cookies()[0].Value }

// wait sleeps for a time that the seed decides.
func (tr *traffic) wait() {
	tr.mu.Lock()
	d := time.Duration(tr.rng.Int64N(int64(tr.pause)))
	tr.mu.Unlock()
	time.Sleep(d)
}

func (tr *traffic) choose(n int) int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.rng.IntN(n)
}

// slowSessions waits before and after every call, as a network does.
type slowSessions struct {
	session.Store
	tr *traffic
}

func (s slowSessions) Create(ctx context.Context, v *session.Session) error {
	s.tr.wait()
	defer s.tr.wait()
	return s.Store.Create(ctx, v)
}

func (s slowSessions) Get(ctx context.Context, key session.Key) (*session.Session, error) {
	s.tr.wait()
	defer s.tr.wait()
	return s.Store.Get(ctx, key)
}

func (s slowSessions) Update(ctx context.Context, v *session.Session, now time.Time, newVersion int64) error {
	s.tr.wait()
	defer s.tr.wait()
	return s.Store.Update(ctx, v, now, newVersion)
}

func (s slowSessions) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	s.tr.wait()
	defer s.tr.wait()
	return s.Store.Touch(ctx, key, now, expires, ip, userAgent)
}

func (s slowSessions) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (string, error) {
	s.tr.wait()
	defer s.tr.wait()
	return s.Store.Delete(ctx, key, secret, now)
}

func (s slowSessions) List(ctx context.Context, owner string) ([]*session.Session, error) {
	s.tr.wait()
	defer s.tr.wait()
	return s.Store.List(ctx, owner)
}

// slowAccounts waits like slowSessions.
type slowAccounts struct {
	accounts.Registry
	tr *traffic
}

func (s slowAccounts) Get(ctx context.Context, name string) (*accounts.Account, error) {
	s.tr.wait()
	defer s.tr.wait()
	return s.Registry.Get(ctx, name)
}

func (s slowAccounts) Update(ctx context.Context, a *accounts.Account, newRevision string) error {
	s.tr.wait()
	defer s.tr.wait()
	return s.Registry.Update(ctx, a, newRevision)
}
