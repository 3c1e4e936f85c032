package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// areas has the folder of every part of the product whose guarantees are broken here.
var areas = []string{"accounts", "audit", "authorizer", "bridge", "clientip", "config", "dynamostore", "lambdahttp", "legacy", "memstore",
	"password", "redisstore", "session", "signin", "sqlstore", "template", "throttle"}

// root is the folder of the repository.
func root(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEveryPatchApplies(t *testing.T) {
	all, err := load(root(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 150 {
		t.Errorf("%d mutations, want at least 150", len(all))
	}
	count := map[string]int{}
	for _, m := range all {
		count[m.area()]++
		if _, err := m.mutated(root(t)); err != nil {
			t.Errorf("%s: %v", m.path, err)
		}
	}
	for _, area := range areas {
		if count[area] == 0 {
			t.Errorf("mutations/%s has no patch", area)
		}
		delete(count, area)
	}
	if len(count) > 0 {
		t.Errorf("these areas stand nowhere: %v", count)
	}
}

// A sentence says what is wrong, as one would tell a colleague.
func TestEverySentenceIsPlain(t *testing.T) {
	all, err := load(root(t))
	if err != nil {
		t.Fatal(err)
	}
	plain, seen := regexp.MustCompile(`^[A-Z][^.:;!?]{10,110}\.$`), map[string]string{}
	for _, m := range all {
		if !plain.MatchString(m.sentence) {
			t.Errorf("%s begins with %q; want one sentence of at most 110 characters, with a full stop at its end alone", m.path, m.sentence)
		}
		if other := seen[m.sentence]; other != "" {
			t.Errorf("%s and %s say the same", other, m.path)
		}
		seen[m.sentence] = m.path
	}
}

// A mutation is small enough to be understood at a glance.
func TestEveryPatchIsSmall(t *testing.T) {
	all, err := load(root(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		changed := 0
		for _, d := range m.files {
			for _, h := range d.hunks {
				changed += max(len(h.old), len(h.new))
			}
		}
		if changed > 16 { // with the lines around them
			t.Errorf("%s has %d lines", m.path, changed)
		}
	}
}

// TestDocument: docs/proof.md has the number of the mutations of each area.
func TestDocument(t *testing.T) {
	all, err := load(root(t))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../docs/proof.md")
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, m := range all {
		count[m.area()]++
	}
	for area, n := range count {
		if row := fmt.Sprintf("| `%s` | %d |", area, n); !strings.Contains(string(text), row) {
			t.Errorf("docs/proof.md has no row %s", row)
		}
	}
	if total := fmt.Sprintf("%d mutations", len(all)); !strings.Contains(string(text), total) {
		t.Errorf("docs/proof.md does not say %q", total)
	}
}
