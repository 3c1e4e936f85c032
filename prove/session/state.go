package main

const (
	maxSessions  = 5
	maxProcesses = 5
)

// What has become of a key in the store.
const (
	absent  uint8 = iota
	live          // stored, and its end has not come
	expired       // stored, and its idle timeout is over
)

// How a process ends.
const (
	running uint8 = iota
	succeeded
	nobody   // 401: there is no session
	refused  // the account may not sign in, or has changed
	conflict // 409: another write came first
	outage   // 503
	crashed
)

// record is what the store has under one key. The fields from maker on are not stored: they
// tell the model what has happened.
type record struct {
	life             uint8
	secret, previous uint8
	version          uint8
	seen             uint8 // when it was last touched

	maker    uint8 // the process that made it, and 1; 0 if it was there at the beginning
	password uint8 // the user's password when its login began
	changes  uint8 // the updates that are in it, as bits
	doubled  bool  // one of them is in it twice
}

// process is one request, and what it knows.
type process struct {
	at, result   uint8
	slot, token  uint8  // the session that it comes with, and the secret that proves it
	made, fresh  uint8  // the session and the secret that it makes
	next         record // what it writes
	base         uint8  // the version that it has read
	time         uint8  // when it has read, if it touches
	tries        uint8
	again        bool  // the driver sends the write a second time, because the answer was lost
	verdict      uint8 // what it answers when it has cleaned up
	account      uint8 // the version of the account, as it read it
	password     uint8
	seal         uint8
	listed, sure bool  // it has listed the sessions; it has confirmed, or proved again who it is
	pending      uint8 // the sessions that it still has to end, as bits
	failed       bool  // one of them could not be ended
	current      bool  // its token was good when it began
	before       uint8 // the processes that had succeeded when it began, as bits
}

// lateWrite is a write that its sender has given up, and that the store has not seen yet.
type lateWrite struct {
	op op
	of process
}

// state is everything that the processes share, and where each is.
type state struct {
	sessions  [maxSessions]record
	explained uint8 // the sessions that somebody has ended who may, or whose time was over, as bits
	nextSlot  uint8
	clock     uint8
	wrong     string // what a step has found to be wrong

	version                    uint8 // of the account
	password                   uint8 // grows with each change
	disabled, frozen, leaseEnd bool
	seal                       uint8 // grows with each

	processes              [maxProcesses]process
	late                   lateWrite
	crashes, lost, delayed uint8
}

// First implements [explore.Model]. The sessions that are there at the beginning are proved
// by the secrets 1, 2 and so on.
func (m *model) First() state {
	s := state{version: 1, password: 1, nextSlot: uint8(m.sessions)}
	if m.oneID {
		s.nextSlot++
	}
	for i := range m.sessions {
		s.sessions[i] = record{life: live, secret: uint8(i + 1), version: 1, password: 1}
	}
	return s
}

func bit(i int) uint8 { return 1 << i }

// liveSessions returns the live sessions, as bits.
func (s *state) liveSessions() (bits uint8) {
	for i, r := range s.sessions {
		if r.life == live {
			bits |= bit(i)
		}
	}
	return bits
}

// proves reports whether the token is the current secret of a live session.
func (s *state) proves(slot, token uint8) bool {
	return s.sessions[slot].life == live && s.sessions[slot].secret == token
}
