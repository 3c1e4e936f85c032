package main

import (
	"slices"

	"example.com/coatcheck/prove/explore"
)

type scenario = explore.Scenario[state]

// does returns an action by the first token of the session.
func does(k kind, slot int, after ...int) action { return action{kind: k, slot: slot, after: after} }

// by returns an action by what the process of got.
func by(k kind, of int, after ...int) action { return action{kind: k, of: of + 1, after: after} }

// instead returns a login by a browser that comes with a token of the session.
func instead(slot int, after ...int) action {
	return action{kind: login, slot: slot, presents: true, after: after}
}

func mortal(a action) action { a.mayDie = true; return a }

// with returns a model with one session at the beginning; two returns one with two.
func with(actions ...action) *model { return &model{actions: actions, sessions: 1} }

func two(actions ...action) *model { return &model{actions: actions, sessions: 2} }

// faults allows one crash, one lost answer and one late write.
func (m *model) faults() *model { m.crashes, m.lost, m.delayed = 1, 1, 1; return m }

func (m *model) loses() *model { m.lost = 1; return m }

func (m *model) copied() *model { copied := *m; return &copied }

// without returns the model without a rule.
func (m *model) without(r rules) *model { m = m.copied(); m.rules = r; return m }

// broken is a scenario in which something goes wrong, because a rule is taken out.
func broken(problem, title string, m *model, r rules) scenario {
	return scenario{Title: title, Problem: problem, Model: m.without(r)}
}

func scenarios() []scenario {
	return slices.Concat(writes(), endings(), logins(), passwords(), conversions(), whole())
}

// writes: touches, updates and renewals of one session.
func writes() []scenario {
	updates := with(does(change, 0), does(change, 0)).loses()
	renewals := with(does(renew, 0), does(renew, 0))
	touches := with(does(request, 0), does(request, 0), does(change, 0))
	idle := with(does(request, 0), does(request, 0))
	idle.idles = true
	return []scenario{
		{Title: "Two updates and a renewal, with faults", Model: with(does(change, 0), does(change, 0), does(renew, 0)).faults()},
		{Title: "Two renewals, and a request with the old token, with faults", Model: with(does(renew, 0), does(renew, 0), does(request, 0)).faults()},
		{Title: "Two touches and an update, with faults", Model: with(does(request, 0), does(request, 0), does(change, 0)).faults()},
		{Title: "Two requests when the session becomes idle, with faults", Model: idle.copied().faults()},
		broken(undone, "Two updates", updates, rules{lastWriteWins: true}),
		broken(undone, "Two updates", updates, rules{retriesUncertain: true}),
		broken(undone, "A renewal", with(does(renew, 0)).loses(), rules{blindToOwnWrite: true}),
		broken(undone, "Two touches and an update", touches, rules{updateMovesTimes: true}),
		broken(undone, "Two touches and an update", touches, rules{touchGoesBack: true}),
		broken(oldToken, "Two renewals", renewals, rules{repeatsBlindly: true}),
		broken(oldToken, "A renewal, and a request with the old token", with(does(renew, 0), does(request, 0)), rules{previousOpens: true}),
		broken(falseAnswer, "Two requests when the session becomes idle", idle, rules{touchesLate: true}),
		broken(falseAnswer, "A request", with(does(request, 0)).loses(), rules{outageIsNobody: true}),
	}
}

// endings: logouts, and the end of all sessions.
func endings() []scenario {
	crossed := func(k kind) *model { return with(does(k, 0), does(logout, 0)) }
	return []scenario{
		{Title: "A logout, a renewal and an update, with faults", Model: with(does(logout, 0), does(renew, 0), does(change, 0)).faults()},
		{Title: "A logout, and two requests, with faults", Model: with(does(logout, 0), does(request, 0), does(request, 0)).faults()},
		{Title: "Revoke-all, a login and a renewal, with faults", Large: true, Model: with(does(revokeAll, 0), mortal(does(login, 0)), does(renew, 0)).faults()},
		{Title: "A forged logout, and an update", Model: with(does(forgery, 0), does(change, 0)).faults()},
		{Title: "Two renewals after another during a logout; this is not repaired", Problem: endedLives,
			Model: with(does(logout, 0), does(renew, 0), by(renew, 1))},
		broken(endedLives, "A logout, and an update", crossed(change), rules{updateUpserts: true}),
		broken(endedLives, "A logout, and a touch", crossed(request), rules{touchUpserts: true}),
		broken(endedLives, "A logout, and a renewal", crossed(renew), rules{currentSecretOnly: true}),
		broken(undone, "A forged logout", with(does(forgery, 0)), rules{idEnds: true}),
		broken(endedLives, "A logout in an outage", with(does(logout, 0)).loses(), rules{outageIsDone: true}),
		broken(endedLives, "Revoke-all, and a renewal", with(does(revokeAll, 0), does(renew, 0)), rules{keyMoves: true}),
	}
}

// logins, and their limit.
func logins() []scenario {
	one := with(does(login, 0), does(login, 0))
	one.sessions, one.oneID = 0, true
	limited := with(does(login, 0), does(login, 0))
	limited.limit = 1
	more := with(mortal(does(login, 0)), does(login, 0), does(login, 0))
	more.sessions, more.limit = 0, 2
	late := with(does(login, 0), by(logout, 0))
	late.sessions, late.lost, late.delayed = 0, 1, 1
	planted := with(instead(0), action{kind: request, thief: true})
	return []scenario{
		{Title: "Two logins that draw one ID, with faults", Model: one.copied().faults()},
		{Title: "A login with a planted token, and the thief", Model: planted},
		{Title: "A login and its logout, with faults", Model: late.copied().faults()},
		{Title: "A login in place of a session, and a renewal of that, with faults", Model: with(instead(0), does(renew, 0)).faults()},
		{Title: "Two logins, where one session is allowed", Model: limited},
		{Title: "Three logins, where two sessions are allowed", Model: more},
		broken(falseAnswer, "Two logins that draw one ID", one, rules{createOverwrites: true}),
		broken(falseAnswer, "Two logins that draw one ID", one.copied().loses(), rules{discardsByKey: true}),
		broken(shared, "A login with a planted token, and the thief", planted, rules{adoptsToken: true}),
		broken(endedLives, "A login and its logout", late, rules{sendsCreateAgain: true}),
		broken(endedLives, "A login in place of a session", with(instead(0)), rules{keepsPresented: true}),
		broken(endedLives, "A login in place of a session", with(instead(0)).loses(), rules{answersFirst: true}),
		broken(leftOver, "A login, and a disabling", with(does(login, 0), does(disable, 0)), rules{neverDiscards: true}),
		broken(tooMany, "Two logins, where one session is allowed", limited, rules{listsFirst: true}),
		broken(tooMany, "Two logins, where one session is allowed", limited, rules{sparesOwn: true}),
	}
}

// passwords: changes of the account, and logins that cross them.
func passwords() []scenario {
	crossed := two(does(changePassword, 0), does(login, 1))
	disabled := with(does(disable, 0), does(login, 0))
	dies := two(mortal(does(changePassword, 0)))
	dies.crashes = 1
	leased := func(m *model) *model { m.leases = true; return m }
	expired := leased(with(does(changePassword, 0), does(login, 0)))
	return []scenario{
		{Title: "A change of password, and a login, with faults", Model: two(mortal(does(changePassword, 0)), mortal(does(login, 0))).faults()},
		{Title: "A change of password whose lease ends, and a login, with faults", Model: leased(with(mortal(does(changePassword, 0)), does(login, 0)).faults())},
		{Title: "Two changes of password, and a login", Model: leased(two(does(changePassword, 0), does(changePassword, 1), does(login, 0)))},
		{Title: "A change of password, and revoke-all, with faults", Model: two(mortal(does(changePassword, 0)), does(revokeAll, 1)).faults()},
		{Title: "A disabling, and a login, with faults", Model: with(mortal(does(disable, 0)), does(login, 0)).faults()},
		broken(oldPassword, "A change of password, and a login", crossed, rules{noConfirm: true}),
		broken(oldPassword, "A change of password, and a login", crossed, rules{confirmsFirst: true}),
		broken(oldPassword, "A change of password, and a login", crossed, rules{noFreeze: true}),
		broken(oldPassword, "A change of password that crashes", dies, rules{hashFirst: true}),
		broken(oldPassword, "A change of password whose lease ends, and a login", expired, rules{thawsBlindly: true}),
		broken(oldPassword, "A change of password whose lease ends, and a login", expired, rules{leaseKeepsVersion: true}),
		broken(endedLives, "A change of password, and revoke-all", two(does(changePassword, 0), does(revokeAll, 1)), rules{changesWithoutSession: true}),
		broken(endedLives, "A disabling, and a login", disabled, rules{disablesLast: true}),
	}
}

// conversions: sessions that come from a monolith. Command migration has more of them.
func conversions() []scenario {
	crossed := with(does(revokeAll, 0), does(conversion, 0))
	crossed.bridge = true
	faulty := with(does(revokeAll, 0), mortal(does(conversion, 0)), does(logout, 0)).faults()
	faulty.bridge = true
	return []scenario{
		{Title: "Revoke-all, a conversion and a logout, with faults", Model: faulty},
		broken(endedLives, "Revoke-all, and a conversion", crossed, rules{noSeal: true}),
		broken(endedLives, "Revoke-all, and a conversion", crossed, rules{sealsLast: true}),
	}
}

// whole: all at once.
func whole() []scenario {
	return []scenario{
		{Title: "A login, a logout, a renewal and revoke-all, with faults", Large: true,
			Model: with(mortal(does(login, 0)), by(logout, 0), does(renew, 0), does(revokeAll, 0)).faults()},
		{Title: "A change of password, a login and two logouts, with faults", Large: true,
			Model: with(mortal(does(changePassword, 0)), mortal(does(login, 0)), does(logout, 0), by(logout, 1)).faults()},
	}
}
