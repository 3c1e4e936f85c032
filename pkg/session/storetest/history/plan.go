package history

import "math/rand/v2"

// plan is what a seed decides of one history: who makes which calls, and which of them may
// meet faults. How the calls cross is left to the machine.
type plan struct {
	seed        uint64
	users       int
	maxSessions int // as in session.Config
	signed      bool
	notBefore   int      // the cut-off of the second process
	browsers    [][]move // what each does, one after another
}

// move is one call of one browser.
type move struct {
	verb   verb
	seed   uint64 // of what it chooses, and of its faults
	faults bool
}

// The verbs of moves, beside those of the model.
const (
	signIn      verb = "login"
	logout      verb = "logout"
	loadOld     verb = "load by an old cookie"
	logoutOld   verb = "logout by an old cookie"
	newPassword verb = "new password"
)

// often says how often each call is made, in relation to the others.
var often = []struct {
	verb  verb
	times int
}{
	{signIn, 6}, {load, 8}, {update, 5}, {renew, 3}, {reauthenticate, 2}, {newPassword, 1}, {logout, 3},
	{revoke, 2}, {revokeAll, 1}, {list, 3}, {loadOld, 3}, {logoutOld, 1},
}

// moves are what makes each call.
var moves = map[verb]func(*visit){
	signIn: (*visit).login, load: (*visit).load, update: (*visit).update, renew: (*visit).renew,
	reauthenticate: (*visit).reauthenticate, newPassword: (*visit).newPassword, logout: (*visit).logout,
	revoke: (*visit).revoke, revokeAll: (*visit).revokeAll, list: (*visit).list,
	loadOld: (*visit).loadOld, logoutOld: (*visit).logoutOld,
}

// newPlan returns the plan of a seed.
func newPlan(seed uint64) plan {
	rng := rand.New(rand.NewPCG(seed, 0))
	p := plan{
		seed: seed, users: 1 + rng.IntN(3), maxSessions: []int{-1, -1, 1, 2, 3}[rng.IntN(5)],
		signed: rng.IntN(2) == 0, notBefore: 1 + rng.IntN(60), browsers: make([][]move, 1+rng.IntN(6)),
	}
	faults := []int{0, 2, 5}[rng.IntN(3)] // of ten calls
	for i := range p.browsers {
		p.browsers[i] = make([]move, 3+rng.IntN(12))
		for j := range p.browsers[i] {
			p.browsers[i][j] = move{drawVerb(rng), rng.Uint64(), rng.IntN(10) < faults}
		}
	}
	return p
}

func drawVerb(rng *rand.Rand) verb {
	sum := 0
	for _, o := range often {
		sum += o.times
	}
	n := rng.IntN(sum)
	for _, o := range often {
		if n -= o.times; n < 0 {
			return o.verb
		}
	}
	panic("not reached: n is less than the sum")
}
