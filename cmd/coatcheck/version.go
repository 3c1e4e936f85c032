package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is that in the file VERSION, which is not in the folder of this program.
const version = "0.1.0"

type showVersion struct{}

// Run prints one line: the version, the commit if the program was built in a checkout, and
// the Go that compiled it.
func (showVersion) Run() error {
	commit := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		commit = commitOf(info.Settings)
	}
	fmt.Printf("coatcheck %s%s, %s %s/%s\n", version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

// commitOf returns the commit in the settings of a build, in brackets, or "".
func commitOf(settings []debug.BuildSetting) string {
	commit, changed := "", ""
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = ", and changes"
		}
	}
	if commit == "" {
		return ""
	}
	return " (commit " + commit[:min(12, len(commit))] + changed + ")"
}
