package bridge_test

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/bridge/dynamobridge"
	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/dynamostore"
	"example.com/coatcheck/pkg/signin/authn"
)

// fault is what happens to one call of an operation.
type fault int

const (
	refused     fault = iota // it is not carried out, and there is no answer
	lost                     // it is carried out, and there is no answer
	late                     // there is no answer, and it is carried out later
	crashBefore              // the process stops before it
	crashAfter               // the process stops after it
	countOfFaults
)

// operation is what one process does for one request. Its calls have it in their context.
type operation struct {
	fails   int64 // the number of the call that fails; 0 if none does
	fault   fault
	calls   atomic.Int64
	crashed atomic.Bool
}

type operationKey struct{}

// world is one user, at the monolith and here, with everything that asks at once.
type world struct {
	t        *testing.T
	name     string // of the user and of the round
	memory   bool   // time is that of a synctest bubble, so waiting costs nothing
	cookies  []string
	bridge   *bridge.Bridge
	sessions *session.Manager

	// elsewhere is that of a program that does not know the bridge.
	elsewhere *session.Manager

	monolith *monolith
	users    *users
	records  bridge.Store

	clock atomic.Int64 // counts what begins and what is answered
	late  sync.WaitGroup

	mu        sync.Mutex
	rng       *rand.Rand
	converted []conversion
	endings   []ending
	began     map[string]int // conversions, by the cookie
	ended     int            // operations that end something and have begun
	over      bool           // nothing is under way any more
}

// conversion is one that was answered with a session.
type conversion struct {
	claim, token    string
	session         *session.Session
	began, answered int64
}

// ending is an operation that ends something and was answered with success.
type ending struct {
	what            string // "logout", "end", "gone", "monolith", "all", "one", "password" or "disable"
	claim           string // of end, gone and monolith
	token           string // of logout
	id              string // of one; of password, the session that stays
	began, answered int64
}

// call makes a call of the operation in ctx, slowly, and with the fault that the operation has
// for it. A read that is late is lost.
func call[T any](ctx context.Context, w *world, do func(context.Context) (T, error)) (answer T, err error) {
	w.wait()
	defer w.wait()
	op, _ := ctx.Value(operationKey{}).(*operation)
	if op == nil {
		return do(ctx)
	}
	if op.crashed.Load() {
		return answer, errOutage
	}
	if op.calls.Add(1) != op.fails {
		return do(ctx)
	}
	switch op.fault {
	case lost:
		_, _ = do(ctx)
	case late:
		w.late.Go(func() {
			for range 10 {
				w.wait()
			}
			_, _ = do(context.WithoutCancel(ctx))
		})
	case crashBefore:
		op.crashed.Store(true)
	case crashAfter:
		_, _ = do(ctx)
		op.crashed.Store(true)
	}
	return answer, errOutage
}

func write(ctx context.Context, w *world, do func(context.Context) error) error {
	_, err := call(ctx, w, func(ctx context.Context) (struct{}, error) { return struct{}{}, do(ctx) })
	return err
}

// wait sleeps as long as a call may be on its way.
func (w *world) wait() {
	time.Sleep(time.Duration(w.choose(5000)) * time.Microsecond * time.Duration(w.scale()))
}

// scale makes waits in real time short: there the server takes its time.
func (w *world) scale() int {
	if w.memory {
		return 1
	}
	return 0
}

func (w *world) choose(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rng.IntN(n)
}

// slowSessions, slowBridge, slowMonolith and slowUsers make each call by [call].
type slowSessions struct {
	session.Store
	w *world
}

func (s slowSessions) Create(ctx context.Context, v *session.Session) error {
	v = v.Clone()
	return write(ctx, s.w, func(ctx context.Context) error { return s.Store.Create(ctx, v) })
}

func (s slowSessions) Get(ctx context.Context, key session.Key) (*session.Session, error) {
	return call(ctx, s.w, func(ctx context.Context) (*session.Session, error) { return s.Store.Get(ctx, key) })
}

func (s slowSessions) Update(ctx context.Context, v *session.Session, now time.Time, newVersion int64) error {
	v = v.Clone()
	return write(ctx, s.w, func(ctx context.Context) error { return s.Store.Update(ctx, v, now, newVersion) })
}

func (s slowSessions) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (string, error) {
	return call(ctx, s.w, func(ctx context.Context) (string, error) { return s.Store.Delete(ctx, key, secret, now) })
}

func (s slowSessions) List(ctx context.Context, owner string) ([]*session.Session, error) {
	return call(ctx, s.w, func(ctx context.Context) ([]*session.Session, error) { return s.Store.List(ctx, owner) })
}

type slowBridge struct {
	bridge.Store
	w *world
}

// putAnswer is what PutLink returns besides an outage.
type putAnswer struct {
	stored bridge.Link
	err    error
}

func (s slowBridge) PutLink(ctx context.Context, l bridge.Link) (bridge.Link, error) {
	a, err := call(ctx, s.w, func(ctx context.Context) (putAnswer, error) {
		stored, err := s.Store.PutLink(ctx, l)
		return putAnswer{stored, err}, nil
	})
	return a.stored, errors.Join(a.err, err)
}

func (s slowBridge) GetLink(ctx context.Context, id string) (bridge.Link, error) {
	return call(ctx, s.w, func(ctx context.Context) (bridge.Link, error) { return s.Store.GetLink(ctx, id) })
}

func (s slowBridge) DeleteLink(ctx context.Context, id, nonce string) error {
	return write(ctx, s.w, func(ctx context.Context) error { return s.Store.DeleteLink(ctx, id, nonce) })
}

func (s slowBridge) EndLink(ctx context.Context, l bridge.Link) (bridge.Link, error) {
	return call(ctx, s.w, func(ctx context.Context) (bridge.Link, error) { return s.Store.EndLink(ctx, l) })
}

func (s slowBridge) PutSeal(ctx context.Context, owner string, at time.Time) error {
	return write(ctx, s.w, func(ctx context.Context) error { return s.Store.PutSeal(ctx, owner, at) })
}

func (s slowBridge) GetSeal(ctx context.Context, owner string) (time.Time, error) {
	return call(ctx, s.w, func(ctx context.Context) (time.Time, error) { return s.Store.GetSeal(ctx, owner) })
}

func (s slowBridge) Links(ctx context.Context) iter.Seq2[bridge.Link, error] {
	return s.Store.Links(ctx)
}

type slowMonolith struct {
	*monolith
	w *world
}

func (m slowMonolith) Open(ctx context.Context, cookies map[string]string, now time.Time) (legacy.Claim, error) {
	c, err := call(ctx, m.w, func(ctx context.Context) (legacy.Claim, error) { return m.monolith.Open(ctx, cookies, now) })
	if end := c.End; end != nil {
		c.End = func(ctx context.Context) error { return write(ctx, m.w, end) }
	}
	return c, err
}

type slowUsers struct {
	*users
	w *world
}

func (u slowUsers) Identify(ctx context.Context, userID string) (authn.Identity, error) {
	i, err := call(ctx, u.w, func(ctx context.Context) (authn.Identity, error) { return u.users.Identify(ctx, userID) })
	if err != nil {
		return nil, err
	}
	return slowIdentity{i, u.w}, nil
}

type slowIdentity struct {
	authn.Identity
	w *world
}

func (i slowIdentity) Confirm(ctx context.Context) error {
	return write(ctx, i.w, i.Identity.Confirm)
}

// The cookies of the user at the monolith. Thieves have copies of all.
var (
	rowCookies  = []string{"row", "device"}            // with a row, and so with an identity
	bareCookies = []string{"bare", "copy"}             // of one stateless session, with neither identity nor time
	allCookies  = []string{"row", "device", "stamped"} // "stamped" is stateless, and has a stamp
)

// newWorld has one user, who is signed in at the monolith by each of the claims.
func newWorld(t *testing.T, round int, memory bool, sessions session.Store, records bridge.Store) *world {
	w := &world{t: t, name: fmt.Sprintf("u%d-%d", raceSeed, round), memory: memory, monolith: newMonolith("mono"), records: records, began: map[string]int{}}
	w.rng = rand.New(rand.NewPCG(raceSeed, uint64(round)))
	w.users = &users{all: map[string]account{w.name: {user: authn.User{ID: w.name, Username: "alice"}}}}
	w.cookies = allCookies
	stateless := w.choose(2) == 0
	if stateless {
		w.cookies = append(slices.Clone(allCookies), bareCookies...)
	}
	for _, cookie := range w.cookies {
		w.signInThere(cookie, time.Now().Add(-time.Hour))
	}
	store := slowBridge{records, w}
	var err error
	quiet := slog.New(slog.DiscardHandler)
	w.sessions, err = session.New(slowSessions{sessions, w}, session.Config{BeforeEnding: bridge.BeforeEnding(store, stateless), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	w.elsewhere, err = session.New(slowSessions{sessions, w}, session.Config{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	w.bridge, err = bridge.New(t.Context(), bridge.Config{
		Sessions: w.sessions, Users: slowUsers{w.users, w}, Store: store, EndsAt: raceEnd,
		Sources: []bridge.Source{{Source: slowMonolith{w.monolith, w}, Name: w.name}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// signInThere makes a session at the monolith.
func (w *world) signInThere(cookie string, at time.Time) {
	c := legacy.Claim{UserID: w.name, Identity: w.name + cookie, SignedInAt: at, ExpiresAt: time.Now().Add(24 * time.Hour)}
	if slices.Contains(bareCookies, cookie) {
		c.Identity, c.SignedInAt = "", time.Time{}
	}
	if slices.Contains(rowCookies, cookie) {
		w.monolith.rows[c.Identity] = true
	}
	w.monolith.signIn(cookie, c)
}

func (w *world) request(ctx context.Context, cookie string) *http.Request {
	r := httptest.NewRequestWithContext(ctx, "POST", "/", nil)
	r.Header.Set("Cookie", cookie)
	return r
}

// load returns whether the token is accepted.
func (w *world) load(token string) bool {
	_, err := w.sessions.Load(w.request(w.t.Context(), "__Host-SESSIONID="+token))
	if err != nil && !errors.Is(err, session.ErrNoSession) {
		w.t.Errorf("round %s: %v", w.name, err)
	}
	return err == nil
}

// newTables creates a table of sessions and one of a bridge's records.
func newTables(t *testing.T, client *dynamodb.Client) (sessions, records string) {
	t.Helper()
	sessions, records = "sessions-"+crand.Text(), "bridge-"+crand.Text()
	newTable(t, client, dynamostore.CreateTableInput(sessions))
	newTable(t, client, dynamobridge.CreateTableInput(records))
	return sessions, records
}

func newTable(t *testing.T, client *dynamodb.Client, input *dynamodb.CreateTableInput) {
	t.Helper()
	if _, err := client.CreateTable(t.Context(), input); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: input.TableName}); err != nil {
			t.Error(err)
		}
	})
}
