package main

import (
	"maps"
	"testing"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/config/storeconfig"
	"example.com/coatcheck/pkg/session"
)

// everywhere is a store of one kind, with its tables, as the commands and a server have it.
type everywhere struct {
	*shell
	storeconfig.Stores
	users    accounts.Registry
	sessions session.Store
	attempts throttle.Store
}

// everyPlace runs the test on each kind of store that the commands can use.
func everyPlace(t *testing.T, test func(p *everywhere)) {
	everyPlaceWith(t, nil, nil, test)
}

// everyPlaceWith does the same with more variables, and on DynamoDB with the tables besides
// whose conditions these are, as the variables name them.
func everyPlaceWith(t *testing.T, more, tables map[string]string, test func(p *everywhere), conditions ...string) {
	t.Run("DynamoDB", func(t *testing.T) {
		sh := newShell(t)
		maps.Copy(sh.env, more)
		made := dynamotest.Tables(t, conditions...)
		for variable, id := range tables {
			sh.env[variable] = made[id]
		}
		for name, value := range sh.env {
			t.Setenv(name, value)
		}
		opened, err := storeconfig.Open(t.Context(), storeconfig.DynamoDB)
		if err != nil {
			t.Fatal(err)
		}
		test(newPlace(sh, opened))
	})
	for name, address := range storeAddresses(t) {
		t.Run(name, func(t *testing.T) {
			sh, opened := openShell(t, address)
			maps.Copy(sh.env, more)
			sh.ok("", "tables", "create")
			test(newPlace(sh, opened))
		})
	}
}

func newPlace(sh *shell, opened storeconfig.Stores) *everywhere {
	sh.Helper()
	p := &everywhere{shell: sh, Stores: opened}
	var errs [3]error
	p.users, errs[0] = opened.Users()
	p.sessions, errs[1] = opened.Sessions()
	p.attempts, errs[2] = opened.Attempts()
	for _, err := range errs {
		if err != nil {
			sh.Fatal(err)
		}
	}
	return p
}

func (p *everywhere) user(name string) *accounts.Account {
	p.Helper()
	a, err := p.users.Get(p.Context(), name)
	if err != nil {
		p.Fatalf("user %q: %v", name, err)
	}
	return a
}
