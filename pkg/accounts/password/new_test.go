package password

import (
	"strings"
	"testing"
)

func TestCheckNew(t *testing.T) {
	const (
		short  = "the password is shorter than 15 characters; choose a longer one"
		long   = "the password is longer than 1024 bytes; choose a shorter one"
		listed = "the password is one of the most common; choose another"
		piece  = "the password is one piece repeated; choose another"
		name   = "the password is little more than the user's name or the product's; add words of your own"
		run    = "the password is little more than a run of the keyboard or the alphabet; choose another"
	)
	many := strings.Repeat("ü😀xy", 85) + "z" // 681 bytes that are not one piece repeated
	for _, test := range []struct{ password, user, want string }{
		{phrase, "alice", ""},
		{"fünfzehn zeiche", "alice", ""}, // 15 characters, 16 bytes
		{"               .", "alice", run},
		{"no rules at all", "alice", ""},
		{"AND NO RULES HERE", "alice", ""},
		{many, "alice", ""},
		{strings.Repeat("x", 1000) + phrase[:24], "alice", ""},

		{"", "alice", short},
		{"fourteen chars", "alice", short},
		{strings.Repeat("😀", 14), "alice", short},
		{strings.Repeat("x", 1000) + phrase[:25], "alice", long},
		{strings.Repeat("😀", 257), "alice", long},

		{"1qaz2wsx3edc4rfv", "alice", listed},
		{"Zxcvbnm123456789", "alice", listed},
		{"momsANALadventure", "alice", listed},

		{strings.Repeat("aé", 8), "bob", piece},
		{"correcthorse1correcthorse1", "bob", piece},
		{"Battery!battery!batt", "bob", piece},
		{"battery!battery?battery!", "bob", ""}, // the piece repeats, but the characters between differ

		{"alice-alice-2026", "Alice", name},
		{"2026 ALICE  coatcheck", "alice", name},
		{"coatcheckcoatch", "alice", name},
		{"CoatCheck!coatcheck", "bob", name},
		{"example-alice.org1", "alice@example.org", name},
		{"alice's mountain bike", "alice", ""},
		{"a banana, a mango", "a", ""}, // a short name is part of many words

		{"0987654321qwertzuiop!", "bob", run},
		{"abcdefghijklmnopzyx", "bob", run},
		{"zyxwvutsrqponm1", "bob", run},
		{"plm1qaz2wsx3edc", "bob", run},
		{"aaaabbbbccccddddeeee", "bob", run},
		{"bobby12345678901", "bobby", run},
		{"bobby-bobby1234567", "bobby", run},
		{"12345 hearts and minds", "bob", ""},
	} {
		got := ""
		if err := CheckNew(test.password, test.user); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("CheckNew(%.30q… of %d bytes, %q) = %q, want %q", test.password, len(test.password), test.user, got, test.want)
		}
	}
}

// The list is as large as ASVS 6.2.4 requires, and each line can match a password.
func TestCommonList(t *testing.T) {
	all := strings.Split(strings.TrimSuffix(commonPasswords, "\n"), "\n")
	if len(all) < 3000 {
		t.Errorf("%d common passwords, want at least 3000", len(all))
	}
	for _, pw := range all {
		if err := CheckNew(pw, ""); err == nil || len(pw) < MinCharacters || pw != strings.ToLower(pw) {
			t.Errorf("the line %q refuses nothing: CheckNew = %v", pw, err)
		}
	}
}
