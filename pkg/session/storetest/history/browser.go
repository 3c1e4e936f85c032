package history

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"example.com/coatcheck/pkg/session"
)

// browser makes calls to the Manager one after another. It keeps one cookie, as browsers do.
type browser struct {
	*run
	number int
	cookie *ticket
	handle *session.Session // of an earlier load; may be old
}

// ticket is a cookie's value, with what it proves.
type ticket struct {
	value   string
	session key
	secret  int
}

// visit is one call of a browser.
type visit struct {
	*browser
	rng       *rand.Rand
	trace     *trace
	data      int // that the call writes; no other writes the same
	ctx       context.Context
	call, ret int64
}

// writer is the answer to a request, of which the history needs the cookie alone.
type writer struct{ header http.Header }

func (w writer) Header() http.Header         { return w.header }
func (w writer) Write(b []byte) (int, error) { return len(b), nil }
func (w writer) WriteHeader(int)             {}

// errNotConfirmed ends a login after its session was stored.
var errNotConfirmed = errors.New("history: the account was disabled meanwhile")

// do makes the move.
func (b *browser) do(m move) { b.visit(m, moves[m.verb]) }

// visit makes one call, as the move's seed says.
func (b *browser) visit(m move, call func(*visit)) {
	v := &visit{browser: b, rng: rand.New(rand.NewPCG(m.seed, 1)), data: b.rec.nextCall()}
	v.trace = &trace{browser: b.number, rng: rand.New(rand.NewPCG(m.seed, 2)), faults: m.faults}
	ctx, cancel := context.WithCancel(context.WithValue(b.ctx, traceKey{}, v.trace))
	defer cancel()
	if m.faults && v.rng.IntN(25) == 0 { // the browser hangs up
		time.AfterFunc(time.Duration(v.rng.IntN(2000))*time.Microsecond, cancel)
	}
	v.ctx = ctx
	call(v)
}

// request returns a request with the cookie, if any.
func (v *visit) request(cookie *ticket) *http.Request {
	r, _ := http.NewRequestWithContext(v.ctx, "POST", "https://example.com/", nil) // a constant that is right
	r.RemoteAddr = addressOf(v.number) + ":1234"
	r.Header.Set("User-Agent", agentOf(v.number))
	if cookie != nil {
		r.Header.Set("Cookie", cookieName+"="+cookie.value)
	}
	return r
}

// time makes the call, and notes when it began and ended.
func (v *visit) time(call func() error) outcome {
	v.call = v.rec.now()
	err := call()
	v.ret = v.rec.now()
	return outcomeOf(err)
}

func (v *visit) add(a action, got answer) { v.rec.add(v.number, a, v.call, v.ret, got) }

// keep notes the cookie of the answer, which proves s.
func (v *visit) keep(w writer, s *session.Session) bool {
	cookie, err := http.ParseSetCookie(w.header.Get("Set-Cookie"))
	if err != nil || cookie.MaxAge < 0 {
		return false
	}
	v.cookie = &ticket{cookie.Value, v.keyOf(s), v.rec.secret(s.Secret)}
	v.handle = s
	s.AuthenticatedAt = v.rec.time(0) // the store's time, in which no two proofs have the same
	v.issue(v.cookie)
	return true
}

func (v *visit) keyOf(s *session.Session) key { return v.store.key(s.Key()) }

// login signs a user in, and replaces the session that the browser has.
func (v *visit) login() {
	user := v.rng.IntN(len(v.userIDs))
	roles, values := userData(v.data)
	u := session.User{ID: v.userIDs[user], Roles: roles, Values: values}
	refused := v.rng.IntN(10) == 0
	if refused {
		u.Confirm = func(context.Context) error { return errNotConfirmed }
	}
	w, replaced := writer{http.Header{}}, v.cookie
	var s *session.Session
	got := v.time(func() (err error) {
		s, err = v.sessions.Create(w, v.request(replaced), u)
		return err
	})
	made := login{user: user + 1, browser: v.number, call: v.call, ret: v.ret, clean: true}
	if replaced != nil {
		made.presented = replaced.session.id
	}
	for _, sent := range v.trace.all() {
		v.loggedIn(&made, sent, got)
	}
	if got == done {
		v.keep(w, s)
		made.id = v.cookie.session.id
		if replaced != nil {
			v.add(action{verb: destroy, session: replaced.session, secret: replaced.secret}, answer{})
		}
	}
	if (refused || got != done) && made.clean {
		v.leavesNothing(made)
	}
	made.clean = made.clean && got == done
	v.rec.addLogin(made)
}

// leavesNothing records that no session of a login is there after the login: it was refused, or
// has failed, and took back what it had stored.
func (v *visit) leavesNothing(made login) {
	after := v.rec.now()
	for _, s := range made.made {
		v.rec.add(v.number, action{verb: revokeAll, session: key{made.user, s.id}}, after, after, answer{})
	}
}

// loggedIn records one call of the store that was a part of a login. Of a login that failed,
// nobody else knows what it has ended.
func (v *visit) loggedIn(made *login, sent sent, got outcome) {
	a := action{verb: sent.verb, session: sent.session, secret: sent.secret, newSecret: sent.newSecret, data: sent.data, at: sent.at}
	switch sent.verb {
	case create:
		ret := sent.ret
		if sent.outcome == unknown {
			ret = never
		}
		made.made = append(made.made, stored{sent.session.id, sent.at, sent.call, ret})
	case revoke, revokeAll:
		if !made.has(sent.session.id) {
			made.ended = append(made.ended, sent.session.id)
		}
	case destroy:
		if got == done && !made.has(sent.session.id) {
			return // the session that the browser had: recorded as what a login promises
		}
	default:
		made.clean = made.clean && sent.outcome != unknown
		return
	}
	made.clean = made.clean && sent.outcome != unknown
	v.rec.add(v.number, a, sent.call, sent.ret, answer{outcome: sent.outcome})
}

// load checks the browser's session.
func (v *visit) load() { v.loadWith(v.cookie) }

// loadOld checks a session by a cookie that somebody has copied.
func (v *visit) loadOld() { v.loadWith(v.anyTicket(v.rng)) }

func (v *visit) loadWith(cookie *ticket) {
	if cookie == nil {
		v.login()
		return
	}
	a := action{verb: load, session: cookie.session, secret: cookie.secret}
	check := v.sessions.Load
	switch v.rng.IntN(4) {
	case 0:
		check, a.notBefore = v.strict.Load, v.notBefore
	case 1:
		check = v.sessions.LoadForwarded
	}
	var s *session.Session
	got := v.time(func() (err error) {
		s, err = check(v.request(cookie))
		return err
	})
	if got == unknown {
		return // a read changes nothing, and its touch is recorded by the store
	}
	saw := answer{outcome: got}
	if got == done {
		saw.saw = v.rec.see(s)
		if v.keyOf(s) != cookie.session { // somebody else's
			saw.saw.data = -1
		}
		v.handle = s
	}
	v.add(a, saw)
}

// change makes one of the calls that change the session of the handle, which proves it by
// the secret that it had. It reports whether the call was done.
func (v *visit) change(a *action, call func(w writer, s *session.Session) error) bool {
	s := v.handle
	if s == nil {
		v.login()
		return false
	}
	a.session, a.secret = v.keyOf(s), v.rec.secret(s.Secret)
	w := writer{http.Header{}}
	got := v.time(func() error { return call(w, s) })
	if a.verb != update && v.keep(w, s) {
		got = done // also if what comes after the new cookie has failed
	}
	v.changed(*a, got)
	return got == done
}

// changed records a call that changes a session, with what the last write of it was.
func (v *visit) changed(a action, got outcome) {
	last, written := v.trace.last(update)
	tries := 0
	for _, s := range v.trace.all() {
		if s.verb == update {
			tries++
		}
	}
	a.gaveUp = tries >= mostTries || v.ctx.Err() != nil
	a.newSecret, a.at = last.newSecret, last.at
	if a.verb != update {
		a.data, a.prior = last.data, last.data
	}
	if got != unknown {
		v.add(a, answer{outcome: got})
	}
	if written && got != done && (last.outcome == unknown || last.outcome == noSession) { // a first try may have found it
		v.add(a, answer{outcome: unknown})
	}
}

// mostTries is after how many lost races the Manager gives up.
const mostTries = 32

func (v *visit) update() {
	a := action{verb: update, data: v.data}
	v.change(&a, func(_ writer, s *session.Session) error {
		return v.sessions.Update(v.ctx, s, func(s *session.Session) {
			a.prior = dataOf(s)
			write(s, v.data)
		})
	})
}

func (v *visit) renew() {
	v.change(&action{verb: renew}, func(w writer, s *session.Session) error { return v.sessions.Renew(v.ctx, w, s) })
}

func (v *visit) reauthenticate() {
	v.change(&action{verb: reauthenticate}, func(w writer, s *session.Session) error {
		return v.sessions.Reauthenticate(v.ctx, w, s)
	})
}

// newPassword renews the session, and ends the user's others.
func (v *visit) newPassword() {
	var err error
	kept := v.handle
	if !v.change(&action{verb: reauthenticate}, func(w writer, s *session.Session) error {
		err = v.sessions.ReauthenticateAlone(v.ctx, w, s)
		return err
	}) {
		return
	}
	k := v.keyOf(kept)
	v.rec.addSweep(sweep{
		action: action{verb: revokeAll, session: key{user: k.user}}, except: []int{k.id},
		browser: v.number, call: v.call, ret: v.ret, outcome: outcomeOf(err),
	})
}

// logout ends the browser's session.
func (v *visit) logout() { v.logoutWith(v.cookie) }

// logoutOld ends a session by a cookie that somebody has copied.
func (v *visit) logoutOld() { v.logoutWith(v.anyTicket(v.rng)) }

func (v *visit) logoutWith(cookie *ticket) {
	if cookie == nil {
		v.login()
		return
	}
	got := v.time(func() error { return v.sessions.Destroy(writer{http.Header{}}, v.request(cookie)) })
	v.add(action{verb: destroy, session: cookie.session, secret: cookie.secret}, answer{outcome: got})
	if got == done && cookie == v.cookie {
		v.cookie = nil
	}
}

// revoke ends a session by its ID, now and then one that is another user's.
func (v *visit) revoke() {
	ticket := v.anyTicket(v.rng)
	if ticket == nil {
		v.login()
		return
	}
	k := ticket.session
	if v.rng.IntN(8) == 0 {
		k.user = 1 + v.rng.IntN(len(v.userIDs))
	}
	got := v.time(func() error { return v.sessions.Revoke(v.ctx, v.userIDs[k.user-1], v.rec.name(k.id)) })
	a := action{verb: revoke, session: k}
	if sent := v.trace.all(); len(sent) > 0 {
		a.verb = sent[0].verb // what the store knows of it
	}
	v.add(a, answer{outcome: got})
}

// revokeAll ends all sessions of a user, or all but the browser's.
func (v *visit) revokeAll() {
	user := 1 + v.rng.IntN(len(v.userIDs))
	var except []int
	var ids []string
	if v.cookie != nil && v.rng.IntN(2) == 0 {
		user, except = v.cookie.session.user, []int{v.cookie.session.id}
		ids = []string{v.rec.name(except[0])}
	}
	got := v.time(func() error { return v.sessions.RevokeAll(v.ctx, v.userIDs[user-1], ids...) })
	v.rec.addSweep(sweep{
		action: action{verb: revokeAll, session: key{user: user}}, except: except,
		browser: v.number, call: v.call, ret: v.ret, outcome: got,
	})
}

func (v *visit) list() { v.listOf(1 + v.rng.IntN(len(v.userIDs))) }

func (v *visit) listOf(user int) {
	a := action{verb: list, session: key{user: user}}
	sessions := v.sessions
	if v.rng.IntN(4) == 0 {
		sessions, a.notBefore = v.strict, v.notBefore
	}
	var all []*session.Session
	got := v.time(func() (err error) {
		all, err = sessions.List(v.ctx, v.userIDs[user-1])
		return err
	})
	if got != done {
		return
	}
	shown := map[int]page{}
	for _, s := range all {
		saw := v.rec.see(s)
		if v.keyOf(s).user != user { // somebody else's
			saw.data = -1
		}
		shown[v.rec.id(s.ID)] = saw
	}
	v.rec.addSweep(sweep{action: a, browser: v.number, call: v.call, ret: v.ret, shown: shown})
}
