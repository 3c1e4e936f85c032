package runbook_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// section is the part of a document under one heading, with its commands.
type section struct {
	heading string
	text    string
	blocks  []string // those marked sh, in order
}

var (
	headings = regexp.MustCompile(`(?m)^#{1,3} (.+)$`)
	fences   = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")
)

// sections returns the sections of a document, by the headings of all levels.
func sections(t testing.TB, file string) (all []section) {
	t.Helper()
	text, err := os.ReadFile(root(file))
	if err != nil {
		t.Fatal(err)
	}
	outside := fences.ReplaceAllStringFunc(string(text), func(fence string) string { return strings.Repeat("\x00", len(fence)) })
	found := headings.FindAllStringSubmatchIndex(outside, -1)
	for i, at := range found {
		end := len(text)
		if i+1 < len(found) {
			end = found[i+1][0]
		}
		s := section{heading: string(text[at[2]:at[3]]), text: string(text[at[1]:end])}
		for _, fence := range fences.FindAllStringSubmatch(s.text, -1) {
			if fence[1] == "sh" {
				s.blocks = append(s.blocks, fence[2])
			}
		}
		all = append(all, s)
	}
	return all
}

// find returns the section with that heading.
func find(t testing.TB, file, heading string) section {
	t.Helper()
	all := sections(t, file)
	i := slices.IndexFunc(all, func(s section) bool { return s.heading == heading })
	if i < 0 {
		t.Fatalf("%s has no heading %q", file, heading)
	}
	return all[i]
}

// procedure is a section whose commands a test runs, each block once and in order.
type procedure struct {
	*stack
	section
	before string // commands that each block relies on
	next   int
}

// preparing is the section of docs/operate.md with the commands that come before all others.
const preparing = "Before you need it"

// procedure returns the commands under a heading of docs/operate.md. At the end of the test
// all of them must have been run.
func (s *stack) procedure(heading string) *procedure {
	s.Helper()
	p := &procedure{stack: s, section: find(s, "docs/operate.md", heading), before: find(s, "docs/operate.md", preparing).blocks[0]}
	s.Cleanup(func() {
		if p.next != len(p.blocks) && !s.Failed() {
			s.Errorf("docs/operate.md, %s: %d of %d blocks of commands were run", heading, p.next, len(p.blocks))
		}
	})
	return p
}

// run runs the next block of commands, which must contain want, so that a block that is put
// between two others is noticed. It returns what the commands print.
func (p *procedure) run(want, input string, environment ...string) string {
	p.Helper()
	out, err := p.try(want, input, environment...)
	if err != nil {
		p.Fatalf("%s, block %d: %v\n%s\nprints:\n%s", p.heading, p.next, err, p.blocks[p.next-1], out)
	}
	return out
}

// try does what run does, and the commands may fail.
func (p *procedure) try(want, input string, environment ...string) (string, error) {
	p.Helper()
	if p.next == len(p.blocks) || !strings.Contains(p.blocks[p.next], want) {
		p.Fatalf("%s: the next block does not contain %q: %q", p.heading, want, p.blocks[p.next:])
	}
	p.next++
	return p.shell(p.before+p.blocks[p.next-1], input, environment...)
}

// shell runs commands in the root of the repository, with the programs of this stack.
func (s *stack) shell(commands, input string, environment ...string) (string, error) {
	cmd := exec.CommandContext(s.Context(), "sh", "-euc", commands)
	cmd.Dir = root(".")
	cmd.Env = append(s.environment(), environment...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
