package main

import "fmt"

// What goes wrong, as Problem tells it.
const (
	endedLives  = "what was ended lives: "
	oldPassword = "a session of the old password lives beside the new one"
	falseAnswer = "an answer is not true: "

	shared     = "two people have one session: a thief has planted a token, and who has signed in with it has it too"
	oldToken   = "a token that a renewal has replaced is good: "
	undone     = "what was confirmed is lost: "
	tooMany    = "the limit leaves too many"
	leftOver   = "a session is left that nobody holds"
	unfinished = "a process cannot go on: "
)

// Problem implements [explore.Model].
func (m *model) Problem(s *state, last bool) string {
	if s.wrong != "" {
		return s.wrong
	}
	for i, r := range s.sessions {
		problem := m.gone(s, i)
		if r.life == live {
			problem = m.livesAfterAnEnd(s, i)
		}
		if problem != "" {
			return problem
		}
	}
	for p, a := range m.actions {
		if problem := m.falseAnswer(s, a, p); problem != "" {
			return problem
		}
	}
	if last {
		return m.problemAtEnd(s)
	}
	return ""
}

// held reports whether somebody has the token of a session: it was there at the beginning, or
// the login that made it has sent its cookie.
func (s *state) held(i int) bool {
	maker := s.sessions[i].maker
	return maker == 0 || s.processes[maker-1].result == succeeded && int(s.processes[maker-1].slot) == i
}

// gone returns a problem if a session is not in the store, and nobody has ended it.
func (m *model) gone(s *state, i int) string {
	if i < m.sessions && s.sessions[i].life != live && s.explained&bit(i) == 0 && !m.keyMoves {
		return fmt.Sprintf("%snobody who may has ended session %d, and it is gone", undone, i)
	}
	return ""
}

// livesAfterAnEnd returns a problem if the session i lives, and was to end.
func (m *model) livesAfterAnEnd(s *state, i int) string {
	if !s.held(i) {
		return ""
	}
	r := s.sessions[i]
	for e, a := range m.actions {
		q := s.processes[e]
		if a.kind == changePassword && q.result != running && int(q.slot) != i && r.password < s.password {
			return oldPassword
		}
		if q.result != succeeded {
			continue
		}
		madeBefore := r.maker == 0 || q.before&bit(int(r.maker)-1) != 0
		converted := r.maker > 0 && m.actions[r.maker-1].kind == conversion // of what was to end too
		switch {
		case a.kind == logout && q.current && int(q.slot) == i,
			a.kind == revokeAll && (madeBefore || converted),
			a.kind == disable,
			a.kind == login && a.presents && a.slot == i && r.maker == 0:
			return fmt.Sprintf("%s%s %d was answered, and session %d is there", endedLives, names[a.kind], e, i)
		}
	}
	return ""
}

// falseAnswer returns a problem if what the process was told is not so.
func (m *model) falseAnswer(s *state, a action, p int) string {
	q := s.processes[p]
	r := s.sessions[q.slot]
	told := q.result == succeeded
	switch {
	case r.doubled:
		return undone + "a change was made twice"
	case q.result == nobody && s.proves(q.slot, q.token):
		return fmt.Sprintf("%s%d was told that there is no session, and its token opens one", falseAnswer, p)
	case told && (a.kind == login || a.kind == conversion):
		if r.life != live && s.explained&bit(int(q.slot)) == 0 || r.life == live && r.maker != uint8(p+1) {
			return fmt.Sprintf("%s%d was told that it is signed in, and its session is not there", falseAnswer, p)
		}
	case told && a.kind == renew && r.life == live && r.secret != q.fresh && r.previous != q.fresh:
		return fmt.Sprintf("%s%d got a token that opens nothing, and the old one does", oldToken, p)
	case told && a.kind == change && r.life == live && r.changes&bit(p) == 0:
		return fmt.Sprintf("%sthe change of %d", undone, p)
	case told && a.kind == request && r.life == live && r.seen < q.time:
		return fmt.Sprintf("%sthe touch of %d", undone, p)
	case told && a.kind == changePassword && q.token != q.fresh:
		return endedLives + "the password was changed by a session that had ended"
	}
	return ""
}

// problemAtEnd returns what is wrong when nothing more can happen, or "".
func (m *model) problemAtEnd(s *state) string {
	count := 0
	for i, r := range s.sessions {
		if r.life == live {
			if count++; !s.held(i) && s.crashes+s.lost+s.delayed == 0 {
				return leftOver
			}
		}
	}
	if m.limit > 0 && count > m.limit && s.crashes+s.lost+s.delayed == 0 {
		return tooMany
	}
	for p, a := range m.actions {
		q := s.processes[p]
		if q.result == running && q.at > 0 {
			return fmt.Sprintf("%s%d", unfinished, p)
		}
		if r := s.sessions[q.slot]; a.kind == renew && q.result == outage && r.secret == q.fresh && r.version == q.base && s.delayed == 0 {
			return fmt.Sprintf("%sthe renewal %d was made, and sent again, and its token was given to nobody", undone, p)
		}
	}
	return ""
}
