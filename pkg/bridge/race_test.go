package bridge_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/internal/testing/testenv"
	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/bridge/dynamobridge"
	"example.com/coatcheck/pkg/bridge/membridge"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/dynamostore"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/signin/authn"
)

// raceSeed decides all choices and waits.
const raceSeed = 20261127

// raceEnd is the end of the bridge.
var raceEnd = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

// TestRaces lets one user, their devices and a thief do all that they can do at once: convert
// sessions, log out here and there, end one session and all, change the password, be
// disabled. Some calls get no answer, are carried out late, or are the last of their
// process. Each round has a user of its own. After it:
//
//   - no token is accepted that anything which was answered with success has ended
//   - no claim was accepted that had ended
//   - each session of the monolith has become at most one of ours
//   - nobody was told that there is no such session because of an outage
//   - everybody who comes again gets a session, or a reason to give the password
//
// With the stores in memory, each round runs in a synctest bubble. There the seed decides how
// long each call waits, and the waits take no real time. COATCHECK_TEST_RACES multiplies the
// rounds.
func TestRaces(t *testing.T) {
	testenv.Log(t) // refusals are expected
	times := 1
	if text := os.Getenv("COATCHECK_TEST_RACES"); text != "" {
		var err error
		if times, err = strconv.Atoi(text); err != nil {
			t.Fatalf("COATCHECK_TEST_RACES is %q; it must be a number", text)
		}
	}
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		var counts tally
		for round := range 2000 * times {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, round, true, memstore.New(), membridge.New())
				w.run()
				counts.add(w)
			})
			if t.Failed() {
				return
			}
		}
		counts.log(t)
	})
	t.Run("DynamoDB", func(t *testing.T) {
		t.Parallel()
		client := dynamotest.Client(t, dynamotest.Endpoint(t))
		sessions, records := newTables(t, client)
		var counts tally
		for round := range 40 * times {
			w := newWorld(t, round, false, dynamostore.New(client, sessions), dynamobridge.New(client, records))
			w.run()
			counts.add(w)
			if t.Failed() {
				return
			}
		}
		counts.log(t)
	})
}

// tally is how often what has happened.
type tally struct{ rounds, conversions, endings int }

func (c *tally) add(w *world) {
	c.rounds, c.conversions, c.endings = c.rounds+1, c.conversions+len(w.converted), c.endings+len(w.endings)
}

func (c *tally) log(t *testing.T) {
	t.Logf("%d rounds, %d conversions, %d endings", c.rounds, c.conversions, c.endings)
	if c.conversions < c.rounds/2 || c.endings < c.rounds/2 {
		t.Errorf("%d rounds had only %d conversions and %d endings", c.rounds, c.conversions, c.endings)
	}
}

// run is one round.
func (w *world) run() {
	quiet := w.choose(5) == 0 // nothing ends but by the conversions themselves
	actions := []func(context.Context){w.logOut, w.logOut, w.end, w.logOutThere, w.revokeAll, w.revokeOne, w.changePassword, w.disable}
	var all sync.WaitGroup
	for range 4 + w.choose(5) {
		op := &operation{fault: fault(w.choose(int(countOfFaults)))}
		if w.choose(3) == 0 {
			op.fails = int64(1 + w.choose(12))
		}
		action := func(ctx context.Context) { w.convert(ctx, op, w.anyCookie()) }
		if !quiet && w.choose(2) == 0 {
			action = actions[w.choose(len(actions))]
		}
		delay := w.choose(40) // a conversion takes about half of that
		all.Go(func() {
			for range delay {
				w.wait()
			}
			action(context.WithValue(w.t.Context(), operationKey{}, op))
		})
	}
	all.Wait()
	w.late.Wait()
	if w.memory {
		time.Sleep(raceLease)
	}
	w.over = w.memory // in real time, a change of the password may be under way for seconds
	for _, cookie := range w.cookies {
		w.convert(w.t.Context(), &operation{}, cookie)
	}
	w.check()
	if w.memory {
		w.comeBack()
	}
}

// comeBack signs the user in at the monolith once more, when the clocks do not matter any
// more. That session comes over, unless none of this user's does.
func (w *world) comeBack() {
	time.Sleep(2 * time.Minute)
	w.signInThere("new", time.Now())
	_, err := w.bridge.Convert(httptest.NewRecorder(), w.request(w.t.Context(), "mono=new"))
	if closed := w.users.all[w.name].closed; closed != errors.Is(err, authn.ErrNoClaim) || !closed && err != nil {
		w.t.Errorf("round %s: a new session at the monolith: %v; closed: %v", w.name, err, closed)
	}
}

// raceLease is how long a change of the password may take.
const raceLease = 5 * time.Second

func (w *world) anyCookie() string { return w.cookies[w.choose(len(w.cookies))] }

// anySessions returns a Manager that ends sessions: ours, or that of a program which does not
// know the bridge.
func (w *world) anySessions() *session.Manager {
	return []*session.Manager{w.sessions, w.elsewhere}[w.choose(2)]
}

// convert is what a browser does that comes to /convert: it tries again when it is told to.
func (w *world) convert(ctx context.Context, op *operation, cookie string) {
	w.mu.Lock()
	w.began[cookie]++
	w.mu.Unlock()
	for range 12 {
		began := w.clock.Add(1)
		recorder := httptest.NewRecorder()
		s, err := w.bridge.Convert(recorder, w.request(ctx, "mono="+cookie))
		if op.crashed.Load() {
			return // nobody gets the answer
		}
		if err == nil {
			w.mu.Lock()
			w.converted = append(w.converted, conversion{cookie, recorder.Result().Cookies()[0].Value, s, began, w.clock.Add(1)})
			w.mu.Unlock()
			if w.monolith.hasRow(w.name + cookie) {
				w.t.Errorf("round %s: the row of %s is left", w.name, cookie)
			}
			return
		}
		w.wantReason(op, cookie, err)
		if !errors.Is(err, authn.ErrConverting) || !w.memory {
			return
		}
		time.Sleep(time.Second)
	}
	w.t.Errorf("round %s: %s is told to try again for ever", w.name, cookie)
}

// wantReason checks that there is a reason for the error of a conversion.
func (w *world) wantReason(op *operation, cookie string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	spent := w.began[cookie] > 1
	known := false
	switch {
	case errors.Is(err, authn.ErrNoClaim):
		known = w.ended > 0 || slices.Contains(rowCookies, cookie) && spent && !w.monolith.hasRow(w.name+cookie)
	case errors.Is(err, authn.ErrConverting), errors.Is(err, authn.ErrConverted):
		known = spent
	case errors.Is(err, authn.ErrBusy):
		known = w.ended > 0 && !w.over
	default:
		known = op.fails > 0
	}
	if !known {
		w.t.Errorf("round %s: %s is told %v, and nothing has happened that would be a reason", w.name, cookie, err)
	}
}

// ending does something that ends sessions or claims, and keeps what was answered with
// success.
func (w *world) ending(ctx context.Context, e ending, do func() error) bool {
	w.mu.Lock()
	w.ended++
	w.mu.Unlock()
	e.began = w.clock.Add(1)
	err := do()
	op := ctx.Value(operationKey{}).(*operation)
	if err != nil || op.crashed.Load() {
		if err != nil && op.fails == 0 && !errors.Is(err, session.ErrNoSession) && !errors.Is(err, authn.ErrBusy) && !errors.Is(err, authn.ErrRefused) {
			w.t.Errorf("round %s: %s fails without a fault: %v", w.name, e.what, err)
		}
		return false
	}
	e.answered = w.clock.Add(1)
	if e.what == "end" && w.provedNothing(e.claim) {
		e.what = "gone"
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.endings = append(w.endings, e)
	return true
}

// provedNothing reports whether an End has found neither the row nor a link: somebody has
// logged out there before, or a conversion has failed after it had deleted the row.
func (w *world) provedNothing(cookie string) bool {
	if !slices.Contains(rowCookies, cookie) || w.monolith.hasRow(w.name+cookie) {
		return false
	}
	l, err := w.records.GetLink(w.t.Context(), linkIDOf(w.name, w.name+cookie))
	if err != nil && !errors.Is(err, bridge.ErrNotFound) {
		w.t.Errorf("round %s: %v", w.name, err)
	}
	return !l.Ended
}

// anyConversion returns one that was answered, if there is any.
func (w *world) anyConversion() (conversion, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.converted) == 0 {
		return conversion{}, false
	}
	return w.converted[w.rng.IntN(len(w.converted))], true
}

// logOut is a logout of ours, in a browser that may have the monolith's cookie too.
func (w *world) logOut(ctx context.Context) {
	c, ok := w.anyConversion()
	if !ok {
		w.end(ctx)
		return
	}
	if w.destroy(ctx, c) && w.choose(2) == 0 {
		w.endClaim(ctx, c.claim)
	}
}

func (w *world) destroy(ctx context.Context, c conversion) bool {
	return w.ending(ctx, ending{what: "logout", token: c.token}, func() error {
		return w.sessions.Destroy(httptest.NewRecorder(), w.request(ctx, "__Host-SESSIONID="+c.token))
	})
}

func (w *world) end(ctx context.Context) { w.endClaim(ctx, w.anyCookie()) }

func (w *world) endClaim(ctx context.Context, cookie string) {
	w.ending(ctx, ending{what: "end", claim: cookie}, func() error { return w.bridge.End(w.request(ctx, "mono="+cookie)) })
}

// logOutThere is a logout of the monolith's, which ends ours first.
func (w *world) logOutThere(ctx context.Context) {
	if c, ok := w.anyConversion(); ok && !w.destroy(ctx, c) {
		return
	}
	cookie := rowCookies[w.choose(2)]
	w.ending(ctx, ending{what: "monolith", claim: cookie}, func() error {
		return write(ctx, w, func(context.Context) error { return w.monolith.endRow(w.name + cookie) })
	})
}

func (w *world) revokeAll(ctx context.Context) {
	w.ending(ctx, ending{what: "all"}, func() error { return w.sessions.RevokeAll(ctx, w.name) })
}

func (w *world) revokeOne(ctx context.Context) {
	if c, ok := w.anyConversion(); ok {
		w.ending(ctx, ending{what: "one", id: c.session.ID}, func() error { return w.sessions.Revoke(ctx, w.name, c.session.ID) })
	}
}

// changePassword is made in the session of a conversion, or after a sign-in.
func (w *world) changePassword(ctx context.Context) {
	s := w.signedIn(ctx)
	if s == nil {
		return
	}
	modify := func(change func(*account) error) error {
		return write(ctx, w, func(context.Context) error {
			w.users.mu.Lock()
			defer w.users.mu.Unlock()
			a := w.users.all[w.name]
			if err := change(&a); err != nil {
				return err
			}
			a.version++
			w.users.all[w.name] = a
			return nil
		})
	}
	w.ending(ctx, ending{what: "password", id: s.ID}, func() error {
		if _, err := w.users.get(w.name); err != nil {
			return err
		}
		if err := modify(func(a *account) error {
			if !a.frozenUntil.IsZero() || a.disabled {
				return authn.ErrBusy
			}
			a.frozenUntil, a.change = time.Now().Add(raceLease), s.ID
			return nil
		}); err != nil {
			return err
		}
		if err := w.anySessions().ReauthenticateAlone(ctx, httptest.NewRecorder(), s); err != nil {
			return err
		}
		return modify(func(a *account) error {
			if a.change != s.ID {
				return authn.ErrBusy
			}
			a.frozenUntil, a.change = time.Time{}, ""
			a.closed, a.changedBy = true, s.ID
			return nil
		})
	})
}

// signedIn returns a session: that of a conversion if there is one, or a new one.
func (w *world) signedIn(ctx context.Context) *session.Session {
	if c, ok := w.anyConversion(); ok {
		s, err := w.sessions.Load(w.request(ctx, "__Host-SESSIONID="+c.token))
		if err != nil {
			return nil
		}
		return s
	}
	identity, err := w.users.Identify(ctx, w.name)
	if err != nil {
		return nil
	}
	s, err := w.sessions.Create(httptest.NewRecorder(), w.request(ctx, ""), session.User{ID: w.name, Confirm: identity.Confirm})
	if err != nil {
		return nil
	}
	return s
}

// disable disables the user, ends their sessions, and enables the user again.
func (w *world) disable(ctx context.Context) {
	w.ending(ctx, ending{what: "disable"}, func() error {
		if err := write(ctx, w, func(context.Context) error {
			w.users.change(w.name, func(a *account) { a.disabled, a.closed = true, true })
			return nil
		}); err != nil {
			return err
		}
		return w.anySessions().RevokeAll(ctx, w.name)
	})
	w.users.change(w.name, func(a *account) { a.disabled = false })
}

// check looks at what is left.
func (w *world) check() {
	seen := map[string]int{}
	changedBy := w.users.all[w.name].changedBy
	for _, e := range w.endings {
		if e.what == "end" && w.monolith.hasRow(w.name+e.claim) {
			w.t.Errorf("round %s: %s was ended, and its row is left", w.name, e.claim)
		}
	}
	for _, c := range w.converted {
		alive := w.load(c.token)
		if seen[c.claim]++; seen[c.claim] > 1 {
			w.t.Errorf("round %s: %s has become %d sessions", w.name, c.claim, seen[c.claim])
		}
		if alive && changedBy != "" && changedBy != c.session.ID {
			w.t.Errorf("round %s: the password was changed, and the session of %s lives", w.name, c.claim)
		}
		for _, e := range w.endings {
			if why := e.violated(c, alive, len(w.endings) == 1); why != "" {
				w.t.Errorf("round %s: %s was answered at %d; %s, which began at %d, %s", w.name, e.what, e.answered, c.claim, c.began, why)
			}
		}
	}
}

// violated says what is wrong with the conversion c after the ending e, or returns "". Alone
// is whether nothing else has ended anything.
func (e ending) violated(c conversion, alive, alone bool) string {
	after := c.began > e.answered
	everything := e.what == "all" || e.what == "disable" || e.what == "password" && c.session.ID != e.id
	switch {
	case alive && e.what == "gone" && e.claim == c.claim && c.answered < e.began:
		return "lives, and the row was gone"
	case alive && (everything || e.what == "end" && e.claim == c.claim || e.what == "logout" && e.token == c.token || e.what == "one" && e.id == c.session.ID):
		return "lives"
	case after && (everything || (e.what == "end" || e.what == "monolith") && e.claim == c.claim || e.what == "end" && slices.Contains(bareCookies, e.claim)):
		return "was accepted"
	case after && alone && slices.Contains(bareCookies, c.claim) && (e.what == "logout" || e.what == "one"):
		return "was accepted, and the user was sealed"
	}
	return ""
}
