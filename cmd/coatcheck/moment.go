package main

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// moment is a time that is given as such, or as how long ago it was.
type moment struct{ time.Time }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (m *moment) UnmarshalText(text []byte) error {
	given := string(text)
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, given); err == nil {
			m.Time = at.UTC()
			return nil
		}
	}
	ago, err := time.ParseDuration(given)
	if days, isDays := strings.CutSuffix(given, "d"); isDays {
		var n int
		n, err = strconv.Atoi(days)
		ago = time.Duration(min(max(n, 0), 36500)) * 24 * time.Hour
	}
	if err != nil || ago <= 0 {
		return errors.New("must be a day such as 2026-11-27, a time such as 2026-11-27T12:30:00Z, or how long ago, such as 90d or 36h")
	}
	m.Time = time.Now().UTC().Add(-ago)
	return nil
}
