package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/config/signinconfig"
	"example.com/coatcheck/pkg/config/storeconfig"
)

// openLimiter returns the limiter of attempts to sign in.
func openLimiter(s storeconfig.Stores) (*throttle.Limiter, error) {
	attempts, err := s.Attempts()
	if err != nil {
		return nil, err
	}
	return signinconfig.Limiter(attempts)
}

// limitedUser is a user, and the limits that attempts to sign in as the user meet now.
type limitedUser struct {
	*accounts.Account
	stops []throttle.Stop
}

func addStops(ctx context.Context, limiter *throttle.Limiter, users []*accounts.Account) ([]limitedUser, error) {
	var subjects []throttle.Subject
	for _, user := range users {
		subjects = append(subjects, user.Subject())
	}
	stops, err := limiter.Stops(ctx, subjects...)
	if err != nil {
		return nil, fmt.Errorf("reading failed attempts to sign in: %w", err)
	}
	limited := make([]limitedUser, len(users))
	for i, user := range users {
		limited[i] = limitedUser{user, stops[i]}
	}
	return limited, nil
}

// whose says whose attempts a limit stops.
var whose = map[string]string{"name": "on unknown devices", "device": "on known devices", "user": "in sessions of the user"}

// describe says since when and until when attempts are refused.
func describe(stops []throttle.Stop) string {
	var all []string
	for _, stop := range stops {
		until := "users unlock"
		if !stop.Until.IsZero() {
			until = stop.Until.Format(time.RFC3339)
		}
		all = append(all, fmt.Sprintf("refused %s since %s until %s, after %d failures", whose[stop.By], stop.Since.Format(time.RFC3339), until, stop.Failures))
	}
	return strings.Join(all, "; ")
}
