package password

import (
	"errors"
	"strings"
	"testing"
)

// A hash that requires too much is refused before it uses memory or time, and the
// error names the parameter.
func TestBounds(t *testing.T) {
	const (
		hex    = "994e9aaff9735a48a4a35a2d6f0aab45d7caf0069dfafbde4b7845d1f38ceb4a"
		b64    = "fd63ALE52x/HdROxo0qQHJu8AVMwUaf02DLnZvg63QM="
		bcrypt = "73bTtnzC/eq01f2PAZ3qjOPrb721R7KqSWvnFS58BdEZgDsO7mYTy"
	)
	for encoded, names := range map[string]string{
		"$argon2i$v=19$m=4194304,t=2,p=1$WEt6aE5OaEtIRkFCS2VGTw$+WMw5/WBH9MqoDDqu3BNZP9ycJ2TYICj8CamOAIMQlQ": "m in KiB",
		"argon2$argon2id$v=19$m=102400,t=99,p=8$bzd1dFV6TkIwRmxLckEzSkpPMFNIQw$UYXTW3fTSMSMRzYb1XeGK2Lv4H79": "t is 99",
		"scrypt:2097152:8:1$salt$" + hex:                                 "N is 2097152",
		"scrypt:131072:16:1$salt$" + hex:                                 "N is 131072",
		"scrypt:2:524288:1$salt$" + hex:                                  "r is 524288",
		"scrypt:16384:8:17$salt$" + hex:                                  "p is 17",
		"scrypt:16384:0:1$salt$" + hex:                                   "r is 0",
		"scrypt:3:8:1$salt$" + hex:                                       "N is 3",
		"scrypt:1:8:1$salt$" + hex:                                       "N is 1",
		"scrypt:016384:8:1$salt$" + hex:                                  "N is not a plain",
		"scrypt:16384:8:1$salt$" + hex[:30]:                              "bytes of key",
		"scrypt:16384:8:1$salt$" + strings.Repeat(hex, 3):                "bytes of key",
		"scrypt:16384:8:1$salt$" + strings.ToUpper(hex):                  "hexadecimal",
		"scrypt$16384$salt$8$99$" + b64:                                  "p is 99",
		"{scrypt}$200801$c2FsdA==$" + b64:                                "log2 N is 32",
		"{scrypt}$140801$c2FsdA==$" + b64:                                "N is 1048576",
		"{scrypt}$e0001$c2FsdA==$" + b64:                                 "r is 0",
		"{scrypt}$E0801$c2FsdA==$" + b64:                                 "hexadecimal",
		"{scrypt}$10e0801$c2FsdA==$" + b64:                               "hexadecimal",
		"pbkdf2_sha256$5000001$salt$" + b64:                              "rounds is 5000001",
		"pbkdf2_sha256$0$salt$" + b64:                                    "rounds is 0",
		"pbkdf2_sha256$-1$salt$" + b64:                                   "rounds is -1",
		"pbkdf2_sha256$99999999999999999999$salt$" + b64:                 "rounds is not a plain",
		"pbkdf2_sha1$1000$salt$" + strings.TrimRight(b64, "="):           "base64",
		"pbkdf2_sha256$1000$salt$" + strings.Replace(b64, "M=", "N=", 1): "base64", // the unused last bits are not zero
		"pbkdf2_sha256$1000$salt$" + b64[:8] + "\n" + b64[8:]:            "base64",
		"pbkdf2:sha256:5000001$salt$" + hex:                              "rounds is 5000001",
		"pbkdf2:ripemd160:1000$salt$" + hex:                              "digest",
		"pbkdf2:SHA256:1000$salt$" + hex:                                 "digest",
		"$2a$17$" + bcrypt:                                               "cost is 17",
		"$2b$31$" + bcrypt:                                               "cost is 31",
		"$2y$03$" + bcrypt:                                               "cost is 3",
		"$2y$4$" + bcrypt:                                                "parts",
		"$2y$012$" + bcrypt:                                              "parts",
		"$2y$12$" + bcrypt[1:]:                                           "parts",
		"$2y$12$" + bcrypt[:21] + "!" + bcrypt[22:]:                      "salt or key",
		"{bcrypt}$2x$10$" + bcrypt:                                       "version",
		"md5$salt$" + hex[:31]:                                           "hexadecimal",
		"{sha256}" + hex:                                                 "parts",
		"md5$salt$" + hex:                                                "bytes of key is 32, want 16",
		"sha1$salt$" + hex:                                               "bytes of key is 32, want 20",
		"sha256$salt$" + hex[2:]:                                         "bytes of key is 31, want 32",
		"sha512$salt$":                                                   "bytes of key is 0, want 64",
		"sha256$" + hex:                                                  "bytes of key is 0",
		"{SHA-256}{salt" + hex:                                           "hexadecimal",
		"{SHA-1}" + hex:                                                  "bytes of key is 32, want 20",
		"{MD5}{salt}":                                                    "bytes of key is 0, want 16",
		"{pbkdf2}" + hex:                                                 "parts",
		"{noop}":                                                         "empty",
		"$2x$10$" + bcrypt:                                               "no known scheme",
		"{ldap}x":                                                        "no known scheme",
		"{noop}" + strings.Repeat("x", 2000):                             "bytes, want at most",
	} {
		var ok bool
		var err error
		took := allocated(func() { ok, err = plain.Verify(encoded, phrase) })
		if ok || err == nil || !strings.Contains(err.Error(), names) {
			t.Errorf("%.60s: Verify = %v, %v; want an error that names %q", encoded, ok, err, names)
			continue
		}
		if took > 1<<20 {
			t.Errorf("%.60s: Verify took %d bytes of memory", encoded, took)
		}
		for _, secret := range []string{hex[:16], b64[:16], bcrypt[24:40]} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%.60s: the error quotes the key: %v", encoded, err)
			}
		}
	}
}

// A password of more than 1,024 bytes is refused, whatever the scheme of the hash.
func TestLongPasswordsReachNoScheme(t *testing.T) {
	long := strings.Repeat("x", MaxBytes+1)
	for _, encoded := range []string{"{noop}" + long, "$2y$04$OyYrowhtwaKltQx3rpykeOfZWf4ksBrQFOGKMBa2eMQvu7RWn.tE."} {
		if ok, err := plain.Verify(encoded, long); ok || err != nil {
			t.Errorf("Verify of %.10s = %v, %v; want false", encoded, ok, err)
		}
	}
	if ok, err := plain.Verify("{noop}"+long[1:], long[1:]); !ok || err != nil {
		t.Errorf("Verify of 1,024 bytes = %v, %v; want true", ok, err)
	}
}

// The Devise pepper applies to hashes that Ruby wrote, not to those of PHP or Node.
func TestDevisePepperIsForRubyOnly(t *testing.T) {
	devise := Hasher{DevisePepper: "pepper-2026"}
	for _, v := range vectors(t) {
		if v.Framework == "php" && v.Name == "bcrypt" || v.Framework == "node-bcrypt" && v.Name == "plain" {
			if ok, err := devise.Verify(v.Encoded, v.Password); !ok || err != nil {
				t.Errorf("%s/%s: Verify = %v, %v; want true", v.Framework, v.Name, ok, err)
			}
		}
		if v.Framework == "devise" && v.Name == "plain" {
			if ok, err := devise.Verify(v.Encoded, v.Password); ok || err != nil {
				t.Errorf("%s/%s: Verify = %v, %v; want false", v.Framework, v.Name, ok, err)
			}
		}
	}
}

func TestUnusablePasswordsCostAHash(t *testing.T) {
	took := allocated(func() { plain.Verify("!IcSPZ7ZUiT67ZejiWGu8jCaPaw0N7ZqQeQOIqvOQ", phrase) })
	if took < uint64(memory)<<10 {
		t.Errorf("Verify took %d bytes of memory, less than a hash takes", took)
	}
}

func TestPeppers(t *testing.T) {
	first := Pepper{"2025", []byte(strings.Repeat("1", 32))}
	second := Pepper{"2026", []byte(strings.Repeat("2", 32))}
	old, rotated := Hasher{Peppers: []Pepper{first}}, Hasher{Peppers: []Pepper{second, first}}
	impostor := Hasher{Peppers: []Pepper{{"2025", second.Key}}}
	without, with := plain.Hash(phrase), old.Hash(phrase)
	if !strings.HasPrefix(with, "$argon2id$v=19$m=19456,t=2,p=1,keyid=2025$") {
		t.Errorf("the hash is %s", with)
	}
	for _, test := range []struct {
		name    string
		hasher  Hasher
		encoded string
		ok      bool
		current bool
		err     error
	}{
		{"no pepper", plain, without, true, true, nil},
		{"pepper introduced", old, without, true, false, nil},
		{"same pepper", old, with, true, true, nil},
		{"pepper rotated", rotated, with, true, false, nil},
		{"rotated twice", rotated, rotated.Hash(phrase), true, true, nil},
		{"another key of that name", impostor, with, false, true, nil},
		{"pepper gone", plain, with, false, false, ErrNoPepper},
		{"pepper not there yet", old, rotated.Hash(phrase), false, false, ErrNoPepper},
		{"name taken off", old, strings.Replace(with, ",keyid=2025", "", 1), false, false, nil},
		{"dummy hash", rotated, rotated.DummyHash(), false, true, nil},
	} {
		ok, err := test.hasher.Verify(test.encoded, phrase)
		if ok != test.ok || !errors.Is(err, test.err) {
			t.Errorf("%s: Verify = %v, %v; want %v, %v", test.name, ok, err, test.ok, test.err)
		}
		if got := test.hasher.Current(test.encoded); got != test.current {
			t.Errorf("%s: Current = %v, want %v", test.name, got, test.current)
		}
	}
}

func TestCurrent(t *testing.T) {
	now := plain.Hash(phrase)
	if !plain.Current(now) {
		t.Error("a new hash is not current")
	}
	for _, other := range []string{
		"",
		cheap(phrase),
		strings.Replace(now, "m=19456", "m=19457", 1),
		strings.Replace(now, "t=2", "t=3", 1),
		strings.Replace(now, "p=1", "p=2", 1),
		strings.Replace(now, "argon2id", "argon2i", 1),
		now[:len(now)-21] + "A", // a shorter key
		"argon2" + now,
		"{argon2}" + now,
	} {
		if plain.Current(other) {
			t.Errorf("%s is current", other)
		}
	}
}
