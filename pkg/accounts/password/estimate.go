package password

import (
	_ "embed"
	"math"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"example.com/coatcheck/internal/lazily"
)

// kind is what a part of a password is made of.
type kind int

const (
	other  kind = iota // characters that nothing else describes
	word               // a word, a name, a common password, or a date
	own                // the user's name, or the product's
	run                // a run of the keyboard or the alphabet
	repeat             // what stands in the password before, or one character many times
)

// estimate returns the decimal logarithm of the number of guesses that a clever attacker
// needs for the password, and the kind that most of the password is made of. Names are
// words that the attacker tries first.
//
// It looks at the beginning of the password only, which bounds its time: what follows
// makes no password easier. It also tries the password without what people insert.
func estimate(password string, names map[string]bool) (magnitude float64, most kind) {
	password = beginning(password)
	magnitude, most = divide(password, names)
	for _, plain := range []string{joined(password), single(password)} {
		if plain == password {
			continue
		}
		if m, k := divide(plain, names); m+again < magnitude {
			magnitude, most = m+again, k
		}
	}
	return magnitude, most
}

// again is the magnitude of what an attacker tries beside each password: to repeat a
// part, each character, or a sign between the characters.
const again = 0.5

// beginning returns the first 128 bytes of the text, or up to 3 more, so that it ends
// with a character.
func beginning(text string) string {
	for i := range text {
		if i >= 128 {
			return text[:i]
		}
	}
	return text
}

// joined returns the text without the signs that stand between two single letters or
// digits, as in "p a s s".
func joined(text string) string {
	var b strings.Builder
	parts := lettersOrNot().FindAllString(text, -1)
	for i, part := range parts {
		between := i > 0 && i < len(parts)-1 && utf8.RuneCountInString(parts[i-1]) == 1 && utf8.RuneCountInString(parts[i+1]) == 1
		if first, _ := utf8.DecodeRuneInString(part); !between || unicode.IsLetter(first) || unicode.IsNumber(first) {
			b.WriteString(part)
		}
	}
	return b.String()
}

var lettersOrNot = lazily.Regexp(`[\pL\pN]+|[^\pL\pN]+`)

// single returns the text without repetitions if each character is written twice, or
// three times and so on, as in "ppaassss". Otherwise it returns the text.
func single(text string) string {
	runes := []rune(text)
	times := 0 // the greatest common divisor of the lengths of all runs of one character
	for start, end := 0, 0; start < len(runes); start = end {
		for end < len(runes) && runes[end] == runes[start] {
			end++
		}
		for length := end - start; length > 0; {
			times, length = length, times%length
		}
	}
	if times < 2 {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(runes); i += times {
		b.WriteRune(runes[i])
	}
	return b.String()
}

// divide works as zxcvbn does (https://www.usenix.org/conference/usenixsecurity16/technical-sessions/presentation/wheeler):
// it divides the password into parts in the way that costs the fewest guesses. The
// number for the whole is the product of those of its parts.
func divide(password string, names map[string]bool) (magnitude float64, most kind) {
	e := newEstimator(password, names)
	for start := range e.text {
		if utf8.RuneStart(e.text[start]) {
			e.addCharacter(start)
			e.addWords(start)
			e.addUnknownWord(start)
			e.addDate(start)
			e.addRuns(start)
			e.addRepetitions(start)
		}
	}
	return e.cheapest[len(e.text)], e.most()
}

// estimator computes the cheapest division of a password by dynamic programming.
type estimator struct {
	text     string    // the password in lower case
	variants []variant // text, and what it can stand for
	capital  []bool    // for each byte, whether the password has a capital there
	names    map[string]bool
	longest  int   // length of the longest word or name, in bytes
	repeated []int // see repetitions

	cheapest []float64 // the magnitude of each prefix, by its length in bytes
	start    []int     // where the last part of that prefix begins
	kinds    []kind    // and of which kind it is
}

// variant is a spelling of a password, as long as the password.
type variant struct {
	text     string
	cost     float64 // if the part differs from the password
	reversed bool
}

func newEstimator(password string, names map[string]bool) *estimator {
	text := strings.ToLower(password)
	n := len(text)
	e := &estimator{text: text, names: names, repeated: repetitions(text), capital: make([]bool, n), cheapest: make([]float64, n+1), start: make([]int, n+1), kinds: make([]kind, n+1)}
	e.longest = longestWord
	for name := range names {
		e.longest = max(e.longest, len(name))
	}
	for i := 1; i <= n; i++ {
		e.cheapest[i] = math.Inf(1)
	}
	for i := range text {
		e.capital[i] = len(password) == n && password[i] != text[i]
	}
	e.variants = []variant{{text: text}, {text: reverseBytes(text), reversed: true, cost: 0.3}}
	for _, leet := range []*strings.Replacer{leet1, leet2} {
		if spelt := leet.Replace(text); spelt != text {
			e.variants = append(e.variants, variant{text: spelt, cost: 0.6})
		}
	}
	return e
}

// leet1 and leet2 replace the signs that people write for letters.
var (
	leet1 = strings.NewReplacer("4", "a", "@", "a", "3", "e", "1", "i", "!", "i", "0", "o", "$", "s", "5", "s", "7", "t", "8", "b")
	leet2 = strings.NewReplacer("4", "a", "@", "a", "3", "e", "1", "l", "|", "l", "0", "o", "$", "s", "5", "s", "+", "t", "7", "t", "2", "z")
)

func reverseBytes(text string) string {
	b := []byte(text)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

// add adds a part from start to end, of which there are 10^magnitude.
func (e *estimator) add(start, end int, magnitude float64, k kind) {
	if total := e.cheapest[start] + magnitude; total < e.cheapest[end] {
		e.cheapest[end], e.start[end], e.kinds[end] = total, start, k
	}
}

// most returns the kind that has the most bytes of the cheapest division.
func (e *estimator) most() (most kind) {
	var bytes [repeat + 1]int
	for end := len(e.text); end > 0; end = e.start[end] {
		bytes[e.kinds[end]] += end - e.start[end]
	}
	for k, n := range bytes {
		if n > bytes[most] {
			most = kind(k)
		}
	}
	return most
}

// addCharacter counts ten guesses for any character, as zxcvbn does.
func (e *estimator) addCharacter(start int) {
	_, size := utf8.DecodeRuneInString(e.text[start:])
	e.add(start, start+size, 1, other)
}

// addWords adds names and common words, also written with other signs, or backwards.
func (e *estimator) addWords(start int) {
	n := len(e.text)
	for end := start + 1; end <= min(n, start+e.longest); end++ {
		for _, v := range e.variants {
			part, cost := v.text[start:end], v.cost
			if v.reversed {
				part = v.text[n-end : n-start]
			}
			if part == e.text[start:end] {
				cost = 0
			}
			if e.names[part] {
				e.add(start, end, cost+e.capitals(start, end), own)
			} else if tenths, common := words()[part]; common {
				e.add(start, end, cost+e.capitals(start, end)+float64(tenths)/10, word)
			}
		}
	}
}

// rarest is the magnitude of the rarest common words, and of those that are in no list.
const rarest = 4.5

// addUnknownWord adds what has the looks of a word: all the letters from a place where
// letters begin, or a capital follows a small letter, to where they end in the same way,
// or repeat themselves. More than 12 can be several words written without blanks. Five
// consonants in a row are rare in words. Long ones count more, because random letters can
// look like them too.
func (e *estimator) addUnknownWord(start int) {
	if before, _ := utf8.DecodeLastRuneInString(e.text[:start]); unicode.Is(unicode.Latin, before) && !e.hump(start) {
		return
	}
	end, letters, row := start, 0, 0
	for _, r := range e.text[start:] {
		doubled := letters >= 3 && strings.HasPrefix(e.text[end:], e.text[start:end])
		if !unicode.Is(unicode.Latin, r) || letters > 0 && e.hump(end) || doubled {
			break
		}
		end += utf8.RuneLen(r)
		letters++
		row++
		if !strings.ContainsRune("bcdfghjklmnpqrstvwxz", r) {
			row = 0
		}
		if letters > 12 || row > 4 {
			return
		}
	}
	if letters > 0 {
		e.add(start, end, rarest+e.capitals(start, end)+0.5*float64(max(0, letters-9)), word)
	}
}

// hump reports whether the password has a capital there that follows none.
func (e *estimator) hump(i int) bool { return e.capital[i] && i > 0 && !e.capital[i-1] }

// capitals returns the magnitude of the ways to write the part with so many capitals.
// The usual ways, one at the beginning or at the end or all, count little.
func (e *estimator) capitals(start, end int) float64 {
	count := 0
	for _, capital := range e.capital[start:end] {
		if capital {
			count++
		}
	}
	switch rest := end - start - count; {
	case count == 0:
		return 0
	case rest == 0, count == 1 && (e.capital[start] || e.capital[end-1]):
		return 0.3
	default:
		return 0.3 * float64(1+min(count, rest))
	}
}

// dates matches years, and dates with and without separators.
var dates = lazily.Regexp(`^(?:(?:19|20)\d\d[-/._ ]?[01]?\d[-/._ ]?[0-3]?\d|[0-3]?\d[-/._ ]?[01]?\d[-/._ ]?(?:19|20)?\d\d)`)

func (e *estimator) addDate(start int) {
	if c := e.text[start]; c < '0' || c > '9' {
		return
	}
	if found := dates().FindString(e.text[start:]); len(found) >= 6 {
		e.add(start, start+len(found), 4.3, word) // a day of the last 50 years
	}
	if end := start + 4; end <= len(e.text) {
		if year, err := strconv.Atoi(e.text[start:end]); err == nil && year >= 1900 && year < 2060 {
			e.add(start, end, 1.6, word) // about 40 years are likely
		}
	}
}

// addRuns adds runs of three characters or more.
func (e *estimator) addRuns(start int) {
	for end := start + 2; end <= len(e.text) && strings.Contains(keyboardLines, e.text[start:end]); end++ {
		if end-start > 2 {
			e.add(start, end, 1+math.Log10(float64(end-start)), run)
		}
	}
}

// addRepetitions adds what stood in the password before, also if it overlaps itself, as
// in abab, and the same character again and again.
func (e *estimator) addRepetitions(start int) {
	for n := 3; n <= e.repeated[start]; n++ {
		e.add(start, start+n, again, repeat)
	}
	_, size := utf8.DecodeRuneInString(e.text[start:])
	character := e.text[start : start+size]
	for end := start + size; strings.HasPrefix(e.text[end:], character); {
		end += size
		e.add(start, end, 1+again, repeat)
	}
}

// repetitions returns, for each place in the text, the length of the longest text there
// that also begins at an earlier place.
func repetitions(text string) []int {
	longest := make([]int, len(text))
	same := make([]int, len(text)+1) // for each earlier place, how long the text there equals the text at start
	for start := len(text) - 1; start >= 0; start-- {
		for earlier := range start { // same[earlier+1] is still that of start+1
			if text[earlier] != text[start] {
				same[earlier] = 0
				continue
			}
			same[earlier] = same[earlier+1] + 1
			longest[start] = max(longest[start], same[earlier])
		}
	}
	return longest
}

// commonWords has words, names and passwords in lines, each by its rank: a line begins
// with ten times the decimal logarithm of its last rank. The file words.md says where
// they come from.
//
//go:embed words.txt
var commonWords string

// longestWord is the length of the longest common word, in bytes.
const longestWord = 24

var (
	readWords sync.Once
	allWords  map[string]uint8 // set by words
)

// words returns ten times the magnitude of each common word. They are read when the
// first password is estimated. The two variables have no initial value that would need
// the words, so programs that never estimate a password do not contain them.
func words() map[string]uint8 {
	readWords.Do(func() {
		allWords = make(map[string]uint8, 1<<16)
		for line := range strings.Lines(commonWords) {
			fields := strings.Fields(line)
			tenths, _ := strconv.ParseUint(fields[0], 10, 8) // TestWords tests the file
			for _, w := range fields[1:] {
				allWords[w] = uint8(tenths)
			}
		}
	})
	return allWords
}

// keyboardLines are the sequences that people type along: the rows of common
// keyboards, without and with the shift key, the slanted columns, two rows in turn, the
// columns of the number pad, and the alphabet. Each is there forward and backward, in
// lower case.
var keyboardLines = forward + "\n" + reverseBytes(forward)

const forward = "`1234567890-=\n01234567890\nqwertyuiop[]\\\nqwertzuiop\nazertyuiop\nasdfghjkl;'\nzxcvbnm,./\nyxcvbnm,.-\n" +
	"~!@#$%^&*()_+\n!\"$%^&*()_+\n!\"$%&/()=?\nqwertyuiop{}|\nasdfghjkl:\"\nzxcvbnm<>?\n" +
	"1qaz\n2wsx\n3edc\n4rfv\n5tgb\n6yhn\n7ujm\n8ik,\n9ol.\n0p;/\n" +
	"!qaz\n@wsx\n#edc\n$rfv\n%tgb\n^yhn\n&ujm\n*ik<\n(ol>\n)p:?\n" +
	"zse4\nxdr5\ncft6\nvgy7\nbhu8\nnji9\nmko0\n" +
	"1q2w3e4r5t6y7u8i9o0p\nq1w2e3r4t5y6u7i8o9p0\nqawsedrftgyhujikolp\nazsxdcfvgbhnjmk\n" +
	"1!2@3#4$5%6^7&8*9(0)\n!1@2#3$4%5^6&7*8(9)0\na1b2c3d4e5f6g7h8i9\n1a2b3c4d5e6f7g8h9i\n" +
	"147\n258\n369\n741\n852\n963\n159\n357\nabcdefghijklmnopqrstuvwxyz"
