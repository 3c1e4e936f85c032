package main

import "fmt"

// What goes wrong, as problem tells it.
const (
	endedLives = "what was ended lives: "
	stranded   = "somebody is stranded: "
	twoHolders = "two people have a session each of one session of the monolith"
	unfinished = "a process cannot go on: "
)

// Problem implements [explore.Model].
func (m *model) Problem(s *state, last bool) string {
	if problem := m.problem(s); problem != "" || !last {
		return problem
	}
	return m.problemAtEnd(s)
}

// problem returns what is wrong in the state, or "".
func (m *model) problem(s *state) string {
	if m.rowOpens {
		if problem := m.openRow(s); problem != "" {
			return problem
		}
	}
	for p, a := range m.actions {
		if s.processes[p].result == looping {
			return stranded + "redirects without end"
		}
		if a.kind != convert || s.processes[p].result != succeeded || s.sessions[s.processes[p].slot].life != live {
			continue
		}
		if problem := m.livesAfterAnEnd(s, p); problem != "" {
			return problem
		}
		if m.hasOtherHolder(s, p) {
			return twoHolders
		}
	}
	return ""
}

// openRow returns a problem if somebody has logged out, and the row still opens the
// monolith.
func (m *model) openRow(s *state) string {
	for p, a := range m.actions {
		if s.processes[p].result != succeeded {
			continue
		}
		cookie := a.cookie
		if a.kind == logout {
			cookie = m.actions[a.of].cookie
		}
		if (a.kind == logout || a.kind == logoutByTheirs) && s.rows[m.identity(cookie)] {
			return endedLives + "the old row still opens the monolith"
		}
	}
	return ""
}

// livesAfterAnEnd returns a problem if the live session of the conversion p was to end, or
// never to be.
func (m *model) livesAfterAnEnd(s *state, p int) string {
	for e, a := range m.actions {
		if m.signedInSince(s, m.actions[p].cookie, e) {
			continue
		}
		q := s.processes[e]
		begunAfter := q.result == succeeded && s.processes[p].before&bit(e) != 0
		bothAnswered := q.result == succeeded && (s.processes[p].earlier&bit(e) != 0 || q.earlier&bit(p) != 0)
		switch a.kind {
		case revokeAll, changePassword, disable:
			if bothAnswered {
				return fmt.Sprintf("%s%s was answered, and the session of %d is there", endedLives, names[a.kind], p)
			}
			if a.kind == changePassword && !s.frozen && s.version >= 3 && q.at >= 3 {
				return endedLives + "the new password is stored, and a session made with the old one is there"
			}
		case logout, logoutWithout, logoutByTheirs:
			if !m.covers(a, m.actions[p].cookie) {
				continue
			}
			if begunAfter || a.kind == logoutByTheirs && !m.keepsTheirs && q.result == succeeded {
				return fmt.Sprintf("%s%s was answered, and %d has a session of a copy", endedLives, names[a.kind], p)
			}
		case changeTheirs:
			if begunAfter && m.binds && s.cookies[m.actions[p].cookie].bound != s.password {
				return endedLives + "a cookie that the change of password at the monolith ended is good here"
			}
		}
	}
	return ""
}

// signedInSince reports whether the copy is of a sign-in after the action e.
func (m *model) signedInSince(s *state, cookie, e int) bool {
	for i, a := range m.actions {
		if a.kind == signIn && a.cookie == cookie && s.processes[i].before&bit(e) != 0 {
			return true
		}
	}
	return false
}

// covers reports whether a logout is one of the monolith's session of that copy. Where
// nothing tells sessions apart it is one of all the user's.
func (m *model) covers(a action, cookie int) bool {
	if a.kind != logoutByTheirs {
		a = m.actions[a.of]
	}
	return m.identity(cookie) < 0 || m.identity(a.cookie) == m.identity(cookie)
}

// hasOtherHolder reports whether somebody else has a live session of the same session of
// the monolith as the conversion p.
func (m *model) hasOtherHolder(s *state, p int) bool {
	for o, a := range m.actions {
		if a.kind == convert && a.who != m.actions[p].who && m.identity(a.cookie) == m.identity(m.actions[p].cookie) && !m.copiesConvert &&
			s.processes[o].result == succeeded && s.sessions[s.processes[o].slot].life == live {
			return true
		}
	}
	return false
}

// problemAtEnd returns what is wrong when nothing more can happen, or "".
func (m *model) problemAtEnd(s *state) string {
	for p := range m.actions {
		if s.processes[p].result == running && s.processes[p].at > 0 {
			return fmt.Sprintf("%s%d", unfinished, p)
		}
	}
	if s.crashes+s.lost+s.delayed > 0 {
		return ""
	}
	for _, p := range m.mustSucceed {
		q := s.processes[p]
		if q.result == succeeded && s.sessions[q.slot].life != live {
			return fmt.Sprintf("%sthe session of %d is dead when it is made", stranded, p)
		}
		if q.result != succeeded && q.result != joined {
			return fmt.Sprintf("%s%d has just signed in at the monolith, and is refused", stranded, p)
		}
	}
	return ""
}
