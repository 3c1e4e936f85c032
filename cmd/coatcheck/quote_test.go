package main

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/accounts"
)

// TestWord: a shell reads back exactly the text, and a terminal shows nothing else.
func TestWord(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"alice", "alice@example.org", "", " ", "a b", "$(touch x)", "`touch x`", "a;b", "a'b", `a"b`, `a\b`, "a'; touch x; '", "~", "*", "=a", "#", "!", "Ärger", "日本",
		"\x1b[2J", "\u009b31m", "\u202eecila", "a\nb", "a\tb'c", "\xff", "a\xffb\\'", "\u00a0", "\u200b", "\ufffd", "\x07f0",
	} {
		quoted := word(text)
		if shown(quoted) != quoted {
			t.Errorf("%q as a word speaks to the terminal: %q", text, quoted)
		}
		out, err := exec.Command(bash, "-c", "printf %s "+quoted).Output()
		if err != nil || string(out) != text {
			t.Errorf("%q as a word is %s, which the shell reads as %q, %v", text, quoted, out, err)
		}
	}
}

// TestSessionsTellNoEscape: what is stored in a session, or is the name of a user, cannot
// control the terminal. A name in a command to paste is one argument of it.
func TestSessionsTellNoEscape(t *testing.T) {
	sh := newShell(t)
	const name = "-x'; touch $(y)"
	sh.storeDirectly(accounts.Account{Name: name, UserID: "u"})
	made := sh.signIn("u")
	for _, id := range []string{hostile, "a b"} {
		other := made.Clone()
		other.ID, other.CreatedAt, other.IP, other.UserAgent = id, made.CreatedAt.Add(time.Millisecond), hostile, hostile
		if err := sh.store().Create(t.Context(), other); err != nil {
			t.Fatal(err)
		}
	}
	quiet := func(what, text string) {
		t.Helper()
		if strings.ContainsAny(text, "\x1b\u009b\u202e") {
			t.Errorf("%s speaks to the terminal: %q", what, text)
		}
	}
	list := sh.ok("", "sessions", "list", "--", name)
	quiet("sessions list", list)
	for _, want := range []string{`"192.0.2.1"`, `"\x1b[2J\u009b31m\u202eecila"`, `$'\x1b[2J\xc2\x9b31m\xe2\x80\xaeecila'`, `'a b'`} {
		if !strings.Contains(list, want) {
			t.Errorf("no %s in\n%s", want, list)
		}
	}
	got := sh.run("", "sessions", "revoke", "--", name, "none")
	quiet("sessions revoke", got.stderr)
	const paste = `; see: coatcheck sessions list -- '-x'\''; touch $(y)'` + "\n"
	if !strings.HasSuffix(got.stderr, paste) {
		t.Errorf("%q, want at its end %q", got.stderr, paste)
	}
	for _, args := range [][]string{{"sessions", "revoke", "--", name, hostile}, {hostile}, {"users", hostile}, {"users", "show", hostile, hostile}, {"users", "show", "--" + hostile}, {"users", "import", hostile}} {
		got := sh.run("", args...)
		quiet(strings.Join(args, " "), got.stdout+got.stderr)
	}
}
