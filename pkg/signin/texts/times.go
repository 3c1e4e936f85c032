package texts

import (
	"strconv"
	"strings"
	"time"
)

// Date returns the day and the time of t, in UTC.
func (l *Language) Date(t time.Time) string {
	t = t.UTC()
	day := strconv.Itoa(t.Day())
	if t.Day() == 1 {
		day = l.Text("date.first")
	}
	return l.Text("date.pattern", "day", day, "month", l.month(t.Month()), "year", strconv.Itoa(t.Year()), "time", t.Format("15:04"))
}

func (l *Language) month(m time.Month) string {
	n := time.January
	for name := range strings.FieldsSeq(l.Text("date.months")) {
		if n == m {
			return name
		}
		n++
	}
	panic("texts: " + l.Tag + " has no name of " + m.String()) // New has refused such a language
}

// Ago returns in words how long ago something was, in the largest unit that fits.
func (l *Language) Ago(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		return l.Text("ago.days", "n", int(d/(24*time.Hour)))
	case d >= time.Hour:
		return l.Text("ago.hours", "n", int(d/time.Hour))
	case d >= time.Minute:
		return l.Text("ago.minutes", "n", int(d/time.Minute))
	}
	return l.Text("ago.now")
}
