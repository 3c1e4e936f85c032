package history

import (
	"testing"

	"github.com/anishathalye/porcupine"
)

// at is a step of a history: what was called, what was told, and when.
func at(call, ret int64, a action, got answer) porcupine.Operation {
	return porcupine.Operation{Input: a, Output: got, Call: call, Return: ret}
}

var (
	ok, gone, race, outage = answer{}, answer{outcome: noSession}, answer{outcome: conflict}, answer{outcome: unknown}

	login1    = at(1, 2, action{verb: create, newSecret: 1, data: 7, at: 1}, ok)
	renew12   = action{verb: renew, secret: 1, newSecret: 2, prior: 7, data: 7}
	load1     = action{verb: load, secret: 1}
	load2     = action{verb: load, secret: 2}
	update78  = action{verb: update, secret: 1, prior: 7, data: 8}
	accepted7 = answer{saw: page{data: 7, proved: 1}}
	accepted8 = answer{saw: page{data: 8, proved: 1}}
)

// TestModel tests the model by histories of which a person knows whether they may be.
func TestModel(t *testing.T) {
	for _, c := range []struct {
		name  string
		may   bool
		steps []porcupine.Operation
	}{
		{"loaded", true, []porcupine.Operation{login1, at(3, 4, load1, accepted7)}},
		{"loaded before it was made", false, []porcupine.Operation{at(3, 4, load1, accepted7)}},
		{"not found after the login", false, []porcupine.Operation{login1, at(3, 4, load1, gone)}},
		{"not found while the login is under way", true, []porcupine.Operation{at(1, 9, login1.Input.(action), ok), at(3, 4, load1, gone), at(5, 6, load1, accepted7)}},
		{"accepted after the logout", false, []porcupine.Operation{login1, at(3, 4, action{verb: destroy, secret: 1}, ok), at(5, 6, load1, accepted7)}},
		{"accepted while the logout is under way", true, []porcupine.Operation{login1, at(3, 8, action{verb: destroy, secret: 1}, ok), at(5, 6, load1, accepted7)}},
		{"accepted again", false, []porcupine.Operation{login1, at(3, 9, action{verb: destroy, secret: 1}, ok), at(4, 5, load1, gone), at(6, 7, load1, accepted7)}},
		{"a logout whose answer was lost comes late", true, []porcupine.Operation{login1, at(3, never, action{verb: destroy, secret: 1}, outage), at(5, 6, load1, accepted7), at(7, 8, load1, gone)}},
		{"and is not undone", false, []porcupine.Operation{login1, at(3, never, action{verb: destroy, secret: 1}, outage), at(5, 6, load1, gone), at(7, 8, load1, accepted7)}},
		{"logged out by a secret that proves nothing", false, []porcupine.Operation{login1, at(3, 4, action{verb: destroy, secret: 9}, ok), at(5, 6, load1, gone)}},
		{"logged out by the secret before", true, []porcupine.Operation{login1, at(3, 4, renew12, ok), at(5, 6, action{verb: destroy, secret: 1}, ok), at(7, 8, load2, gone)}},
		{"accepted by the secret before", false, []porcupine.Operation{login1, at(3, 4, renew12, ok), at(5, 6, load1, accepted7)}},
		{"accepted by the new secret", true, []porcupine.Operation{login1, at(3, 4, renew12, ok), at(5, 6, load2, accepted7)}},
		{"renewed twice from one secret", false, []porcupine.Operation{login1, at(3, 6, renew12, ok), at(4, 7, action{verb: renew, secret: 1, newSecret: 3, prior: 7, data: 7}, ok)}},
		{"of two renewals one loses", true, []porcupine.Operation{login1, at(3, 6, renew12, ok), at(4, 7, action{verb: renew, secret: 1, newSecret: 3, prior: 7, data: 7}, race)}},
		{"lost without a race", false, []porcupine.Operation{login1, at(3, 6, update78, race)}},
		{"the newest data", true, []porcupine.Operation{login1, at(3, 4, update78, ok), at(5, 6, load1, accepted8)}},
		{"data of before", false, []porcupine.Operation{login1, at(3, 4, update78, ok), at(5, 6, load1, accepted7)}},
		{"an update that found what was not there", false, []porcupine.Operation{login1, at(3, 4, action{verb: update, secret: 1, prior: 5, data: 8}, ok)}},
		{"an update that was lost", false, []porcupine.Operation{login1, at(3, 6, update78, ok), at(4, 7, action{verb: update, secret: 1, prior: 7, data: 9}, ok)}},
		{"an outage that has written", true, []porcupine.Operation{login1, at(3, never, update78, outage), at(5, 6, load1, accepted8)}},
		{"an outage that writes after another write", false, []porcupine.Operation{login1, at(3, never, update78, outage), at(5, 6, action{verb: update, secret: 1, prior: 7, data: 9}, ok), at(7, 8, load1, accepted8)}},
		{"written after the end", false, []porcupine.Operation{login1, at(3, 4, action{verb: revoke}, ok), at(5, 6, update78, ok)}},
		{"revoked twice", false, []porcupine.Operation{login1, at(3, 6, action{verb: revoke}, ok), at(4, 7, action{verb: revoke}, ok)}},
		{"revoked, and told it was not there", true, []porcupine.Operation{login1, at(3, 4, action{verb: revoke}, gone), at(5, 6, load1, gone)}},
		{"left by a revoke-all", false, []porcupine.Operation{login1, at(3, 4, action{verb: revokeAll}, ok), at(5, 6, load1, accepted7)}},
		{"made while a revoke-all is under way", true, []porcupine.Operation{at(2, 3, login1.Input.(action), ok), at(1, 4, action{verb: revokeAll}, ok), at(5, 6, load1, accepted7)}},
		{"a late create of a key that was given up", true, []porcupine.Operation{at(1, never, login1.Input.(action), outage), at(3, 4, action{verb: revokeAll}, ok), at(5, 6, action{verb: list}, answer{saw: page{data: 7, proved: 1, seen: 1, ends: 1}})}},
		{"not in a list", false, []porcupine.Operation{login1, at(3, 4, action{verb: list}, gone)}},
		{"touched", true, []porcupine.Operation{login1, at(3, 4, action{verb: touch, at: 5, browser: 2}, ok), at(5, 6, action{verb: list}, answer{saw: page{data: 7, proved: 1, seen: 5, ends: 5, browser: 2}})}},
		{"touched backwards", false, []porcupine.Operation{login1, at(3, 4, action{verb: touch, at: 5}, ok), at(5, 6, action{verb: touch, at: 3}, ok), at(7, 8, action{verb: list}, answer{saw: page{data: 7, proved: 1, seen: 3, ends: 3}})}},
		{"touched after the end", false, []porcupine.Operation{login1, at(3, 4, action{verb: revoke}, ok), at(5, 6, action{verb: touch, at: 5}, ok)}},
		{"before a cut-off", true, []porcupine.Operation{login1, at(3, 4, action{verb: load, secret: 1, notBefore: 2}, gone)}},
		{"accepted before a cut-off", false, []porcupine.Operation{login1, at(3, 4, action{verb: load, secret: 1, notBefore: 2}, accepted7)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := !wrong(c.steps); got != c.may {
				t.Errorf("the history may be: %v, want %v", got, c.may)
			}
		})
	}
}
