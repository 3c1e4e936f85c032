package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// files are the module that the tests below break, with mutations of it.
var files = map[string]string{
	"go.mod": "module example.com/lock\n\ngo 1.26\n",
	"door/door.go": `// Package door opens.
package door

// Opens reports whether the key opens the door.
func Opens(key string) bool {
	if len(key) > 9 {
		return false
	}
	return key == "right"
}
`,
	"door/rules.txt": "locked\n",
	"door/door_test.go": `package door

import (
	"os"
	"testing"
)

func TestKey(t *testing.T) {
	for key, want := range map[string]bool{"right": true, "wrong": false} {
		t.Run(key, func(t *testing.T) {
			if Opens(key) != want {
				t.Error(key)
			}
		})
	}
}

func TestRules(t *testing.T) {
	if text, err := os.ReadFile("../door/rules.txt"); err != nil || string(text) != "locked\n" {
		t.Error(string(text), err)
	}
}

func TestBroken(t *testing.T) { t.Error("always") }
`,
}

const (
	anyKey   = "--- a/door/door.go\n+++ b/door/door.go\n@@ -8,3 +8,3 @@\n \t}\n-\treturn key == \"right\"\n+\treturn true\n }\n"
	longKey  = "--- a/door/door.go\n+++ b/door/door.go\n@@ -5,3 +5,3 @@\n-\tif len(key) > 9 {\n+\tif len(key) > 99 {\n \t\treturn false\n"
	unlocked = "--- a/door/rules.txt\n+++ b/door/rules.txt\n@@ -1 +1 @@\n-locked\n+open\n"
	noKey    = "--- a/door/door.go\n+++ b/door/door.go\n@@ -9 +9 @@\n-\treturn key == \"left\"\n+\treturn true\n"
	noType   = "--- a/door/door.go\n+++ b/door/door.go\n@@ -9 +9 @@\n-\treturn key == \"right\"\n+\treturn key\n"
)

// repository writes the module and its mutations, and returns the module's folder.
func repository(t *testing.T, patches map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		write(t, filepath.Join(folder, name), text)
	}
	for name, text := range patches {
		write(t, filepath.Join(folder, "mutations/door", name+".patch"), text)
	}
	return folder
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestRun: a mutation is killed by a test that fails with it and passes without it, and by
// nothing else. What it breaks is in no file of the repository afterwards.
func TestRun(t *testing.T) {
	cases := map[string]struct {
		patch string
		says  string // what is printed about it
		found bool   // check finds what is wrong too
	}{
		"killed":             {"Any key opens.\ntest: ./door TestKey\n" + anyKey, "killed by TestKey in", false},
		"killed-by-a-part":   {"Any key opens.\ntest: ./door TestKey/wrong\n" + anyKey, "killed by TestKey/wrong in", false},
		"killed-in-a-copy":   {"The rules say open.\ntest: ./door TestRules\n" + unlocked, "killed by TestRules in", false},
		"survived":           {"A long key opens.\ntest: ./door TestKey\n" + longKey, "SURVIVED: A long key opens.", false},
		"survived-in-a-copy": {"The rules say open.\ntest: ./door TestKey\n" + unlocked, "SURVIVED: The rules say open.", false},
		"another-part":       {"Any key opens.\ntest: ./door TestKey/right\n" + anyKey, "SURVIVED: Any key opens.", false},
		"does-not-apply":     {"Any key opens.\ntest: ./door TestKey\n" + noKey, "does not apply", true},
		"does-not-compile":   {"Any key opens.\ntest: ./door TestKey\n" + noType, "do not build", true},
		"no-such-test":       {"Any key opens.\ntest: ./door TestDoor\n" + anyKey, "TestDoor does not run", true},
		"no-such-part":       {"Any key opens.\ntest: ./door TestKey/left\n" + anyKey, "TestKey/left does not run", false},
		"fails-always":       {"Any key opens.\ntest: ./door TestBroken\n" + anyKey, "TestBroken fails without the mutation", false},
		"changes-nothing":    {"Any key opens.\ntest: ./door TestKey\n" + strings.ReplaceAll(anyKey, "return true", `return key == "right"`), "changes nothing", true},
	}
	patches := map[string]string{}
	for name, tt := range cases {
		patches[name] = tt.patch
	}
	folder := repository(t, patches)
	var out bytes.Buffer
	failed := runSome(t.Context(), folder, nil, 0, &out)
	found := checkAll(folder, &out)
	for name, tt := range cases {
		_, about, _ := strings.Cut("\n"+out.String(), "\ndoor/"+name+" ")
		about, _, _ = strings.Cut(about, "\ndoor/")
		killed := strings.HasPrefix(tt.says, "killed")
		if !strings.Contains(about, tt.says) || strings.Contains(failed.Error()+",", "door/"+name+",") == killed {
			t.Errorf("%s: %q, want %q; the run ends with %v", name, about, tt.says, failed)
		}
		if strings.Contains(found.Error(), "door/"+name+".patch") != tt.found {
			t.Errorf("%s: the check says %v", name, found)
		}
	}
	for name, text := range files {
		if now, err := os.ReadFile(filepath.Join(folder, name)); err != nil || string(now) != text {
			t.Errorf("%s has changed: %v", name, err)
		}
	}
}

// TestLoad: a patch that cannot be read is an error that names it, and nothing runs.
func TestLoad(t *testing.T) {
	for says, patch := range map[string]string{
		"the second line is":            "Any key opens.\n" + anyKey,
		"there is no diff":              "Any key opens.\ntest: ./door TestKey\n",
		"changes Go files and others":   "Any key opens.\ntest: ./door TestKey\n" + anyKey + unlocked,
		"the diff begins with":          "Any key opens.\ntest: ./door TestKey\nopen\n",
		"door/door.go is changed twice": "Any key opens.\ntest: ./door TestKey\n" + anyKey + longKey,
		"nothing is changed in":         "Any key opens.\ntest: ./door TestKey\n--- a/x.go\n+++ b/x.go\n",
		"is in no hunk":                 "Any key opens.\ntest: ./door TestKey\n--- a/x.go\n+++ b/x.go\n+x\n",
		"begins with neither":           "Any key opens.\ntest: ./door TestKey\n" + anyKey + "?\n",
	} {
		var out bytes.Buffer
		err := runSome(t.Context(), repository(t, map[string]string{"one": patch}), nil, 0, &out)
		if err == nil || !strings.Contains(err.Error(), "mutations/door/one.patch: ") || !strings.Contains(err.Error(), says) || out.Len() > 0 {
			t.Errorf("%v, want an error with %q\n%s", err, says, &out)
		}
	}
	if err := runSome(t.Context(), t.TempDir(), nil, 0, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "there is no patch") {
		t.Errorf("without patches: %v", err)
	}
}

// TestHunkMoves: a hunk applies where its lines are now, and if they are at several places,
// where they were.
func TestHunkMoves(t *testing.T) {
	diffs, err := parseDiff(strings.Split("--- a/x.go\n+++ b/x.go\n@@ -4,2 +4,2 @@\n b\n-c\n+d\n@@ -9,1 +9,1 @@\n-e\n+f", "\n"))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"1\n2\n3\nb\nc\n6\n7\n8\ne":       "1\n2\n3\nb\nd\n6\n7\n8\nf",
		"b\nc\n2\n3\nb\nc\n6\n7\n8\ne\ne": "b\nc\n2\n3\nb\nd\n6\n7\n8\nf\ne",
		"b\nc\ne":                         "b\nd\nf",
	} {
		if got, err := diffs[0].apply(text); err != nil || got != want {
			t.Errorf("%q becomes %q, %v; want %q", text, got, err, want)
		}
	}
}

// TestBegin: every mutation is the first one at some commit, the shares of four commits in a
// row meet, and a repository without its history says where it begins all the same.
func TestBegin(t *testing.T) {
	for _, n := range []int{1, 2, 3, 150, 199, 200, 210} {
		seen := map[int]bool{}
		for count := range n {
			seen[count%n*step(n)%n] = true
		}
		if len(seen) != n || step(n) > max(n/4, 1) {
			t.Errorf("of %d mutations %d are the first one at some commit, with steps of %d", n, len(seen), step(n))
		}
	}
	folder := t.TempDir()
	if first, why := begin(folder, 10); first != 0 || !strings.Contains(why, "git tells no commit") {
		t.Errorf("without git it begins with %d: %s", first, why)
	}
	run := func(folder string, args ...string) {
		cmd := exec.Command("git", append([]string{"-C", folder, "-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	run(folder, "init", "--quiet")
	for count := 1; count <= 3; count++ {
		run(folder, "commit", "--quiet", "--allow-empty", "-m", "x")
		if first, why := begin(folder, 10); first != count || !strings.Contains(why, "commit number") { // the step of 10 is 1
			t.Errorf("commit %d begins with %d: %s", count, first, why)
		}
	}
	shallow := filepath.Join(t.TempDir(), "shallow")
	run(folder, "clone", "--quiet", "--depth", "1", "file://"+folder, shallow)
	if first, why := begin(shallow, 10); first < 0 || first > 9 || !strings.Contains(why, "shallow") {
		t.Errorf("a shallow clone begins with %d: %s", first, why)
	}
}

// TestMinutes: a run whose time is over begins no mutation any more, and says how many it
// has run of how many.
func TestMinutes(t *testing.T) {
	folder := repository(t, map[string]string{"one": "A long key opens.\ntest: ./door TestKey\n" + longKey})
	var out bytes.Buffer
	if err := runSome(t.Context(), folder, nil, time.Nanosecond, &out); err != nil {
		t.Error(err)
	}
	if got := out.String(); !strings.Contains(got, "begins with door/one, number 1 of 1") || !strings.Contains(got, "0 of 1 mutations ran") {
		t.Error(got)
	}
}

func TestChoose(t *testing.T) {
	all := []mutation{{name: "a/x"}, {name: "a/y"}, {name: "b/x"}}
	for _, tt := range []struct {
		names []string
		want  int
	}{{nil, 3}, {[]string{"a"}, 2}, {[]string{"b/x", "a/y"}, 2}, {[]string{"c"}, -1}} {
		if chosen, err := choose(all, tt.names); len(chosen) != max(tt.want, 0) || (err != nil) != (tt.want < 0) {
			t.Errorf("%q chooses %v, %v", tt.names, chosen, err)
		}
	}
}
