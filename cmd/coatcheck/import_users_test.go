package main

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/session"
)

// TestImportKeepsUserIDs: users keep the IDs of the other system, byte for byte, and who
// has none gets a random one.
func TestImportKeepsUserIDs(t *testing.T) {
	for name, text := range map[string]string{
		"csv":        "USER_ID;Name;password_hash\n0017;alice;!\nauth0|5f7c;bob;!\n\"a\"\"b ü\";carol;!\n;dave;!\n",
		"json lines": `{"user_id":"0017","name":"alice","password_hash":"!"}` + "\n" + `{"user_id":"auth0|5f7c","name":"bob","password_hash":"!"}` + "\n" + `{"user_id":"a\"b ü","name":"carol","password_hash":"!"}` + "\n" + `{"name":"dave","password_hash":"!"}` + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			sh := newShell(t)
			sh.checkResult(sh.run(text, "users", "import", "-"), 0, counts(4, 4, 0, 0), "")
			first := sh.all()
			for name, want := range map[string]string{"alice": "0017", "bob": "auth0|5f7c", "carol": `a"b ü`} {
				if got := first[name].UserID; got != want {
					t.Errorf("%s has the user ID %q, want %q", name, got, want)
				}
			}
			if got := first["dave"].UserID; len(got) != 22 {
				t.Errorf("dave has the user ID %q, want a random one", got)
			}
			made := sh.signIn("auth0|5f7c")
			if got := sh.ok("", "sessions", "list", "bob"); !strings.Contains(got, made.ID) {
				t.Errorf("bob's sessions are\n%s", got)
			}
			sh.checkResult(sh.run(text, "users", "import", "-"), 0, counts(4, 0, 4, 0), "")
			if got := sh.all(); !maps.EqualFunc(got, first, same) {
				t.Errorf("a second import left\n%v, want\n%v", got, first)
			}
		})
	}
	sh := newShell(t)
	sh.ok(`{"user_id":9007199254740993,"name":"alice","password_hash":"!"}`, "users", "import", "-")
	if got := sh.stored("alice").UserID; got != "9007199254740993" {
		t.Errorf("the whole number became %q", got)
	}
}

// TestImportRefusesUserIDs: nobody gets an ID that is not plain text, that an earlier row
// has, or that is not the one the user has already. A dry run says the same.
func TestImportRefusesUserIDs(t *testing.T) {
	sh := newShell(t)
	sh.ok("name,password_hash,user_id\nthere,!,1\nrandom,!,\n", "users", "import", "-")
	before := sh.all()
	text := "name,password_hash,user_id\n" +
		"there,!,1\n" +
		"random,!,\n" +
		"THERE,!,\n" + // the name of line 2
		"good,!,2\n" +
		"two,!,2\n" + // the user ID of line 5
		"two,!,3\n" +
		"blank,!, 4\n" +
		"control,!,\"4\n\"\n" +
		"long,!," + strings.Repeat("4", 255) + "\n" +
		"bytes,!,4\xff\n" +
		"other,!,openid:https://issuer.example.com#4\n"
	bad := "coatcheck: line 4: has the name of line 2\n" +
		"coatcheck: line 6: has the user ID of line 5\n" +
		"coatcheck: line 8: the user ID has blanks around it; leave them out\n" +
		"coatcheck: lines 9 to 10: the user ID contains a control character\n" +
		"coatcheck: line 11: the user ID is longer than 254 bytes\n" +
		"coatcheck: line 12: the user ID is not valid UTF-8\n" +
		"coatcheck: line 13: the user ID begins with openid:, as only those of users do who sign in at an OpenID provider; give the user another one\n" +
		"coatcheck: 7 bad rows were left out; mend them and run it again\n"
	dry := sh.run(text, "users", "import", "--dry-run", "-")
	sh.checkResult(dry, 1, dryOutcomes(11, 2, 0, 0, 2, 7), bad)
	sh.checkResult(sh.run(text, "users", "import", "-"), 1, counts(11, 2, 2, 7), bad)
	if got := slices.Sorted(maps.Keys(sh.all())); !slices.Equal(got, []string{"good", "random", "there", "two"}) {
		t.Errorf("imported %q", got)
	}

	for row, name := range map[string]string{"there,!,7\n": "there", "Random,!,8\n": "random"} {
		other := fmt.Sprintf("coatcheck: line 2: user %q (user ID %q) has that name, with another user ID; mend the ID, or leave it out if it is the same person\n"+
			"coatcheck: 1 bad rows were left out; mend them and run it again\n", name, before[name].UserID)
		text := "name,password_hash,user_id\n" + row
		sh.checkResult(sh.run(text, "users", "import", "--dry-run", "-"), 1, dryOutcomes(1, 0, 0, 0, 0, 1), other)
		sh.checkResult(sh.run(text, "users", "import", "-"), 1, counts(1, 0, 0, 1), other)
	}
	sh.fails(1, "line 1: .*", "name,password_hash,user_id,id\n", "users", "import", "-")
	after := sh.all()
	for name, a := range before {
		if !same(after[name], a) {
			t.Errorf("user %s was %+v, is %+v", name, a, after[name])
		}
	}
}

// TestImportOutcomes: whoever has the user ID of a row, or had it, decides what becomes of
// the row. A dry run says the same.
func TestImportOutcomes(t *testing.T) {
	sh := newShell(t)
	const header = "name,password_hash,user_id\n"
	const other = `user "alice" (user ID "1") has that name, with another user ID; mend the ID, or leave it out if it is the same person`
	const spelling = `the name is another spelling of that of user "alice" (user ID "1"), and one name with it; if it is the same person give the user ID, or write the name as it is there`
	sh.ok(header+"alice,!,1\nbob,!,2\ngone,!,deleted\n", "users", "import", "-")
	sh.ok("", "users", "delete", "gone")
	for _, test := range []struct {
		row            string
		added, present int
		bad            string
	}{
		{"ALICE,!,1\n", 0, 1, ""},
		{"alice,!,\n", 0, 1, ""},
		{"ALICE ,!,\n", 0, 0, spelling},
		{"alıce,!,\n", 1, 0, ""},
		{"alice,!,2\n", 0, 0, `the user ID belongs to user "bob" (user ID "2"), who is there under that name; a name does not change`},
		{"alice,!,deleted\n", 0, 0, other},
		{"ALICE ,!,3\n", 0, 0, other},
		{"carol,!,1\n", 0, 0, `the user ID belongs to user "alice" (user ID "1"), who is there under that name; a name does not change`},
		{"carol,!,deleted\n", 0, 0, accounts.ErrIDTaken.Error()},
		{"gone,!,deleted\n", 0, 0, accounts.ErrIDTaken.Error()},
		{"carol,!,3\n", 1, 0, ""},
		{"gone,!,\n", 1, 0, ""},
	} {
		code, bad, stderr := 0, 0, ""
		if test.bad != "" {
			code, bad = 1, 1
			stderr = "coatcheck: line 2: " + test.bad + "\ncoatcheck: 1 bad rows were left out; mend them and run it again\n"
		}
		dry := dryOutcomes(1, test.added, 0, 0, test.present, bad)
		sh.checkResult(sh.run(header+test.row, "users", "import", "--dry-run", "-"), code, dry, stderr)
		sh.checkResult(sh.run(header+test.row, "users", "import", "-"), code, counts(1, test.added, test.present, bad), stderr)
	}
}

// TestImportFilesOfPrograms: files as other programs write them are read.
func TestImportFilesOfPrograms(t *testing.T) {
	for name, test := range map[string]struct{ text, null string }{
		"psql --csv": {"name,display_name,password_hash,roles,user_id\nalice,\"Alice \"\"A.\"\"\",!,admin;editor,7\n", ""},
		"Excel":      {"\ufeffName;Display_Name;Password_Hash;Roles;User_ID\r\nalice;\"Alice \"\"A.\"\"\";!;\"admin; editor\";7\r\n", ""},
		"mysql --batch": {"name\tdisplay_name\tpassword_hash\troles\tuser_id\n" +
			"alice\tNULL\t!\tadmin;editor\t7\nbob\tNULL\t!\tNULL\tNULL\n", "NULL"},
		"psql, COPY":   {"name\tdisplay_name\tpassword_hash\troles\tuser_id\nalice\t\\N\t!\tadmin;editor\t7\nbob\t\\N\t!\t\\N\t\\N\n", `\N`},
		"quoted lines": {"\"name\",\"display_name\",\"password_hash\",\"roles\",\"user_id\"\n\"alice\",\"Alice \"\"A.\"\"\",\"!\",\"admin;\n editor\",\"7\"\n", ""},
		"json, a list": {`{"name":"alice","display_name":"Alice \"A.\"","password_hash":"!","roles":["admin","editor"],"user_id":7}`, ""},
		"json, a text": {`{"name":"alice","display_name":"Alice \"A.\"","password_hash":"!","roles":"admin; editor","user_id":"7"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			sh := newShell(t)
			path := sh.file("users", test.text)
			sh.ok("", "users", "import", path, "--null", test.null)
			alice, name := sh.stored("alice"), `Alice "A."`
			if test.null != "" {
				name = "alice"
				if bob := sh.stored("bob"); bob.DisplayName != "bob" || len(bob.Roles) != 0 || len(bob.UserID) != 22 {
					t.Errorf("imported %+v", bob)
				}
			}
			if alice.DisplayName != name || !slices.Equal(alice.Roles, []string{"admin", "editor"}) || alice.UserID != "7" {
				t.Errorf("imported %+v", alice)
			}
		})
	}
}

// TestImportLargestUser: whoever is imported can sign in. The longest names, user ID and
// roles fit into a session and into the keys of the stores.
func TestImportLargestUser(t *testing.T) {
	sh, longest := newShell(t), strings.Repeat("x", 254)
	roles := strings.TrimSuffix(strings.Repeat(longest+";", 8), ";")
	sh.ok("name,password_hash,display_name,user_id,roles\n"+longest+",!,"+longest+","+longest+","+roles+"\n", "users", "import", "-")
	a := sh.stored(longest)
	r := httptest.NewRequest("POST", "/login", nil)
	_, err := sh.manager().Create(httptest.NewRecorder(), r, session.User{ID: a.UserID, Roles: a.Roles, Values: map[string]string{
		"username": a.Username, "display_name": a.DisplayName, "theme": "system", "language": strings.Repeat("x", 255),
	}})
	if err != nil {
		t.Errorf("the largest user has no session: %v", err)
	}
}
