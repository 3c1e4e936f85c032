package main

import "slices"

// scenario is a model and what is expected of it.
type scenario struct {
	title   string
	problem string // how the problem begins that is to be found; "" if the rules hold
	large   bool   // explored by the program, and not by the tests
	model   *model
}

// by returns a conversion by the browser of somebody.
func by(who, device uint8, cookie int, after ...int) action {
	return action{kind: convert, who: who, device: device, cookie: cookie, after: after}
}

func mortal(a action) action { a.mayDie = true; return a }

func does(k kind, after ...int) action { return action{kind: k, who: user, after: after} }

func logsOut(of int, after ...int) action {
	return action{kind: logout, who: user, of: of, after: after}
}

func with(k kind, cookie int, after ...int) action {
	return action{kind: k, who: user, cookie: cookie, after: after}
}

// rows returns a monolith that keeps its sessions in rows. Copies 0 and 1 are of one
// session, copy 2 is of another device's.
func rows(actions ...action) *model {
	return &model{actions: actions, legacy: [maxCookies]int{0, 0, 1}}
}

// stateless returns a monolith whose cookie is the session.
func stateless(actions ...action) *model {
	return &model{actions: actions, legacy: [maxCookies]int{-1, -1, -1}, stateless: true}
}

// stamped returns one whose sessions got a stamp at the sign-in.
func stamped(actions ...action) *model {
	m := rows(actions...)
	m.stateless, m.stamped = true, true
	return m
}

func (m *model) without(r rules) *model { m.rules = r; return m }

// faults allows one crash, one lost answer and one late write.
func (m *model) faults() *model { m.crashes, m.lost, m.delayed = 1, 1, 1; return m }

func (m *model) succeeds(p ...int) *model { m.mustSucceed = p; return m }

func (m *model) from(change func(*state)) *model { m.change = change; return m }

func scenarios() []scenario {
	return slices.Concat(once(), logouts(), endings(), bindings(), openings(), whole())
}

// once: the link, order, and no loop.
func once() []scenario {
	userAndThief := []action{mortal(by(user, 1, 0)), by(thief, 2, 1), by(user, 1, 0, 0)}
	twoAtOnce := []action{mortal(by(user, 1, 0)), by(user, 1, 0), by(user, 1, 0, 0, 1)}
	crash := rows(mortal(by(user, 1, 0)), by(user, 1, 0, 0)).without(rules{noWaiting: true, keepsLink: true})
	crash.crashes = 1
	image := func(r rules) *model {
		unwanted := by(user, 1, 0)
		unwanted.image = true
		return rows(unwanted, by(user, 1, 0, 0)).without(r).succeeds(1)
	}
	old := func(r rules) *model {
		m := rows(by(user, 1, 0)).without(r).succeeds(0)
		m.longAgo = true
		return m
	}
	notYet := func() *model {
		return rows(by(user, 1, 0), does(importUser, 0), by(user, 1, 0, 1)).from(func(s *state) { s.unknown = true }).succeeds(2)
	}
	return []scenario{
		{title: "Rows: two requests of one browser at once, and one later, with faults", model: rows(twoAtOnce...).faults()},
		{title: "Rows: user and thief with one session, with faults", model: rows(userAndThief...).faults()},
		{title: "Stamped: user and thief with copies of one cookie, with faults", model: stamped(userAndThief...).faults()},
		{title: "Without waiting: two requests of one browser at once", problem: stranded, model: rows(by(user, 1, 0), by(user, 1, 0)).without(rules{noWaiting: true})},
		{title: "Without waiting: a crash, and the browser comes again", problem: stranded, model: crash},
		{title: "Without the link: user and thief", problem: twoHolders, model: rows(by(user, 1, 0), by(thief, 2, 1)).without(rules{noLink: true})},
		{title: "Without a stamp, stateless: user and thief; this is not repaired", problem: twoHolders, model: stateless(by(user, 1, 0), by(thief, 2, 1))},
		{title: "An image on another site leads to /convert, and then the user comes", model: image(rules{})},
		{title: "Any GET converts: the same", problem: stranded, model: image(rules{anyGet: true})},
		{title: "A sign-in of long ago", model: old(rules{})},
		{title: "The lifetime counts from the sign-in: the same", problem: stranded, model: old(rules{lifetimeFromSignIn: true})},
		{title: "A user who is not imported yet, and then is", model: notYet()},
		{title: "Link before account: a user who is not imported yet, and then is", problem: stranded, model: notYet().without(rules{linkBeforeAccount: true})},
		{title: "Takes back any link", problem: twoHolders, model: rows(by(user, 1, 0), by(thief, 2, 1), by(user, 1, 0)).faults().without(rules{takesBackAnyLink: true})},
	}
}

// logouts: at either side.
func logouts() []scenario {
	// The thief has no session yet when the user logs out, because without a stamp nothing
	// tells two copies apart.
	late := func(m *model) *model { m.copiesConvert = true; return m }
	retried := func(r rules) *model {
		m := late(stateless(by(user, 1, 0), mortal(logsOut(0)), logsOut(0, 1), by(thief, 2, 1, 1, 2))).without(r)
		m.crashes = 1
		return m
	}
	resigned := func(r rules) *model {
		return late(stateless(by(user, 1, 0), logsOut(0), with(resign, 1, 1), by(thief, 2, 1, 2)).from(stampAll(1))).without(r)
	}
	ahead := func(r rules) *model {
		return late(stateless(by(user, 1, 0), logsOut(0), by(thief, 2, 1, 1)).from(stampAll(4))).without(r)
	}
	again := []action{by(user, 1, 0), logsOut(0), with(signIn, 2, 1), by(user, 1, 2, 2)}
	rowLeft := func(r rules) *model {
		m := rows(by(user, 1, 0), logsOut(0)).without(r)
		m.rowOpens, m.lost = true, 1
		return m
	}
	rowRetried := rows(mortal(by(user, 1, 0)), by(user, 1, 0, 0), logsOut(1), logsOut(0)).faults()
	rowRetried.rowOpens = true
	return []scenario{
		{title: "Stateless: a logout that crashes, and again", model: retried(rules{})},
		{title: "Seal after the delete: a logout that crashes, and again", problem: endedLives, model: retried(rules{sealAfterwards: true})},
		{title: "No seal: a logout, and the thief's copy", problem: endedLives, model: retried(rules{noSeal: true})},
		{title: "Stateless: the monolith signs the thief's copy again after the logout", model: resigned(rules{})},
		{title: "Seal by the signature's time: the same", problem: endedLives, model: resigned(rules{sealBySignature: true})},
		{title: "The monolith's clock is ahead", model: ahead(rules{})},
		{title: "No leeway: the monolith's clock is ahead", problem: endedLives, model: ahead(rules{noLeeway: true})},
		{title: "Stamped: a logout, and a new sign-in at the monolith", model: stamped(again...).succeeds(3)},
		{title: "No stamp: the same; this is not repaired", problem: stranded, model: stateless(again...).succeeds(3)},
		{title: "A logout with a forged token, and the user converts", model: rows(does(logoutForged), by(user, 1, 0, 0)).succeeds(1)},
		{title: "A logout does not prove: the same", problem: stranded, model: rows(does(logoutForged), by(user, 1, 0, 0)).without(rules{logoutDoesNotProve: true}).succeeds(1)},
		{title: "Logout with the monolith's cookie alone, with faults", model: rows(mortal(with(logoutByTheirs, 0)), with(logoutByTheirs, 0, 0), by(thief, 2, 1, 1), by(thief, 2, 1)).faults()},
		{title: "Stateless: logout with the monolith's cookie alone, with faults", model: late(stateless(mortal(with(logoutByTheirs, 0)), with(logoutByTheirs, 0, 0), by(thief, 2, 1, 1))).faults()},
		{title: "Logout keeps the monolith's session: the same", problem: endedLives, model: rows(with(logoutByTheirs, 0), by(thief, 2, 1, 0)).without(rules{keepsTheirs: true})},
		{title: "Logout leaves the session that the link names", problem: endedLives, model: rows(by(thief, 2, 1), with(logoutByTheirs, 0)).without(rules{endLeavesSession: true})},
		{title: "The link is not read again: logout with the monolith's cookie during a conversion", problem: endedLives, model: rows(with(logoutByTheirs, 0), by(thief, 2, 1)).without(rules{noConfirmOfLink: true})},
		{title: "Rows: the row cannot be deleted, with faults", model: rowRetried},
		{title: "The row may stay: a logout", problem: endedLives, model: rowLeft(rules{rowMayStay: true})},
	}
}

func stampAll(at uint8) func(*state) {
	return func(s *state) {
		for i := range s.cookies {
			s.cookies[i].stamp = at
		}
	}
}

// endings: everywhere, by a new password, by disabling.
func endings() []scenario {
	everywhere := func(r rules) *model { return rows(does(revokeAll), by(thief, 2, 2)).without(r) }
	crashing := func(r rules) *model {
		m := rows(mortal(does(changePassword)), by(thief, 2, 2)).without(r)
		m.crashes = 1
		return m
	}
	enabled := func(r rules) *model {
		return rows(mortal(does(disable)), does(enable, 0), by(thief, 2, 2, 0)).without(r)
	}
	faulty := enabled(rules{})
	faulty.actions[2].after = nil
	return []scenario{
		{title: "Revoke-all, two conversions and a logout, with faults", model: rows(does(revokeAll), by(thief, 2, 2), mortal(by(user, 1, 0)), logsOut(2)).faults()},
		{title: "No confirm: revoke-all during a conversion", problem: endedLives, model: everywhere(rules{noConfirm: true})},
		{title: "Seal after the deletes: the same", problem: endedLives, model: everywhere(rules{sealAfterwards: true})},
		{title: "Seal for stateless sources only: revoke-all, then another device's row", problem: endedLives, model: everywhere(rules{sealOnlyStateless: true})},
		{title: "No seal: the same", problem: endedLives, model: everywhere(rules{noSeal: true})},
		{title: "A new password, three conversions, with faults", model: rows(mortal(does(changePassword)), by(thief, 2, 2), mortal(by(user, 1, 0)), by(thief, 2, 2, 0)).faults()},
		{title: "Stamped: a new password and two conversions, with faults", model: stamped(mortal(does(changePassword)), by(thief, 2, 2), by(user, 1, 0)).faults()},
		{title: "Never closed: a new password, then another device's row", problem: endedLives, model: crashing(rules{neverClosed: true})},
		{title: "Closed after the new hash: a crash in between", problem: endedLives, model: crashing(rules{closedAfterwards: true})},
		{title: "Disabled and enabled, and a conversion, with faults", model: faulty.faults()},
		{title: "Never closed: disabled and enabled, then another device's row", problem: endedLives, model: enabled(rules{neverClosed: true})},
	}
}

// bindings: the monolith binds its sessions to passwords.
func bindings() []scenario {
	changed := func(r rules) *model {
		m := rows(with(changeTheirs, 0), by(thief, 2, 1, 0), with(signIn, 2, 0), by(user, 1, 2, 2)).without(r)
		m.binds = true
		return m
	}
	return []scenario{
		{title: "The password changes at the monolith: the thief's cookie, and the user's new one", model: changed(rules{}).succeeds(3)},
		{title: "Bound to the imported hash: the thief's cookie", problem: endedLives, model: changed(rules{boundToImported: true})},
		{title: "Bound to the imported hash: the user's new cookie", problem: stranded, model: func() *model {
			m := rows(with(changeTheirs, 0), with(signIn, 2, 0), by(user, 1, 2, 1)).without(rules{boundToImported: true}).succeeds(2)
			m.binds = true
			return m
		}()},
	}
}

// openings: the bridge is closed, logouts no longer seal, and it is opened again.
func openings() []scenario {
	reopened := func(r rules) *model {
		m := stateless(by(user, 1, 0), does(closeBridge, 0), action{kind: logoutWithout, who: user, of: 0, after: []int{1}}, does(reopenBridge, 2), by(thief, 2, 1, 3)).without(r)
		m.copiesConvert = true
		return m.from(stampAll(1))
	}
	return []scenario{
		{title: "Closed, a logout that does not seal, and convert starts again", model: reopened(rules{})},
		{title: "It may open again: the same", problem: endedLives, model: reopened(rules{reopens: true})},
	}
}

// whole: all at once, and each rule that only shows there.
func whole() []scenario {
	all := func(r rules) *model {
		return rows(mortal(by(user, 1, 0)), by(thief, 2, 1), logsOut(0), does(revokeAll), by(user, 1, 0, 0)).faults().without(r)
	}
	return []scenario{
		{title: "Rows: convert, thief, logout, revoke-all, again, with faults", large: true, model: all(rules{})},
		{title: "The link stays after a failure: the same; it costs a password and nothing else", large: true, model: all(rules{keepsLink: true})},
		{title: "No confirm: the same", problem: endedLives, model: all(rules{noConfirm: true})},
		{title: "Without waiting: the same", problem: stranded, model: all(rules{noWaiting: true})},
		{title: "Stamped: convert, thief, logout, a new password, another device, with faults", large: true,
			model: stamped(mortal(by(user, 1, 0)), by(thief, 2, 1), logsOut(0), mortal(does(changePassword)), by(user, 2, 2)).faults()},
	}
}
