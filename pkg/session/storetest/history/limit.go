package history

import (
	"fmt"
	"slices"

	"github.com/anishathalye/porcupine"
)

// login is what a login did to the number of its user's sessions.
type login struct {
	user, id  int // of the session that it made; 0 if it failed
	call, ret int64
	browser   int
	clean     bool // every call to the store was answered
	made      []stored
	ended     []int // sessions that were more than the limit allows
}

// stored is a session that a login has sent to the store.
type stored struct {
	id, at    int
	call, ret int64 // never, if nobody knows whether it was stored
}

func (l login) has(id int) bool {
	return slices.ContainsFunc(l.made, func(s stored) bool { return s.id == id })
}

func (r *recorder) addLogin(l login) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logins = append(r.logins, l)
}

// checkLimit checks what logins promise of the number of a user's sessions. The last to store
// of several logins sees the sessions of all, so when all have answered there are not more
// than the limit. A login whose store was out of reach promises nothing, until another comes
// after it. And a login ends no session that the limit allows.
func (r *run) checkLimit(all map[key][]porcupine.Operation) *violation {
	for _, s := range r.rec.sweeps {
		if s.verb == list && r.maxSessions > 0 {
			if v := r.checkList(s); v != nil {
				return v
			}
		}
	}
	for _, l := range r.rec.logins {
		for _, id := range l.ended {
			if v := r.checkEnded(l, id, all); v != nil {
				return v
			}
		}
	}
	return nil
}

// checkList counts, in a list, the sessions of logins that were over before it.
func (r *run) checkList(s sweep) *violation {
	over := slices.DeleteFunc(slices.Clone(r.rec.logins), func(l login) bool { return l.user != s.session.user || l.ret > s.call })
	kept := 0
	for _, l := range over {
		_, shown := s.shown[l.id]
		if shown && (l.clean || slices.ContainsFunc(over, func(after login) bool { return after.clean && after.call > l.ret })) {
			kept++
		}
	}
	if kept <= r.maxSessions {
		return nil
	}
	return r.overLimit(s.session.user, s.browser, s.call, s.ret,
		fmt.Sprintf("a list of user %d at %d–%d shows %d sessions of logins that were over, and the limit is %d", s.session.user, s.call, s.ret, kept, r.maxSessions))
}

// checkEnded checks that there were enough younger sessions when a login ended one for the
// limit.
func (r *run) checkEnded(l login, id int, all map[key][]porcupine.Operation) *violation {
	at, younger := 0, 0
	for _, other := range r.rec.logins {
		for _, s := range other.made {
			if s.id == id {
				at = s.at
			}
		}
	}
	for _, other := range r.rec.logins {
		for _, s := range other.made {
			if other.user == l.user && s.at > at && s.call < l.ret && !s.endedBefore(all[key{l.user, s.id}], l.call) {
				younger++
			}
		}
	}
	if r.maxSessions > 0 && younger >= r.maxSessions {
		return nil
	}
	return r.overLimit(l.user, l.browser, l.call, l.ret,
		fmt.Sprintf("a login of user %d at %d–%d ended session %d for the limit of %d, and only %d younger ones can have been there",
			l.user, l.call, l.ret, id, r.maxSessions, younger))
}

// endedBefore reports whether the session had certainly ended at that moment.
func (s stored) endedBefore(steps []porcupine.Operation, moment int64) bool {
	return slices.ContainsFunc(steps, func(o porcupine.Operation) bool {
		v, ended := o.Input.(action).verb, o.Output.(answer).outcome == done
		return o.Return < moment && (v == revoke && ended || (v == revoke || v == revokeAll) && o.Call > s.ret)
	})
}

// beyondLimit is what is wrong in the picture of a limit that did not hold.
const beyondLimit verb = "beyond the limit"

// limitModel draws it.
var limitModel = porcupine.Model{
	Init: func() any { return 0 },
	Step: func(n, input, _ any) (bool, any) { return input.(action).verb != beyondLimit, n.(int) + 1 },
	DescribeOperation: func(input, output any) string {
		a := input.(action)
		return a.String() + ": " + output.(answer).of(a)
	},
	DescribeState: func(n any) string { return fmt.Sprint(n, " calls") },
}

// overLimit returns a violation with the logins of a user until that moment, and what is wrong.
func (r *run) overLimit(user, browser int, call, ret int64, what string) *violation {
	v := &violation{plan: r.plan, what: what, model: limitModel}
	for _, l := range r.rec.logins {
		if l.user == user && l.call < ret {
			v.add(porcupine.Operation{ClientId: l.browser, Call: l.call, Return: l.ret, Input: action{verb: signIn, session: key{user, l.id}}, Output: answer{}})
		}
	}
	v.add(porcupine.Operation{ClientId: browser, Call: ret, Return: ret + 1, Input: action{verb: beyondLimit, session: key{user: user}}, Output: answer{}})
	return v
}
