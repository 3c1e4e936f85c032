package throttle

import "context"

// Failures are what is kept of failed attempts to sign in as a subject.
type Failures struct {
	By      string  // "name", "device" or "user", as in [Stop]
	Key     string  // of the counter: a hash of the name, or of the user ID
	Counter Counter // as the store has it
}

// Kept returns the counters that there are of the subject, also those that have expired and
// are not removed yet, and those of devices that were known before the credential changed.
// It is for operators.
func (l *Limiter) Kept(ctx context.Context, s Subject) ([]Failures, error) {
	checks := l.everyCheck(s)
	var keys []string
	for _, check := range checks {
		keys = append(keys, check.key)
	}
	counters, err := l.store.Get(ctx, keys)
	if err != nil {
		return nil, err
	}
	var kept []Failures
	for _, check := range checks {
		if counter, ok := counters[check.key]; ok {
			kept = append(kept, Failures{check.by, check.key, counter})
		}
	}
	return kept, nil
}

// Erase removes every counter that Kept returns. It is for operators, who delete the user.
func (l *Limiter) Erase(ctx context.Context, s Subject) error {
	kept, err := l.Kept(ctx, s)
	if err != nil {
		return err
	}
	for _, failures := range kept {
		if err := l.store.Clear(ctx, failures.Key); err != nil {
			return err
		}
	}
	return nil
}

// everyCheck returns the checks of a subject, and those of its devices before each change of
// the credential.
func (l *Limiter) everyCheck(s Subject) []*limitCheck {
	checks := l.checks(s)
	for s.Owner.UserID != "" && s.Owner.CredentialVersion > 0 {
		s.Owner.CredentialVersion--
		checks = append(checks, l.devices(s.Name, s.Owner))
	}
	return checks
}
