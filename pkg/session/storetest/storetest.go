// Package storetest tests the contract of [session.Store]. One call tests a store.
// Use the real database behind the store, never a fake:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) session.Store { return open(t) })
//	}
//
// A store that is a [session.CreateLister] is tested as one too.
//
// It does not test outages, or answers that are lost on the way. That needs a server
// that can be made to fail, which only the tests of the store itself have. Package history,
// in the folder below and a module of its own, makes calls cross, and loses answers before
// they reach the Manager.
package storetest

import (
	"context"
	"fmt"
	"testing"

	"example.com/coatcheck/pkg/session"
)

// Run tests the store against the contract, each rule in a subtest of its own.
//
// newStore is called once for every rule, from several goroutines at once. It may
// return the same store each time, because every rule makes its own users with
// random IDs. So you may use a database that other tests use, and run the tests
// again. The sessions are not deleted; if that matters, newStore cleans up with
// [testing.T.Cleanup]. If dead sessions are removed in the background, for example
// by a TTL, turn that off or delay it by an hour.
//
// The rules run in parallel and never sleep; one creates 1,000 sessions, 32 at a
// time. Run returns when all have ended. Use the race detector.
func Run(t *testing.T, newStore func(t *testing.T) session.Store) {
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

// rule is one rule of the contract: its text, and a check that fails if a store
// breaks it.
type rule struct {
	name  string
	says  string
	check func(*checker) error
}

func (r rule) test(ctx context.Context, store session.Store) error {
	if err := r.check(&checker{ctx: ctx, store: store}); err != nil {
		return fmt.Errorf("%w\nthe contract: %s", err, r.says)
	}
	return nil
}

func contract() []rule {
	return []rule{
		{"every field is kept", "Create stores the session; times are UTC, CreatedAt to the millisecond.", everyFieldIsKept},
		{"extreme values are kept", "What Create stores, Get and List return exactly.", extremeValuesAreKept},
		{"empty values are kept", "What Create stores, Get and List return; nil and empty are the same.", emptyValuesAreKept},
		{"any text is kept", "Names and values are any UTF-8 without NUL, compared byte by byte.", anyTextIsKept},
		{"any number of roles is kept", "Roles come back as they were, all of them and in order.", anyNumberOfRolesIsKept},
		{"create refuses a taken key", "Create: ErrConflict if the key is taken.", createRefusesATakenKey},
		{"one of many creates wins", "Create: ErrConflict if the key is taken, also by a Create at the same time.", oneOfManyCreatesWins},

		{"create and list returns all", "CreateAndList: if s is stored, the sessions of its owner, dead ones too, s among them.", createAndListReturnsAll},
		{"create and list refuses a taken key", "CreateAndList: if s is not stored, no sessions and the error of Create.", createAndListRefusesATakenKey},
		{"create and list sees others at once", "CreateAndList lists when s is stored, so of several at once the last returns those of all.", createAndListSeesOthersAtOnce},

		{"a missing session is ErrNoSession", "ErrNoSession if there is none; for List, none is not an error.", aMissingSessionIsErrNoSession},
		{"keys are compared exactly", "A Key addresses one session, byte by byte, and List the sessions of one owner.", keysAreComparedExactly},
		{"list holds one user's sessions", "List returns all sessions of the owner, and no other's.", listHoldsOneUsersSessions},
		{"list is complete", "List returns all sessions of the owner.", listIsComplete},
		{"dead sessions are shown", "Get returns the session dead or alive, List dead ones too: only the Manager judges.", deadSessionsAreShown},
		{"sessions are copies", "Get returns the caller's own copy; what the caller does to its sessions changes no stored one.", sessionsAreCopies},
		{"a cancelled context is an outage", "An error that is not ErrNoSession or ErrConflict when the answer is not known.", aCancelledContextIsAnOutage},

		{"update replaces what it names", "Update replaces Roles, Values, Secret, PreviousSecret and Version.", updateReplacesWhatItNames},
		{"update leaves the rest", "Update: everything else stays.", updateLeavesTheRest},
		{"update without expiry leaves the times", "Update: a zero ExpiresAt leaves AuthenticatedAt, EndsAt and ExpiresAt as stored.", updateWithoutExpiryLeavesTheTimes},
		{"update with expiry replaces the times", "Update: with an ExpiresAt, AuthenticatedAt and ExpiresAt are replaced too.", updateWithExpiryReplacesTheTimes},
		{"update with expiry replaces the end", "Update: with an ExpiresAt, EndsAt is replaced too, and removed if it is zero.", updateWithExpiryReplacesTheEnd},
		{"update compares versions", "Update: only if the stored version is s.Version; ErrConflict if it differs.", updateComparesVersions},
		{"one of many updates wins", "Update: only if the stored version is s.Version, which it is for one of them.", oneOfManyUpdatesWins},
		{"update knows its own retry", "Update: if the stored version is already newVersion, this write was applied before: nil.", updateKnowsItsOwnRetry},
		{"update knows no other write", "Update: ErrConflict if the version differs, even from one that it wrote long ago.", updateKnowsNoOtherWrite},

		{"touch moves the times only", "Touch sets LastSeenAt, ExpiresAt and the last client. Version stays.", touchMovesTheTimesOnly},
		{"touch keeps the client", "Touch sets LastIP and LastUserAgent, which may be empty.", touchKeepsTheClient},
		{"touch never goes back", "Touch only moves forward; one that would go back changes nothing, the last client neither, and the answer is nil.", touchNeverGoesBack},
		{"update and touch keep each other's work", "An Update never undoes a Touch, nor a Touch an Update.", updateAndTouchKeepEachOthersWork},

		{"nothing revives a deleted session", "A session that is gone is never brought back: ErrNoSession.", nothingRevivesADeletedSession},
		{"nothing revives a dead session", "A session that is dead is never brought back: ErrNoSession.", nothingRevivesADeadSession},
		{"dead from ExpiresAt on", "Dead means that ExpiresAt is not after now.", deadFromExpiresAtOn},
		{"no clock is read", "A Store must never read a clock: writes are told the time.", noClockIsRead},

		{"delete takes the right secret", "Delete removes the session if the secret is its Secret or PreviousSecret; nil means unconditionally.", deleteTakesTheRightSecret},
		{"delete names the user", "Delete returns the UserID of the session that it removed.", deleteNamesTheUser},
		{"delete refuses a wrong secret", "Delete: ErrNoSession if nothing was removed.", deleteRefusesAWrongSecret},
		{"one of many deletes removes", "Delete: ErrNoSession if it removed nothing, which is so for all but one of those at once.", oneOfManyDeletesRemoves},
		{"delete removes the dead", "Delete: ErrNoSession if what was removed was dead at now.", deleteRemovesTheDead},
		{"delete wins every race", "A session that is gone is never brought back, by no write under way at the time either.", deleteWinsEveryRace},
		{"revoke-all ends all", "List returns everything written before the call, and nothing brings back what Delete removed.", revokeAllEndsAll},
		{"logins at once keep to the limit", "List returns everything written before the call, and Delete removes what it is told to, alone.", loginsKeepToTheLimit},
	}
}
