package main

import (
	"slices"
	"strings"
	"testing"
)

// TestUserIDsWithADash tests that a user ID which begins with - is one after --user-id, and
// that nothing else is joined.
func TestUserIDsWithADash(t *testing.T) {
	for given, want := range map[string]string{
		"users export --user-id -Lc8":         "users export --user-id=-Lc8",
		"audit --user-id --json --json":       "audit --user-id=--json --json",
		"audit --user-id=x --limit 3":         "audit --user-id=x --limit 3",
		"users export --user-id":              "users export --user-id",
		"users show -- --user-id -Lc8":        "users show -- --user-id -Lc8",
		"users import --user-id a --json -x":  "users import --user-id=a --json -x",
		"audit --user-id -a --user-id -b":     "audit --user-id=-a --user-id=-b",
		"sessions revoke alice -- -session-1": "sessions revoke alice -- -session-1",
	} {
		if got := withUserIDs(strings.Fields(given)); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%q is %q, want %q", given, got, want)
		}
	}
}
