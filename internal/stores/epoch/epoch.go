// Package epoch is how the stores keep a time that may be absent.
package epoch

import "time"

// Seconds returns t in whole seconds since 1970, and 0 for the zero time.
func Seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// Time returns the time, in UTC, of which [Seconds] made n.
func Time(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}
