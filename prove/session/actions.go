package main

// Where a process is, after it has begun.
const (
	reading uint8 = iota + 1
	touching
	writing
	reloading
	ending
	listing
	deleting
	freezing
	storing // the new hash
	thawing
	last
)

// act adds what the process can do next.
func (c *stepper) act(a action) {
	switch a.kind {
	case request:
		c.request(a)
	case change, renew:
		c.modify(a)
	case logout, forgery:
		c.logout()
	case login, conversion:
		c.login(a)
	case changePassword:
		c.changePassword()
	default:
		c.endAll(a)
	}
}

// request reads the session, and touches it.
func (c *stepper) request(a action) {
	q := c.s.processes[c.p]
	if q.at == touching {
		c.write(op{kind: touch, slot: q.slot}, func(_ *state, q *process, result uint8) { q.result = result }, func(_ *state, q *process) {
			q.time, q.result = 0, succeeded // a touch that fails does not fail the request
		}, "touches")
		return
	}
	if c.s.lost < c.m.lost {
		c.can(func(n *state, q *process) {
			n.lost++
			if q.result = outage; c.m.outageIsNobody {
				q.result = nobody
			}
		}, "cannot read")
	}
	r := c.s.sessions[q.slot]
	if !c.accepts(r, q.token) {
		c.can(answers(nobody), "finds no session")
		return
	}
	c.can(func(n *state, q *process) {
		if r.secret != q.token {
			n.wrong = oldToken + "it opens"
		}
		if a.thief && r.maker != 0 {
			n.wrong = shared
		}
		n.clock++
		q.next, q.time, q.at = r, n.clock, touching
	}, "reads")
}

// accepts reports whether the token opens what was read.
func (c *stepper) accepts(r record, token uint8) bool {
	return r.life == live && (r.secret == token || c.m.previousOpens && r.previous == token)
}

// modify is an Update or a Renew: it reads the session, and writes what it has read with its
// change, if nobody else has written meanwhile.
func (c *stepper) modify(a action) {
	q := c.s.processes[c.p]
	r := c.s.sessions[q.slot]
	switch {
	case q.at == writing:
		c.swap(a)
	case r.life != live || q.at == reading && !c.accepts(r, q.token):
		c.can(answers(nobody), "finds no session")
	case r.secret != q.token && !c.m.repeatsBlindly:
		c.can(answers(conflict), "finds that the session was renewed")
	default:
		c.can(func(n *state, q *process) { c.prepare(n, q, a); q.at = writing }, "reads")
	}
}

// prepare makes what is to be written of what is stored now, with a version of its own.
func (c *stepper) prepare(n *state, q *process, a action) {
	q.next = n.sessions[q.slot]
	q.base, q.next.version, q.again = q.next.version, uint8(10+10*c.p)+q.tries, false
	q.tries++
	switch a.kind {
	case renew:
		q.next.previous, q.next.secret = q.next.secret, q.fresh
		if c.m.keyMoves {
			q.made = n.draw()
		}
	case change:
		q.next.doubled = q.next.changes&bit(c.p) != 0
		q.next.changes |= bit(c.p)
	}
}

func (n *state) draw() uint8 {
	n.nextSlot++
	return n.nextSlot - 1
}

func (c *stepper) swap(a action) {
	then := func(n *state, q *process, result uint8) {
		q.result = result
		switch {
		case result == conflict && q.again && !c.m.retriesUncertain:
			q.result = outage
		case result == conflict:
			q.result, q.at = running, reloading
		case result == succeeded && a.kind == renew:
			if q.next.previous != q.token {
				n.wrong = oldToken + "it got a new one"
			}
			q.token = q.fresh
		}
	}
	c.write(op{kind: update, slot: c.s.processes[c.p].slot}, then, sentAgain, "writes")
}

// sentAgain lets the driver send the write once more.
func sentAgain(_ *state, q *process) {
	if q.again {
		q.result = outage
	}
	q.again = true
}

// logout deletes the session that its token proves.
func (c *stepper) logout() {
	q := c.s.processes[c.p]
	fail := answers(outage)
	if c.m.outageIsDone {
		fail = answers(succeeded)
	}
	c.write(op{end, q.slot, q.token}, func(_ *state, q *process, _ uint8) { q.result = succeeded }, fail, "deletes")
}

// endAll is revoke-all, and disable.
func (c *stepper) endAll(a action) {
	q := c.s.processes[c.p]
	seals := c.m.bridge && !c.m.noSeal
	seal := func(n *state) {
		if seals {
			n.seal++
		}
	}
	disables := func(n *state) {
		if a.kind == disable {
			n.disabled = true
			n.version++
		}
	}
	switch {
	case q.at == reading:
		c.can(func(n *state, q *process) {
			if q.at = listing; !c.m.sealsLast {
				seal(n)
			}
			if !c.m.disablesLast {
				disables(n)
			}
		}, "seals or disables first, where there is something to")
	case q.at == listing:
		c.can(func(n *state, q *process) { q.pending, q.at = n.liveSessions(), deleting }, "lists")
	case q.pending != 0:
		c.deleteNext()
	case q.failed:
		c.can(answers(outage), "answers that some may be left")
	default:
		c.can(func(n *state, q *process) {
			if q.result = succeeded; c.m.sealsLast {
				seal(n)
			}
			if c.m.disablesLast {
				disables(n)
			}
		}, "answers")
	}
}

// deleteNext deletes the first of the listed sessions. Their order does not matter.
func (c *stepper) deleteNext() {
	for i := range c.s.sessions {
		if c.s.processes[c.p].pending&bit(i) != 0 {
			c.write(op{kind: remove, slot: uint8(i)}, func(_ *state, q *process, _ uint8) { q.pending &^= bit(i) }, func(_ *state, q *process) {
				q.pending &^= bit(i)
				q.failed = q.failed || !c.m.outageIsDone
			}, "deletes session %d", i)
			return
		}
	}
}
