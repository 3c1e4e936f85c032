package main

import (
	"slices"

	"example.com/coatcheck/prove/explore"
)

// scenario is a model and what is expected of it.
type scenario = explore.Scenario[state]

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
		{Title: "Rows: two requests of one browser at once, and one later, with faults", Model: rows(twoAtOnce...).faults()},
		{Title: "Rows: user and thief with one session, with faults", Model: rows(userAndThief...).faults()},
		{Title: "Stamped: user and thief with copies of one cookie, with faults", Model: stamped(userAndThief...).faults()},
		{Title: "Without waiting: two requests of one browser at once", Problem: stranded, Model: rows(by(user, 1, 0), by(user, 1, 0)).without(rules{noWaiting: true})},
		{Title: "Without waiting: a crash, and the browser comes again", Problem: stranded, Model: crash},
		{Title: "Without the link: user and thief", Problem: twoHolders, Model: rows(by(user, 1, 0), by(thief, 2, 1)).without(rules{noLink: true})},
		{Title: "Without a stamp, stateless: user and thief; this is not repaired", Problem: twoHolders, Model: stateless(by(user, 1, 0), by(thief, 2, 1))},
		{Title: "An image on another site leads to /convert, and then the user comes", Model: image(rules{})},
		{Title: "Any GET converts: the same", Problem: stranded, Model: image(rules{anyGet: true})},
		{Title: "A sign-in of long ago", Model: old(rules{})},
		{Title: "The lifetime counts from the sign-in: the same", Problem: stranded, Model: old(rules{lifetimeFromSignIn: true})},
		{Title: "A user who is not imported yet, and then is", Model: notYet()},
		{Title: "Link before account: a user who is not imported yet, and then is", Problem: stranded, Model: notYet().without(rules{linkBeforeAccount: true})},
		{Title: "Takes back any link", Problem: twoHolders, Model: rows(by(user, 1, 0), by(thief, 2, 1), by(user, 1, 0)).faults().without(rules{takesBackAnyLink: true})},
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
		{Title: "Stateless: a logout that crashes, and again", Model: retried(rules{})},
		{Title: "Seal after the delete: a logout that crashes, and again", Problem: endedLives, Model: retried(rules{sealAfterwards: true})},
		{Title: "No seal: a logout, and the thief's copy", Problem: endedLives, Model: retried(rules{noSeal: true})},
		{Title: "Stateless: the monolith signs the thief's copy again after the logout", Model: resigned(rules{})},
		{Title: "Seal by the signature's time: the same", Problem: endedLives, Model: resigned(rules{sealBySignature: true})},
		{Title: "The monolith's clock is ahead", Model: ahead(rules{})},
		{Title: "No leeway: the monolith's clock is ahead", Problem: endedLives, Model: ahead(rules{noLeeway: true})},
		{Title: "Stamped: a logout, and a new sign-in at the monolith", Model: stamped(again...).succeeds(3)},
		{Title: "No stamp: the same; this is not repaired", Problem: stranded, Model: stateless(again...).succeeds(3)},
		{Title: "A logout with a forged token, and the user converts", Model: rows(does(logoutForged), by(user, 1, 0, 0)).succeeds(1)},
		{Title: "A logout does not prove: the same", Problem: stranded, Model: rows(does(logoutForged), by(user, 1, 0, 0)).without(rules{logoutDoesNotProve: true}).succeeds(1)},
		{Title: "Logout with the monolith's cookie alone, with faults", Model: rows(mortal(with(logoutByTheirs, 0)), with(logoutByTheirs, 0, 0), by(thief, 2, 1, 1), by(thief, 2, 1)).faults()},
		{Title: "Stateless: logout with the monolith's cookie alone, with faults", Model: late(stateless(mortal(with(logoutByTheirs, 0)), with(logoutByTheirs, 0, 0), by(thief, 2, 1, 1))).faults()},
		{Title: "Logout keeps the monolith's session: the same", Problem: endedLives, Model: rows(with(logoutByTheirs, 0), by(thief, 2, 1, 0)).without(rules{keepsTheirs: true})},
		{Title: "Logout leaves the session that the link names", Problem: endedLives, Model: rows(by(thief, 2, 1), with(logoutByTheirs, 0)).without(rules{endLeavesSession: true})},
		{Title: "The link is not read again: logout with the monolith's cookie during a conversion", Problem: endedLives, Model: rows(with(logoutByTheirs, 0), by(thief, 2, 1)).without(rules{noConfirmOfLink: true})},
		{Title: "Rows: the row cannot be deleted, with faults", Model: rowRetried},
		{Title: "The row may stay: a logout", Problem: endedLives, Model: rowLeft(rules{rowMayStay: true})},
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
		{Title: "Revoke-all, two conversions and a logout, with faults", Model: rows(does(revokeAll), by(thief, 2, 2), mortal(by(user, 1, 0)), logsOut(2)).faults()},
		{Title: "No confirm: revoke-all during a conversion", Problem: endedLives, Model: everywhere(rules{noConfirm: true})},
		{Title: "Seal after the deletes: the same", Problem: endedLives, Model: everywhere(rules{sealAfterwards: true})},
		{Title: "Seal for stateless sources only: revoke-all, then another device's row", Problem: endedLives, Model: everywhere(rules{sealOnlyStateless: true})},
		{Title: "No seal: the same", Problem: endedLives, Model: everywhere(rules{noSeal: true})},
		{Title: "A new password, three conversions, with faults", Model: rows(mortal(does(changePassword)), by(thief, 2, 2), mortal(by(user, 1, 0)), by(thief, 2, 2, 0)).faults()},
		{Title: "Stamped: a new password and two conversions, with faults", Model: stamped(mortal(does(changePassword)), by(thief, 2, 2), by(user, 1, 0)).faults()},
		{Title: "Never closed: a new password, then another device's row", Problem: endedLives, Model: crashing(rules{neverClosed: true})},
		{Title: "Closed after the new hash: a crash in between", Problem: endedLives, Model: crashing(rules{closedAfterwards: true})},
		{Title: "Disabled and enabled, and a conversion, with faults", Model: faulty.faults()},
		{Title: "Never closed: disabled and enabled, then another device's row", Problem: endedLives, Model: enabled(rules{neverClosed: true})},
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
		{Title: "The password changes at the monolith: the thief's cookie, and the user's new one", Model: changed(rules{}).succeeds(3)},
		{Title: "Bound to the imported hash: the thief's cookie", Problem: endedLives, Model: changed(rules{boundToImported: true})},
		{Title: "Bound to the imported hash: the user's new cookie", Problem: stranded, Model: func() *model {
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
		{Title: "Closed, a logout that does not seal, and convert starts again", Model: reopened(rules{})},
		{Title: "It may open again: the same", Problem: endedLives, Model: reopened(rules{reopens: true})},
	}
}

// whole: all at once, and each rule that only shows there.
func whole() []scenario {
	all := func(r rules) *model {
		return rows(mortal(by(user, 1, 0)), by(thief, 2, 1), logsOut(0), does(revokeAll), by(user, 1, 0, 0)).faults().without(r)
	}
	return []scenario{
		{Title: "Rows: convert, thief, logout, revoke-all, again, with faults", Large: true, Model: all(rules{})},
		{Title: "The link stays after a failure: the same; it costs a password and nothing else", Large: true, Model: all(rules{keepsLink: true})},
		{Title: "No confirm: the same", Problem: endedLives, Model: all(rules{noConfirm: true})},
		{Title: "Without waiting: the same", Problem: stranded, Model: all(rules{noWaiting: true})},
		{Title: "Stamped: convert, thief, logout, a new password, another device, with faults", Large: true,
			Model: stamped(mortal(by(user, 1, 0)), by(thief, 2, 1), logsOut(0), mortal(does(changePassword)), by(user, 2, 2)).faults()},
	}
}
