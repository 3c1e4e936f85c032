package main

// Where a conversion is.
const (
	verifying uint8 = iota
	linking
	creating
	confirming
	deletingRow
	answering
	discarding
	takingBack
)

// convert adds the next step of a conversion, in the order of package bridge.
func (c *stepper) convert(a action) {
	l := c.m.identity(a.cookie)
	switch c.s.processes[c.p].at {
	case verifying:
		c.verify(a, l)
	case linking:
		c.link(a, l)
	case creating:
		c.create(l)
	case confirming:
		c.confirm(a, l)
	case deletingRow:
		c.deleteRow(l)
	case answering:
		if a.image {
			c.can(end(form), "sends the cookie of session %d, which the browser refuses in an image", c.s.processes[c.p].slot)
			return
		}
		c.can(func(n *state, q *process) {
			q.result = succeeded
			n.sessions[q.slot].holder = a.who
		}, "sends the cookie of session %d", c.s.processes[c.p].slot)
	case discarding:
		c.write(func(n *state, q *process) { n.kill(q.slot); q.at = takingBack }, goTo(takingBack), "discards session %d", c.s.processes[c.p].slot)
	case takingBack:
		c.takeBack(l)
	}
}

// inJar reports whether the browser has our cookie from another of its requests.
func (c *stepper) inJar(a action) bool {
	for i, other := range c.m.actions {
		q := c.s.processes[i]
		if i != c.p && other.kind == convert && other.who == a.who && other.device == a.device && q.result == succeeded && c.s.sessions[q.slot].life == live {
			return true
		}
	}
	return false
}

func (c *stepper) verify(a action, l int) {
	bound := c.s.password
	if c.m.boundToImported {
		bound = 1
	}
	switch {
	case a.image && !c.m.anyGet:
		c.can(end(form), "answers a page with a button")
	case c.inJar(a):
		c.can(end(joined), "comes with our cookie by now")
	case c.s.windowClosed:
		c.can(end(form), "the bridge is closed")
	case !c.m.stateless && l >= 0 && !c.s.rows[l]:
		c.can(end(form), "the monolith has no such row")
	case c.m.binds && c.s.cookies[a.cookie].bound != bound:
		c.can(end(form), "made with another password")
	case c.m.refusedBySeal(c.s, a.cookie):
		c.can(end(form), "sealed, or the account is closed")
	case !c.m.linkBeforeAccount && (c.s.unknown || c.s.disabled):
		c.can(end(form), "the account is unknown or disabled; nothing is spent")
	case c.s.frozen:
		c.can(end(outage), "the account is frozen")
	default:
		c.can(func(n *state, q *process) {
			q.version, q.at = n.version, linking
			if c.m.noLink || l < 0 {
				n.draw(q)
				q.at = creating
			}
		}, "copy %d is good, no seal, account at version %d", a.cookie, c.s.version)
	}
}

func (c *stepper) link(a action, l int) {
	link := c.s.links[l]
	switch {
	case link.nonce != 0 && c.m.noWaiting:
		c.can(func(_ *state, q *process) {
			q.at = verifying
			if q.rounds++; q.rounds == 4 {
				q.result = looping
			}
		}, "finds the link: to the page, which leads to /login, which leads to /convert")
	case link.nonce != 0 && link.old:
		result := form
		if c.inJar(a) {
			result = joined
		}
		c.can(end(result), "finds an old link: it is spent")
	case link.nonce != 0:
		c.can(func(_ *state, q *process) { q.at, q.rounds = verifying, 1 }, "finds a young link: a page that tries again in a second")
	default:
		c.putLink(l)
	}
}

func (c *stepper) putLink(l int) {
	nonce := uint8(c.p + 1)
	failed := goTo(takingBack)
	if c.m.keepsLink {
		failed = end(outage)
	}
	c.write(func(n *state, q *process) {
		n.draw(q)
		n.links[l] = linkRecord{nonce: nonce, slot: q.slot + 1}
		q.at = creating
		if c.m.linkBeforeAccount && (n.unknown || n.disabled) {
			q.result = form
		}
	}, failed, "puts the link")
	if c.s.delayed < c.m.delayed {
		c.can(func(n *state, q *process) {
			n.delayed++
			n.late[0] = lateWrite{lateLink, uint8(l), nonce}
			failed(n, q)
		}, "puts the link, which is late, and gives up")
	}
}

func (c *stepper) create(l int) {
	slot := c.s.processes[c.p].slot
	life := live
	if c.m.lifetimeFromSignIn && c.m.longAgo {
		life = dead
	}
	c.write(func(n *state, q *process) { n.sessions[slot].life, q.at = life, confirming }, goTo(discarding), "stores session %d", slot)
	if c.s.delayed < c.m.delayed && c.s.late[0] == (lateWrite{}) {
		c.can(func(n *state, q *process) {
			n.delayed++
			n.late[0] = lateWrite{kind: lateCreate, target: slot}
			q.at = discarding
		}, "stores session %d, which is late, and gives up", slot)
	}
}

func (c *stepper) confirm(a action, l int) {
	lost := !c.m.noConfirmOfLink && !c.m.noLink && l >= 0 && c.s.links[l].nonce != uint8(c.p+1)
	changed := c.s.version != c.s.processes[c.p].version || c.s.disabled || c.s.frozen || c.m.refusedBySeal(c.s, a.cookie)
	if !c.m.noConfirm && (lost || changed) {
		c.can(goTo(discarding), "reads account, seal and link again: something has changed")
		return
	}
	c.can(goTo(deletingRow), "reads account, seal and link again: all is as before")
}

func (c *stepper) deleteRow(l int) {
	if c.m.stateless || l < 0 {
		c.can(goTo(answering), "has no row to delete")
		return
	}
	failed := goTo(discarding)
	if c.m.rowMayStay {
		failed = goTo(answering)
	}
	c.write(func(n *state, q *process) { n.rows[l] = false; q.at = answering }, failed, "deletes the row")
}

func (c *stepper) takeBack(l int) {
	if c.m.keepsLink || c.m.noLink || l < 0 {
		c.can(end(outage), "answers 503")
		return
	}
	c.write(func(n *state, q *process) {
		if c.m.takesBackAnyLink || n.links[l].nonce == uint8(c.p+1) {
			n.links[l] = linkRecord{}
		}
		q.result = outage
	}, end(outage), "takes its link back and answers 503")
}
