package main

// The writes that a store knows.
const (
	create uint8 = iota + 1
	update
	touch
	end     // a logout: conditional on the secret
	discard // of a login that failed: the same
	remove  // by key alone
)

// op is one write to the store.
type op struct{ kind, slot, secret uint8 }

// apply makes a write of the process in the store. It returns succeeded, nobody or conflict.
func (m *model) apply(n *state, o op, q *process) uint8 {
	r := &n.sessions[o.slot]
	switch o.kind {
	case create:
		if r.life != absent && !m.createOverwrites {
			return conflict
		}
		*r = q.next
		return succeeded
	case update:
		return m.update(n, r, q)
	case touch:
		return m.touch(r, q)
	}
	return m.remove(n, r, o)
}

func (m *model) update(n *state, r *record, q *process) uint8 {
	switch {
	case r.life != live && !m.updateUpserts:
		return nobody
	case r.version == q.next.version && !m.blindToOwnWrite:
		return succeeded
	case r.life == live && r.version != q.base && !m.lastWriteWins:
		return conflict
	}
	seen := r.seen
	if m.keyMoves && q.next.previous != 0 {
		*r = record{}
		r = &n.sessions[q.made]
	}
	if *r = q.next; !m.updateMovesTimes {
		r.seen = seen
	}
	return succeeded
}

// touch moves the end of a session. A session whose end came after the touch was sent is alive
// again: the store knows only when the touch was sent.
func (m *model) touch(r *record, q *process) uint8 {
	if r.life == absent {
		if !m.touchUpserts {
			return nobody
		}
		*r = q.next
	}
	r.life = live
	if r.seen < q.time || m.touchGoesBack {
		r.seen = q.time
	}
	return succeeded
}

func (m *model) remove(n *state, r *record, o op) uint8 {
	proved := o.kind == remove || r.secret == o.secret || r.previous == o.secret && !m.currentSecretOnly
	unproved := o.kind == end && m.idEnds || o.kind == discard && m.discardsByKey
	if r.life == absent || !proved && !unproved {
		return nobody
	}
	if proved {
		n.explained |= bit(int(o.slot))
	}
	*r = record{}
	return succeeded
}
