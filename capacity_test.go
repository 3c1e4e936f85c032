package coatcheck_test

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// What docs/capacity.md assumes of one user on a mean day, and of the busiest hour.
const (
	active  = 0.1 // of all users
	checks  = 50 * active
	touches = 10 * active
	logins  = 0.5 * active
	logouts = 0.25 * active
	busiest = 3.0 / (24 * 60 * 60) // of a day's work, in a second of the busiest hour

	readsALogin, writesALogin, writesALogout = 4, 8, 2
	secondsACheck, secondsALogin             = 0.020, 0.130
)

// TestCapacity computes the numbers of docs/capacity.md.
func TestCapacity(t *testing.T) {
	page := read(t, "docs/capacity.md")
	reads := (checks + readsALogin*logins) * busiest
	writes := (touches + writesALogin*logins + writesALogout*logouts) * busiest
	atOnce := (checks*secondsACheck + logins*secondsALogin) * busiest
	var rows []string
	for _, users := range []float64{1e5, 1e6, 1e7, 1e8} {
		rows = append(rows, row(users, users*checks*busiest, users*logins*busiest, users*reads, users*writes, math.Ceil(users*atOnce)))
	}
	// In dollars of docs/costs.md for a million, in 30 days.
	for _, users := range []float64{1e6, 1e7, 1e8} {
		million := users * 30 / 1e6
		entries := logins + logouts
		parts := []float64{million * (checks - touches) * 1.49, million * touches * 2.12, million * logins * 6.93, million * logouts * 1.99, million * entries * 0.625}
		sum := 0.0
		for _, part := range parts {
			sum += part
		}
		rows = append(rows, row(append(append([]float64{users}, parts...), sum)...))
	}
	for _, limit := range []struct{ has, needs float64 }{
		{100, checks * busiest}, {10, logins * busiest}, {4000, writes}, {10000, checks * busiest}, {1000, atOnce}, {40000, reads},
	} {
		rows = append(rows, " "+number(math.Round(limit.has/limit.needs/magnitude(limit.has/limit.needs))*magnitude(limit.has/limit.needs))+" users")
	}
	flood := 100 / secondsALogin
	perLogin := 0.20e-6 + secondsALogin*0.0000133334
	rows = append(rows, fmt.Sprintf("at 100 functions, %.0f logins a second, which are %.2f dollars a minute", math.Round(flood/10)*10, flood*60*perLogin))
	wantAscending(t, page)
	for _, want := range rows {
		if !strings.Contains(page, want) {
			t.Errorf("docs/capacity.md does not have %q", want)
		}
	}
}

// wantAscending reports an error unless the limits are in the order in which they bite.
func wantAscending(t *testing.T, page string) {
	t.Helper()
	last := 0
	for _, match := range regexp.MustCompile(`\| ([0-9,]+) users \|`).FindAllStringSubmatch(page, -1) {
		users, err := strconv.Atoi(strings.ReplaceAll(match[1], ",", ""))
		if err != nil || users < last {
			t.Errorf("docs/capacity.md: the limit at %s users is after the one at %d: %v", match[1], last, err)
		}
		last = users
	}
}

// magnitude returns what the third digit of n is worth.
func magnitude(n float64) float64 { return math.Pow(10, math.Floor(math.Log10(n))-2) }

func row(cells ...float64) string {
	var texts []string
	for _, cell := range cells {
		texts = append(texts, number(cell))
	}
	return "| " + strings.Join(texts, " | ") + " |"
}

// number writes n as the page does: with two digits if it is small, and commas.
func number(n float64) string {
	if n < 9.95 && n != math.Trunc(n) && n < 5 {
		return strconv.FormatFloat(n, 'f', 1, 64)
	}
	text := fmt.Sprintf("%.0f", n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
