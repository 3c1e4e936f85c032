package history

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"example.com/coatcheck/pkg/session"
)

// fault is what happens to a call of the store in place of an answer.
type fault int

const (
	none    fault = iota
	refused       // the store never gets the call
	lost          // the store carries the call out, and nobody learns it
	late          // nobody gets an answer, and the store gets the call later
	doubled       // a driver sends the call again because the first answer was lost
)

var (
	errRefused = errors.New("history: the store refused the connection")
	errLost    = errors.New("history: the answer of the store was lost")
	errLate    = errors.New("history: the store did not answer in time")
)

// trace is what the Manager has sent to the store in one of its calls. It is in the
// context, and so are the faults that the call meets.
type trace struct {
	browser int

	mu     sync.Mutex
	rng    *rand.Rand
	faults bool
	sent   []sent
}

// sent is one call of the store.
type sent struct {
	verb      verb
	session   key
	secret    int // of a Delete: what proves it, or 0
	newSecret int
	data, at  int
	call, ret int64
	outcome   outcome
}

type traceKey struct{}

func traceOf(ctx context.Context) *trace { return ctx.Value(traceKey{}).(*trace) }

// draw chooses one of the faults, which is most often none.
func (t *trace) draw(faults ...fault) fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.faults || t.rng.IntN(5) > 0 {
		return none
	}
	return faults[t.rng.IntN(len(faults))]
}

// pause lets the other browsers go on, so that calls cross also in a store that never waits.
func (t *trace) pause() {
	t.mu.Lock()
	n := t.rng.IntN(8)
	t.mu.Unlock()
	switch {
	case n == 0:
		time.Sleep(50 * time.Microsecond)
	case n < 6:
		runtime.Gosched()
	}
}

func (t *trace) note(s sent) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent = append(t.sent, s)
}

// unsure notes of the last revocation of the session that the store cannot tell whether this
// call has ended it: a driver has sent it twice, so somebody else may have been first.
func (t *trace) unsure(session key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := len(t.sent) - 1; i >= 0; i-- {
		if t.sent[i].session == session && t.sent[i].verb == revoke {
			t.sent[i].verb = revokeAll
			return
		}
	}
}

// all returns the calls of the store so far.
func (t *trace) all() []sent {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sent
}

// last returns the last call with the verb, if there was one.
func (t *trace) last(v verb) (last sent, ok bool) {
	for _, s := range t.all() {
		if s.verb == v {
			last, ok = s, true
		}
	}
	return last, ok
}

// faulty is the store behind the Manager: the real one, with faults. In it the history's own
// time holds: each write that is told a time is told the next second.
type faulty struct {
	store  session.Store
	rec    *recorder
	owners []string // of the users, by number

	mu   sync.Mutex
	kept []func() // late calls
	told answers
	wg   sync.WaitGroup
}

// key returns the numbers of a key. User 0 is nobody.
func (f *faulty) key(k session.Key) key {
	return key{1 + slices.Index(f.owners, k.Owner), f.rec.id(k.ID)}
}

// Create implements [session.Store]. A store sends it once, so it is never doubled.
func (f *faulty) Create(ctx context.Context, s *session.Session) error {
	s, note := f.stamped(s)
	_, err := send(ctx, f, note, sentOnce, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, f.store.Create(ctx, s)
	})
	return err
}

// stamped returns a copy of the new session s with the history's own times.
func (f *faulty) stamped(s *session.Session) (*session.Session, sent) {
	s = s.Clone()
	at := f.rec.tick()
	t := f.rec.time(at)
	s.CreatedAt, s.AuthenticatedAt, s.LastSeenAt, s.ExpiresAt = t, t, t, t.Add(idle)
	return s, sent{verb: create, session: f.key(s.Key()), newSecret: f.rec.secret(s.Secret), data: dataOf(s), at: at}
}

// Get implements [session.Store].
func (f *faulty) Get(ctx context.Context, k session.Key) (*session.Session, error) {
	return send(ctx, f, sent{verb: load, session: f.key(k)}, reading, func(ctx context.Context) (*session.Session, error) {
		return f.store.Get(ctx, k)
	})
}

// List implements [session.Store].
func (f *faulty) List(ctx context.Context, owner string) ([]*session.Session, error) {
	return send(ctx, f, sent{verb: list, session: f.key(session.Key{Owner: owner})}, reading, func(ctx context.Context) ([]*session.Session, error) {
		return f.store.List(ctx, owner)
	})
}

// Update implements [session.Store].
func (f *faulty) Update(ctx context.Context, s *session.Session, _ time.Time, newVersion int64) error {
	s = s.Clone()
	at := f.rec.tick()
	if !s.ExpiresAt.IsZero() {
		s.AuthenticatedAt, s.ExpiresAt = f.rec.time(at), f.rec.time(at).Add(idle)
	}
	note := sent{verb: update, session: f.key(s.Key()), newSecret: f.rec.secret(s.Secret), data: dataOf(s), at: at}
	_, err := send(ctx, f, note, repeatable, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, f.store.Update(ctx, s, f.rec.time(at), newVersion)
	})
	return err
}

// Touch implements [session.Store]. The Manager tells its caller nothing of a touch, so it is
// recorded here.
func (f *faulty) Touch(ctx context.Context, k session.Key, _, _ time.Time, ip, userAgent string) error {
	at, call := f.rec.tick(), f.rec.now()
	a := action{verb: touch, session: f.key(k), at: at, browser: browserOf(ip, userAgent)}
	_, err := send(ctx, f, sent{verb: touch, session: a.session}, repeatable, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, f.store.Touch(ctx, k, f.rec.time(at), f.rec.time(at).Add(idle), ip, userAgent)
	})
	got := outcomeOf(err)
	f.rec.add(traceOf(ctx).browser, a, call, f.rec.now(), answer{outcome: got})
	if got == noSession { // a first try may have found it
		f.rec.add(traceOf(ctx).browser, a, call, never, answer{outcome: unknown})
	}
	return err
}

// Delete implements [session.Store].
func (f *faulty) Delete(ctx context.Context, k session.Key, secret *[32]byte, _ time.Time) (string, error) {
	note := sent{verb: revoke, session: f.key(k)}
	if secret != nil {
		note.verb, note.secret = destroy, f.rec.secret(*secret)
	}
	now := f.rec.time(f.rec.tick())
	userID, err := send(ctx, f, note, repeatable, func(ctx context.Context) (string, error) {
		return f.store.Delete(ctx, k, secret, now)
	})
	if err == nil && userID == "" {
		traceOf(ctx).unsure(note.session)
	}
	return userID, err
}

// The faults that a call of the store may meet.
var (
	reading    = []fault{refused}
	sentOnce   = []fault{refused, lost, late}
	repeatable = []fault{refused, lost, late, doubled}
)

// send makes the call of the store with one of the faults, or none, and notes it.
func send[T any](ctx context.Context, f *faulty, note sent, faults []fault, call func(context.Context) (T, error)) (T, error) {
	t := traceOf(ctx)
	f.deliverOne(t)
	t.pause()
	note.call = f.rec.now()
	what := t.draw(faults...)
	got, err := meet(ctx, f, what, call)
	note.ret, note.outcome = f.rec.now(), outcomeOf(err)
	t.note(note)
	if what == none && ctx.Err() == nil {
		f.answered(note.verb, err)
	}
	t.pause()
	return got, err
}

// meet makes the call with the fault.
func meet[T any](ctx context.Context, f *faulty, what fault, call func(context.Context) (T, error)) (nothing T, err error) {
	switch what {
	case refused:
		return nothing, errRefused
	case late:
		f.keep(func() { call(context.WithoutCancel(ctx)) })
		return nothing, errLate
	case lost:
		call(ctx)
		return nothing, errLost
	case doubled:
		if got, first := call(ctx); outcomeOf(first) != done {
			return got, first
		}
		got, second := call(ctx)
		if outcomeOf(second) == conflict { // to a driver that is no certain answer
			return nothing, errLost
		}
		return got, second
	}
	return call(ctx)
}

func (f *faulty) answered(v verb, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told.add(v, err)
}

func (f *faulty) keep(call func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kept = append(f.kept, call)
}

// deliverOne sends one late call to the store, now and then, beside what comes next.
func (f *faulty) deliverOne(t *trace) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t.mu.Lock()
	n := t.rng.IntN(3)
	t.mu.Unlock()
	if len(f.kept) > 0 && n == 0 {
		f.wg.Go(f.kept[0])
		f.kept = f.kept[1:]
	}
}

// deliverAll sends all late calls to the store, and waits until it has carried them out.
func (f *faulty) deliverAll() {
	f.mu.Lock()
	kept := f.kept
	f.kept = nil
	f.mu.Unlock()
	for _, call := range kept {
		f.wg.Go(call)
	}
	f.wg.Wait()
}

// withLists returns f, with CreateAndList if the real store has it.
func withLists(f *faulty) session.Store {
	if real, ok := f.store.(session.CreateLister); ok {
		return listing{f, real}
	}
	return f
}

// listing is a faulty store that can create and list in one step.
type listing struct {
	*faulty
	real session.CreateLister
}

// CreateAndList implements [session.CreateLister].
func (l listing) CreateAndList(ctx context.Context, s *session.Session) ([]*session.Session, error) {
	s, note := l.stamped(s)
	return send(ctx, l.faulty, note, sentOnce, func(ctx context.Context) ([]*session.Session, error) {
		return l.real.CreateAndList(ctx, s)
	})
}
