package main

import (
	"maps"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/accounts"
)

const otherHash = "plain$$a hedge and a kite and snow" // of another password

// TestImportAgain: an import that is run again gives users the hash that the other system
// has by now, unless the password was changed here or the user disabled, and disables who
// may not sign in there any more. It ends the sessions of those whom it changes, and
// of nobody else. A dry run says the same and writes nothing. Once more, nothing is left to do.
func TestImportAgain(t *testing.T) {
	const header = "name,password_hash,user_id,active\n"
	first := header + strings.ReplaceAll("same,H,1,t\nnew,H,2,t\nsigned-in,H,3,t\nmoved,H,4,t\nclosed,H,5,t\nleft,H,6,t\nalso-left,H,7,t\nnever,H,8,f\n", "H", django)
	sh := newShell(t)
	sh.checkResult(sh.run(first, "users", "import", "-"), 0, counts(8, 8, 0, 0), "")
	if never := sh.stored("never"); !never.Disabled || !never.Closed {
		t.Errorf("who may not sign in there was added as %+v", never)
	}
	for _, name := range []string{"same", "signed-in", "moved"} {
		if _, err := sh.authenticate(name, legacyPhrase); err != nil {
			t.Fatal(err)
		}
	}
	sh.ok(phrase, "users", "passwd", "moved")
	sh.ok("", "users", "disable", "closed")
	sh.ok("", "users", "enable", "closed")
	sh.storeDirectly(accounts.Account{Name: "older", Username: "older", UserID: "9", PasswordHash: django})
	sh.checkNames()
	for name, user := range sh.all() {
		if made := sh.signIn(user.UserID); made.UserID == "" {
			t.Fatal(name)
		}
	}
	before := sh.all()

	second := header + strings.NewReplacer("H", otherHash, "D", django).Replace(
		"same,D,1,t\nnew,H,2,t\nsigned-in,H,3,t\nmoved,H,4,t\nclosed,H,5,t\nleft,D,6,f\nalso-left,H,7,f\nnever,D,8,\nolder,H,9,t\n")
	sh.with("SESSIONS_TABLE", "").checkResult(sh.run(second, "users", "import", "--dry-run", "-"), 0, dryOutcomes(9, 0, 3, 2, 4, 0), "")
	if got := sh.all(); !maps.EqualFunc(got, before, same) {
		t.Errorf("a dry run left\n%v, want\n%v", got, before)
	}
	sh.checkResult(sh.run(second, "users", "import", "-"), 0, outcomes(9, 0, 3, 2, 4, 0), "")
	after := sh.all()
	changed := map[string]bool{"new": true, "signed-in": true, "older": true, "left": true, "also-left": true}
	for name, user := range after {
		was := before[name]
		live, err := sh.manager().List(t.Context(), user.UserID)
		if err != nil || (len(live) == 0) != changed[name] {
			t.Errorf("%s has %d sessions, %v", name, len(live), err)
		}
		if !changed[name] {
			if !same(user, was) {
				t.Errorf("%s was %+v, is %+v", name, was, user)
			}
			continue
		}
		if user.CredentialVersion <= was.CredentialVersion || user.Version <= was.Version || !user.FrozenUntil.IsZero() || user.Origin != accounts.OriginImport && name != "left" {
			t.Errorf("%s was %+v, is %+v", name, was, user)
		}
		if left := strings.Contains(name, "left"); user.Disabled != left || user.Closed != left {
			t.Errorf("%s is %+v", name, user)
		}
		if name != "left" && (user.PasswordHash != otherHash || user.ImportedHash != otherHash) {
			t.Errorf("%s has the hash %q, imported %q", name, user.PasswordHash, user.ImportedHash)
		}
	}
	sh.checkResult(sh.run(second, "users", "import", "-"), 0, counts(9, 0, 9, 0), "")
	if got := sh.all(); !maps.EqualFunc(got, after, same) {
		t.Errorf("a third import left\n%v, want\n%v", got, after)
	}
}

// TestImportOfWhoIsInactive: nobody is disabled because of a name alone who was not
// imported; with the user ID it is certain.
func TestImportOfWhoIsInactive(t *testing.T) {
	sh := newShell(t)
	sh.ok(phrase, "users", "add", "alice")
	id := sh.stored("alice").UserID
	got := sh.run(`{"name":"alice","password_hash":"!","active":false}`, "users", "import", "-")
	sh.checkResult(got, 1, counts(1, 0, 0, 1), `coatcheck: line 1: user "alice" (user ID "`+id+`") has that name and was not imported, so it may be another person than the one who may not sign in any more; give the user ID, or disable the user`+
		"\ncoatcheck: 1 bad rows were left out; mend them and run it again\n")
	if sh.stored("alice").Disabled {
		t.Error("alice is disabled")
	}
	sh.ok(`{"name":"alice","password_hash":"!","disabled":1,"user_id":"`+id+`"}`, "users", "import", "-")
	if alice := sh.stored("alice"); !alice.Disabled || alice.PasswordHash == "!" {
		t.Errorf("alice is %+v", alice)
	}
}

// TestImportAgainNeedsSessions: an import that changes a user says so if it cannot reach
// the sessions, and leaves the user as before for the next run.
func TestImportAgainNeedsSessions(t *testing.T) {
	sh := newShell(t)
	const header = "name,password_hash\nalice,"
	blind := sh.with("SESSIONS_TABLE", "")
	blind.ok(header+django+"\n", "users", "import", "-")
	blind.fails(1, `user "alice" .*: SESSIONS_TABLE is not set`, header+otherHash+"\n", "users", "import", "-")
	if alice := sh.stored("alice"); alice.PasswordHash != django || !alice.FrozenUntil.IsZero() {
		t.Errorf("alice is %+v", alice)
	}
	sh.checkResult(sh.run(header+otherHash+"\n", "users", "import", "-"), 0, outcomes(1, 0, 1, 0, 0, 0), "")
}
