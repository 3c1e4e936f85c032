package main

// act adds what the process can do next.
func (c *stepper) act(a action) {
	switch a.kind {
	case convert:
		c.convert(a)
	case logout:
		c.logout(c.s.processes[a.of].slot)
	case logoutWithout:
		slot := c.s.processes[a.of].slot
		c.can(func(n *state, q *process) { n.kill(slot); q.result = succeeded }, "deletes session %d", slot)
	case logoutByTheirs:
		c.logoutByTheirs(a)
	case logoutForged:
		c.logoutForged()
	case revokeAll:
		c.revokeAll()
	case changePassword:
		c.changePassword()
	case disable:
		c.disable()
	default:
		c.once(a)
	}
}

// once adds an action of a single step that cannot fail.
func (c *stepper) once(a action) {
	c.can(func(n *state, q *process) {
		switch a.kind {
		case enable:
			n.disabled = false
			n.version++
		case importUser:
			n.unknown = false
		case closeBridge:
			n.windowClosed = true
		case reopenBridge:
			n.windowClosed = n.windowClosed && !c.m.reopens
		case resign:
			n.clock++
			n.cookies[a.cookie].signed = n.clock
		case changeTheirs:
			n.password++
		case signIn:
			n.clock++
			copied := &n.cookies[a.cookie]
			copied.signed, copied.bound = n.clock, n.password
			if c.m.stamped {
				copied.stamp = n.clock
			}
		}
		q.result = succeeded
	}, "done")
}

// logout proves by a read that the user holds the session, seals, and deletes it.
func (c *stepper) logout(slot uint8) {
	seals := !c.m.noSeal && c.m.stateless && !c.m.stamped
	remove := func(then func(n *state, q *process, was bool)) {
		c.write(func(n *state, q *process) {
			was := n.sessions[slot].life == live
			n.kill(slot)
			then(n, q, was)
		}, end(outage), "deletes session %d", slot)
	}
	seal := func(then func(*state, *process)) {
		c.write(func(n *state, q *process) { n.setSeal(); then(n, q) }, end(outage), "seals the user")
	}
	at := c.s.processes[c.p].at
	switch {
	case !seals:
		remove(func(_ *state, q *process, _ bool) { q.result = succeeded })
	case c.m.sealAfterwards && at == 0:
		remove(func(_ *state, q *process, was bool) {
			q.at = 1
			if !was { // nothing to delete is a good logout too
				q.result = succeeded
			}
		})
	case c.m.sealAfterwards:
		seal(end(succeeded))
	case at == 0:
		c.can(func(n *state, q *process) {
			q.at = 1
			if n.sessions[slot].life != live {
				q.result = succeeded
			}
		}, "reads session %d, which proves who asks", slot)
	case at == 1:
		seal(goTo(2))
	default:
		remove(func(_ *state, q *process, _ bool) { q.result = succeeded })
	}
}

// logoutForged names a session of the user in whose place it has no good secret.
func (c *stepper) logoutForged() {
	c.can(func(n *state, q *process) {
		if c.m.logoutDoesNotProve {
			n.setSeal()
		}
		q.result = succeeded
	}, "with the user's owner and a wrong secret")
}

// logoutByTheirs ends what the monolith's cookie may become or has become.
func (c *stepper) logoutByTheirs(a action) {
	l := c.m.identity(a.cookie)
	q := c.s.processes[c.p]
	switch {
	case c.m.keepsTheirs:
		c.can(end(succeeded), "clears the browser's cookie and ends nothing")
	case q.at == 0 && l < 0:
		c.write(func(n *state, q *process) { n.setSeal(); q.at = 1 }, end(outage), "seals the user")
	case q.at == 0:
		c.write(func(n *state, q *process) {
			link := &n.links[l]
			link.nonce, link.old = uint8(endedBy+c.p), true
			q.at = 1
		}, end(outage), "overwrites the link as ended")
	case l >= 0 && !c.m.endLeavesSession && c.s.links[l].slot > 0 && c.s.sessions[c.s.links[l].slot-1].life == live:
		c.write(func(n *state, _ *process) { n.kill(n.links[l].slot - 1) }, end(outage), "deletes the session that the link names")
	case l >= 0 && !c.m.stateless && c.s.rows[l]:
		c.write(func(n *state, q *process) { n.rows[l] = false; q.result = succeeded }, end(outage), "deletes the row")
	default:
		c.can(end(succeeded), "answers")
	}
}

func (c *stepper) revokeAll() {
	switch q := c.s.processes[c.p]; {
	case q.at == 0 && !c.m.noSeal && !c.m.sealAfterwards:
		c.write(func(n *state, q *process) { n.setSeal(); q.at = 1 }, end(outage), "seals the user")
	case q.at <= 1:
		c.listSessions()
	case q.at == 2 && q.pending != 0:
		c.endNext()
	case q.at == 2 && c.m.sealAfterwards:
		c.write(func(n *state, q *process) { n.setSeal(); q.result = succeeded }, end(outage), "seals the user")
	default:
		c.can(end(succeeded), "answers")
	}
}

func (c *stepper) changePassword() {
	switch q := c.s.processes[c.p]; {
	case q.at == 0 && (c.s.frozen || c.s.disabled):
		c.can(end(outage), "finds the account frozen or disabled")
	case q.at == 0:
		c.can(func(n *state, q *process) { n.frozen = true; n.version++; q.at = 1 }, "freezes the account")
	case q.at == 1:
		c.listSessions()
	case q.at == 2 && q.pending != 0:
		c.endNext()
	case q.at == 2:
		c.write(func(n *state, q *process) {
			n.frozen = false
			n.version++
			switch {
			case c.m.closedAfterwards:
				q.at = 3
			case c.m.neverClosed:
				q.result = succeeded
			default:
				n.ended, q.result = true, succeeded
			}
		}, end(outage), "stores the new hash, and that the account is closed")
	default:
		c.write(func(n *state, q *process) { n.ended = true; q.result = succeeded }, end(outage), "stores that the account is closed")
	}
}

func (c *stepper) disable() {
	switch q := c.s.processes[c.p]; {
	case q.at == 0:
		c.can(func(n *state, q *process) {
			n.disabled, n.ended = true, n.ended || !c.m.neverClosed
			n.version++
			q.at = 1
		}, "disables the account, and closes it")
	case q.at == 1:
		c.listSessions()
	case q.pending != 0:
		c.endNext()
	default:
		c.can(end(succeeded), "answers")
	}
}

func (c *stepper) listSessions() {
	c.can(func(n *state, q *process) { q.pending, q.at = n.liveSessions(), 2 }, "lists the sessions")
}

// endNext ends the first of the listed sessions. Their order does not matter.
func (c *stepper) endNext() {
	for i := range c.s.sessions {
		if c.s.processes[c.p].pending&bit(i) != 0 {
			c.write(func(n *state, q *process) { n.kill(uint8(i)); q.pending &^= bit(i) }, end(outage), "deletes session %d", i)
			return
		}
	}
}
