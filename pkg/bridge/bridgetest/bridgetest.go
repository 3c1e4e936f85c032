// Package bridgetest tests the contract of [bridge.Store]. One call tests a store. Use the
// real database behind the store, never a fake:
//
//	func TestStore(t *testing.T) {
//		bridgetest.Run(t, func(t *testing.T) bridge.Store { return open(t) })
//	}
//
// It does not test outages, or answers that are lost on the way. That needs a server that
// can be made to fail, which only the tests of the store itself have.
//
// This package may still change in ways that break programs.
package bridgetest

import (
	"context"
	"fmt"
	"testing"

	"example.com/coatcheck/pkg/bridge"
)

// Run tests the store against the contract, each rule in a subtest of its own. newStore is
// called once for every rule, from several goroutines at once. Each store must be empty,
// and must not share records with another. The rules run in parallel and never sleep. Run
// returns when all have ended. Use the race detector.
func Run(t *testing.T, newStore func(t *testing.T) bridge.Store) {
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

func (r rule) test(ctx context.Context, store bridge.Store) error {
	if err := r.check(&checker{ctx: ctx, store: store}); err != nil {
		return fmt.Errorf("%w\nthe contract: %s", err, r.says)
	}
	return nil
}

func contract() []rule {
	return []rule{
		{"every field is kept", "PutLink stores a link; its time is UTC, in milliseconds.", everyFieldIsKept},
		{"a missing link is ErrNotFound", "GetLink returns the link with that ID, or ErrNotFound.", aMissingLinkIsErrNotFound},
		{"IDs are compared exactly", "GetLink returns the link with that ID.", idsAreComparedExactly},
		{"a taken link comes back", "PutLink stores a link if there is none with its ID. Otherwise it returns the stored one and ErrExists.", aTakenLinkComesBack},
		{"a put recognises itself", "PutLink returns nil if the stored one has the same Nonce.", aPutRecognisesItself},
		{"one of many puts wins", "PutLink stores a link if there is none with its ID.", oneOfManyPutsWins},

		{"delete takes the right nonce", "DeleteLink removes the link if it has that nonce, and returns nil in any case.", deleteTakesTheRightNonce},

		{"an end is stored", "EndLink stores l as ended, whatever there is, and returns what was there before: the zero Link if nothing was.", anEndIsStored},
		{"an end keeps the session", "EndLink: the Session is not that of l: the one of the link before stays.", anEndKeepsTheSession},
		{"an ended link stays", "An ended link has the nonce of the EndLink, so that no DeleteLink of a conversion removes it.", anEndedLinkStays},
		{"a put and an end see each other", "A PutLink at the same time as an EndLink is returned by that, or returns the ended link.", aPutAndAnEndSeeEachOther},

		{"a seal is kept", "GetSeal returns the seal of the owner in UTC with milliseconds, or the zero time if there is none.", aSealIsKept},
		{"a later seal stays", "PutSeal: a later one that is there stays.", aLaterSealStays},
		{"the last of many seals stays", "PutSeal: a later one that is there stays, also of many at the same time.", theLastOfManySealsStays},

		{"the first end stays", "OpenWindow stores the end of the bridge if none is stored, and returns what is stored.", theFirstEndStays},
		{"many open one window", "OpenWindow stores the end if none is stored, which it is for one of many at the same time.", manyOpenOneWindow},
		{"closed is for ever", "CloseWindow closes the bridge for ever. It returns ErrNotFound if none was ever opened.", closedIsForEver},

		{"all links are listed", "Links returns every link, and nothing else.", allLinksAreListed},
		{"a cancelled context is an outage", "An error other than the errors named here is an outage: the result is unknown.", aCancelledContextIsAnOutage},
	}
}
