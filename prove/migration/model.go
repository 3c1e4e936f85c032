package main

import (
	"fmt"

	"example.com/coatcheck/prove/explore"
)

type kind int

// What a process does.
const (
	convert        kind = iota
	logout              // of ours, by our cookie
	logoutByTheirs      // of ours, with only the monolith's cookie
	logoutForged        // by a token with the user's owner and no good secret
	logoutWithout       // of ours, by a function that does not know of the bridge
	revokeAll
	changePassword
	disable
	enable
	importUser
	closeBridge
	reopenBridge
	resign       // the monolith signs a copy of its cookie again
	signIn       // at the monolith: a new session there
	changeTheirs // the password at the monolith changes
)

var names = map[kind]string{
	convert: "convert", logout: "logout", logoutByTheirs: "logout with the monolith's cookie", logoutForged: "logout with a forged token",
	logoutWithout: "logout without the bridge", revokeAll: "revoke-all", changePassword: "change of password", disable: "disable", enable: "enable",
	importUser: "import", closeBridge: "migrate close", reopenBridge: "convert starts again", resign: "the monolith signs again",
	signIn: "sign-in at the monolith", changeTheirs: "change of password at the monolith",
}

// action is what one process does, once the processes that it comes after have ended.
type action struct {
	kind   kind
	who    uint8
	device uint8
	cookie int // the copy that it sends
	of     int // for a logout, the process whose session it ends
	after  []int
	mayDie bool // it may crash between any two steps
	image  bool // a conversion that nobody wants: a page of another site has an image there
}

// rules are the rules of the bridge. The zero value of each field is the rule; true takes
// it out.
type rules struct {
	noLink             bool // once: a link is put, if there is none
	noWaiting          bool // once: who meets a young link waits, and of an old one hears that it is spent
	linkBeforeAccount  bool // order: the account is read before anything is spent
	noConfirm          bool // order: after the session is stored, account, seal and link are read again
	noConfirmOfLink    bool
	rowMayStay         bool // order: a row that cannot be deleted undoes the conversion
	keepsLink          bool // order: a failure takes the link back; comfort only
	takesBackAnyLink   bool // order: only if its nonce is its own
	noSeal             bool // seal: endings write one
	sealAfterwards     bool // seal: before anything ends
	sealOnlyStateless  bool // seal: claims of every source are refused
	sealBySignature    bool // seal: by the time of the sign-in, and unknown is refused
	noLeeway           bool // seal: up to a minute after it
	logoutDoesNotProve bool // seal: a logout proves by a read first
	keepsTheirs        bool // logout: with the monolith's cookie it ends that too
	endLeavesSession   bool // logout: and the session that the link names
	neverClosed        bool // closed: by the write that stores the hash, or disables
	closedAfterwards   bool
	boundToImported    bool // binding: against the monolith's column as it is now
	reopens            bool // closing: is for ever
	lifetimeFromSignIn bool // times: our lifetime counts from the conversion, and not from a sign-in of long ago
	anyGet             bool // only POST, or a navigation, converts
}

// model is one scenario: what may happen, under which rules.
type model struct {
	rules
	actions   []action
	change    func(*state)    // what is other than usual at the beginning
	legacy    [maxCookies]int // the monolith's session of each copy; stateless without a stamp: -1
	stateless bool
	stamped   bool // at its sign-in
	binds     bool // the monolith binds sessions to passwords
	longAgo   bool // the sign-ins were longer ago than our lifetime

	crashes, lost, delayed uint8 // how many at the most

	rowOpens      bool  // whether a row that is left counts as a problem
	copiesConvert bool  // several copies may convert: what cannot be repaired without a stamp
	mustSucceed   []int // unless something crashes or fails
}

// identity returns the monolith's session of a copy, or -1 if nothing in it says which.
func (m *model) identity(cookie int) int { return m.legacy[cookie] }

// refusedBySeal reports whether a claim by the copy is refused.
func (m *model) refusedBySeal(s *state, cookie int) bool {
	if s.ended {
		return true
	}
	if m.noSeal || s.seal == 0 || m.sealOnlyStateless && !m.stateless {
		return false
	}
	end := s.seal
	if !m.noLeeway {
		end++
	}
	c := s.cookies[cookie]
	if m.sealBySignature {
		return c.signed <= end
	}
	return c.stamp == 0 || c.stamp <= end
}

// Rules implements [explore.Model].
func (m *model) Rules() any { return m.rules }

// step is one thing that can happen.
type step = explore.Step[state]

// stepper collects what can happen next.
type stepper struct {
	m    *model
	s    *state
	p    int
	list []step
}

// can adds a step of the process.
func (c *stepper) can(f func(n *state, q *process), label string, args ...any) {
	n := *c.s
	q := &n.processes[c.p]
	if q.at == 0 && q.rounds == 0 {
		q.before |= c.succeeded(&n)
	}
	f(&n, q)
	if q.result != running {
		q.earlier |= c.succeeded(&n)
		q.at, q.version, q.pending, q.rounds = 9, 0, 0, 0 // so that states which differ in nothing else are one
	}
	c.list = append(c.list, step{To: n, Label: fmt.Sprintf("%d %s: ", c.p, names[c.m.actions[c.p].kind]) + fmt.Sprintf(label, args...)})
}

// succeeded returns the other processes that have succeeded, as bits.
func (c *stepper) succeeded(n *state) (bits uint8) {
	for i := range c.m.actions {
		if i != c.p && n.processes[i].result == succeeded {
			bits |= bit(i)
		}
	}
	return bits
}

// write adds a write of the process, whose answer may be lost whether it was executed or
// not.
func (c *stepper) write(execute, fail func(n *state, q *process), label string, args ...any) {
	c.can(execute, label, args...)
	if c.s.lost >= c.m.lost {
		return
	}
	c.can(func(n *state, q *process) {
		before := *q
		execute(n, q)
		slot := q.slot
		*q = before
		q.slot = slot
		n.lost++
		fail(n, q)
	}, label+", and the answer is lost", args...)
	c.can(func(n *state, q *process) { n.lost++; fail(n, q) }, label+" fails", args...)
}

func end(result uint8) func(*state, *process) {
	return func(_ *state, q *process) { q.result = result }
}

func goTo(at uint8) func(*state, *process) {
	return func(_ *state, q *process) { q.at = at }
}

// Steps implements [explore.Model].
func (m *model) Steps(s *state) []step {
	c := &stepper{m: m, s: s}
	c.lateWrites()
	c.linksGrowOld()
	for p, a := range m.actions {
		c.p = p
		if !c.mayGoOn(a) {
			continue
		}
		if a.mayDie && s.processes[p].at > 0 && s.crashes < m.crashes {
			c.can(func(n *state, q *process) { n.crashes++; q.result = crashed }, "crashes")
		}
		c.act(a)
	}
	return c.list
}

func (c *stepper) mayGoOn(a action) bool {
	q := c.s.processes[c.p]
	if q.result != running || q.at > 0 {
		return q.result == running
	}
	for _, other := range a.after {
		if c.s.processes[other].result == running {
			return false
		}
	}
	return a.kind != logout && a.kind != logoutWithout || c.s.processes[a.of].result == succeeded
}

func (c *stepper) lateWrites() {
	for i, w := range c.s.late {
		if w == (lateWrite{}) {
			continue
		}
		dropped := *c.s
		dropped.late[i] = lateWrite{}
		arrived := dropped
		if w.kind == lateCreate && arrived.sessions[w.target].life == drawn {
			arrived.sessions[w.target].life = live
		}
		if link := &arrived.links[w.target%maxLegacy]; w.kind == lateLink && link.nonce == 0 {
			link.nonce = w.nonce
		}
		c.list = append(c.list, step{To: dropped, Label: "a late write never arrives"}, step{To: arrived, Label: "a late write arrives"})
	}
}

func (c *stepper) linksGrowOld() {
	for l, link := range c.s.links {
		if link.nonce != 0 && !link.old {
			n := *c.s
			n.links[l].old = true
			c.list = append(c.list, step{To: n, Label: "ten seconds pass"})
		}
	}
}
