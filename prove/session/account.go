package main

// changePassword adds the next step of a change of the password: freeze, prove again who it is
// and list, end the other sessions, store the hash.
func (c *stepper) changePassword() {
	q := c.s.processes[c.p]
	switch q.at {
	case reading:
		c.readAccount()
	case freezing:
		c.freeze()
	case listing:
		c.proveAgain()
	case deleting:
		switch {
		case q.pending != 0:
			c.deleteNext()
		case q.failed:
			c.can(thaws(outage), "has not ended all")
		default:
			c.can(goes(storing), "has ended the others")
		}
	case storing:
		c.storeHash()
	case thawing:
		c.can(func(n *state, q *process) {
			if n.version == q.account {
				n.frozen = false
				n.version++
			}
			q.result = q.verdict
		}, "thaws the account")
	}
}

func (c *stepper) readAccount() {
	switch {
	case c.s.frozen && c.s.leaseEnd:
		c.clearFreeze()
	case c.s.frozen || c.s.disabled:
		c.can(answers(outage), "finds the account frozen or disabled")
	case !c.s.proves(c.s.processes[c.p].slot, c.s.processes[c.p].token):
		c.can(answers(nobody), "finds no session")
	default:
		c.can(func(n *state, q *process) {
			if q.account, q.at = n.version, freezing; c.m.noFreeze {
				q.at = listing
			}
		}, "reads the account at version %d", c.s.version)
	}
}

func (c *stepper) freeze() {
	if c.s.version != c.s.processes[c.p].account {
		c.can(answers(outage), "finds that the account has changed")
		return
	}
	c.can(func(n *state, q *process) {
		n.frozen, n.leaseEnd = true, false
		n.version++
		if c.m.hashFirst {
			n.frozen = false
			n.password++
		}
		q.account, q.at = n.version, listing
	}, "freezes the account")
}

// proveAgain gives the session a new secret, and lists the others, in any order.
func (c *stepper) proveAgain() {
	q := c.s.processes[c.p]
	if !q.listed {
		c.can(func(n *state, q *process) { q.listed, q.pending = true, n.liveSessions()&^bit(int(q.slot)) }, "lists")
	}
	switch {
	case q.sure && q.listed:
		c.can(goes(deleting), "has a new token")
	case q.sure:
	case !c.s.proves(q.slot, q.token) && !c.m.changesWithoutSession:
		c.can(thaws(nobody), "finds no session")
	default:
		c.can(func(n *state, q *process) {
			if r := &n.sessions[q.slot]; n.proves(q.slot, q.token) {
				r.previous, r.secret, r.version, q.token = r.secret, q.fresh, q.fresh, q.fresh
			}
			q.sure = true
		}, "renews its session")
	}
}

func thaws(verdict uint8) effect {
	return func(_ *state, q *process) { q.at, q.verdict = thawing, verdict }
}

// storeHash makes the new password good, if the account is as this change has frozen it.
func (c *stepper) storeHash() {
	q := c.s.processes[c.p]
	switch {
	case c.m.hashFirst:
		c.can(answers(succeeded), "answers")
	case c.s.version != q.account && !c.m.thawsBlindly:
		c.can(answers(outage), "finds that the account has changed")
	default:
		store := func(n *state, q *process) {
			n.frozen = false
			n.version++
			n.password++
			if n.sessions[q.slot].life == live {
				n.sessions[q.slot].password = n.password
			}
			q.result = succeeded
		}
		c.can(store, "stores the new hash")
		if c.s.lost < c.m.lost {
			c.can(func(n *state, q *process) { n.lost++; store(n, q); q.result = outage }, "stores the new hash, and the answer is lost")
			c.can(func(n *state, q *process) { n.lost++; q.result = outage }, "stores the new hash fails")
		}
	}
}
