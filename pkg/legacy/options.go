package legacy

import (
	"fmt"
	"time"
)

// optionError says what is wrong with a field of the options.
func optionError(field, problem string, args ...any) error {
	return fmt.Errorf("%s: %s", field, fmt.Sprintf(problem, args...))
}

// missing says that a field of the options has no value and needs one.
func missing(field string) error { return fmt.Errorf("%s is missing", field) }

// checkKeys returns an error if there is no key, or an empty one: everybody knows that.
func checkKeys(keys [][]byte) error {
	if len(keys) == 0 {
		return optionError("Keys", "at least one key is needed")
	}
	for i, key := range keys {
		if len(key) == 0 {
			return optionError("Keys", "number %d is empty", i+1)
		}
	}
	return nil
}

// checkLifetime returns an error if d is negative.
func checkLifetime(d time.Duration) error {
	if d < 0 {
		return optionError("Lifetime", "%v is negative", d)
	}
	return nil
}

// earlier returns the earlier of two times, of which the zero time means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
