package main

import (
	"strings"
	"testing"

	"example.com/coatcheck/pkg/config"
)

const oldKey, newKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "/wECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

// keysShell runs commands that need neither a table nor AWS.
func keysShell(t *testing.T) *shell { return &shell{t, map[string]string{"HOME": t.TempDir()}} }

// TestKeyRotation takes a value through the steps of a rotation. Each step changes only
// what it says, and a step that was done already changes nothing.
func TestKeyRotation(t *testing.T) {
	sh := keysShell(t)
	appended := sh.ok(oldKey+"\n", "keys", "append")
	keys := strings.Split(appended, ",")
	if len(keys) != 2 || keys[0] != oldKey || keys[1] == oldKey {
		t.Fatalf("append left %d keys, the old one first: %t", len(keys), keys[0] == oldKey)
	}
	t.Setenv("SESSION_KEYS", appended)
	if cfg, err := config.SessionConfig(); err != nil || len(cfg.SigningKeys) != 2 {
		t.Fatalf("the functions do not read what append wrote: %v", err)
	}
	old, fresh := keyName(keys[0]), keyName(keys[1])
	if got, want := sh.ok(appended, "keys", "list"), old+" signs and verifies\n"+fresh+" verifies\n"; got != want {
		t.Errorf("list says\n%swant\n%s", got, want)
	}
	promoted := sh.ok(appended, "keys", "promote", fresh)
	if promoted != keys[1]+","+keys[0] {
		t.Error("promote did not move the new key, and nothing else, to the front")
	}
	if again := sh.ok(promoted, "keys", "promote", fresh); again != promoted {
		t.Error("a second promote changed something")
	}
	if removed := sh.ok(promoted, "keys", "remove", old); removed != keys[1] {
		t.Error("remove did not leave the new key alone")
	}
	if another := sh.ok(oldKey, "keys", "append"); another == appended {
		t.Error("append makes the same key twice")
	}
}

// What would sign somebody out is refused. Then there is no output that could be stored
// as the next value, and no error shows a key.
func TestKeyMistakes(t *testing.T) {
	both := oldKey + "," + newKey
	for name, c := range map[string]struct {
		stdin, pattern string
		args           []string
	}{
		"nothing":                   {"\n", "standard input is empty; .*SESSION_KEYS", []string{"append"}},
		"a short key":               {"c2hvcnQ=", "standard input: key 1 is not .*32 bytes.*", []string{"append"}},
		"an error of another tool":  {"An error occurred (AccessDenied)", "standard input: key 1 is not .*", []string{"append"}},
		"a list that ends early":    {oldKey + ",", "standard input: key 2 is not .*", []string{"list"}},
		"a key twice":               {oldKey + "," + oldKey, "standard input: key 2 is the same as key 1.*", []string{"list"}},
		"too much":                  {strings.Repeat("A", 1<<16+1), "standard input is longer than .*", []string{"append"}},
		"append in a rotation":      {both, "there are 2 keys already, .*: coatcheck keys remove", []string{"append"}},
		"promote an unknown key":    {both, `no key has the name 00000000; .*`, []string{"promote", "00000000"}},
		"promote a key":             {both, `no key has the name "…" \(not shown, since it may be a secret\); .*`, []string{"promote", newKey}},
		"remove a key":              {both, `no key has the name "…" \(not shown, since it may be a secret\); .*`, []string{"remove", newKey}},
		"remove an unknown key":     {both, `no key has the name 00000000; .*`, []string{"remove", "00000000"}},
		"remove the key that signs": {both, "the key " + keyName(oldKey) + " signs; .*promote", []string{"remove", keyName(oldKey)}},
		"remove the only key":       {oldKey, "the key " + keyName(oldKey) + " signs; .*promote", []string{"remove", keyName(oldKey)}},
	} {
		t.Run(name, func(t *testing.T) {
			keysShell(t).fails(1, c.pattern, c.stdin, append([]string{"keys"}, c.args...)...)
		})
	}
}
