package password

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	tooShort = "the password is shorter than 15 characters; choose a longer one"
	tooLong  = "the password is longer than 1024 bytes; choose a shorter one"
	listed   = "the password is one of the most common; choose another"
	noUTF8   = "the password is not valid UTF-8, so nobody could type it; choose another"
)

var because = map[kind]string{
	other:  "it has too few characters that are not a common word or a pattern",
	word:   "it is made of common words, names or dates",
	own:    "it is little more than the user's name or the product's",
	run:    "it is little more than a run of the keyboard or the alphabet",
	repeat: "it repeats itself",
}

// ours is the Hasher of a product that has no brand of its own.
var ours = Hasher{Product: "Coatcheck"}

// easy returns the error for a password that is mostly of that kind.
func easy(k kind) string {
	return "the password is easy to guess, because " + because[k] + "; choose four words at random, or more"
}

func TestCheckNew(t *testing.T) {
	for _, test := range []struct{ password, user, want string }{
		{phrase, "alice", ""},
		{"fünfzehn zeiche", "alice", ""}, // 15 characters, 16 bytes
		{"no rules at all", "alice", ""},
		{"AND NO RULES HERE", "alice", ""},
		{"xKq9zvT2mWp4LrB", "alice", ""},
		{phrase[:24] + strings.Repeat("x", 1000), "alice", ""},
		{"MyDogsNameIsMax1", "alice", ""}, // five words
		{"xubpet-cyqta3-wokbyz", "alice", ""},
		{"bkzqxhtwvmpl-407", "alice", ""}, // letters that are no word
		{"日本語のパスワードは長いほうがいい", "alice", ""},

		{"", "alice", tooShort},
		{"fourteen chars", "alice", tooShort},
		{strings.Repeat("😀", 14), "alice", tooShort},
		{strings.Repeat("x", 1000) + phrase[:25], "alice", tooLong},
		{strings.Repeat("😀", 257), "alice", tooLong},

		{phrase + "\xff", "alice", noUTF8},
		{"\xfc" + phrase, "alice", noUTF8},
		{phrase + "\xed\xa0\x80", "alice", noUTF8},

		{"Dinda1236987450", "alice", listed},
		{"vyt24zytpfdbcbvf", "alice", listed},

		{"Passwordpassword1", "alice", easy(word)},
		{"Password1234567", "alice", easy(word)},
		{"administrator123", "alice", easy(word)},
		{"letmeinletmein1", "alice", easy(word)},
		{"monkeymonkey123", "alice", easy(word)},
		{"Summer2026Summer!", "alice", easy(word)},
		{"Winter2025!Winter", "alice", easy(word)},
		{"P@ssw0rdP@ssw0rd", "alice", easy(word)},
		{"drowssapdrowssap1", "alice", easy(word)},
		{"24.12.1985-24.12.1985", "alice", easy(word)},
		{"iloveyou19851224", "alice", easy(word)},
		{"Surfacing1986!!", "alice", easy(word)},
		{"Octagon1972!!Octagon", "alice", easy(word)},
		{"Kilobyte1962!Kilobyte", "alice", easy(word)},
		{"Subdivide2010123", "alice", easy(word)},
		{"Bienvenue2026!!!", "alice", easy(word)},
		{"Glückwunsch2026!", "alice", easy(word)},
		{"1986SURFACING!!!", "alice", easy(word)},
		{"WrongAgain!!!!!!", "alice", easy(word)},
		{"reusablereusable196991", "alice", easy(word)},
		{"Surfacing1986483Surfacing", "alice", easy(word)},
		{"Wassermelone2026?7", "alice", easy(word)}, // a word of 12 letters
		{"P a s s w o r d 1", "alice", easy(word)},
		{"S-u-r-f-a-c-i-n-g-2-0-2-6", "alice", easy(word)},
		{"PPaasssswwoorrdd", "alice", easy(word)},

		{"correct horse battery staple", "alice", easy(own)}, // the demo user's password is public
		{"Correct Horse Battery Staple 1!", "alice", easy(own)},
		{"CorrectHorseBatteryStaple", "alice", easy(own)},
		{"2026 ALICE  coatcheck", "alice", easy(own)},
		{"alice.liddell-2026", "Alice.Liddell@example.org", easy(own)},
		{"c0atch3ck-example", "alice@example.org", easy(own)},
		{"jürgenjürgen-19", "JÜRGEN", easy(own)},
		{"alice's own mountain bike", "alice", ""},
		{"a banana, a mango", "a", ""}, // a short name is part of many words

		{"qwertzuiop09876543", "bob", easy(run)},
		{"qwerty!@#$%^&*()", "bob", easy(run)},
		{"QWERTYUIOP{}|+_)", "bob", easy(run)},
		{"!QAZ@WSX#EDC$RFV", "bob", easy(run)},
		{"1q2w3e4r5t6y7u8i", "bob", easy(run)},
		{"147258369159357!", "bob", easy(run)},
		{"a1b2c3d4e5f6g7h8", "bob", easy(run)},
		{"aa11bb22cc33dd44", "bob", easy(run)},
		{"a.b.c.d.e.f.g.h.", "bob", easy(run)},
		{"abcdefghijklmnopzyx", "bob", easy(run)},
		{"12345 hearts and minds", "bob", ""},

		{"               .", "alice", easy(repeat)},
		{strings.Repeat("aé", 8), "bob", easy(repeat)},
		{"xq4!xq4!xq4!xq4!", "bob", easy(repeat)},
		{"Battery!battery!batt", "bob", easy(repeat)},
		{strings.Repeat("xq4!", 256), "bob", easy(repeat)},
		{strings.Repeat("x", 1000) + phrase[:24], "bob", easy(repeat)}, // only the beginning counts
		{strings.Repeat("x4k", 60), strings.Repeat("x4k", 60), easy(own)},
		{"aaabb!!!ccc===11", "bob", easy(repeat)},
	} {
		got := ""
		if err := ours.CheckNew(test.password, test.user); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("CheckNew(%.40q of %d bytes, %q) = %q, want %q", test.password, len(test.password), test.user, got, test.want)
		}
	}
}

// The product's name is refused, its words, and the name written as one; those of other
// products are not.
func TestCheckNewOfABrand(t *testing.T) {
	for _, test := range []struct{ product, password, want string }{
		{"Blue Harbour", "blueharbour-20261", easy(own)},
		{"Blue Harbour", "BLUE HARBOUR 2026", easy(own)},
		{"Blue Harbour", "Blue H4rb0ur 1999", easy(own)},
		{"Blue Harbour", "ruobrah-blue-2026", easy(own)},
		{"Zéphyrine & Söhne", "zéphyrine-söhne-19", easy(own)},
		{"Zéphyrine & Söhne", "zéphyrinesöhne-1987", easy(own)},
		{"Zéphyrine & Söhne", "Zéphyrine!!77qz", easy(own)},
		{"Hi", "Hi from the old pond", ""}, // a short name is part of many words
		{"Blue Harbour", "correct horse battery staple", easy(own)},
		{"Coatcheck", "coatcheck-kq4v7", easy(own)},
		{"Blue Harbour", "coatcheck-kq4v7", ""},
		{"", "coatcheck-kq4v7", ""},
		{"", "blue harbour over the hill", ""},
	} {
		got := ""
		if err := (Hasher{Product: test.product}).CheckNew(test.password, "alice"); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("for %q, CheckNew(%q) = %q, want %q", test.product, test.password, got, test.want)
		}
	}
}

// dicewords are the words of which people make phrases by throwing dice.
func dicewords(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/eff_large.txt")
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(string(text))
	if len(words) != 7776 {
		t.Fatalf("%d words, want 7776", len(words))
	}
	return words
}

// 1,000 phrases of four words at random pass, however they are joined, capitalised or not.
func TestRandomPhrasesPass(t *testing.T) {
	words, rng := dicewords(t), rand.New(rand.NewPCG(2026, 1))
	for n := 0; n < 1000; {
		var four []string
		for range 4 {
			w := words[rng.IntN(len(words))]
			if n%2 == 1 {
				w = strings.ToUpper(w[:1]) + w[1:]
			}
			four = append(four, w)
		}
		pw := strings.Join(four, []string{" ", "-", ""}[n%3])
		if len(pw) < MinCharacters {
			continue
		}
		n++
		if err := ours.CheckNew(pw, "alice"); err != nil {
			t.Errorf("%q: %v", pw, err)
		}
	}
}

// 1,000 passwords as people make them to satisfy rules fail: of one word, a year, digits,
// signs, and repetition. Half of the words are common, the other half are those of the
// dice, of which the estimate knows some.
func TestPatternsFail(t *testing.T) {
	rng := rand.New(rand.NewPCG(2026, 2))
	var common []string
	for w, tenths := range words() {
		if tenths <= 40 && len(w) > 3 { // the 10,000 most common
			common = append(common, w)
		}
	}
	slices.Sort(common)
	dice := slices.DeleteFunc(dicewords(t), func(w string) bool { return strings.Contains(w, "-") }) // those are two words
	lists := [][]string{common, dice}
	for n := 0; n < 1000; {
		list := lists[n%2]
		w := list[rng.IntN(len(list))]
		if rng.IntN(2) == 0 {
			w = strings.ToUpper(w[:1]) + w[1:]
		}
		year, two := strconv.Itoa(1950+rng.IntN(80)), strconv.Itoa(rng.IntN(100))
		sign := string("!.?*#-"[rng.IntN(6)])
		shapes := [][]string{
			{w, year}, {w, year, two}, {year, two, w}, {two, w, year, w}, {w, w, year, two}, {w, year, w, two},
			{w, year, sign}, {w, year, sign, sign}, {w, year, sign, sign, sign}, {w, year, "123"},
			{w, sign, year, w}, {w, year, sign, w}, {w, year, sign, sign, w}, {w, two, sign, w, sign},
		}
		pw := strings.Join(shapes[rng.IntN(len(shapes))], "")
		if rng.IntN(3) == 0 {
			pw += pw
		}
		if len(pw) < MinCharacters {
			continue
		}
		n++
		if ours.CheckNew(pw, "alice") == nil {
			magnitude, _ := estimate(pw, nil)
			t.Errorf("%q passes, with 10^%.1f guesses", pw, magnitude)
		}
	}
}

// Each line of the list of common passwords can match a password, and refuses one that
// the estimate lets pass.
func TestCommonList(t *testing.T) {
	all := strings.Split(strings.TrimSuffix(commonPasswords, "\n"), "\n")
	if len(all) < 3000 { // ASVS 6.2.4
		t.Errorf("%d common passwords, want at least 3000", len(all))
	}
	for _, pw := range all {
		if magnitude, _ := estimate(pw, ours.names("")); len(pw) < MinCharacters || pw != strings.ToLower(pw) || magnitude < enough {
			t.Errorf("the line %q is not needed, with 10^%.1f guesses", pw, magnitude)
		}
	}
}

// The file of words can be read as a whole.
func TestWords(t *testing.T) {
	count := 0
	for line := range strings.Lines(commonWords) {
		tenths, of, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.Atoi(tenths); err != nil || n < 0 || n > 50 {
			t.Errorf("a line begins with %q", tenths)
		}
		for w := range strings.FieldsSeq(of) {
			count++
			if len(w) > longestWord || strings.ToLower(w) != w {
				t.Errorf("%q is too long, or not in lower case", w)
			}
		}
	}
	if len(words()) != count || count < 50_000 {
		t.Errorf("%d different words of %d", len(words()), count)
	}
}

// An estimate never panics, and every password of printable characters has at least one
// guess and at most ten for each character.
func FuzzEstimate(f *testing.F) {
	for _, pw := range []string{phrase, "\xff\xfe", "İİİ", "aaaa", "2026-01-01", "é́", strings.Repeat("1", 100)} {
		f.Add(pw, "alice")
	}
	f.Fuzz(func(t *testing.T, pw, name string) {
		if len(pw) > MaxBytes || len(name) > MaxBytes {
			return
		}
		magnitude, _ := estimate(pw, ours.names(name))
		if magnitude < 0 || magnitude > float64(len([]rune(pw)))+0.001 {
			t.Errorf("10^%v guesses for %d characters", magnitude, len([]rune(pw)))
		}
	})
}

// BenchmarkEstimate estimates the passwords that take longest.
func BenchmarkEstimate(b *testing.B) {
	words()
	for name, pw := range map[string]string{
		"phrase": phrase, "72 bytes": strings.Repeat("4@", 36), "1024 equal": strings.Repeat("a", 1024),
		"1024 signs": strings.Repeat("4@", 512), "1024 pairs": strings.Repeat("aa  44  ", 128), "1024 invalid": strings.Repeat("\xff", 1024),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				estimate(pw, ours.names("alice"))
			}
		})
	}
}
