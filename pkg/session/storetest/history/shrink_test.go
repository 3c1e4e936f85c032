package history

import (
	"slices"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"

	"example.com/coatcheck/pkg/session/memstore"
)

// TestShorterIsSound: what shorter leaves out makes no right history wrong.
func TestShorterIsSound(t *testing.T) {
	store := memstore.New()
	for seed := range uint64(30) {
		r, err := newRun(t.Context(), store, newPlan(seed))
		if err != nil {
			t.Fatal(err)
		}
		r.play()
		for k, steps := range r.rec.bySession() {
			var less [][]porcupine.Operation
			for _, s := range steps {
				less = append(less, until(steps, s.Call), until(steps, s.Return))
			}
			less = append(less, steps, blinded(steps, toTimes), blinded(steps, toData), blinded(blinded(steps, toTimes), toData))
			for _, steps := range less {
				less = append(less, slices.DeleteFunc(slices.Clone(steps), looks))
			}
			for _, steps := range less {
				if wrong(steps) {
					t.Fatalf("%v is right, and this part of it is wrong:\n%v", k, &violation{what: "seed", steps: steps})
				}
			}
		}
	}
}

func TestShorter(t *testing.T) {
	v := &violation{model: model, steps: []porcupine.Operation{
		login1,
		at(3, 4, load1, accepted7),
		at(5, 6, action{verb: touch, at: 3}, ok),
		at(7, 8, update78, ok),
		at(9, 10, action{verb: revoke}, ok),
		at(11, 12, load1, gone),
		at(13, 14, load1, accepted8),
		at(15, 16, action{verb: list}, gone),
		at(17, 18, load1, accepted8),
	}}
	var got []verb
	for _, s := range v.shorter().steps {
		got = append(got, s.Input.(action).verb)
	}
	if want := []verb{create, revoke, load}; !slices.Equal(got, want) {
		t.Errorf("the calls that are left are %q, want %q", got, want)
	}
}

// TestUnknownIsNoSuccess: a checker that gives up has found nothing right.
func TestUnknownIsNoSuccess(t *testing.T) {
	for result, wantErr := range map[porcupine.CheckResult]bool{porcupine.Ok: false, porcupine.Illegal: false, porcupine.Unknown: true} {
		found, err := (&run{}).judge(key{1, 1}, nil, result)
		if (err != nil) != wantErr || (found != nil) != (result == porcupine.Illegal) {
			t.Errorf("the checker's %v means %v and the error %v", result, found, err)
		}
		if err != nil && !strings.Contains(err.Error(), "session 1 of user 1") {
			t.Errorf("the error does not say where: %v", err)
		}
	}
}
