package functions_test

import (
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/internal/testing/dynamotest"
)

// signInCost is the cost of a sign-in. First the account is read while the attempt is
// counted for the network. Then it is counted for the name; a network that is stopped
// must not come so far. Then the session is written. Then, at the same time, the account
// is read again, the sessions are listed, the counters of the name and of the user are
// cleared, and the attempt is taken back from the network, whose counter has no other
// attempts. Last, the sign-in is written to the audit trail.
var signInCost = signIn()

// signIn returns the cost of a sign-in that makes more calls before it is written to the
// trail.
func signIn(more ...string) budget {
	waves := []string{"GetItem UpdateItem", "UpdateItem", "PutItem", "GetItem Query DeleteItem DeleteItem DeleteItem"}
	return budget{append(append(waves, more...), entry), 3, 6}
}

// endingSignInCost is the cost of a sign-in that ends another session.
var endingSignInCost = budget{append(signIn("DeleteItem").waves[:5], entry+" "+entry), 3, 7}

// afterFailureCost is the cost of a sign-in whose network has another failure. Its
// counter is not removed, but lowered. DynamoDB does not report the write unit of the
// DeleteItem whose condition failed.
var afterFailureCost = signIn("UpdateItem")

// knownSignInCost is the cost of a sign-in on a known device. It does not count for the
// network.
var knownSignInCost = budget{[]string{"GetItem", "UpdateItem", "PutItem", "GetItem Query DeleteItem DeleteItem", entry}, 3, 4}

// loadCost is the cost of reading a session that needs no Touch.
var loadCost = budget{[]string{"GetItem"}, 1, 0}

// touchedCost is the cost of reading a session that was not used for a tenth of the idle
// timeout.
var touchedCost = budget{[]string{"GetItem", "UpdateItem"}, 1, 1}

// oneEnd is the cost of ending a session, and of writing that to the trail.
var oneEnd = budget{[]string{"DeleteItem", entry}, 0, 1}

// refusalCost is the cost of a wrong password: the account is read and the attempt is
// counted before the hash is checked.
var refusalCost = budget{[]string{"GetItem UpdateItem", "UpdateItem"}, 1, 2}

// againCost is the cost of a wrong password of a user who is signed in.
var againCost = budget{[]string{"GetItem UpdateItem"}, 1, 1}

// budget is what a request may cost: its calls, and DynamoDB's read and write units. The
// waves come one after another. The calls of one wave are made at the same time. So the
// number of waves is the number of round trips that the user waits for.
type budget struct {
	waves       []string
	read, write float64
}

// entry is the call that writes to the audit trail, and the unit that it takes. Without a
// trail it is not made, and nothing waits for it.
const entry = "+PutItem"

// with returns b as it is with a trail, or without one.
func (b budget) with(trail bool) budget {
	all := budget{read: b.read, write: b.write}
	for _, wave := range b.waves {
		entries := strings.Count(wave, entry)
		switch {
		case trail:
			all.write += float64(entries)
			wave = strings.ReplaceAll(wave, entry, "PutItem")
		case entries > 0:
			wave = strings.Join(strings.Fields(strings.ReplaceAll(wave, entry, "")), " ")
		}
		if wave != "" {
			all.waves = append(all.waves, wave)
		}
	}
	return all
}

// and returns the budget for b followed by more.
func (b budget) and(more budget) budget {
	return budget{slices.Concat(b.waves, more.waves), b.read + more.read, b.write + more.write}
}

// ofTheDay returns b as it is at the user's first sign-in of a day: what is made beside the
// list of sessions also writes to the account that it was used.
func (b budget) ofTheDay() budget {
	first := budget{slices.Clone(b.waves), b.read, b.write + 1}
	for i, wave := range first.waves {
		if strings.Contains(wave, "Query") {
			first.waves[i] += " UpdateItem"
		}
	}
	return first
}

// wantCost sends a request and reports an error unless it costs exactly the budget.
func (s *stack) wantCost(t *testing.T, in request, b budget) reply {
	t.Helper()
	b = b.with(s.trail)
	s.proxy.Take()
	s.proxy.Expect(b.waves...)
	r := s.send(t, in)
	b.check(t, r.calls)
	return r
}

// check compares the units. The proxy checks the waves.
func (b budget) check(t *testing.T, calls []dynamotest.Call) {
	t.Helper()
	var actions []string
	var read, write float64
	for _, call := range calls {
		actions = append(actions, call.Action)
		read, write = read+call.Read, write+call.Write
	}
	if read != b.read || write != b.write {
		t.Errorf("%v cost %g read and %g write units; want %q for %g and %g", actions, read, write, b.waves, b.read, b.write)
	}
}
