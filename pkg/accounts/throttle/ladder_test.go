package throttle

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestSteps(t *testing.T) {
	for name, test := range map[string]struct {
		ladder Ladder
		want   []Step
	}{
		"the default": {Ladder{10, 30 * time.Second, time.Hour, 100}, []Step{
			{0, 0}, {10, 30 * time.Second}, {11, time.Minute}, {12, 2 * time.Minute}, {13, 4 * time.Minute},
			{14, 8 * time.Minute}, {15, 16 * time.Minute}, {16, 32 * time.Minute}, {17, time.Hour}, {100, forever},
		}},
		"one wait":          {Ladder{1, time.Second, time.Second, 3}, []Step{{0, 0}, {1, time.Second}, {3, forever}}},
		"locks on the way":  {Ladder{2, time.Second, time.Hour, 4}, []Step{{0, 0}, {2, time.Second}, {3, 2 * time.Second}, {4, forever}}},
		"a limit, no waits": {Ladder{Free: 100, Lock: 100}, []Step{{0, 0}, {100, forever}}},
	} {
		if got := test.ladder.Steps(); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// An impossible configuration is an error that names its numbers. For example, a zero
// field would let every attempt through.
func TestNewRefusesABadConfig(t *testing.T) {
	good := Ladder{10, 30 * time.Second, time.Hour, 100}
	for name, cfg := range map[string]Config{
		"no free failure":       {Name: Ladder{0, time.Second, time.Hour, 100}},
		"lock before the waits": {Name: Ladder{10, time.Second, time.Hour, 10}},
		"no first wait":         {Name: Ladder{10, 0, time.Hour, 100}},
		"negative wait":         {Name: Ladder{10, -time.Second, time.Hour, 100}},
		"shrinking waits":       {Name: Ladder{10, time.Hour, time.Second, 100}},
		"no lock":               {Name: Ladder{10, time.Second, time.Hour, 0}},
		"device":                {Name: good, Device: Ladder{Free: 1}},
		"no limit":              {Network: Window{0, time.Minute}},
		"no period":             {Network: Window{100, 0}},
		"half a second":         {Network: Window{100, 1500 * time.Millisecond}},
	} {
		if _, err := New(nil, cfg); err == nil || !strings.Contains(err.Error(), "cannot be") {
			t.Errorf("%s: %v, want an error", name, err)
		}
	}
	if _, err := New(nil, Config{}); err != nil {
		t.Errorf("the zero Config: %v", err)
	}
}
