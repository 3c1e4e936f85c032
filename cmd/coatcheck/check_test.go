package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/accounts"
)

// TestUsersCheck: in a store from before the check nobody is added until it has run. It
// lists the pairs, whose users sign in as before, and then nobody gets their names.
func TestUsersCheck(t *testing.T) {
	for name, address := range storeAddresses(t) {
		t.Run(name, func(t *testing.T) {
			sh, opened := openShell(t, address)
			sh.ok("", "tables", "create")
			users, err := opened.Users()
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"straße", "strasse", "γιώργος", "bob"} {
				a := &accounts.Account{Name: name, Username: name, UserID: "id of " + name, PasswordHash: "!", Version: 1, Revision: "r"}
				if err := users.Create(t.Context(), a); err != nil {
					t.Fatal(err)
				}
			}
			const unchecked = "no user is added before the names of those who are there have been checked, once; run: coatcheck users check"
			csv := "name,password_hash\nnew,!\n"
			sh.fails(1, unchecked, phrase, "users", "add", "new")
			sh.fails(1, unchecked, csv, "users", "import", "-")
			if got := sh.ok(csv, "users", "import", "--dry-run", "-"); !strings.HasPrefix(got, "Rows: 1. Users that would be added: 1.") {
				t.Errorf("a dry run says %q", got)
			}

			pair := `One name: "straße" with the user ID "id of straße", and "strasse" with the user ID "id of strasse".` + "\n"
			for range 2 {
				if got, want := sh.ok("", "users", "check"), pair+"Users: 4. Pairs with one name: 1.\n"; got != want {
					t.Errorf("check: %q, want %q", got, want)
				}
			}
			documents := sh.documents(sh.ok("", "users", "check", "--json"))
			if got, want := fmt.Sprint(documents), "[map[pair:[map[name:straße user_id:id of straße] map[name:strasse user_id:id of strasse]]] map[complete:true pairs:1 users:4]]"; got != want {
				t.Errorf("check --json: %s, want %s", got, want)
			}

			for _, name := range []string{"STRAẞE", "Strasse", "ΓΙΏΡΓΟΣ", "\u200bBOB\t"} {
				sh.fails(1, `user ".*": the account exists already; choose another name`, phrase, "users", "add", name)
			}
			for typed, name := range map[string]string{"Straße": "straße", "STRASSE": "strasse", "Γιώργος": "γιώργος"} {
				if got := sh.ok("", "users", "show", typed); !regexp.MustCompile(`^Name +"` + name + `"`).MatchString(got) {
					t.Errorf("show %s: %s", typed, got)
				}
			}
			sh.ok(phrase, "users", "add", "new")
			if got := strings.Count(sh.ok("", "users", "list"), "\n"); got != 1+5 {
				t.Errorf("the list has %d lines, want a header and five users: claims are none", got)
			}

			sh.ok("", "users", "delete", "straße") // its pair still has the name
			sh.fails(1, `.* exists already; .*`, phrase, "users", "add", "straße")
			sh.ok("", "users", "delete", "strasse")
			sh.ok(phrase, "users", "add", "straße")
		})
	}
}

// TestUsersCheckOfTables is the same for the tables in DynamoDB.
func TestUsersCheckOfTables(t *testing.T) {
	sh := newShell(t)
	sh.storeDirectly(accounts.Account{Name: "straße", Username: "Straße", UserID: "1", PasswordHash: "!"})
	if err := sh.users().PassClaim(t.Context(), "\x01checked", "1", ""); err != nil {
		t.Fatal(err)
	}
	sh.fails(1, "no user is added before .*; run: coatcheck users check", phrase, "users", "add", "bob")
	if got, want := sh.ok("", "users", "check"), "Users: 2. Pairs with one name: 0.\n"; got != want {
		t.Errorf("check: %q, want %q", got, want)
	}
	sh.fails(1, `user "strasse": the account exists already; choose another name`, phrase, "users", "add", "STRASSE")
	sh.ok(phrase, "users", "add", "bob")
	if bob, err := sh.authenticate(" Bob\n", phrase); err != nil || bob.Username != "bob" {
		t.Errorf("%+v, %v", bob, err)
	}
}

// TestUsersCheckNeedsEverything: a user who cannot be read keeps the check from being
// complete, and the others are checked all the same.
func TestUsersCheckNeedsEverything(t *testing.T) {
	sh, opened := openShell(t, sqlAddresses(t)["SQLite"])
	sh.ok("", "tables", "create")
	sh.ok(phrase, "users", "add", "alice")
	exec := sh.database(opened)
	exec(`UPDATE coatcheck_users SET roles = '{' WHERE name = 'alice'`)
	exec(`DELETE FROM coatcheck_users WHERE claimed_by IS NOT NULL`) // as in a store from before the check
	for _, args := range [][]string{{"users", "check"}, {"users", "check", "--json"}} {
		got := sh.run("", args...)
		want := regexp.MustCompile(`^coatcheck: the check is not complete, and users may not be added yet; run it again: .*"alice": column roles .*\n$`)
		if got.code != 1 || !want.MatchString(got.stderr) || !slices.Contains([]string{"Users: 0. Pairs with one name: 0.\n", `{"users":0,"pairs":0,"complete":false}` + "\n"}, got.stdout) {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q", args, got.code, got.stdout, got.stderr)
		}
	}
	sh.fails(1, `.*column roles .*`, phrase, "users", "add", "bob")
}

// TestImportOfATakenUserName: an import takes a user for present whose name is that of an
// earlier account by the rule of today.
func TestImportOfATakenUserName(t *testing.T) {
	sh := newShell(t)
	sh.storeDirectly(accounts.Account{Name: "straße", Username: "Straße", UserID: "old", PasswordHash: "!"})
	sh.checkNames()
	sh.checkResult(sh.run("name,password_hash,user_id\nSTRASSE,!,old\nStraße,!,\nnew\u200b,!,\n NEW\t,!,\n", "users", "import", "-"),
		1, counts(4, 1, 1, 2), "coatcheck: line 3: has the name of line 2\ncoatcheck: line 5: has the name of line 4\n"+
			"coatcheck: 2 bad rows were left out; mend them and run it again\n")
}
