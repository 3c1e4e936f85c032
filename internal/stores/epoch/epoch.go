// Package epoch converts a time that may be absent to the number that a store keeps,
// and back.
package epoch

import "time"

// Seconds returns t in whole seconds since 1970, and 0 for the zero time.
func Seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// Time returns the time from which [Seconds] made n, in UTC.
func Time(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}
