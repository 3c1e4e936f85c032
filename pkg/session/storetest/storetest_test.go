package storetest

import (
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
)

func TestCorrectStoresPass(t *testing.T) {
	Run(t, func(*testing.T) session.Store { return newMapStore() })
	Run(t, func(*testing.T) session.Store { return memstore.New() })
	Run(t, func(*testing.T) session.Store { return listing{newMapStore()} })
	Run(t, func(*testing.T) session.Store { return leaving{newMapStore()} })
}

func TestOneStoreForAllRules(t *testing.T) {
	shared := newMapStore()
	Run(t, func(*testing.T) session.Store { return shared })
	Run(t, func(*testing.T) session.Store { return shared })
}

// TestBrokenStoresAreCaught runs in a synctest bubble. There a store that sleeps between
// reading and writing loses every race, on every machine.
func TestBrokenStoresAreCaught(t *testing.T) {
	rules := make(map[string]rule)
	for _, r := range contract() {
		rules[r.name] = r
	}
	for name, stores := range brokenStores() {
		r, ok := rules[name]
		if !ok {
			t.Errorf("no rule is named %q", name)
			continue
		}
		delete(rules, name)
		for _, broken := range stores {
			t.Run(fmt.Sprintf("%s/%T", name, broken), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					err := r.test(t.Context(), broken)
					if err == nil {
						t.Fatal("the broken store was not caught")
					}
					t.Log(err)
					if !strings.Contains(err.Error(), r.says) {
						t.Errorf("the failure does not quote the contract, %q: %v", r.says, err)
					}
				})
			})
		}
	}
	for name := range rules {
		t.Errorf("no broken store shows that the rule %q can fail", name)
	}
}

// TestRunReportsABrokenStore runs itself in a child process, which must fail.
func TestRunReportsABrokenStore(t *testing.T) {
	const inside = "STORETEST_INSIDE"
	if os.Getenv(inside) != "" {
		Run(t, func(*testing.T) session.Store { return forgetfulDelete{newMapStore()} })
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), inside+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("Run passed a broken store:\n%s", out)
	}
	for _, want := range []string{
		"--- FAIL: " + t.Name() + "/contract/delete_takes_the_right_secret",
		"Delete with the previous secret: want no error, got: session: no session",
		"the contract: Delete removes the session",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("Run did not report %q:\n%s", want, out)
		}
	}
}

func TestRulesHaveNamesOfTheirOwn(t *testing.T) {
	var names []string
	for _, r := range contract() {
		if slices.Contains(names, r.name) || r.says == "" {
			t.Errorf("the rule %q has a name that another one has, or says nothing", r.name)
		}
		names = append(names, r.name)
	}
}

// TestNoFieldIsOverlooked fails if Session has a new field that newSession leaves empty
// or that differences does not compare.
func TestNoFieldIsOverlooked(t *testing.T) {
	want := newSession()
	if d := differences(want.Clone(), want); d != "" {
		t.Errorf("a clone differs: %s", d)
	}
	for i := range reflect.TypeFor[session.Session]().NumField() {
		got := want.Clone()
		name := reflect.TypeFor[session.Session]().Field(i).Name
		field := reflect.ValueOf(got).Elem().Field(i)
		if field.IsZero() {
			t.Errorf("newSession leaves %s empty", name)
		}
		field.SetZero()
		if d := differences(got, want); !strings.HasPrefix(d, name+" is ") || strings.Contains(d, "; ") {
			t.Errorf("with another %s the differences are %q", name, d)
		}
	}
}

func TestDifferences(t *testing.T) {
	want := newSession()
	tests := map[string]struct {
		change func(*session.Session)
		differ bool
	}{
		"a nanosecond":     {func(s *session.Session) { s.LastSeenAt = s.LastSeenAt.Add(1) }, true},
		"another zone":     {func(s *session.Session) { s.LastSeenAt = s.LastSeenAt.In(time.FixedZone("", 0)) }, true},
		"order of roles":   {func(s *session.Session) { slices.Reverse(s.Roles) }, true},
		"one role":         {func(s *session.Session) { s.Roles = s.Roles[:1] }, true},
		"a further value":  {func(s *session.Session) { s.Values["x"] = "" }, true},
		"empty, not nil":   {func(s *session.Session) { s.Roles, s.Values = []string{}, map[string]string{} }, true},
		"one bit":          {func(s *session.Session) { s.Secret[31] ^= 1 }, true},
		"a copy of itself": {func(s *session.Session) { *s = *s.Clone() }, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := want.Clone()
			tt.change(got)
			if d := differences(got, want); (d != "") != tt.differ {
				t.Errorf("differences: %q", d)
			}
		})
	}
	bare, empty := want.Clone(), want.Clone()
	bare.Roles, bare.Values = nil, nil
	empty.Roles, empty.Values = []string{}, map[string]string{}
	if d := differences(bare, empty) + differences(empty, bare); d != "" {
		t.Errorf("nil and empty differ: %s", d)
	}
	if differences(nil, want) == "" {
		t.Error("no session is taken for one")
	}
}
