package main

import (
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"testing"
)

// TestVersion tests that the command names the version of the file VERSION, and its help
// names the command.
func TestVersion(t *testing.T) {
	text, err := os.ReadFile("../../VERSION")
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimSpace(string(text)); version != want {
		t.Errorf("the program says %s, and the file VERSION %s", version, want)
	}
	out, err := exec.Command(binary, "version").Output()
	if err != nil || !strings.HasPrefix(string(out), "coatcheck "+version) || strings.Count(string(out), "\n") != 1 {
		t.Errorf("coatcheck version prints %q, %v", out, err)
	}
	for want, settings := range map[string][]debug.BuildSetting{
		"":                                    {{Key: "GOOS", Value: "linux"}},
		" (commit 0123456789ab)":              {{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: "false"}},
		" (commit 0123456789ab, and changes)": {{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: "true"}},
	} {
		if got := commitOf(settings); got != want {
			t.Errorf("the commit of %v is %q; want %q", settings, got, want)
		}
	}
}
