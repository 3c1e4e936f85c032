// Package oidctest tests the contract of [oidc.Store]. One call tests a store. Use the real
// database behind the store, never a fake:
//
//	func TestStore(t *testing.T) {
//		oidctest.Run(t, func(t *testing.T) oidc.Store { return open(t) })
//	}
//
// [Issuer] is an OpenID provider in the process of a test, with its good and its bad days.
//
// Run does not test outages, or answers that are lost on the way. That needs a server that
// can be made to fail, which only the tests of the store itself have. What a repeated call
// returns it tests.
//
// This package may still change in ways that break programs.
package oidctest

import (
	"context"
	"fmt"
	"testing"

	"example.com/coatcheck/pkg/signin/oidc"
)

// Run tests the store against the contract, each rule in a subtest of its own. newStore is
// called once for every rule, from several goroutines at once. Each store must be empty,
// and must not share records with another. The rules run in parallel and never sleep. Run
// returns when all have ended. Use the race detector.
func Run(t *testing.T, newStore func(t *testing.T) oidc.Store) {
	t.Run("contract", func(t *testing.T) {
		for _, r := range contract() {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				if err := r.test(t.Context(), newStore(t)); err != nil {
					t.Error(err)
				}
			})
		}
	})
}

// rule is one rule of the contract: its text, and a check that fails if a store breaks it.
type rule struct {
	name  string
	says  string
	check func(*checker) error
}

func (r rule) test(ctx context.Context, store oidc.Store) error {
	if err := r.check(&checker{ctx: ctx, store: store}); err != nil {
		return fmt.Errorf("%w\nthe contract: %s", err, r.says)
	}
	return nil
}

func contract() []rule {
	return []rule{
		{"every field is kept", "Link stores l. Times are in UTC and whole seconds.", everyFieldIsKept},
		{"IDs are compared exactly", "A link with that ID.", idsAreComparedExactly},
		{"a replaced link comes back", "If there is a link with that ID already, it is replaced, and Link returns it. Ended returns the new one at once.", aReplacedLinkComesBack},
		{"a link of the same session is the same call", "If that one has the Session of l, and expires no earlier, this is the same call again: it changes nothing, and returns what the first one returned.", aLinkOfTheSameSession},
		{"of many links each is replaced once", "If there is a link with that ID already, it is replaced, and Link returns it: also of many at the same time.", ofManyLinksEachIsReplacedOnce},

		{"a link after an end is refused", "Link returns ErrEnded, and changes nothing, if End was called with that ID before.", aLinkAfterAnEndIsRefused},
		{"an end leaves the link", "End returns the link that is there. It stays, so that an End whose caller has stopped can be repeated.", anEndLeavesTheLink},
		{"a link and an end see each other", "A Link at the same time as an End is returned by that, or returns ErrEnded.", aLinkAndAnEndSeeEachOther},
		{"an end is seen at once", "Ended returns when what has that ID ended, or the zero time. It sees every End that has returned.", anEndIsSeenAtOnce},
		{"later times stay", "Of the time of an End and of expiresAt, a later one that is stored stays.", laterTimesStay},
		{"the last of many ends stays", "A later time that is stored stays, also of many Ends at the same time.", theLastOfManyEndsStays},

		{"an expired link is not there", "What has expired counts as not there: a link.", anExpiredLinkIsNotThere},
		{"an expired end is not there", "What has expired counts as not there: an end.", anExpiredEndIsNotThere},
		{"a cancelled context is an outage", "An error that is not named here is an outage: the result is unknown.", aCancelledContextIsAnOutage},
	}
}
