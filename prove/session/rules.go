package main

// rules are the rules of sessions. The zero value of each field is the rule, which its tag
// states; true takes it out. The tests are those that fail when the code breaks the rule.
type rules struct {
	// What a store does.
	createOverwrites  bool `rule:"Create is conditional on absence" tests:"TestBrokenStoresAreCaught TestCreateLeavesATakenKeyAlone"`
	updateUpserts     bool `rule:"Update is conditional on a session that is there and alive" tests:"TestBrokenStoresAreCaught"`
	touchUpserts      bool `rule:"Touch is conditional on a session that is there and alive" tests:"TestBrokenStoresAreCaught TestTouchThatFindsTheSessionGone"`
	lastWriteWins     bool `rule:"Update is conditional on the version that was read" tests:"TestBrokenStoresAreCaught TestConcurrentUpdatesLoseNothing"`
	updateMovesTimes  bool `rule:"Update leaves what a touch has moved" tests:"TestBrokenStoresAreCaught TestUpdateKeepsATouchMadeMeanwhile"`
	touchGoesBack     bool `rule:"Touch only moves forward" tests:"TestBrokenStoresAreCaught"`
	blindToOwnWrite   bool `rule:"A write that is sent again recognises its first try" tests:"TestBrokenStoresAreCaught TestLostAnswers"`
	retriesUncertain  bool `rule:"A write that is sent again and meets another write is an outage, and not made again" tests:"TestWritesBetweenTries"`
	idEnds            bool `rule:"A logout ends what its secret proves" tests:"TestBrokenStoresAreCaught TestDestroyWithoutALiveSession"`
	currentSecretOnly bool `rule:"A logout is also proved by the secret before" tests:"TestBrokenStoresAreCaught TestDestroyWithThePreviousSecret"`

	// What the Manager does.
	sendsCreateAgain bool `rule:"Create is sent once; when its answer is lost, a new key is made" tests:"TestCreateAbandonsALostTry TestLateCreateMakesNoValidToken"`
	keyMoves         bool `rule:"A renewal leaves the key as it is" tests:"TestRenewal"`
	previousOpens    bool `rule:"Only the current secret opens" tests:"TestRenewal"`
	repeatsBlindly   bool `rule:"A write that lost a race is not repeated on a session that was renewed" tests:"TestOneOfTwoRenewalsWins"`
	touchesLate      bool `rule:"No touch is sent in the last second of a session" tests:"TestLateTouchBringsNothingBack"`
	outageIsNobody   bool `rule:"An outage is its own outcome" tests:"TestOutages TestFailedWrites"`
	outageIsDone     bool `rule:"What ends sessions succeeds only when every delete was answered" tests:"TestDestroyInAnOutageKeepsTheCookie TestRevokeAllWithAFailingDelete"`

	// What a login does.
	adoptsToken    bool `rule:"A login makes a new key and a new secret" tests:"TestCreateNeverAdoptsAPlantedToken"`
	keepsPresented bool `rule:"A login ends the session that it came with" tests:"TestCreateEndsThePresentedSession"`
	answersFirst   bool `rule:"A login fails if it cannot end the session that it came with" tests:"TestCreateFailsIfThePresentedSessionStays"`
	neverDiscards  bool `rule:"A login that fails takes its session back" tests:"TestConfirm"`
	discardsByKey  bool `rule:"What a login takes back it proves by its secret" tests:"TestDiscardTakesBackItsOwn"`
	noConfirm      bool `rule:"A login reads the account a second time" tests:"TestConfirm TestLoginCrossesAPasswordChange"`
	confirmsFirst  bool `rule:"A login reads the account again after its session is stored" tests:"TestConfirm"`
	listsFirst     bool `rule:"For the limit a login lists after its session is stored" tests:"TestStore TestLoginStoredLateIsEnded"`
	sparesOwn      bool `rule:"The limit counts the login's own session" tests:"TestLoginStoredLateIsEnded"`

	// What a change of the account does.
	noFreeze              bool `rule:"A change of password freezes the account first" tests:"TestSignInCrossesAChange"`
	hashFirst             bool `rule:"A change of password stores the new hash last" tests:"TestCrashes"`
	thawsBlindly          bool `rule:"A change of password stores the new hash only if the account is as it has frozen it" tests:"TestChangeCrossesOtherWrites"`
	leaseKeepsVersion     bool `rule:"Who clears the freeze of a dead process makes a new version" tests:"TestExpiredFreeze"`
	changesWithoutSession bool `rule:"A change of password needs its session to the end" tests:"TestSessionsCannotBeEnded"`
	disablesLast          bool `rule:"An account is disabled before its sessions end" tests:"TestChangesInterrupted"`

	// Where sessions also come from a monolith.
	noSeal    bool `rule:"What ends sessions seals the monolith's" tests:"TestBeforeEnding TestEverywhere"`
	sealsLast bool `rule:"What ends sessions seals before the first of them ends" tests:"TestBeforeEndingComesFirst TestNothingEndsIfBeforeEndingFails"`
}
