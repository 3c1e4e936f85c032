package main

import (
	"fmt"

	"example.com/coatcheck/prove/explore"
)

type kind int

// What a process does.
const (
	request kind = iota // reads the session, and touches it
	change              // Update
	renew               // Renew
	logout
	forgery // a logout with the ID of a session and a wrong secret
	login
	conversion // a login by a session of the monolith
	revokeAll
	changePassword
	disable
)

var names = map[kind]string{
	request: "request", change: "update", renew: "renewal", logout: "logout", forgery: "forged logout", login: "login",
	conversion: "conversion", revokeAll: "revoke-all", changePassword: "change of password", disable: "disable",
}

// action is what one process does, once the processes that it comes after have ended.
type action struct {
	kind     kind
	slot     int  // it comes with the first token of this session
	of       int  // or with what the process of-1 got, if of is not 0
	presents bool // a login that comes with a token
	thief    bool
	mayDie   bool // it may crash between any two steps
	after    []int
}

// model is one scenario: what may happen, under which rules.
type model struct {
	rules
	actions  []action
	sessions int  // how many are there at the beginning
	limit    int  // of a user's sessions; 0 means none
	oneID    bool // the first two logins draw the same ID
	bridge   bool // what ends sessions seals those of the monolith
	idles    bool // the idle timeout of session 0 may end
	leases   bool // the lease of a freeze may end

	crashes, lost, delayed uint8 // how many at the most
}

// Rules implements [explore.Model].
func (m *model) Rules() any { return m.rules }

type step = explore.Step[state]

// stepper collects what can happen next.
type stepper struct {
	m    *model
	s    *state
	p    int
	list []step
}

// effect is what a step does to the state, in which q is the process.
type effect func(n *state, q *process)

// can adds a step of the process.
func (c *stepper) can(f effect, label string, args ...any) {
	n := *c.s
	q := &n.processes[c.p]
	f(&n, q)
	if q.result != running { // states that differ in nothing that matters are one
		*q = process{result: q.result, slot: q.slot, token: q.token, made: q.made, fresh: q.fresh, time: q.time, sure: q.sure, current: q.current, before: q.before, base: q.next.version}
	}
	c.list = append(c.list, step{To: n, Label: fmt.Sprintf("%d %s: ", c.p, names[c.m.actions[c.p].kind]) + fmt.Sprintf(label, args...)})
}

// write adds a write of the process: with its answer; without, whether it was made or not; and
// one that comes late, after whatever else.
func (c *stepper) write(o op, then func(n *state, q *process, result uint8), fail effect, label string, args ...any) {
	c.can(func(n *state, q *process) { then(n, q, c.m.apply(n, o, q)) }, label, args...)
	if c.s.lost < c.m.lost {
		c.can(func(n *state, q *process) { c.m.apply(n, o, q); n.lost++; fail(n, q) }, label+", and the answer is lost", args...)
		c.can(func(n *state, q *process) { n.lost++; fail(n, q) }, label+" fails", args...)
	}
	if c.s.delayed < c.m.delayed {
		c.can(func(n *state, q *process) { n.delayed++; n.late = lateWrite{o, *q}; fail(n, q) }, label+", which is late", args...)
	}
}

func answers(result uint8) effect { return func(_ *state, q *process) { q.result = result } }

func goes(at uint8) effect { return func(_ *state, q *process) { q.at = at } }

// Steps implements [explore.Model].
func (m *model) Steps(s *state) []step {
	c := &stepper{m: m, s: s}
	c.surroundings()
	for p, a := range m.actions {
		q := s.processes[p]
		if c.p = p; q.result != running || q.at == 0 && !c.mayBegin(a) {
			continue
		}
		if a.mayDie && q.at > 0 && s.crashes < m.crashes {
			c.can(func(n *state, q *process) { n.crashes++; q.result = crashed }, "crashes")
		}
		if q.at == 0 {
			c.begin(a)
		} else {
			c.act(a)
		}
	}
	return c.list
}

func (c *stepper) mayBegin(a action) bool {
	for _, other := range a.after {
		if c.s.processes[other].result == running {
			return false
		}
	}
	return a.of == 0 || c.s.processes[a.of-1].result == succeeded
}

// begin notes what the process comes with, and what was so then.
func (c *stepper) begin(a action) {
	c.can(func(n *state, q *process) {
		q.at, q.slot, q.token = 1, uint8(a.slot), uint8(a.slot+1)
		if a.of != 0 {
			q.slot, q.token = n.processes[a.of-1].slot, n.processes[a.of-1].token
		}
		if a.kind == forgery {
			q.token = 99
		}
		q.fresh, q.current = uint8(10+c.p), n.proves(q.slot, q.token)
		for i := range c.m.actions {
			if n.processes[i].result == succeeded {
				q.before |= bit(i)
			}
		}
	}, "begins")
}

// surroundings adds what happens without any process: late writes, and time.
func (c *stepper) surroundings() {
	other := func(label string, f func(n *state)) {
		n := *c.s
		f(&n)
		c.list = append(c.list, step{To: n, Label: label})
	}
	if late := c.s.late; late.op.kind != 0 {
		other("the late write never arrives", func(n *state) { n.late = lateWrite{} })
		other("the late write arrives", func(n *state) { n.late = lateWrite{}; c.m.apply(n, late.op, &late.of) })
	}
	if c.m.idles && c.s.sessions[0].life == live && (c.m.touchesLate || !c.touching()) {
		other("the idle timeout of session 0 ends", func(n *state) {
			n.sessions[0].life = expired
			n.explained |= bit(0)
		})
	}
	if c.m.leases && c.s.frozen && !c.s.leaseEnd {
		other("the lease of the freeze ends", func(n *state) { n.leaseEnd = true })
	}
}

// touching reports whether a touch is under way: it was not sent in the last second of a
// session, and has been given up by then.
func (c *stepper) touching() bool {
	for i, a := range c.m.actions {
		if q := c.s.processes[i]; a.kind == request && q.result == running && q.at == touching {
			return true
		}
	}
	return c.s.late.op.kind == touch
}
