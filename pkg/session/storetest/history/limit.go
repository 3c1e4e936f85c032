package history

import (
	"fmt"
	"slices"

	"github.com/anishathalye/porcupine"
)

// login is what a login did to the number of its user's sessions.
type login struct {
	user, id  int // of the session that it made; 0 if it failed
	presented int // the session that it came with, which it ends if the cookie proves it
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

// checkList counts, in a list, the sessions of logins that were over before it. It leaves out those
// with which a login came: the limit does not count them, because they end, and whether they do is
// for the model to say. If such a session is renewed twice meanwhile, it stays.
func (r *run) checkList(s sweep) *violation {
	over := r.loginsBefore(s.session.user, s.call)
	kept := 0
	for _, l := range over {
		_, there := s.shown[l.id]
		if there && !r.presented(l.id) && (l.clean || slices.ContainsFunc(over, func(later login) bool { return later.clean && later.call > l.ret })) {
			kept++
		}
	}
	if kept <= r.maxSessions {
		return nil
	}
	return r.overLimit(s.session.user, porcupine.Operation{
		ClientId: s.browser, Call: s.call, Return: s.ret, Output: answer{},
		Input: action{verb: verb(fmt.Sprintf("list with %d sessions of logins that were over", kept))},
	})
}

// presented reports whether a login came with the session.
func (r *run) presented(id int) bool {
	return slices.ContainsFunc(r.rec.logins, func(l login) bool { return l.presented == id })
}

// loginsBefore returns the logins of the user that were over at that moment.
func (r *run) loginsBefore(user int, moment int64) []login {
	return slices.DeleteFunc(slices.Clone(r.rec.logins), func(l login) bool { return l.user != user || l.ret > moment })
}

// checkEnded checks that there were enough younger sessions when a login ended one for the
// limit, and that this was one of the same user.
func (r *run) checkEnded(l login, id int, all map[key][]porcupine.Operation) *violation {
	var made []stored
	for _, other := range r.rec.logins {
		if other.user == l.user {
			made = append(made, other.made...)
		}
	}
	younger, ended := 0, slices.IndexFunc(made, func(s stored) bool { return s.id == id })
	for _, s := range made {
		if ended >= 0 && s.at > made[ended].at && s.call < l.ret && !s.endedBefore(all[key{l.user, s.id}], l.call) {
			younger++
		}
	}
	if r.maxSessions > 0 && younger >= r.maxSessions {
		return nil
	}
	return r.overLimit(l.user, porcupine.Operation{
		ClientId: l.browser, Call: l.call, Return: l.ret, Output: answer{},
		Input: action{verb: verb(fmt.Sprintf("login that ended session %d, and at most %d younger ones of this user were there", id, younger))},
	})
}

// endedBefore reports whether the session had certainly ended at that moment.
func (s stored) endedBefore(steps []porcupine.Operation, moment int64) bool {
	return slices.ContainsFunc(steps, func(o porcupine.Operation) bool {
		v, ended := o.Input.(action).verb, o.Output.(answer).outcome == done
		return o.Return < moment && (v == revoke && ended || (v == revoke || v == revokeAll) && o.Call > s.ret)
	})
}

// limitModel draws a violation of the limit: logins, and then what is wrong.
var limitModel = porcupine.Model{
	Init:              func() any { return 0 },
	Step:              func(n, input, _ any) (bool, any) { return input.(action).verb == signIn, n.(int) + 1 },
	DescribeOperation: model.DescribeOperation,
	DescribeState:     func(n any) string { return fmt.Sprint(n, " logins") },
}

// overLimit returns a violation with the user's logins, and the call that shows it.
func (r *run) overLimit(user int, shows porcupine.Operation) *violation {
	v := &violation{plan: r.plan, model: limitModel}
	v.what = fmt.Sprintf("user %d may have %d sessions, and these calls left another number", user, r.maxSessions)
	for _, l := range r.rec.logins {
		if l.user == user && l.call < shows.Return {
			v.steps = append(v.steps, porcupine.Operation{
				ClientId: l.browser, Call: l.call, Return: l.ret, Output: answer{}, Input: action{verb: signIn, session: key{user, l.id}},
			})
		}
	}
	v.steps = append(v.steps, shows)
	return v
}
