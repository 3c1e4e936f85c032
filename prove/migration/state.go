package main

const (
	maxProcesses = 5
	maxSessions  = 6 // none is used twice
	maxLegacy    = 2 // sessions of the monolith
	maxCookies   = 3 // copies of the monolith's cookies
	maxLate      = 1
)

// What has become of a session of ours.
const (
	free  uint8 = iota
	drawn       // it has a key
	live
	dead
)

// How a process ends.
const (
	running uint8 = iota
	succeeded
	joined  // the browser has our cookie from another of its requests
	form    // the login page, with a sentence
	outage  // 503
	looping // redirects without end
	crashed
)

// Who holds a cookie.
const (
	nobody uint8 = iota
	user
	thief
)

type sessionOfOurs struct {
	life, holder uint8
}

type linkRecord struct {
	nonce uint8 // who wrote it: the process's number and 1, or that and endedBy; 0 if there is none
	slot  uint8 // the session that it names and 1; 0 if none
	old   bool  // ten seconds have passed
}

// endedBy is added to the nonce of a link that a logout has written.
const endedBy = 100

type cookieCopy struct {
	signed uint8 // when the monolith last signed it
	stamp  uint8 // when its user signed in; 0 if nobody knows
	bound  uint8 // the password that it was made with
}

type process struct {
	at, result uint8
	slot       uint8 // the session that it makes
	version    uint8 // of the account, as it read it
	rounds     uint8
	pending    uint8 // the sessions that it still has to end, as bits
	before     uint8 // the processes that had succeeded when it began, as bits
	earlier    uint8 // the processes that had succeeded when it ended, as bits
}

// What a late write does when it arrives.
const (
	lateCreate uint8 = iota + 1
	lateLink
)

type lateWrite struct{ kind, target, nonce uint8 }

// state is everything that the processes share, and where each is. Times are numbers of
// one clock.
type state struct {
	version                          uint8
	unknown, disabled, frozen, ended bool // of the account; ended: no claim of it converts again
	seal, clock, password            uint8
	windowClosed                     bool

	sessions  [maxSessions]sessionOfOurs
	nextSlot  uint8
	links     [maxLegacy]linkRecord
	rows      [maxLegacy]bool
	cookies   [maxCookies]cookieCopy
	processes [maxProcesses]process

	late                   [maxLate]lateWrite
	crashes, lost, delayed uint8
}

// First implements [explore.Model].
func (m *model) First() state {
	s := state{version: 1, clock: 3, password: 1}
	for i := range s.rows {
		s.rows[i] = true
	}
	for i := range s.cookies {
		s.cookies[i] = cookieCopy{signed: 1, bound: 1}
		if m.stamped {
			s.cookies[i].stamp = 1
		}
	}
	if m.change != nil {
		m.change(&s)
	}
	return s
}

func bit(i int) uint8 { return 1 << i }

// liveSessions returns the live sessions, as bits.
func (s *state) liveSessions() (bits uint8) {
	for i, session := range s.sessions {
		if session.life == live {
			bits |= bit(i)
		}
	}
	return bits
}

func (s *state) kill(slot uint8) {
	if s.sessions[slot].life == live {
		s.sessions[slot].life = dead
	}
}

func (s *state) setSeal() {
	s.seal = s.clock
	s.clock++
}

// draw gives the process a new session, which is not stored yet.
func (s *state) draw(q *process) {
	q.slot = s.nextSlot
	s.nextSlot++
	s.sessions[q.slot] = sessionOfOurs{life: drawn}
}
