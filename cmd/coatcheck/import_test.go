package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/dynamoaccounts"
)

// Hashes of "correct horse ☕" that other frameworks made. They are cheap to check.
const (
	legacyPhrase = "correct horse ☕"
	django       = "pbkdf2_sha1$1000$seasaltseasalt12345678$xiQTl0PdSFq19F/GDZWOB3d94AE="
	werkzeug     = "pbkdf2:sha1:1000$MOLO1VgpRpIcIsHP$ccef0eb9b8ecafaed62505ea601533a843da3ad1"
)

// all returns the stored users by name, without the one that newShell stores.
func (s *shell) all() map[string]*accounts.Account {
	s.Helper()
	all := map[string]*accounts.Account{}
	for a, err := range dynamoaccounts.All(s.Context(), s.client(), s.env["USERS_TABLE"]) {
		if err != nil {
			s.Fatal(err)
		}
		all[a.Name] = a
	}
	delete(all, "warm-up")
	return all
}

// checkResult compares the result of a run with the expected one.
func (s *shell) checkResult(got result, code int, stdout, stderr string) {
	s.Helper()
	if got.code != code || got.stdout != stdout || got.stderr != stderr {
		s.Errorf("exit code %d, stdout\n%sstderr\n%s\nwant %d,\n%s\n%s", got.code, got.stdout, got.stderr, code, stdout, stderr)
	}
}

func counts(rows, added, present, bad int) string {
	return outcomes(rows, added, 0, 0, present, bad)
}

func outcomes(rows, added, changed, disabled, present, bad int) string {
	return fmt.Sprintf("Rows: %d. Users added: %d. Given a new hash: %d. Disabled: %d. There already, and left as they are: %d. Bad rows: %d.\n", rows, added, changed, disabled, present, bad)
}

// dryOutcomes is what a dry run says.
func dryOutcomes(rows, added, changed, disabled, present, bad int) string {
	return fmt.Sprintf("Rows: %d. Users that would be added: %d. Given a new hash: %d. Disabled: %d. There already: %d. Bad rows: %d. Nothing was written.\n", rows, added, changed, disabled, present, bad)
}

func (s *shell) file(name, text string) string {
	s.Helper()
	path := filepath.Join(s.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	return path
}

func TestImport(t *testing.T) {
	for name, text := range map[string]string{
		"csv": "name,display_name,password_hash,roles\nAlice,Alice A.," + django + ",staff;admin\nbob,," + werkzeug + ",\ncarol,,!,\n",
		"json lines": `{"name":"Alice","display_name":"Alice A.","password_hash":"` + django + `","roles":["staff","admin"]}` + "\n" +
			`{"name":"bob","password_hash":"` + werkzeug + `"}` + "\n" + `{"name":"carol","password_hash":"!"}` + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			sh := newShell(t)
			sh.checkResult(sh.run(text, "users", "import", "-"), 0, counts(3, 3, 0, 0), "")
			first := sh.all()
			alice, bob := first["alice"], first["bob"]
			if len(first) != 3 || alice.Username != "Alice" || alice.DisplayName != "Alice A." || !slices.Equal(alice.Roles, []string{"staff", "admin"}) ||
				alice.PasswordHash != django || bob.DisplayName != "bob" || len(bob.Roles) != 0 || alice.UserID == bob.UserID || alice.Disabled {
				t.Errorf("imported %+v, %+v", alice, bob)
			}

			sh.checkResult(sh.run("", "users", "import", sh.file("users", text)), 0, counts(3, 0, 3, 0), "")
			if got := sh.all(); !maps.EqualFunc(got, first, same) {
				t.Errorf("a second import left\n%v, want\n%v", got, first)
			}
			for _, name := range []string{"alice", "bob"} {
				if _, err := sh.authenticate(name, legacyPhrase); err != nil {
					t.Errorf("%s cannot sign in: %v", name, err)
				}
			}
			if _, err := sh.authenticate("carol", legacyPhrase); err == nil {
				t.Error("a user without a password signs in")
			}
		})
	}
}

func same(a, b *accounts.Account) bool { return fmt.Sprintf("%+v", a) == fmt.Sprintf("%+v", b) }

func TestImportBadRows(t *testing.T) {
	sh := newShell(t)
	sh.ok(phrase, "users", "add", "taken")
	taken := sh.stored("taken")
	text := "name,display_name,password_hash,roles\n" +
		"good,,!,\n" +
		"bad,,$2b$31$" + secret + ",\n" +
		"bad,\x1b[31m,!,\n" +
		"\xff,,!,\n" +
		"short,!\n" +
		"GOOD,,!,\n" +
		"taken,,!,\n" +
		"bad,,md5$salt$" + secret + ",\n" +
		"bad,,!,a;\n" +
		"bad,,!,\"{admin,editor}\"\n" +
		"bad,,!,\" \"\n" +
		"bad,,!,\"a,b\"\n" +
		"bad,,!,a; b c\n" +
		"bad,,!,a\u200b\n" +
		"bad,\"A\nB\",!,\n" +
		"bad,,!,\n" +
		" ,,!,\n"
	const list = `role 1 contains one of , ; | { } [ ] " ' \ with which lists are written; give each role by itself`
	reasons := []struct {
		line   int
		reason string
	}{
		{3, "password hash of bcrypt: not of the scheme's parts"},
		{4, "the display name contains a control character"},
		{5, "the user name is not valid UTF-8"},
		{6, "has 2 columns, and the header 4"},
		{7, "has the name of line 2"},
		{9, "password hash of Django's or Werkzeug's md5: the key is not lower-case hexadecimal"},
		{10, "role 2 is empty"},
		{11, list},
		{12, "role 1 is empty"},
		{13, list},
		{14, "role 2 contains a blank; write its words with - or _ between them"},
		{15, "role 1 contains a character that cannot be seen; leave it out"},
		{16, "the display name contains a control character"},
		{19, "the user name is empty"},
	}
	var lines, documents strings.Builder
	for _, r := range reasons {
		if r.line == 16 {
			fmt.Fprintf(&lines, "coatcheck: lines 16 to 17: %s\n", r.reason)
			fmt.Fprintf(&documents, `{"line":16,"last_line":17,"error":%q}`+"\n", r.reason)
			continue
		}
		fmt.Fprintf(&lines, "coatcheck: line %d: %s\n", r.line, r.reason)
		fmt.Fprintf(&documents, `{"line":%d,"last_line":%[1]d,"error":%q}`+"\n", r.line, r.reason)
	}
	const last = "coatcheck: 14 bad rows were left out; mend them and run it again\n"
	sh.checkResult(sh.run(text, "users", "import", "-"), 1, counts(17, 2, 1, 14), lines.String()+last)
	if got := slices.Sorted(maps.Keys(sh.all())); !slices.Equal(got, []string{"bad", "good", "taken"}) {
		t.Errorf("imported %q", got)
	}
	if !same(sh.stored("taken"), taken) {
		t.Errorf("a user who was there is now %+v", sh.stored("taken"))
	}
	summary := `{"rows":17,"added":0,"changed":0,"disabled":0,"present":3,"bad":14,"dry_run":false,"complete":true}` + "\n"
	sh.checkResult(sh.run(text, "users", "import", "--json", "-"), 1, documents.String()+summary, last)
}

func TestImportRefusesTheFile(t *testing.T) {
	sh := newShell(t)
	sh.fails(1, `open ".*/none": no such file or directory`, "", "users", "import", filepath.Join(t.TempDir(), "none"))
	sh.fails(1, "line 1: read .*: is a directory", "", "users", "import", t.TempDir())
	sh.fails(1, "line 1: column 1 of the header is none of .*", "alice,"+django, "users", "import", "-")
	for _, text := range []string{"", "\ufeff", "\n", "name,password_hash\n"} {
		sh.fails(1, "the file has no rows; it must be CSV with a header, or JSON Lines", text, "users", "import", "-")
		sh.fails(1, "the file has no rows; it must be CSV with a header, or JSON Lines", "", "users", "import", "--dry-run", sh.file("users.csv", text))
	}
	sh.fails(1, "line 1: the file is UTF-16.*; save it as UTF-8", utf16LE("name,password_hash\r\nalice,!\r\n"), "users", "import", "-")
	sh.fails(1, "line 1: a line sep= is for Excel alone; remove it.*", "sep=;\r\nname;password_hash\r\nalice;!\r\n", "users", "import", "-")
	if all := sh.all(); len(all) != 0 {
		t.Errorf("imported %v", all)
	}
}

func TestImportDryRun(t *testing.T) {
	sh, proxy := newShell(t), dynamotest.NewProxy(t)
	sh.ok(phrase, "users", "add", "taken")
	before := sh.all()
	text := "name,password_hash\nnew,!\ntaken,!\nbad,x\nNEW,!\n"
	through := sh.with("AWS_ENDPOINT_URL_DYNAMODB", proxy.URL)
	bad := "coatcheck: line 4: password hash: of no known scheme\ncoatcheck: line 5: has the name of line 2\ncoatcheck: 2 bad rows were left out; mend them and run it again\n"
	sh.checkResult(through.run(text, "users", "import", "--dry-run", "-"), 1,
		dryOutcomes(4, 1, 0, 0, 1, 2), bad)
	got := through.run(text, "users", "import", "--dry-run", "--json", "-")
	if want := `{"rows":4,"added":1,"changed":0,"disabled":0,"present":1,"bad":2,"dry_run":true,"complete":true}` + "\n"; !strings.HasSuffix(got.stdout, want) {
		t.Errorf("--json: %s, want %s", got.stdout, want)
	}
	for _, call := range proxy.Take() {
		if call.Action != "GetItem" {
			t.Errorf("a %s in a dry run", call.Action)
		}
	}
	if got := sh.all(); !maps.EqualFunc(got, before, same) {
		t.Errorf("a dry run left %v", got)
	}
}

// someRows returns CSV with n rows without errors.
func someRows(n int) string {
	var text strings.Builder
	text.WriteString("name,display_name,password_hash,roles,user_id\n")
	for i := range n {
		fmt.Fprintf(&text, "user%d@example.org,User %d,%s,staff;member,user-%d\n", i, i, django, i)
	}
	return text.String()
}

// parseCounts returns the counts in a summary.
func (s *shell) parseCounts(stdout string) (rows, added, present, bad int) {
	s.Helper()
	var changed, disabled int
	if _, err := fmt.Sscanf(stdout, strings.ReplaceAll(counts(0, 0, 0, 0), "0", "%d"), &rows, &added, &changed, &disabled, &present, &bad); err != nil || changed+disabled != 0 {
		s.Fatalf("%v in %q", err, stdout)
	}
	return rows, added, present, bad
}

// finishImport runs the import again. It checks that this run adds the missing users and
// leaves the existing ones unchanged.
func (s *shell) finishImport(text string, rows int) {
	s.Helper()
	before := s.all()
	s.checkResult(s.run(text, "users", "import", "-"), 0, counts(rows, rows-len(before), len(before), 0), "")
	after := s.all()
	if len(after) != rows {
		s.Errorf("%d users, want %d", len(after), rows)
	}
	for name, a := range before {
		if !same(after[name], a) {
			s.Errorf("user %s was %+v, is %+v", name, a, after[name])
		}
	}
}

func TestImportInterrupted(t *testing.T) {
	sh, proxy := newShell(t), dynamotest.NewProxy(t)
	const passes = 100            // a few for each user
	resume := proxy.Pause(passes) // so that some writes are in progress when the signal comes
	const rows = 300
	text := someRows(rows)
	cmd := sh.with("AWS_ENDPOINT_URL_DYNAMODB", proxy.URL).command("users", "import", "-")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	half, calls := len(text)/2, 0
	io.WriteString(stdin, text[:half]) // without an end, so the import must also stop while it waits for more
	waitFor(t, "users, and calls after them", func() bool { calls += len(proxy.Take()); return calls > passes && len(sh.all()) > 0 })
	cmd.Process.Signal(os.Interrupt)
	resume()
	cmd.Wait()
	if code, want := cmd.ProcessState.ExitCode(), "coatcheck: interrupted; run it again for the rest\n"; code != 1 || stderr.String() != want {
		t.Errorf("exit code %d, stderr %q; want 1, %q", code, stderr.String(), want)
	}
	read, added, present, bad := sh.parseCounts(stdout.String())
	if stored := len(sh.all()); added != stored || read != added || added == 0 || added >= rows || present != 0 || bad != 0 {
		t.Errorf("%d users are stored; it says %s", stored, stdout.String())
	}
	sh.finishImport(text, rows)
}

// waitFor waits until there returns true. After patience it fails the test.
func waitFor(t *testing.T, what string, there func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !there(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("there is still no sign of %s", what)
		}
	}
}

func TestImportStopsWhileItWaits(t *testing.T) {
	sh := newShell(t)
	cmd := sh.command("users", "import", "-")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	io.WriteString(stdin, "name,password_hash\nalice,!\n")
	waitFor(t, "a user", func() bool { return len(sh.all()) == 1 })
	cmd.Process.Signal(syscall.SIGTERM)
	if cmd.Wait(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("%v, want exit code 1", cmd.ProcessState)
	}
}

// TestImportInterruptedTwice: an operator can send the signal a second time to end
// the import without waiting for the writes in progress.
func TestImportInterruptedTwice(t *testing.T) {
	sh, proxy := newShell(t), dynamotest.NewProxy(t)
	proxy.Fail("PutItem", slices.Repeat([]dynamotest.Fault{dynamotest.Hang}, 20)...)
	cmd := sh.with("AWS_ENDPOINT_URL_DYNAMODB", proxy.URL).command("users", "import", sh.file("users.csv", someRows(1)))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a write", func() bool {
		return slices.ContainsFunc(proxy.Take(), func(c dynamotest.Call) bool { return c.Action == "PutItem" })
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		cmd.Wait()
	}()
	for ended := false; !ended; {
		cmd.Process.Signal(os.Interrupt)
		select {
		case <-done:
			ended = true
		case <-time.After(50 * time.Millisecond):
		}
	}
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() {
		t.Errorf("%v: it did not end by the second signal", cmd.ProcessState)
	}
}

// TestImportInAnOutage: the import repeats failed writes and writes whose answers
// were lost. A longer outage stops it, and it can be run again.
func TestImportInAnOutage(t *testing.T) {
	sh, proxy := newShell(t), dynamotest.NewProxy(t)
	through := sh.with("AWS_ENDPOINT_URL_DYNAMODB", proxy.URL)
	proxy.Fail("PutItem", slices.Repeat([]dynamotest.Fault{dynamotest.Refuse, dynamotest.LoseAnswer}, 15)...)
	sh.checkResult(through.run(someRows(100), "users", "import", "-"), 0, counts(100, 100, 0, 0), "")

	const rows = 300
	text := someRows(rows)
	proxy.Fail("PutItem", append(make([]dynamotest.Fault, 150), slices.Repeat([]dynamotest.Fault{dynamotest.Refuse}, 400)...)...)
	got := through.run(text, "users", "import", "-")
	if want := regexp.MustCompile(`^coatcheck: ` + hint + `the import is not complete; run it again for the rest: .*\n$`); got.code != 1 || !want.MatchString(got.stderr) {
		t.Errorf("exit code %d, stderr %q", got.code, got.stderr)
	}
	read, added, present, bad := sh.parseCounts(got.stdout)
	if stored := len(sh.all()); added != stored-100 || read != added+present || added == 0 || added >= rows-100 || bad != 0 {
		t.Errorf("%d users are stored; it says %s", stored, got.stdout)
	}
	sh.finishImport(text, rows)
}
