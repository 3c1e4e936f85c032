package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/dynamoaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/signin/authn"
)

// hostile is text that an account may contain and that could control a terminal. It
// contains an escape sequence and characters that change the reading direction.
const hostile = "\x1b[2J\u009b31m\u202eecila"

// storeDirectly stores a user without applying the rules.
func (s *shell) storeDirectly(a accounts.Account) *accounts.Account {
	s.Helper()
	a.Version, a.Revision = 1, "r"
	if err := s.users().Create(s.Context(), &a); err != nil {
		s.Fatal(err)
	}
	return &a
}

func (s *shell) stored(name string) *accounts.Account {
	s.Helper()
	a, err := s.users().Get(s.Context(), name)
	if err != nil {
		s.Fatalf("user %q: %v", name, err)
	}
	return a
}

// documents parses JSON Lines. Each line must have the same keys as the first.
func (s *shell) documents(text string) (all []map[string]any) {
	s.Helper()
	for line := range strings.Lines(text) {
		var document map[string]any
		if err := json.Unmarshal([]byte(line), &document); err != nil {
			s.Fatalf("%v in %q", err, line)
		}
		all = append(all, document)
	}
	return all
}

const userJSON = `{"name":"alice","username":"Alice","user_id":%q,"display_name":"Alice A.","roles":["admin","staff"],"preferences":{},"disabled":false,"created_at":%q,"password_scheme":"Argon2id"}` + "\n"

func TestUsersShow(t *testing.T) {
	sh := newShell(t)
	added := sh.ok(phrase, "users", "add", "Alice", "--display-name", "Alice A.", "--role", "admin", "--role=staff", "--json")
	alice := sh.stored("alice")
	want := fmt.Sprintf(userJSON, alice.UserID, alice.CreatedAt.Format(time.RFC3339))
	if added != want {
		t.Errorf("users add --json\ngot  %swant %s", added, want)
	}
	if got := sh.ok("", "users", "show", " ALICE", "--json"); got != want {
		t.Errorf("users show --json\ngot  %swant %s", got, want)
	}
	want = fmt.Sprintf(`Name          "alice"
Signs in as   "Alice"
Display name  "Alice A."
User ID       "%s"
Roles         ["admin" "staff"]
Preferences   map[]
Made          %s
Last sign-in  never
State         active
Attempts      allowed
Password      Argon2id
`, alice.UserID, alice.CreatedAt.Format(time.RFC3339))
	if got := sh.ok("", "users", "show", "alice"); got != want {
		t.Errorf("users show\ngot\n%swant\n%s", got, want)
	}
	sh.fails(1, `there is no user "Bob"; check the name, the store and USERS_TABLE`, "", "users", "show", "Bob")
	sh.fails(1, "the user name is empty", "", "users", "show", "")
}

func TestUsersList(t *testing.T) {
	sh := newShell(t)
	sh.ok(phrase, "users", "add", "alice", "--role", "admin")
	sh.storeDirectly(accounts.Account{Name: "bob", UserID: "b", DisplayName: "Bob", PasswordHash: "pbkdf2_sha256$1$salt$secret", Disabled: true})
	got := sh.ok("", "users", "list")
	shape := regexp.MustCompile(`^USER ID +STATE +PASSWORD +LAST SIGN-IN +NAME, DISPLAY NAME, ROLES, REFUSED ATTEMPTS\n` +
		`(".*"  +(active|disabled)  +\S.*\S  +(never|unknown)  +".*" ".*" \[.*\]\n){3}$`)
	if !shape.MatchString(got) {
		t.Errorf("users list:\n%s", got)
	}
	for _, line := range []string{
		`"` + sh.stored("alice").UserID + `"  active    Argon2id                never         "alice" "alice" ["admin"]`,
		`"b"                       disabled  Django's pbkdf2_sha256  unknown       "bob" "Bob" []`,
		`"warm-up"                 active    unknown                 unknown       "warm-up" "" []`,
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("no line %s in\n%s", line, got)
		}
	}

	documents := sh.documents(sh.ok("", "users", "list", "--json"))
	var names []string
	for _, document := range documents {
		names = append(names, document["name"].(string))
		if document["name"] == "bob" && (document["disabled"] != true || document["password_scheme"] != "Django's pbkdf2_sha256") {
			t.Errorf("bob is %v", document)
		}
	}
	slices.Sort(names)
	if want := []string{"alice", "bob", "warm-up"}; !slices.Equal(names, want) {
		t.Errorf("users list --json has %q, want %q", names, want)
	}
}

// TestUsersListGoesOn: a damaged user at the start of the list does not hide the
// others, and the command reports it.
func TestUsersListGoesOn(t *testing.T) {
	sh := newShell(t)
	for _, name := range []string{"a", "b", "c"} {
		sh.storeDirectly(accounts.Account{Name: name, UserID: name})
	}
	first := sh.documents(sh.ok("", "users", "list", "--json"))[0]["name"].(string)
	sh.damage(first)
	got := sh.run("", "users", "list", "--json")
	if documents := sh.documents(got.stdout); got.code != 1 || len(documents) != 3 {
		t.Errorf("exit code %d, %v", got.code, documents)
	}
	if want := fmt.Sprintf(`item %q: field "version"`, first); strings.Count(got.stderr, "\n") != 1 || !strings.Contains(got.stderr, want) {
		t.Errorf("stderr %q, want one line with %s", got.stderr, want)
	}
}

// TestUsersTellNoSecretAndNoEscape: no command writes an escape sequence of stored
// text to the terminal, and no command prints a password hash.
func TestUsersTellNoSecretAndNoEscape(t *testing.T) {
	sh := newShell(t)
	const secret = "c2VjcmV0c2VjcmV0"
	sh.storeDirectly(accounts.Account{
		Name: "alice", Username: hostile, UserID: hostile, DisplayName: hostile, Roles: []string{hostile},
		Preferences: map[string]string{hostile: hostile}, PasswordHash: "$argon2id$v=19$m=19456,t=2,p=1$" + secret + "$" + secret,
	})
	sh.storeDirectly(accounts.Account{Name: hostile, UserID: "b", PasswordHash: secret})
	for _, args := range []string{
		"list", "show alice", "disable alice", "enable alice", "unlock alice", "set alice --no-roles --display-name=A", "delete alice",
	} {
		for _, format := range []string{"", " --json"} {
			if format == "" && args == "delete alice" {
				continue // a user can be deleted only once
			}
			got := sh.run("", strings.Fields("users "+args+format)...)
			if got.code != 0 {
				t.Errorf("users %s%s: %d %s", args, format, got.code, got.stderr)
			}
			all := got.stdout + got.stderr
			if strings.Contains(all, secret) || strings.Contains(all, "m=19456") {
				t.Errorf("users %s%s tells the hash: %q", args, format, all)
			}
			if strings.ContainsAny(all, "\x1b\u009b\u202e") {
				t.Errorf("users %s%s speaks to the terminal: %q", args, format, all)
			}
			if args == "list" && !strings.Contains(all, `u009b31m\u202eecila`) {
				t.Errorf("users list%s lacks the text: %q", format, all)
			}
			if format != "" && args != "list" && len(sh.documents(all)) != 1 {
				t.Errorf("users %s%s: %q is not one document", args, format, all)
			}
		}
	}
}

// guess makes wrong attempts of each kind to sign in as the user: on an unknown device,
// on a known one, and in a session.
func (s *shell) guess(limiter *throttle.Limiter, subject throttle.Subject, times int) {
	s.Helper()
	for _, a := range []throttle.Attempt{
		{Address: "192.0.2.1"},
		{Device: limiter.NewDevice(subject.Owner)},
		{UserID: subject.Owner.UserID},
	} {
		a.Name = subject.Name
		for range times {
			admission, err := limiter.Admit(s.Context(), a, func(context.Context) (throttle.Owner, error) { return subject.Owner, nil })
			if err != nil {
				s.Fatal(err)
			}
			admission.Fail(s.Context())
		}
	}
}

const ladder = "1,1h,1h,2"

// limiter returns a limiter whose ladders have one free failure and a wait of an hour.
func (s *shell) limiter() *throttle.Limiter {
	s.Helper()
	hour := throttle.Ladder{Free: 1, First: time.Hour, Longest: time.Hour, Lock: 2}
	limiter, err := throttle.New(s.attempts(), throttle.Config{Name: hour, Device: hour, DeviceKeys: [][]byte{[]byte(strings.Repeat("k", 32))}})
	if err != nil {
		s.Fatal(err)
	}
	return limiter
}

func TestUsersUnlock(t *testing.T) {
	sh := newShell(t)
	sh.ok(phrase, "users", "add", "alice")
	limiter := sh.limiter()
	for name, subject := range map[string]throttle.Subject{"alice": sh.stored("alice").Subject(), "nobody": {Name: "nobody"}} {
		stops := func() int {
			stops, err := limiter.Stops(t.Context(), subject)
			if err != nil {
				t.Fatal(err)
			}
			return len(stops[0])
		}
		all := 3
		if name == "nobody" {
			all = 1
			limiter.Admit(t.Context(), throttle.Attempt{Name: name, Address: "192.0.2.1"}, func(context.Context) (throttle.Owner, error) { return throttle.Owner{}, nil })
		} else {
			sh.guess(limiter, subject, 1)
		}
		if got := stops(); got != all {
			t.Fatalf("%s meets %d limits, want %d", name, got, all)
		}
		want := fmt.Sprintf("Unlocked the name %q.\n", name)
		if name == "nobody" {
			want += "There is no user of that name; check the name, the store and USERS_TABLE.\n"
		}
		if got := sh.ok("", "users", "unlock", " "+strings.ToUpper(name)); got != want {
			t.Errorf("unlock: %q, want %q", got, want)
		}
		if got := stops(); got != 0 {
			t.Errorf("%s meets %d limits after unlock", name, got)
		}
		want = fmt.Sprintf(`{"name":%q,"exists":%v}`+"\n", name, name == "alice")
		if got := sh.ok("", "users", "unlock", name, "--json"); got != want {
			t.Errorf("unlock --json: %q, want %q", got, want)
		}
	}
	sh.fails(1, "the user name is empty", "", "users", "unlock", "")
}

// TestUsersRefused: users show and users list say who is locked or has to wait, since when and until when.
func TestUsersRefused(t *testing.T) {
	sh := newShell(t).with("ATTEMPTS_LADDER", ladder)
	for i := range 40 { // more than are printed at once
		sh.storeDirectly(accounts.Account{Name: fmt.Sprint("user ", i), UserID: fmt.Sprint("id ", i)})
	}
	sh.guess(sh.limiter(), sh.stored("user 7").Subject(), 1)
	locked := sh.stored("user 8").Subject()
	sh.guess(sh.limiter(), locked, 1)
	sh.moveAttemptsBack(time.Hour)
	sh.guess(sh.limiter(), locked, 1)
	sh.guess(sh.limiter(), sh.stored("user 9").Subject(), 1)

	const at = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`
	for name, test := range map[string]struct{ state, refused string }{
		"user 7": {"active", ""},
		"user 8": {"locked", "refused on unknown devices since AT until users unlock, after 2 failures; refused in sessions of the user since AT until users unlock, after 2 failures"},
		"user 9": {"waits", "refused on unknown devices since AT until AT, after 1 failures; refused in sessions of the user since AT until AT, after 1 failures"},
	} {
		pattern := strings.ReplaceAll(test.refused, "AT", at)
		if got := sh.ok("", "users", "show", name); !regexp.MustCompile(`\nState         ` + test.state + `\nAttempts      ` + cmp.Or(pattern, "allowed") + `\n`).MatchString(got) {
			t.Errorf("users show %q:\n%swant %s, %s", name, got, test.state, pattern)
		}
		row := regexp.MustCompile(`(?m)^"id ` + name[5:] + `" +` + test.state + ` +unknown +unknown +"` + name + `" "" \[\] ?` + pattern + `$`)
		if got := sh.ok("", "users", "list"); !row.MatchString(got) || strings.Count(got, "\n") != 42 {
			t.Errorf("users list:\n%swant %s", got, row)
		}
	}

	var document struct {
		Refused []struct {
			By           string
			Failures     int
			Since, Until time.Time
		}
	}
	for _, name := range []string{"user 8", "user 9"} {
		if err := json.Unmarshal([]byte(sh.ok("", "users", "show", name, "--json")), &document); err != nil {
			t.Fatal(err)
		}
		if got := document.Refused; len(got) != 2 || got[0].By != "name" || got[1].By != "user" || got[0].Since.IsZero() || got[0].Until.IsZero() != (name == "user 8") {
			t.Errorf("users show %q --json: %+v", name, got)
		}
	}
}

// moveAttemptsBack makes the last attempt of every counter older.
func (s *shell) moveAttemptsBack(by time.Duration) {
	s.Helper()
	table := s.env["ATTEMPTS_TABLE"]
	all, err := s.client().Scan(s.Context(), &dynamodb.ScanInput{TableName: &table})
	if err != nil {
		s.Fatal(err)
	}
	for _, item := range all.Items {
		_, err := s.client().UpdateItem(s.Context(), &dynamodb.UpdateItemInput{
			TableName: &table, Key: map[string]types.AttributeValue{"key": item["key"]}, UpdateExpression: new("SET last_at = last_at - :by"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":by": &types.AttributeValueMemberN{Value: fmt.Sprint(by.Milliseconds())}},
		})
		if err != nil {
			s.Fatal(err)
		}
	}
}

func (s *shell) attempts() *dynamoaccounts.Attempts {
	return dynamoaccounts.NewAttempts(s.client(), s.env["ATTEMPTS_TABLE"])
}

func TestUsersSet(t *testing.T) {
	sh := newShell(t)
	sh.ok(phrase, "users", "add", "alice", "--role", "admin")
	before := sh.stored("alice")
	live := sh.signIn(before.UserID)

	if got, want := sh.ok("", "users", "set", "ALICE", "--display-name", "Alice B."), "Changed user \"alice\".\n"; got != want {
		t.Errorf("set: %q, want %q", got, want)
	}
	after := sh.stored("alice")
	if after.DisplayName != "Alice B." || !slices.Equal(after.Roles, before.Roles) || after.Version != before.Version {
		t.Errorf("with a new display name %+v", after)
	}
	if got := sh.live("alice"); len(got) != 1 || got[0] != live.ID {
		t.Errorf("a new display name left the sessions %q, want %q", got, live.ID)
	}

	for _, test := range []struct{ args, want string }{
		{"--role=b --role=c", `["b" "c"]`}, {"--role=b --role=c", `["b" "c"]`}, {"--role=a;b --role=c", `["a" "b" "c"]`}, {"--no-roles", `[]`},
	} {
		sh.signIn(before.UserID)
		version := sh.stored("alice").Version
		got, want := sh.ok("", strings.Fields("users set alice "+test.args)...), "Changed user \"alice\" and ended all sessions.\n"
		if got != want {
			t.Errorf("set %s: %q, want %q", test.args, got, want)
		}
		now := sh.stored("alice")
		if roles := fmt.Sprintf("%q", now.Roles); roles != test.want || now.Version == version || now.DisplayName != "Alice B." {
			t.Errorf("set %s: %+v", test.args, now)
		}
		if got := sh.live("alice"); len(got) != 0 {
			t.Errorf("set %s left the sessions %q", test.args, got)
		}
	}

	sh.signIn(before.UserID)
	for _, test := range []struct{ arg, want string }{
		{"--role=", `changing user "alice": role 1 is empty`},
		{"--role= ", `changing user "alice": role 1 is empty`},
		{"--role=a;", `changing user "alice": role 2 is empty`},
		{"--role=a,b", `changing user "alice": role 1 contains one of .* with which lists are written; give each role by itself`},
		{"--role={admin,editor}", `changing user "alice": role 1 contains one of .* with which lists are written; give each role by itself`},
		{"--role=a b", `changing user "alice": role 1 contains a blank; write its words with - or _ between them`},
		{"--role=\u200badmin", `changing user "alice": role 1 contains a character that cannot be seen; leave it out`},
		{"--display-name=", `changing user "alice": the display name is empty`},
		{"--display-name=\x1b", `changing user "alice": the display name contains a control character`},
	} {
		sh.fails(1, test.want, "", "users", "set", "alice", test.arg)
	}
	if now := sh.stored("alice"); now.DisplayName != "Alice B." || len(sh.live("alice")) != 1 {
		t.Errorf("a refused set changed something: %+v", now)
	}
	sh.fails(1, `there is no user "bob"; check the name, the store and USERS_TABLE`, "", "users", "set", "bob", "--role=a")
}

// live returns the IDs of the user's live sessions.
func (s *shell) live(name string) (ids []string) {
	s.Helper()
	sessions, err := s.manager().List(s.Context(), s.stored(name).UserID)
	if err != nil {
		s.Fatal(err)
	}
	for _, each := range sessions {
		ids = append(ids, each.ID)
	}
	return ids
}

func TestUsersDisableEnable(t *testing.T) {
	sh := newShell(t)
	sh.ok(phrase, "users", "add", "alice")
	alice := sh.stored("alice")
	for range 2 { // running it again ends the sessions again
		sh.signIn(alice.UserID)
		if got, want := sh.ok("", "users", "disable", "alice"), "Disabled user \"alice\" and ended all sessions.\n"; got != want {
			t.Errorf("disable: %q, want %q", got, want)
		}
		if now := sh.stored("alice"); !now.Disabled || now.Version <= alice.Version || len(sh.live("alice")) != 0 {
			t.Errorf("disabled as %+v", now)
		}
	}
	if _, err := sh.authenticate("alice", phrase); !errors.Is(err, authn.ErrRefused) {
		t.Errorf("a disabled user signs in: %v", err)
	}
	if got, want := sh.ok("", "users", "enable", "alice"), "Enabled user \"alice\".\n"; got != want {
		t.Errorf("enable: %q, want %q", got, want)
	}
	if _, err := sh.authenticate("alice", phrase); err != nil {
		t.Errorf("an enabled user cannot sign in: %v", err)
	}
}

func TestUsersPasswd(t *testing.T) {
	sh := newShell(t)
	sh.ok(phrase, "users", "add", "alice", "--role=admin")
	alice := sh.stored("alice")
	sh.signIn(alice.UserID)
	for _, test := range []struct{ stdin, want string }{
		{"", "standard input is empty; write the password to it as one line"},
		{"short\n", "the password is shorter than 15 characters; choose a longer one"},
		{"Alice, alice alice!\n", "the password is easy to guess, because it is little more than the user's name or the product's; choose four words at random, or more"},
	} {
		sh.fails(1, test.want, test.stdin, "users", "passwd", "alice")
	}
	if now := sh.stored("alice"); now.Revision != alice.Revision || len(sh.live("alice")) != 1 {
		t.Errorf("a refused password changed something: %+v", now)
	}
	if got, want := sh.ok(better+"\n", "users", "passwd", "Alice"), "Changed the password of user \"alice\" and ended all sessions.\n"; got != want {
		t.Errorf("passwd: %q, want %q", got, want)
	}
	sh.signsIn("alice", better)
	if now := sh.stored("alice"); len(sh.live("alice")) != 0 || !slices.Equal(now.Roles, alice.Roles) || now.UserID != alice.UserID {
		t.Errorf("after passwd %+v, with the sessions %q", now, sh.live("alice"))
	}
	sh.fails(1, `there is no user "bob"; check the name, the store and USERS_TABLE`, phrase, "users", "passwd", "bob")
}

const better = "a much better phrase than before"

// signsIn checks that pw is the password of the user, and that the other of the two
// passwords is not.
func (s *shell) signsIn(name, pw string) {
	s.Helper()
	for _, candidate := range []string{phrase, better} {
		_, err := s.authenticate(name, candidate)
		if candidate == pw && err != nil || candidate != pw && !errors.Is(err, authn.ErrRefused) {
			s.Errorf("sign-in as %s with %q: %v", name, candidate, err)
		}
	}
}

func TestUsersDelete(t *testing.T) {
	sh := newShell(t)
	sh.ok(phrase, "users", "add", "alice")
	alice := sh.stored("alice")
	sh.signIn(alice.UserID)
	if got, want := sh.ok("", "users", "delete", "alice"), "Deleted user \"alice\" and ended all sessions.\n"; got != want {
		t.Errorf("delete: %q, want %q", got, want)
	}
	if live, err := sh.manager().List(t.Context(), alice.UserID); err != nil || len(live) != 0 {
		t.Errorf("%d sessions are left, %v", len(live), err)
	}
	if _, err := sh.users().Get(t.Context(), "alice"); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("the user is left: %v", err)
	}
	sh.fails(1, `there is no user "alice"; check the name, the store and USERS_TABLE`, "", "users", "delete", "alice")
	if keys := slices.Sorted(maps.Keys(sh.documents(sh.ok(phrase, "users", "add", "alice", "--json"))[0])); !slices.Contains(keys, "user_id") || sh.stored("alice").UserID == alice.UserID {
		t.Errorf("a new user of the same name is the old one: %q", keys)
	}
}
