package password

import (
	"regexp"
	"runtime"
	"strings"
	"testing"
)

const phrase = "an orchid, a tram and rain"

var plain Hasher // no secrets

// cheap returns a hash of password that Verify accepts and that costs very little.
func cheap(password string) string {
	h := phc{variant: "argon2id", memory: 8, passes: 1, lanes: 1, salt: []byte("somesalt")}
	h.key = h.derive([]byte(password), keyLen)
	return h.String()
}

// The expected hash is from the reference implementation:
//
//	printf password | argon2 somesalt -id -t 2 -k 65536 -p 1 -l 32 -e
func TestKnownAnswer(t *testing.T) {
	const encoded = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	h := phc{variant: "argon2id", memory: 65536, passes: 2, lanes: 1, salt: []byte("somesalt")}
	h.key = h.derive([]byte("password"), 32)
	if h.String() != encoded {
		t.Errorf("hash = %s\nwant   %s", h, encoded)
	}
	if ok, err := plain.Verify(encoded, "password"); !ok || err != nil {
		t.Errorf("Verify = %v, %v; want true", ok, err)
	}
	if ok, err := plain.Verify(encoded, "Password"); ok || err != nil {
		t.Errorf("Verify of a wrong password = %v, %v; want false", ok, err)
	}
}

func TestHash(t *testing.T) {
	first, second := plain.Hash(phrase), plain.Hash(phrase)
	if first == second {
		t.Error("two hashes of one password are equal: no salt of their own")
	}
	shape := regexp.MustCompile(`^\$argon2id\$v=19\$m=\d+,t=\d+,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`)
	for _, encoded := range []string{first, plain.DummyHash()} {
		if !shape.MatchString(encoded) {
			t.Errorf("%s does not match %s", encoded, shape)
		}
	}
	if ok, err := plain.Verify(first, phrase); !ok || err != nil {
		t.Errorf("Verify = %v, %v; want true", ok, err)
	}
	if ok, err := plain.Verify(first, phrase+" "); ok || err != nil {
		t.Errorf("Verify of a wrong password = %v, %v; want false", ok, err)
	}
}

// The OWASP Password Storage Cheat Sheet calls these parameters equally strong.
func TestHashCostsWhatOWASPAsks(t *testing.T) {
	h, err := parsePHC(plain.Hash(phrase))
	if err != nil {
		t.Fatal(err)
	}
	for _, enough := range []phc{{memory: 47104, passes: 1}, {memory: 19456, passes: 2}, {memory: 12288, passes: 3}} {
		if h.memory >= enough.memory && h.passes >= enough.passes && h.lanes == 1 {
			return
		}
	}
	t.Errorf("m=%d,t=%d,p=%d is weaker than OWASP's minimum", h.memory, h.passes, h.lanes)
}

func TestDummyHashCostsAHashAndMatchesNothing(t *testing.T) {
	hash, err := parsePHC(plain.Hash(phrase))
	if err != nil {
		t.Fatal(err)
	}
	dummy, err := parsePHC(plain.DummyHash())
	if err != nil {
		t.Fatal(err)
	}
	if dummy.memory != hash.memory || dummy.passes != hash.passes || dummy.lanes != hash.lanes ||
		len(dummy.salt) != len(hash.salt) || len(dummy.key) != len(hash.key) {
		t.Errorf("dummy hash %s does not cost what %s costs", dummy, hash)
	}
	if another := plain.DummyHash(); another == dummy.String() {
		t.Error("two dummy hashes are equal: somebody could find a password for it")
	}
	if ok, err := plain.Verify(dummy.String(), ""); ok || err != nil {
		t.Errorf("Verify = %v, %v; want false", ok, err)
	}
}

func TestVerifyTakesThePasswordAsReceived(t *testing.T) {
	hundred := strings.Repeat("x", 99)
	for name, pair := range map[string][2]string{
		"last of 100 characters": {hundred + "a", hundred + "b"},
		"case":                   {phrase, strings.ToUpper(phrase)},
		"trailing blank":         {phrase, phrase + " "},
		"leading blank":          {phrase, " " + phrase},
		"NUL":                    {phrase, phrase + "\x00"},
		"after a NUL":            {phrase + "\x00a", phrase + "\x00b"},
		"composed, decomposed":   {"caf\u00e9", "cafe\u0301"},
		"fullwidth":              {"\uff41", "a"},
		"emoji":                  {strings.Repeat("😀", 64), strings.Repeat("😀", 63) + "😁"},
		"invalid UTF-8":          {"\xff", "\ufffd"},
		"last of 1024 bytes":     {strings.Repeat("x", 1023) + "a", strings.Repeat("x", 1023) + "b"},
		"empty":                  {"", " "},
	} {
		encoded := cheap(pair[0])
		if ok, err := plain.Verify(encoded, pair[0]); !ok || err != nil {
			t.Errorf("%s: Verify = %v, %v; want true", name, ok, err)
		}
		if ok, err := plain.Verify(encoded, pair[1]); ok || err != nil {
			t.Errorf("%s: the other password gave %v, %v; want false", name, ok, err)
		}
	}
}

func TestVerifyDoesNotHashTooLongPasswords(t *testing.T) {
	long := strings.Repeat("x", MaxBytes+1)
	if ok, err := plain.Verify(cheap(long), long); ok || err != nil {
		t.Errorf("Verify = %v, %v; want false although the hash is right", ok, err)
	}
	if took := allocated(func() { plain.Verify(plain.DummyHash(), long) }); took > 1<<20 {
		t.Errorf("Verify took %d bytes of memory: it hashed", took)
	}
}

// damaged returns strings that Verify must refuse. The keys say what is wrong.
func damaged() map[string]string {
	const salt, key = "c29tZXNhbHRzb21lc2FsdA", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	const good = "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + key
	with := func(parameters string) string { return "$argon2id$v=19$" + parameters + "$" + salt + "$" + key }
	all := map[string]string{
		"empty":                "",
		"t=0":                  with("m=19456,t=0,p=1"),
		"t too big":            with("m=19456,t=17,p=1"),
		"t beyond 32 bits":     with("m=19456,t=4294967296,p=1"),
		"p=0":                  with("m=19456,t=2,p=0"),
		"p too big":            with("m=19456,t=2,p=17"),
		"p beyond 8 bits":      with("m=19456,t=2,p=257"),
		"m=0":                  with("m=0,t=2,p=1"),
		"m just too big":       with("m=131073,t=2,p=1"),
		"m of 4 GiB":           with("m=4194304,t=2,p=1"),
		"m beyond 32 bits":     with("m=4294967296,t=2,p=1"),
		"m below zero":         with("m=-1,t=2,p=1"),
		"parameter missing":    with("m=19456,t=2"),
		"parameter twice":      with("m=19456,m=19456,t=2,p=1"),
		"parameter unknown":    with("m=19456,t=2,p=1,data=x"),
		"keyid unknown":        with("m=19456,t=2,p=1,keyid=x"),
		"keyid empty":          with("m=19456,t=2,p=1,keyid="),
		"keyid first":          with("keyid=x,m=19456,t=2,p=1"),
		"order":                with("t=2,m=19456,p=1"),
		"leading zero":         with("m=019456,t=2,p=1"),
		"sign":                 with("m=+19456,t=2,p=1"),
		"blank":                with("m= 19456,t=2,p=1"),
		"no parameters":        with(""),
		"argon2d":              strings.Replace(good, "argon2id", "argon2d", 1),
		"capitals":             strings.Replace(good, "argon2id", "Argon2id", 1),
		"twice framed":         "argon2$argon2" + good,
		"version 16":           strings.Replace(good, "v=19", "v=16", 1),
		"version missing":      strings.Replace(good, "$v=19", "", 1),
		"padding":              good + "=",
		"line end in the key":  good + "\n",
		"line end in the salt": strings.Replace(good, salt, salt[:4]+"\n"+salt[4:], 1),
		"URL alphabet":         strings.Replace(good, salt, "-_"+salt[2:], 1),
		"loose last bits":      strings.Replace(good, salt, salt[:21]+"B", 1),
		"one part more":        good + "$",
		"no salt":              strings.Replace(good, salt, "", 1),
		"salt of 7 bytes":      strings.Replace(good, salt, "c29tZXNhbA", 1),
		"no key":               strings.Replace(good, key, "", 1),
		"key of 15 bytes":      strings.Replace(good, key, "AAAAAAAAAAAAAAAAAAAA", 1),
		"endless key":          good + strings.Repeat("A", 1<<20),
	}
	for n := range len(good) - len(key) + 22 { // with 22 characters the key has 16 bytes, which is enough
		all["cut after "+good[:n]] = good[:n]
	}
	return all
}

func TestVerifyRefusesDamagedHashes(t *testing.T) {
	for name, encoded := range damaged() {
		var ok bool
		var err error
		took := allocated(func() { ok, err = plain.Verify(encoded, phrase) })
		if ok || err == nil {
			t.Errorf("%s: Verify = %v, %v; want an error", name, ok, err)
			continue
		}
		if took > 1<<20 {
			t.Errorf("%s: Verify took %d bytes of memory", name, took)
		}
		if strings.Contains(err.Error(), "c29tZXNhbHRz") || strings.Contains(err.Error(), "CTFhFdXP") {
			t.Errorf("%s: the error quotes the hash: %v", name, err)
		}
	}
}

func TestVerifyAcceptsTheLargestHashes(t *testing.T) {
	for _, h := range []phc{
		{variant: "argon2id", memory: maxMemory >> 10, passes: 1, lanes: 1, salt: []byte("somesalt")},
		{variant: "argon2id", memory: 256, passes: maxPasses, lanes: maxLanes, salt: make([]byte, 64)},
	} {
		h.key = h.derive([]byte(phrase), 64)
		if ok, err := plain.Verify(h.String(), phrase); !ok || err != nil {
			t.Errorf("m=%d,t=%d,p=%d: Verify = %v, %v; want true", h.memory, h.passes, h.lanes, ok, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(plain.DummyHash())
	f.Add(cheap(phrase))
	for _, c := range vectors(f) {
		f.Add(c.Encoded)
	}
	for _, encoded := range damaged() {
		if len(encoded) < 1000 {
			f.Add(encoded)
		}
	}
	f.Fuzz(func(t *testing.T, encoded string) {
		c, err := plain.parse(encoded)
		if (c == nil) == (err == nil) {
			t.Errorf("parse(%q) returns a check: %v, and the error %v", encoded, c != nil, err)
		}
		h, err := parsePHC(encoded)
		if err != nil {
			return
		}
		if h.String() != encoded {
			t.Errorf("parsePHC(%q) is written %q: two spellings of one hash", encoded, h)
		}
		if h.memory > maxMemory>>10 || h.passes < 1 || h.passes > maxPasses || h.lanes < 1 || h.lanes > maxLanes || len(h.key) < minKey {
			t.Errorf("parsePHC(%q) let m=%d,t=%d,p=%d with a key of %d bytes through", encoded, h.memory, h.passes, h.lanes, len(h.key))
		}
	})
}

func BenchmarkHash(b *testing.B) {
	for b.Loop() {
		plain.Hash(phrase)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "hashes/s")
}

func BenchmarkVerify(b *testing.B) {
	encoded := plain.Hash(phrase)
	for b.Loop() {
		plain.Verify(encoded, phrase)
	}
}

// allocated returns how many bytes f allocated on the heap.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Check accepts exactly the hashes that can be verified, and it computes no hash.
func TestCheck(t *testing.T) {
	for _, v := range vectors(t) {
		var err error
		took := allocated(func() { err = plain.Check(v.Encoded) })
		if err != nil || took > 1<<17 {
			t.Errorf("%s/%s: Check = %v, with %d bytes of memory", v.Framework, v.Name, err, took)
		}
		if Scheme(v.Encoded) == "unknown" {
			t.Errorf("%s/%s: of no known scheme", v.Framework, v.Name)
		}
	}
	for name, encoded := range damaged() {
		_, want := plain.Verify(encoded, phrase)
		if got := plain.Check(encoded); got == nil || got.Error() != want.Error() {
			t.Errorf("%s: Check = %v, Verify says %v", name, got, want)
		}
	}
}

func TestScheme(t *testing.T) {
	for encoded, want := range map[string]string{
		plain.DummyHash(): "Argon2id", "$argon2id$damaged": "Argon2id", "pbkdf2_sha256$": "Django's pbkdf2_sha256", "!": "an unusable password", "": "unknown", "$5$": "unknown",
	} {
		if got := Scheme(encoded); got != want {
			t.Errorf("Scheme(%q) = %q, want %q", encoded, got, want)
		}
	}
}

// If two keys have the same ID, no right password is refused, whichever of the two made
// the hash and whichever is first.
func TestPeppersOfOneID(t *testing.T) {
	one, other := Pepper{"1", []byte("an example of a key of 32 bytes!")}, Pepper{"1", []byte("an example of another key, also!")}
	for _, maker := range []Pepper{one, other} {
		hash := Hasher{Peppers: []Pepper{maker}}.Hash(phrase)
		for _, peppers := range [][]Pepper{{one, other}, {other, one}} {
			hasher := Hasher{Peppers: peppers}
			if ok, err := hasher.Verify(hash, phrase); !ok || err != nil {
				t.Errorf("the right password: %t, %v", ok, err)
			}
			if ok, err := hasher.Verify(hash, phrase+"x"); ok || err != nil {
				t.Errorf("a wrong password: %t, %v", ok, err)
			}
		}
	}
}
