package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/bridge/dynamobridge"
	"example.com/coatcheck/pkg/session"
)

// withBridge returns a shell with a table for the bridge, and its records.
func withBridge(t *testing.T) (*shell, bridge.Store) {
	t.Helper()
	sh := newShell(t)
	table := "Bridge-" + strings.TrimPrefix(sh.env["USERS_TABLE"], "UsersTable-")
	if _, err := sh.client().CreateTable(t.Context(), dynamobridge.CreateTableInput(table)); err != nil {
		t.Fatal(err)
	}
	return sh.with("BRIDGE_TABLE", table), dynamobridge.New(sh.client(), table)
}

func keyOf(userID string) session.Key { return (&session.Session{UserID: userID, ID: "x"}).Key() }

// TestMigrateStatus: who came over, what is left, and what would not go back.
func TestMigrateStatus(t *testing.T) {
	sh, records := withBridge(t)
	if err := sh.users().Delete(t.Context(), sh.stored("warm-up")); err != nil {
		t.Fatal(err)
	}
	got := sh.ok("", "migrate", "status")
	if want := "Users: 0. Imported: 0, of whom 0 were here. Came at a first sign-in: 0. Made here: 0. Disabled: 0.\n" +
		"No bridge was ever open on these records, so no session came over.\n" +
		"What would not go back: 0 users made here, and 0 whose password was changed here, or who were disabled, since they came.\n" +
		"Before the other system is switched off:\n- nobody has come over\n"; got != want {
		t.Errorf("at the start:\n%s\nwant\n%s", got, want)
	}

	sh.ok(strings.ReplaceAll("name,password_hash,user_id,active\nhere,H,1,t\nby-session,H,2,t\nleft,H,3,t\nalso-left,H,4,t\nnone,!,5,t\ninactive,H,6,f\nmoved,H,7,t\n", "H", django), "users", "import", "-")
	sh.ok(phrase, "users", "add", "new")
	sh.ok(phrase, "users", "passwd", "moved")
	sh.storeDirectly(accounts.Account{Name: "signed", Username: "signed", UserID: "8", PasswordHash: "!", Origin: accounts.OriginSignIn})
	if _, err := sh.authenticate("here", legacyPhrase); err != nil {
		t.Fatal(err)
	}
	ends := time.Date(2100, 2, 3, 4, 5, 6, 0, time.UTC)
	if _, err := records.OpenWindow(t.Context(), ends); err != nil {
		t.Fatal(err)
	}
	day := time.Date(2027, 3, 4, 23, 59, 59, 0, time.UTC)
	for i, link := range []bridge.Link{
		{Source: "shop", Session: keyOf("2"), At: day}, {Source: "shop", Session: keyOf("2"), At: day.Add(time.Second), Ended: true},
		{Source: "shop", At: day.Add(2 * time.Second), Ended: true}, {Source: "forum", Session: keyOf("9"), At: day.Add(time.Hour)},
	} {
		link.ID, link.Nonce = fmt.Sprint("link", i), "n"
		if _, err := records.PutLink(t.Context(), link); err != nil {
			t.Fatal(err)
		}
	}
	const text = `Users: 9. Imported: 7, of whom 3 were here. Came at a first sign-in: 1. Made here: 1. Disabled: 1.
The bridge is open until 2100-02-03T04:05:06Z.
DAY         SOURCE   CAME OVER  ENDED
2027-03-04  "shop"   1          0
2027-03-05  "forum"  1          0
2027-03-05  "shop"   1          2
Imported, and never here: "also-left" "left" "none".
Without a password: "none".
What would not go back: 1 users made here, and 1 whose password was changed here, or who were disabled, since they came.
Before the other system is switched off:
- sessions come over until 2100-02-03T04:05:06Z; wait, or take convert away and then close the bridge by: coatcheck migrate close
- 3 imported users were never here; each can sign in by the password of the last import, so run it once more just before
- 1 users have no password here and cannot sign in; give them one by: coatcheck users passwd
- 1 users came at their first sign-in; who has not signed in since then is not here, so import the others before
`
	if got := sh.ok("", "migrate", "status"); got != text {
		t.Errorf("status:\n%s\nwant\n%s", got, text)
	}
	var document struct {
		Users    map[string]int
		Sessions []map[string]any
		Left     []string
		NoHash   []string `json:"no_hash"`
		Changed  int
		Against  []string
		Complete bool
		Bridge   map[string]any
	}
	if err := json.Unmarshal([]byte(sh.ok("", "migrate", "status", "--json")), &document); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(document.Users, document.Sessions[2], document.Left, document.NoHash, document.Changed, len(document.Against), document.Complete, document.Bridge),
		"map[all:9 came_by_sign_in:1 disabled:1 imported:7 imported_and_were_here:3 made_here:1] map[came_over:1 day:2027-03-05 ended:2 source:shop] [also-left left none] [none] 1 4 true map[closed:false ends_at:2100-02-03T04:05:06Z]"; got != want {
		t.Errorf("in JSON %s\nwant    %s", got, want)
	}

	if got := sh.with("BRIDGE_TABLE", "").ok("", "migrate", "status"); !strings.Contains(got, "\nBRIDGE_TABLE is not set, so nothing is known of sessions that came over.") || strings.Contains(got, "No bridge") {
		t.Errorf("without BRIDGE_TABLE:\n%s", got)
	}
	sh.ok("", "migrate", "close", "--yes")
	for _, name := range []string{"left", "also-left", "none", "signed"} {
		sh.ok("", "users", "disable", name)
	}
	if err := sh.users().Delete(t.Context(), sh.stored("signed")); err != nil {
		t.Fatal(err)
	}
	if got := sh.ok("", "migrate", "status"); !strings.Contains(got, "\nThe bridge is closed.\n") || !strings.HasSuffix(got, "\nNothing that is known here speaks against switching the other system off.\n") {
		t.Errorf("at the end:\n%s", got)
	}
}

// TestMigrateStatusCounts: an end that is reached is said, and who is counted as one who
// would not go back: who was disabled since, and not who came disabled.
func TestMigrateStatusCounts(t *testing.T) {
	sh, records := withBridge(t)
	if _, err := records.OpenWindow(t.Context(), time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	rows := "name,password_hash,user_id,active\na,!,1,f\nb,!,2,t\nc,!,3,t\nd,!,4,f\n"
	sh.ok(rows, "users", "import", "-")
	sh.ok("", "users", "disable", "b")                                    // here
	sh.ok(strings.Replace(rows, "3,t", "3,f", 1), "users", "import", "-") // there
	sh.ok("", "users", "enable", "d")
	got := sh.ok("", "migrate", "status")
	for _, want := range []string{"The bridge ended at 2020-01-01T00:00:00Z.\n", " and 3 whose password was changed here, or who were disabled, since they came.\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	if strings.Contains(got, "sessions come over until") {
		t.Errorf("it has ended:\n%s", got)
	}
}

// TestMigrateStatusNames: of many names the first are shown, and all are in the JSON.
func TestMigrateStatusNames(t *testing.T) {
	sh := newShell(t)
	text := "name,password_hash\n"
	for i := range 23 {
		text += fmt.Sprintf("user%02d,!\n", i)
	}
	sh.ok(text, "users", "import", "-")
	if got := sh.ok("", "migrate", "status"); !strings.Contains(got, `"user18" "user19" and 3 more, which --json lists.`+"\n") || strings.Contains(got, "user20") {
		t.Errorf("status:\n%s", got)
	}
	if got := sh.ok("", "migrate", "status", "--json"); strings.Count(got, `"user22"`) != 2 {
		t.Errorf("JSON:\n%s", got)
	}
}

// TestMigrateClose: closing asks, is for ever, ends no session, and can be repeated.
func TestMigrateClose(t *testing.T) {
	sh, records := withBridge(t)
	sh.with("BRIDGE_TABLE", "").fails(1, "BRIDGE_TABLE is not set", "", "migrate", "close", "--yes")
	sh.fails(1, "no bridge was ever open on these records; check BRIDGE_TABLE and the store", "", "migrate", "close", "--yes")
	if _, err := records.OpenWindow(t.Context(), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	made := sh.signIn("alice")
	for _, answer := range []string{"", "y\n"} {
		sh.fails(1, "closing the bridge cannot be undone; give --yes to do it. Nothing was changed", answer, "migrate", "close")
	}
	closed := func() bool {
		window, err := records.GetWindow(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return window.Closed
	}
	if closed() {
		t.Fatal("it is closed already")
	}
	for range 2 {
		if got := sh.ok("", "migrate", "close", "--yes"); !strings.HasPrefix(got, "The bridge is closed for ever. No session has ended. Next, in this order:\n1. Take away convert and LEGACY_COOKIES, unless that was done before") || !closed() {
			t.Errorf("closed: %t\n%s", closed(), got)
		}
	}
	if live, err := sh.manager().List(t.Context(), "alice"); err != nil || len(live) != 1 || live[0].ID != made.ID {
		t.Errorf("alice has %d sessions, %v", len(live), err)
	}
}

// TestCommandsSeal: while there is a bridge, each command that ends sessions of a user
// seals the user first, so that none comes back from the other system. If it cannot, nothing ends.
func TestCommandsSeal(t *testing.T) {
	const again = "name,password_hash,user_id\nalice," + otherHash + ",1\n"
	for name, test := range map[string]struct {
		stdin string
		args  []string
	}{
		"revoke":  {"", []string{"sessions", "revoke", "alice"}},
		"before":  {"", []string{"sessions", "end-before", time.Now().Add(time.Minute).UTC().Format(time.RFC3339), "--yes"}},
		"passwd":  {phrase, []string{"users", "passwd", "alice"}},
		"disable": {"", []string{"users", "disable", "alice"}},
		"delete":  {"", []string{"users", "delete", "alice"}},
		"set":     {"", []string{"users", "set", "alice", "--role=x"}},
		"import":  {again, []string{"users", "import", "-"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sh, records := withBridge(t)
			sh.ok("name,password_hash,user_id\nalice,"+django+",1\n", "users", "import", "-")
			sh.signIn("1")
			before := time.Now().Truncate(time.Second)
			if got := sh.with("BRIDGE_TABLE", "missing").run(test.stdin, test.args...); got.code != 1 || !strings.Contains(got.stderr, "sealing the user's sessions") {
				t.Errorf("without the table: %+v", got)
			}
			if live, err := sh.manager().List(t.Context(), "1"); err != nil || len(live) != 1 {
				t.Errorf("without the table %d sessions are left, %v", len(live), err)
			}
			sh.ok(test.stdin, test.args...)
			at, err := records.GetSeal(t.Context(), keyOf("1").Owner)
			if err != nil || at.Before(before) {
				t.Errorf("sealed at %v, %v", at, err)
			}
			if live, err := sh.manager().List(t.Context(), "1"); err != nil || len(live) != 0 {
				t.Errorf("%d sessions are left, %v", len(live), err)
			}
		})
	}
}

// TestRevokingOneSeals: to end one session seals the user, unless LEGACY_COOKIES says that
// no cookie is the session itself.
func TestRevokingOneSeals(t *testing.T) {
	sh, records := withBridge(t)
	sh.ok("name,password_hash,user_id\nalice,!,1\nbob,!,2\ncarol,!,3\n", "users", "import", "-")
	for _, test := range []struct {
		user, id, cookies string
		sealed            bool
	}{{"alice", "1", "", true}, {"bob", "2", "session;Stateless", true}, {"carol", "3", "session", false}} {
		made := sh.signIn(test.id)
		sh.with("LEGACY_COOKIES", test.cookies).ok("", "sessions", "revoke", test.user, "--", made.ID)
		at, err := records.GetSeal(t.Context(), keyOf(test.id).Owner)
		if err != nil || at.IsZero() == test.sealed {
			t.Errorf("%s, with LEGACY_COOKIES=%s: sealed at %v, %v", test.user, test.cookies, at, err)
		}
	}
	sh.with("LEGACY_COOKIES", "a b").fails(1, "LEGACY_COOKIES: .*", "", "sessions", "revoke", "alice")
}

// TestMigrateForget: an imported hash is removed from those who have one of ours, and from nobody else.
func TestMigrateForget(t *testing.T) {
	sh := newShell(t)
	text := strings.ReplaceAll("name,password_hash\nhere,H\nleft,H\n", "H", django)
	sh.ok(text, "users", "import", "-")
	if _, err := sh.authenticate("here", legacyPhrase); err != nil {
		t.Fatal(err)
	}
	for _, forgotten := range []int{1, 0} {
		if got, want := sh.ok("", "migrate", "forget"), fmt.Sprintf("Users: 3. Imported hashes forgotten: %d.\n", forgotten); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if here, left := sh.stored("here"), sh.stored("left"); here.ImportedHash != "" || left.ImportedHash != django {
			t.Errorf("%+v, %+v", here, left)
		}
	}
	if _, err := sh.authenticate("here", legacyPhrase); err != nil {
		t.Error(err)
	}
	sh.checkResult(sh.run(strings.ReplaceAll(text, django, otherHash), "users", "import", "-"), 0, outcomes(2, 0, 1, 0, 1, 0), "")
}
