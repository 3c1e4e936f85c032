package history

import "github.com/anishathalye/porcupine"

// page is what the model knows of one session. Numbers stand for what is long or secret: a
// secret is the number by which it was first seen, data that of the call that wrote it, and
// a time the number of the write that was told it.
type page struct {
	life             life
	secret, previous int // that prove the session; previous only ends it
	data             int // roles and values, which are always written together
	proved           int // when the user last proved who they are
	seen, ends       int // what touches move; ends is told as the time that it counts from
	browser          int // at the last touch; 0 as at login
}

type life int

const (
	absent life = iota // not made yet
	alive
	ended // for ever
)

// action is what a call does to one session. Fields that a verb does not use are zero.
type action struct {
	verb        verb
	session     key
	secret      int  // that the call proves the session with
	newSecret   int  // create, renew, reauthenticate
	prior, data int  // what a write found, and what it leaves
	at          int  // create, touch, reauthenticate
	browser     int  // touch
	notBefore   int  // load, list: the cut-off of the process that reads
	gaveUp      bool // update, renew, reauthenticate: after too many lost races, or because its caller had gone
}

// key is the key of a session, as numbers in the order in which they were first seen.
type key struct{ user, id int }

type verb string

const (
	create         verb = "create"
	load           verb = "load"
	list           verb = "list"
	touch          verb = "touch"
	update         verb = "update"
	renew          verb = "renew"
	reauthenticate verb = "reauthenticate"
	destroy        verb = "destroy"    // by a secret
	revoke         verb = "revoke"     // by the ID
	revokeAll      verb = "revoke all" // its part for this session, or a revocation that may have come second
)

// answer is what the caller was told, with what it saw of the session.
type answer struct {
	outcome outcome
	saw     page
}

type outcome int

const (
	done      outcome = iota
	noSession         // ErrNoSession; in a list: it is not there
	conflict          // ErrConflict
	unknown           // an outage: it may take effect at any time, or never
)

// next is the model: what a store that does one thing at a time would do to the session
// p, and whether it would give that answer. It says what package session promises, and no
// more: see the comments of [session.Manager] and [session.Store].
func (p page) next(a action, got answer) (page, bool) {
	told := got.outcome
	switch a.verb {
	case create: // a key is used once
		if p.life != absent {
			return p, told == unknown
		}
		return page{life: alive, secret: a.newSecret, data: a.data, proved: a.at, seen: a.at, ends: a.at}, true

	case load: // the newest data, for the current secret alone
		if p.life != alive || p.secret != a.secret || p.proved < a.notBefore {
			return p, told == noSession
		}
		return p, told == done && got.saw.data == p.data && got.saw.proved == p.proved

	case list: // everything that lives, as it is
		if p.life != alive || p.proved < a.notBefore {
			return p, told == noSession
		}
		saw := got.saw
		saw.life, saw.secret, saw.previous = p.life, p.secret, p.previous // which no list shows
		return p, told == done && saw == p

	case touch: // forward only
		if p.life != alive {
			return p, told != done
		}
		if a.at > p.seen && a.at >= p.ends {
			p.seen, p.ends, p.browser = a.at, a.at, a.browser
		}
		return p, told != noSession

	case update, renew, reauthenticate: // nothing is lost, and no write of somebody who no longer proves the session
		if p.life != alive {
			return p, told == noSession || told == unknown
		}
		if told == conflict {
			return p, a.gaveUp || p.secret != a.secret
		}
		if p.secret != a.secret || p.data != a.prior {
			return p, told == unknown
		}
		return p.changed(a), told != noSession

	case destroy: // what the secret proves, if anything
		if p.life == alive && (p.secret == a.secret || p.previous == a.secret) {
			p.life = ended
		}
		return p, true

	case revoke: // done is said once, but a driver that sends the call twice may find nothing
		if p.life != alive {
			return p, told != done
		}
		p.life = ended
		return p, true

	default: // revokeAll
		if p.life == alive {
			p.life = ended
		}
		return p, true
	}
}

// changed returns what an update, a renewal or a reauthentication makes of p.
func (p page) changed(a action) page {
	p.data = a.data
	if a.verb != update {
		p.secret, p.previous = a.newSecret, p.secret
	}
	if a.verb == reauthenticate {
		p.proved, p.ends = a.at, a.at
	}
	return p
}

// model is next, as porcupine wants it. It is the model of one session: a history has an
// order if the history of each session has one (Herlihy and Wing, theorem 1). That is what is
// promised: no call is one step for several sessions, but for a login that lists too, and
// what logins promise together is in limit.go.
var model = porcupine.Model{
	Init: func() any { return page{} },
	Step: func(state, input, output any) (bool, any) {
		next, ok := state.(page).next(input.(action), output.(answer))
		return ok, next
	},
	DescribeOperation: func(input, output any) string {
		a := input.(action)
		return a.String() + ": " + output.(answer).of(a)
	},
	DescribeState: func(state any) string { return state.(page).String() },
}
