// Package audittest tests the contract of [audit.Store]. One call tests a store. Use the
// real database behind the store, never a fake:
//
//	func TestStore(t *testing.T) {
//		audittest.Run(t, func(t *testing.T) audit.Store { return open(t) })
//	}
//
// Run does not test outages, or answers that are lost on the way. That needs a server that
// can be made to fail, which only the tests of the store itself have. What a repeated call
// does it tests.
//
// This package may still change in ways that break programs.
package audittest

import (
	"context"
	"fmt"
	"testing"

	"example.com/coatcheck/pkg/audit"
)

// Run tests the store against the contract, each rule in a subtest of its own. newStore is
// called once for every rule, from several goroutines at once. Each store must be empty,
// and must not share entries with another. The rules run in parallel and never sleep. Run
// returns when all have ended. Use the race detector.
func Run(t *testing.T, newStore func(t *testing.T) audit.Store) {
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

func (r rule) test(ctx context.Context, store audit.Store) error {
	if err := r.check(&checker{ctx: ctx, store: store}); err != nil {
		return fmt.Errorf("%w\nthe contract: %s", err, r.says)
	}
	return nil
}

func contract() []rule {
	return []rule{
		{"every field is kept", "Append adds an entry; List and All return it as it was. Times are in UTC.", everyFieldIsKept},
		{"any text is kept", "Texts are any UTF-8 without NUL, compared byte by byte.", anyTextIsKept},
		{"nothing is no error", "A user without entries has an empty list.", nothingIsNoError},

		{"the newest come first", "List returns the newest entries of a user, newest first, whatever the order in which they came.", theNewestComeFirst},
		{"the limit is kept", "List returns limit at most, and fewer only if there are no more.", theLimitIsKept},
		{"pages join", "With before, they are older than the entry with that Key, which need not be there.", pagesJoin},
		{"one instant has many entries", "Entries of one user and one time are told apart by their IDs, and have the order of their Keys.", oneInstantHasManyEntries},
		{"users have entries of their own", "List returns the entries of a user.", usersHaveEntriesOfTheirOwn},
		{"large entries are kept", "List and All return everything, also where the database answers by pages.", largeEntriesAreKept},

		{"an entry never changes", "Append never changes an entry that is there. One that comes twice is there once.", anEntryNeverChanges},
		{"many at once are all kept", "Append is safe for concurrent use.", manyAtOnceAreAllKept},
		{"an expired entry is not there", "From ExpiresAt on an entry counts as not there.", anExpiredEntryIsNotThere},
		{"All can be left", "A loop over All may end early.", allCanBeLeft},
		{"a cancelled context is an outage", "Every call ends with its context, by an error.", aCancelledContextIsAnOutage},
	}
}
