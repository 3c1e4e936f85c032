package history

import (
	"context"
	"errors"
	"testing"

	"example.com/coatcheck/pkg/session"
)

var errSilent = errors.New("silent")

type silentCreate struct{ session.Store }

func (silentCreate) Create(context.Context, *session.Session) error { return errSilent }

type silentGet struct{ session.Store }

func (silentGet) Get(context.Context, session.Key) (*session.Session, error) { return nil, errSilent }

type silentList struct{ session.Store }

func (silentList) List(context.Context, string) ([]*session.Session, error) { return nil, errSilent }

// TestSilenceIsNoSuccess: outages contradict no history, so a store that has nothing else, for one
// of its methods, was not checked.
func TestSilenceIsNoSuccess(t *testing.T) {
	for name, store := range map[string]session.Store{
		"Create": silentCreate{newUnder()}, "Get": silentGet{newUnder()}, "List": silentList{newUnder()},
	} {
		t.Run(name, func(t *testing.T) {
			if _, found, err := search(t.Context(), store, Config{Seed: 1, Histories: 20}); !errors.Is(err, errSilent) {
				t.Errorf("a store that never answers a %s: %v, %v; want its error", name, found, err)
			}
		})
	}
}

// TestNothingIsNoSuccess: a run of no history is an error.
func TestNothingIsNoSuccess(t *testing.T) {
	for _, c := range []Config{{}, {Histories: -1}, {Duration: -1}} {
		if _, _, err := search(t.Context(), newUnder(), c); err == nil {
			t.Errorf("%+v makes no history, and that is a success", c)
		}
	}
}

// TestOneAnswerIsEnough: what is answered once was checked, whatever was before and comes after.
func TestOneAnswerIsEnough(t *testing.T) {
	for _, errs := range [][]error{{nil}, {nil, errSilent}, {errSilent, nil}, {errSilent, session.ErrNoSession, errSilent}} {
		told := answers{}
		for _, err := range errs {
			told.add(update, err)
		}
		if err := told.check(); err != nil {
			t.Errorf("after %v: %v", errs, err)
		}
	}
}

// TestFailedLoginLeavesNothing: a session that is there after a login that has failed is a violation.
func TestFailedLoginLeavesNothing(t *testing.T) {
	for _, failed := range []bool{false, true} {
		r, err := newRun(t.Context(), newUnder(), plan{users: 1, maxSessions: -1})
		if err != nil {
			t.Fatal(err)
		}
		r.rec.add(1, action{verb: create, session: key{1, 1}, newSecret: 1}, r.rec.now(), r.rec.now(), answer{})
		if v := (&visit{browser: &browser{run: r}}); failed {
			v.leavesNothing(login{user: 1, made: []stored{{id: 1}}})
		}
		r.rec.add(1, action{verb: list, session: key{1, 1}}, r.rec.now(), r.rec.now(), answer{})
		if found, err := r.check(); err != nil || (found != nil) != failed {
			t.Errorf("the login has failed: %v; found %v, %v", failed, found, err)
		}
	}
}
