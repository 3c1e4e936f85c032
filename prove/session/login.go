package main

// Where a login is, after it has begun.
const (
	authenticating uint8 = iota + 1
	creating
	confirming
	replacing
	trimming
	discarding
)

// login adds the next step of a login, or of a conversion, in the order of the code.
func (c *stepper) login(a action) {
	q := c.s.processes[c.p]
	switch q.at {
	case authenticating:
		c.authenticate(a)
	case creating:
		c.create(a)
	case confirming:
		c.confirm(a)
	case replacing:
		if !a.presents || c.m.keepsPresented || c.m.adoptsToken {
			c.can(goes(trimming), "has no session to end")
			return
		}
		fail := discards(outage)
		if c.m.answersFirst {
			fail = goes(trimming)
		}
		c.write(op{end, q.slot, q.token}, func(_ *state, q *process, _ uint8) { q.at = trimming }, fail, "ends session %d, with which it came", q.slot)
	case trimming:
		if q.pending != 0 {
			c.deleteNext()
			return
		}
		c.can(func(_ *state, q *process) { q.slot, q.token, q.result = q.made, q.fresh, succeeded }, "sends the cookie of session %d", q.made)
	case discarding:
		c.discard()
	}
}

// authenticate checks the password, or the monolith's session, and draws a key.
func (c *stepper) authenticate(a action) {
	switch {
	case c.s.disabled || a.kind == conversion && c.s.seal > 0:
		c.can(answers(refused), "is refused")
	case c.s.frozen && c.s.leaseEnd:
		c.clearFreeze()
	case c.s.frozen:
		c.can(answers(outage), "finds the account frozen")
	default:
		c.can(func(n *state, q *process) {
			q.account, q.password, q.seal, q.at = n.version, n.password, n.seal, creating
			q.listed, q.sure = c.m.limit == 0, c.m.noConfirm
			c.drawKey(n, q)
		}, "reads the account at version %d", c.s.version)
	}
}

func (c *stepper) clearFreeze() {
	c.can(func(n *state, _ *process) {
		if n.frozen = false; !c.m.leaseKeepsVersion {
			n.version++
		}
	}, "clears the freeze, which is old")
}

// drawKey makes a new key and what is to be stored under it. The secret is that of the process.
func (c *stepper) drawKey(n *state, q *process) {
	q.tries++
	if q.made = uint8(c.m.sessions); !c.m.oneID || q.tries > 1 {
		q.made = n.draw()
	}
	q.next = record{life: live, secret: q.fresh, version: q.fresh, maker: uint8(c.p + 1), password: q.password}
}

// create stores the session. When the answer is lost, it makes one more try with another key.
func (c *stepper) create(a action) {
	q := c.s.processes[c.p]
	switch {
	case c.m.adoptsToken && a.presents:
		c.can(func(n *state, q *process) {
			q.made, q.fresh, q.at = q.slot, q.token, confirming
			n.sessions[q.slot].maker = uint8(c.p + 1)
		}, "makes session %d, with which it came, that of the user", q.slot)
	case c.m.listsFirst && !q.listed:
		c.listForLimit(a)
	case c.m.confirmsFirst && !q.sure:
		c.check(a)
	default:
		again := running
		if q.tries == 2 {
			again = outage
		}
		fail := discards(again)
		if c.m.sendsCreateAgain {
			fail = sentAgain
		}
		c.write(op{kind: create, slot: q.made}, func(n *state, q *process, result uint8) {
			if q.at = confirming; result == conflict && !q.again {
				q.at = creating
				c.drawKey(n, q)
			}
		}, fail, "stores session %d", q.made)
	}
}

// confirm lists the sessions for the limit, and reads the account again, in any order. A store
// that creates and lists in one step is among these orders.
func (c *stepper) confirm(a action) {
	q := c.s.processes[c.p]
	if !q.listed {
		c.listForLimit(a)
	}
	if !q.sure {
		c.check(a)
	}
	if q.listed && q.sure {
		c.can(goes(replacing), "is sure")
	}
}

func (c *stepper) check(a action) {
	q := c.s.processes[c.p]
	if c.s.version != q.account || c.s.disabled || a.kind == conversion && c.s.seal != q.seal {
		if q.at == creating {
			c.can(answers(refused), "finds that the account has changed")
			return
		}
		c.can(discards(refused), "finds that the account has changed")
		return
	}
	c.can(func(_ *state, q *process) { q.sure = true }, "finds the account as it was")
}

// listForLimit lists the sessions, and notes the oldest beyond the limit. Their numbers are the order
// in which they were made.
func (c *stepper) listForLimit(a action) {
	c.can(func(n *state, q *process) {
		q.listed, q.pending = true, n.liveSessions()
		if q.at == creating {
			q.pending |= bit(int(q.made)) // it counts itself
		}
		if a.presents {
			q.pending &^= bit(a.slot) // which ends anyway
		}
		for spared, i := 0, maxSessions-1; i >= 0 && spared < c.m.limit; i-- {
			if q.pending&bit(i) != 0 {
				q.pending &^= bit(i)
				spared++
			}
		}
		if c.m.sparesOwn {
			q.pending &^= bit(int(q.made))
		}
	}, "lists")
}

func discards(verdict uint8) effect {
	return func(_ *state, q *process) { q.at, q.verdict = discarding, verdict }
}

// discard takes the session back, as far as the store is there. Then the login tries another
// key, or ends.
func (c *stepper) discard() {
	q := c.s.processes[c.p]
	goOn := func(n *state, q *process) {
		if q.result = q.verdict; q.result == running {
			q.at = creating
			c.drawKey(n, q)
		}
	}
	if c.m.neverDiscards {
		c.can(goOn, "leaves session %d", q.made)
		return
	}
	c.write(op{discard, q.made, q.fresh}, func(n *state, q *process, _ uint8) { goOn(n, q) }, goOn, "discards session %d", q.made)
}
