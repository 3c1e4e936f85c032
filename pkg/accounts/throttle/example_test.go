package throttle_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/signin/authn"
)

// After two free failures of one name the third attempt has to wait, whatever its password.
func Example() {
	ctx := context.Background()
	limiter, err := throttle.New(memaccounts.NewAttempts(), throttle.Config{
		Name: throttle.Ladder{Free: 2, First: time.Minute, Longest: time.Hour, Lock: 100},
	})
	if err != nil {
		log.Fatal(err)
	}
	nobody := func(context.Context) (throttle.Owner, error) { return throttle.Owner{}, nil }
	for range 3 {
		admission, err := limiter.Admit(ctx, throttle.Attempt{Name: "alice", Address: "192.0.2.1"}, nobody)
		if throttled, ok := errors.AsType[*authn.ThrottledError](err); ok {
			fmt.Println("too many by", throttled.By)
			continue
		}
		if err != nil {
			log.Fatal(err)
		}
		admission.Fail(ctx) // the password was wrong
		fmt.Println("failed")
	}
	// Output:
	// failed
	// failed
	// too many by name
}
