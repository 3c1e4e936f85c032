package redisaccounts_test

import (
	"fmt"
	"log"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/redisaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
)

// Users and attempts under keys that begin with the same text. Call
// [redisaccounts.CheckConfiguration] at start, and end if it refuses the server.
func Example() {
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379"})
	defer client.Close()
	directory := accounts.NewDirectory(redisaccounts.New(client, "coatcheck:"), accounts.Config{})
	limiter, err := throttle.New(redisaccounts.NewAttempts(client, "coatcheck:"), throttle.Config{})
	if err != nil {
		log.Fatal(err)
	}
	authenticator := accounts.NewAuthenticator(directory, limiter)
	fmt.Println("A password has at least", authenticator.MinCharacters(), "characters.")
	// Output: A password has at least 15 characters.
}
