package history

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"example.com/coatcheck/pkg/session"
)

// run is one run of a plan.
type run struct {
	plan
	ctx      context.Context
	rec      *recorder
	store    *faulty
	userIDs  []string
	sessions *session.Manager // of most processes
	strict   *session.Manager // of a process with a cut-off

	mu      sync.Mutex
	tickets []*ticket // all that were ever issued
}

const cookieName = "__Host-SESSIONID"

// newRun prepares a run, with users that no other run has.
func newRun(ctx context.Context, store session.Store, p plan) (*run, error) {
	r := &run{plan: p, ctx: ctx, rec: newRecorder()}
	r.store = &faulty{store: store, rec: r.rec, told: answers{}}
	for range p.users {
		id := rand.Text()
		r.userIDs = append(r.userIDs, id)
		r.store.owners = append(r.store.owners, (&session.Session{UserID: id}).Key().Owner)
	}
	cfg := session.Config{
		CookieName: cookieName, IdleTimeout: idle, Lifetime: 2 * idle, MaxSessions: p.maxSessions, Logger: slog.New(slog.DiscardHandler),
	}
	if p.signed {
		cfg.SigningKeys = [][]byte{[]byte(rand.Text() + rand.Text())}
	}
	var err, strictErr error
	r.sessions, err = session.New(withLists(r.store), cfg)
	cfg.NotBefore = r.rec.time(p.notBefore)
	r.strict, strictErr = session.New(withLists(r.store), cfg)
	return r, cmp.Or(err, strictErr)
}

// play makes all calls of the plan. Then it delivers what is late, and looks once more at
// everything: each user's list, and each cookie that was ever issued.
func (r *run) play() {
	begin := make(chan struct{})
	var all sync.WaitGroup
	for i, moves := range r.browsers {
		b := &browser{run: r, number: i + 1}
		all.Go(func() {
			<-begin
			for _, m := range moves {
				b.do(m)
			}
		})
	}
	close(begin)
	all.Wait()
	r.store.deliverAll()
	r.lookAgain(&browser{run: r, number: len(r.browsers) + 1})
}

func (r *run) lookAgain(b *browser) {
	for user := range r.userIDs {
		b.visit(move{seed: uint64(user)}, func(v *visit) { v.listOf(user + 1) })
	}
	for _, cookie := range r.tickets {
		b.visit(move{}, func(v *visit) { v.loadWith(cookie) })
	}
}

func (r *run) issue(t *ticket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tickets = append(r.tickets, t)
}

// anyTicket returns one of the cookies that were ever issued, or nil if there is none.
func (r *run) anyTicket(rng *mathrand.Rand) *ticket {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.tickets) == 0 {
		return nil
	}
	return r.tickets[rng.IntN(len(r.tickets))]
}

// checkTimeout is how long the checker may think about one session. It needs milliseconds.
const checkTimeout = time.Minute

// violation is a history that must not be.
type violation struct {
	plan  plan
	what  string
	model porcupine.Model
	steps []porcupine.Operation
}

// check returns what is wrong with the history, or nil. Its error says that the checker found
// no answer.
func (r *run) check() (*violation, error) {
	all := r.rec.bySession()
	for _, k := range slices.SortedFunc(maps.Keys(all), key.compare) {
		if v, err := r.judge(k, all[k], porcupine.CheckOperationsTimeout(model, all[k], checkTimeout)); v != nil || err != nil {
			return v, err
		}
	}
	return r.checkLimit(all), nil
}

// judge returns what the checker's result for one session means.
func (r *run) judge(k key, steps []porcupine.Operation, result porcupine.CheckResult) (*violation, error) {
	switch result {
	case porcupine.Ok:
		return nil, nil
	case porcupine.Illegal:
		return &violation{r.plan, "no order of these calls gives these answers for " + k.String(), model, steps}, nil
	}
	return nil, fmt.Errorf("the checker found no answer for %v in %v, with %d calls: nobody knows whether this history is right", k, checkTimeout, len(steps))
}
