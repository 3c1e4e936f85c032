package legacy_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"example.com/coatcheck/pkg/legacy"
)

// The session cookie of a Flask application says who is signed in there, as long as Flask
// itself would accept it.
func Example() {
	source, err := legacy.NewFlask(legacy.Flask{Keys: [][]byte{[]byte("flask-Secret_key-2026-0123456789abcdef")}})
	if err != nil {
		log.Fatal(err)
	}
	cookies := map[string]string{"session": ".eJw9zjEOwjAMBdC7ZGZI7MZOehnkJN-CgQql7YS4O0hIvBO8V7j6xH4L6zFPXML1PsIaiBO3nKOKqUCQmaqT8JBiFrUZoppnZvRuiZNRd_cq4t0cVWuu0hYdhXoqUaq7xuJNdYBs8dakklMqfaToLSYkKGM4O1cDEL6RJ-bDNmzHv3bumL_fQuH9AdYlN2Y.aOd4AA.MdPwL1nXQ-omW-eSnpDyZFDm8Yg"}

	now := time.Date(2025, time.October, 9, 9, 0, 0, 0, time.UTC)
	for _, at := range []time.Time{now, now.Add(40 * 24 * time.Hour)} {
		claim, err := source.Open(context.Background(), cookies, at)
		fmt.Printf("%q %v\n", claim.UserID, errors.Is(err, legacy.ErrRejected))
	}
	// Output:
	// "42" false
	// "" true
}
