package main

import (
	"fmt"
	"hash/fnv"
	"os/exec"
	"strconv"
	"strings"
)

// begin returns where a run begins that has not the time for all of n mutations, and why
// there. Each commit begins a quarter further than the one before, so that four commits
// visit all if a quarter takes no more than a run's time. The step and n have no common
// divisor, so that every mutation is the first one at some commit, however few a run does.
func begin(root string, n int) (first int, why string) {
	shallow, err := git(root, "rev-parse", "--is-shallow-repository")
	if err != nil {
		return 0, "git tells no commit, so it begins with the first"
	}
	if shallow == "true" {
		// A clone without its history cannot count commits.
		commit, err := git(root, "rev-parse", "HEAD")
		if err != nil {
			return 0, "git tells no commit, so it begins with the first"
		}
		sum := fnv.New32a()
		sum.Write([]byte(commit))
		return int(sum.Sum32() % uint32(n)), "the clone is shallow, so the name of the commit chooses where it begins"
	}
	text, err := git(root, "rev-list", "--count", "HEAD")
	count, bad := strconv.Atoi(text)
	if err != nil || bad != nil {
		return 0, "git tells no commit, so it begins with the first"
	}
	return count % n * step(n) % n, fmt.Sprintf("of commit number %d", count)
}

// step returns the greatest number up to a quarter of n that has no common divisor with n.
func step(n int) int {
	for s := n / 4; s > 1; s-- {
		if divisor(s, n) == 1 {
			return s
		}
	}
	return 1
}

func divisor(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func git(root string, args ...string) (string, error) {
	out, err := exec.Command("git", append([]string{"-C", root}, args...)...).Output()
	return strings.TrimSpace(string(out)), err
}
