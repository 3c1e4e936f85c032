package bridgetest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"

	"example.com/coatcheck/pkg/bridge"
)

// TestBrokenStoresAreCaught runs in a synctest bubble. There a store that sleeps between
// reading and writing loses every race, on every machine.
func TestBrokenStoresAreCaught(t *testing.T) {
	rules := make(map[string]rule)
	for _, r := range contract() {
		if _, twice := rules[r.name]; twice || r.says == "" {
			t.Errorf("the rule %q has a name that another one has, or says nothing", r.name)
		}
		rules[r.name] = r
	}
	for name, stores := range brokenStores() {
		r, ok := rules[name]
		if !ok {
			t.Errorf("no rule is named %q", name)
			continue
		}
		delete(rules, name)
		for mistake, broken := range stores {
			t.Run(fmt.Sprintf("%s/%s", name, mistake), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var err error
					for try := 0; err == nil && try < 100; try++ { // not every order of calls at the same time shows the mistake
						err = r.test(t.Context(), broken())
					}
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
	const inside = "BRIDGETEST_INSIDE"
	if os.Getenv(inside) != "" {
		Run(t, func(*testing.T) bridge.Store { return brokenStores()["an end keeps the session"]["forgets it"]() })
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), inside+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("Run passed a broken store:\n%s", out)
	}
	for _, want := range []string{
		"--- FAIL: " + t.Name() + "/contract/an_end_keeps_the_session",
		"EndLink returned another link than expected",
		"the contract: EndLink: the Session is not that of l",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("Run did not report %q:\n%s", want, out)
		}
	}
}
